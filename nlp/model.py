"""A linear model over the features of a text: what `training` learned, small and quick to serve."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nlp.features import BLOCKS, WORDS, keys

FORMAT = "huiyin-model-1"
SHARES = (1.0, 0.7, 0.7)
"""How much characters, words and sounds count for, before training weighs them one by one."""

Features = tuple[NDArray[np.intp], NDArray[np.float32]]
"""Which known features a text has, and how much each counts."""


class ModelError(ValueError):
    """A model file that is missing, foreign or broken; the message is for whoever runs the bot."""


@dataclass(frozen=True, slots=True)
class Head:
    """One question the model answers: which of `labels`?

    `weights` is (features × labels) in steps of `step` (one per label), `bias` per label. Margins
    times `sharpness`, plus `prior`, plus what rules say times `trust`, are log-odds, fitted on
    examples the weights had not seen.
    """

    labels: tuple[str, ...]
    weights: NDArray[np.int8]
    step: NDArray[np.float32]
    bias: NDArray[np.float32]
    sharpness: float
    prior: NDArray[np.float32]
    trust: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Model:
    """The features known (sorted), how rare each is, and one head per question."""

    known: NDArray[np.uint32]
    rarity: NDArray[np.float32]
    block: NDArray[np.uint8]
    syllables: NDArray[np.uint16]
    heads: dict[str, Head]
    about: dict[str, str]

    def read(self, text: str, words: Sequence[str]) -> Features:
        """The known features of a masked text and how much each counts (1 for a whole block)."""
        return weigh(
            np.concatenate(keys(text, words, self.syllables)), self.known, self.rarity, self.block
        )

    def margins(self, head: str, features: Features) -> NDArray[np.float32]:
        """How far on the side of each label a text lies."""
        asked = self.heads[head]
        rows, values = features
        found: NDArray[np.float32] = values @ asked.weights[rows].astype(np.float32)
        return found * asked.step + asked.bias

    def chances(
        self, head: str, features: Features, evidence: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """The chance of each label, together 1; `evidence` is what rules say of it, -1 to 1."""
        asked = self.heads[head]
        odds = self.margins(head, features) * asked.sharpness + asked.prior
        if evidence:
            odds += asked.trust * [evidence.get(label, 0.0) for label in asked.labels]
        odds = np.exp(odds - odds.max())
        return dict(zip(asked.labels, (odds / odds.sum()).tolist(), strict=True))

    def telling(self, head: str, label: str, words: Sequence[str], most: int = 2) -> list[str]:
        """The words that speak most for a label, in their order; one character says too little."""
        asked = self.heads[head]
        named = [word for word in dict.fromkeys(words) if len(word) > 1 and word.isalpha()]
        found = np.array([crc32(word.encode("utf-8", "replace")) for word in named], np.uint32)
        rows = np.minimum(np.searchsorted(self.known, found), len(self.known) - 1)
        worth = asked.weights[rows, asked.labels.index(label)] * self.rarity[rows]
        worth = np.where((self.known[rows] == found) & (self.block[rows] == WORDS), worth, 0)
        best = sorted(np.argsort(-worth, kind="stable")[:most])
        return [named[place] for place in best if worth[place] > 0]

    def save(self, path: Path) -> None:
        """One compressed file; the same model gives the same bytes."""
        arrays: dict[str, NDArray[np.generic]] = {
            "known": self.known,
            "rarity": self.rarity.astype(np.float16),
            "block": self.block,
            "syllables": self.syllables,
        }
        heads = {}
        for name, head in self.heads.items():
            arrays |= {
                f"{name}.weights": head.weights,
                f"{name}.step": head.step,
                f"{name}.bias": head.bias,
                f"{name}.prior": head.prior,
                f"{name}.trust": head.trust,
            }
            heads[name] = {"labels": head.labels, "sharpness": head.sharpness}
        note = {"format": FORMAT, "about": self.about, "heads": heads}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            _put(file, "model.json", json.dumps(note).encode())
            for name, array in arrays.items():
                _put(file, f"{name}:{array.dtype.str}:{len(array)}", array.tobytes())


def weigh(
    found: NDArray[np.uint32],
    known: NDArray[np.uint32],
    rarity: NDArray[np.float32],
    block: NDArray[np.uint8],
) -> Features:
    """Which known features were found, and their TF-IDF, each block brought to its share."""
    found, counts = np.unique(found, return_counts=True)  # sorted, they are looked up faster
    rows = np.minimum(np.searchsorted(known, found), len(known) - 1)
    met = known[rows] == found
    rows, counts = rows[met], counts[met]
    values = (1 + np.log(counts)).astype(np.float32) * rarity[rows]
    blocks = block[rows]
    lengths = np.sqrt(np.bincount(blocks, values**2, len(BLOCKS))) + 1e-9
    return rows, (values * (np.array(SHARES) / lengths)[blocks]).astype(np.float32)


def load(path: Path) -> Model:
    """The model of a file; ModelError says in one sentence what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read("model.json"))
            if about["format"] != FORMAT:
                raise ModelError(f"{path}: a model of another format ({about['format']})")
            arrays = {}
            for entry in file.namelist():
                if entry != "model.json":
                    name, kind, count = entry.split(":")
                    array = np.frombuffer(file.read(entry), np.dtype(kind))
                    arrays[name] = array.reshape(int(count), -1) if "weights" in name else array
        heads = {
            name: Head(
                tuple(head["labels"]),
                arrays[f"{name}.weights"],
                arrays[f"{name}.step"],
                arrays[f"{name}.bias"],
                float(head["sharpness"]),
                arrays[f"{name}.prior"],
                arrays[f"{name}.trust"],
            )
            for name, head in about["heads"].items()
        }
        return Model(
            arrays["known"],
            arrays["rarity"].astype(np.float32),
            arrays["block"],
            arrays["syllables"],
            heads,
            about["about"],
        )
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file") from error
    except ModelError:
        raise
    except Exception as error:  # whatever a foreign or cut file does to zip, json or numpy
        raise ModelError(
            f"{path}: not a model, or a damaged one ({type(error).__name__})"
        ) from error


def _put(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(entry, data)

"""Learning: labelled examples → a model file. The only place that imports scikit-learn."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.features import BLOCKS, keys
from nlp.model import Head, Model, weigh
from nlp.reader import Reader
from nlp.sampling import HARD, Sample, labels

Matrix = Any  # scipy.sparse.csr_matrix
Progress = Callable[[str], None]

FOLDS = 5
STRICTNESS = {False: 2.0, True: 0.5}
"""LinearSVC's C, by `balanced`; half or twice as much changes nothing beyond the noise."""

RELIED = {"emergency": 2.0, "help_ask": 2.6, "help_offer": 2.0, "appeal": 1.6}
"""Rules are trusted at least so much: half the samples were written to fool word lists, so that the
trust fitted on them is too low. Chosen on the dev rows of the flood posts."""
RARER = {"chat": -0.6}
"""Half the samples are chat, so that private talk is told from the rest; to a bot it is rarer."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text and its label under each head that may learn from it.

    Examples of one `group` stay on one side when what is learnt is tested on what was left out.
    `evidence` is what rules say of each label (-1 to 1); `weight` how usual a message it is: it
    counts so much when scores are fitted to how often they are right.
    """

    text: str
    words: Sequence[str]
    labels: Mapping[str, str]
    group: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0


class TooFew(ValueError):
    """Nothing can be learnt from these examples; the message says why."""


def train(
    examples: Sequence[Example],
    *,
    rare: int = 2,
    balanced: bool = False,
    about: Mapping[str, str] | None = None,
    say: Progress = lambda _: None,
) -> Model:
    """A model with one head per name in the examples' labels. Texts must be masked and cut already.

    Features found in fewer than `rare` examples are left out; `balanced` lets every label count
    alike, however few its examples. `about` is kept with the model.
    """
    syllables = _syllables(examples)
    read = [keys(example.text, example.words, syllables) for example in examples]
    known, rarity, block = _vocabulary(read, rare)
    if not len(known):
        raise TooFew("too few examples: no feature occurs twice")
    say(f"{len(examples)} examples, {len(known)} features")
    matrix = _matrix([weigh(np.concatenate(one), known, rarity, block) for one in read], len(known))
    heads = {}
    for name in sorted({name for example in examples for name in example.labels}):
        rows = [i for i, example in enumerate(examples) if name in example.labels]
        heads[name] = _head(matrix[rows], [examples[i] for i in rows], name, balanced)
        say(f"{name}: {len(rows)} examples, {len(heads[name].labels)} labels")
    return Model(known, rarity, block, syllables, heads, dict(about or {}))


def _vocabulary(
    read: Sequence[tuple[NDArray[np.uint32], ...]], rare: int
) -> tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.uint8]]:
    """Features met often enough, sorted; their rarity (smoothed IDF); their block."""
    parts = []
    for block in range(len(BLOCKS)):
        met = np.concatenate([np.unique(one[block]) for one in read])
        found, often = np.unique(met, return_counts=True)
        kept = often >= rare
        rarity = np.log((1 + len(read)) / (1 + often[kept])) + 1
        parts.append((found[kept], rarity, np.full(kept.sum(), block, np.uint8)))
    known, first = np.unique(np.concatenate([found for found, _, _ in parts]), return_index=True)
    rarities = np.concatenate([rarity for _, rarity, _ in parts])[first]
    blocks = np.concatenate([block for *_, block in parts])[first]
    return known, rarities.astype(np.float16).astype(np.float32), blocks  # as they are read back


def _matrix(rows: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]], width: int) -> Matrix:
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *(len(places) for places, _ in rows)])
    places = np.concatenate([places for places, _ in rows])
    values = np.concatenate([values for _, values in rows])
    return csr_matrix((values, places, ends), shape=(len(rows), width))


def _head(matrix: Matrix, examples: Sequence[Example], name: str, balanced: bool) -> Head:
    names = sorted({example.labels[name] for example in examples})
    if len(names) < 2:
        raise TooFew(f"only one label ({names[0]}): nothing to tell apart")
    wanted = np.array([names.index(example.labels[name]) for example in examples])
    weights, bias = _fit(matrix, wanted, balanced)
    sharpness, prior, trust = _calibrate(
        _unseen(matrix, wanted, [e.group or str(i) for i, e in enumerate(examples)], balanced),
        np.array([[e.evidence.get(label, 0.0) for label in names] for e in examples]),
        np.array([e.weight for e in examples]),
        wanted,
    )
    step = (np.abs(weights).max(axis=1) / 127 + 1e-12).astype(np.float32)
    small = np.round(weights / step[:, None]).astype(np.int8)
    return Head(
        tuple(names),
        np.ascontiguousarray(small.T),
        step,
        bias.astype(np.float32),
        sharpness,
        prior.astype(np.float32),
        trust.astype(np.float32),
    )


def _fit(
    matrix: Matrix, wanted: NDArray[np.intp], balanced: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One row of weights and one bias per label met, each label against the rest."""
    from sklearn.svm import LinearSVC

    counts = "balanced" if balanced else None
    machine = LinearSVC(C=STRICTNESS[balanced], class_weight=counts, random_state=0)
    machine.fit(matrix, wanted)
    weights, bias = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:  # scikit-learn gives one row for two labels
        return np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights, bias


def _unseen(
    matrix: Matrix, wanted: NDArray[np.intp], groups: Sequence[str], balanced: bool
) -> NDArray[np.float64]:
    """Each example's margins from weights that never saw its group."""
    from sklearn.model_selection import StratifiedGroupKFold

    fewest = min(Counter(wanted.tolist()).values())
    margins = np.full((len(wanted), wanted.max() + 1), -1.0)
    folds = StratifiedGroupKFold(max(2, min(FOLDS, fewest)), shuffle=True, random_state=0)
    for seen, unseen in folds.split(matrix, wanted, groups):
        met = np.unique(wanted[seen])
        if len(met) > 1 and len(unseen):
            weights, bias = _fit(matrix[seen], wanted[seen], balanced)
            margins[np.ix_(unseen, met)] = matrix[unseen] @ weights.T + bias
    return margins


def _calibrate(
    margins: NDArray[np.float64],
    evidence: NDArray[np.float64],
    weight: NDArray[np.float64],
    wanted: NDArray[np.intp],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The sharpness, priors and trust in rules under which what is true is likeliest."""
    from scipy.optimize import minimize

    count = margins.shape[1]
    truth = np.arange(len(wanted)), wanted
    share = weight / weight.sum()

    def surprise(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        prior, trust = values[1 : 1 + count], values[1 + count :]
        odds = margins * values[0] + prior + evidence * trust
        odds -= odds.max(axis=1, keepdims=True)
        chances = np.exp(odds)
        chances /= chances.sum(axis=1, keepdims=True)
        loss = -share @ np.log(chances[truth] + 1e-12) + 1e-3 * values[1:] @ values[1:]
        chances[truth] -= 1
        off = chances * share[:, None]
        slope = np.concatenate([[(off * margins).sum()], off.sum(0), (off * evidence).sum(0)])
        slope[1:] += 2e-3 * values[1:]
        return float(loss), slope

    start = np.concatenate([[2.0], np.zeros(2 * count)])
    best = minimize(surprise, start, jac=True, method="L-BFGS-B").x
    return float(best[0]), best[1 : 1 + count], best[1 + count :]


def _syllables(examples: Sequence[Example]) -> NDArray[np.uint16]:
    """For each character in the examples a number for its syllable, alike for those often confused.

    zh/z, ch/c, sh/s, ing/in, eng/en, n/l, h/f are one to many speakers, and to dictation.
    """
    from pypinyin import Style, lazy_pinyin

    table = np.zeros(0x10000, np.uint16)
    seen = sorted({c for e in examples for c in e.text if "\u4e00" <= c <= "\u9fff"})
    numbers: dict[str, int] = {}
    for character, sound in zip(
        seen, (lazy_pinyin(c, style=Style.NORMAL)[0] for c in seen), strict=True
    ):
        table[ord(character)] = numbers.setdefault(_blurred(sound), len(numbers) + 1)
    return table


def _blurred(sound: str) -> str:
    plain = unicodedata.normalize("NFD", sound)
    for exact, blurred in (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ing", "in"), ("eng", "en")):
        plain = plain.replace(exact, blurred)
    return {"n": "l", "f": "h"}.get(plain[0], plain[0]) + plain[1:] if plain else plain


def train_ear(
    samples: Iterable[Sample], reader: Reader, about: Mapping[str, str], say: Progress
) -> Model:
    """The ear's model: heads for intent, category and kind of danger."""
    model = train(ear_examples(samples, reader), about=about, say=say)
    head = model.heads["intent"]
    relied = [RELIED.get(label, 0.0) for label in head.labels]
    rarer = [RARER.get(label, 0.0) for label in head.labels]
    model.heads["intent"] = replace(
        head,
        trust=np.maximum(head.trust, relied).astype(np.float32),
        prior=(head.prior + rarer).astype(np.float32),
    )
    return model


def ear_examples(samples: Iterable[Sample], reader: Reader) -> list[Example]:
    """What the ear's model learns from samples."""
    examples = []
    for sample in samples:
        reading = reader.read(sample.text)
        examples.append(
            Example(
                reading.masked,
                reading.words,
                labels(sample),
                evidence=reading.evidence,
                weight=HARD if "hard" in sample.marks else 1.0,
            )
        )
    return examples

"""Any labelled JSONL: reading it, training a classifier of short texts on it, scoring one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp.features import masked
from nlp.folding import fold
from nlp.model import Model, ModelError, load
from nlp.tokens import Tokenizer

HEAD = "label"
FIELDS = ("title", "text")
LONG, BEGINNING = 90, 30
"""A text longer than LONG characters teaches by its first BEGINNING too: titles are short."""


class BadFile(ValueError):
    """A file that cannot be learnt from or scored on; the message is for whoever named it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text and its label. Rows of a `group` are kept on one side of any split."""

    text: str
    label: str
    group: str = ""


@dataclass(slots=True)
class Classifier:
    """A trained model and what cuts texts for it."""

    model: Model
    tokens: Tokenizer

    def label(self, text: str) -> tuple[str, float]:
        """The likeliest label and its chance."""
        shown, words = _prepared(text, self.tokens)
        chances = self.model.chances(HEAD, self.model.read(shown, words))
        best = max(chances, key=lambda label: chances[label])
        return best, chances[best]


def read_rows(files: Sequence[Path], label: str, fields: Sequence[str] = ()) -> list[Row]:
    """The labelled texts of some JSONL files; rows without a label are passed over.

    Each of `fields` that a row has is a text of its own. BadFile names file and line.
    """
    rows = []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(f"{file}: cannot be read ({type(error).__name__})") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                rows += _rows(_parsed(line, f"{file}:{number}"), label, fields or FIELDS, number)
    return rows


def train_classifier(rows: Sequence[Row], cache_dir: Path | None = None) -> Classifier:
    """A classifier of these texts; every label counts alike. TooFew if there are too few."""
    from nlp.training import Example, train

    tokens = Tokenizer(cache_dir)
    texts = [(row, row.text) for row in rows]
    texts += [(row, fold(row.text)[:BEGINNING]) for row in rows if len(row.text) > LONG]
    examples = []
    for row, text in texts:
        shown, words = _prepared(text, tokens)
        examples.append(Example(shown, words, {HEAD: row.label}, row.group))
    rare = 2 if len(examples) > 200 else 1
    return Classifier(train(examples, rare=rare, balanced=True), tokens)


def open_classifier(path: Path, cache_dir: Path | None = None) -> Classifier:
    """What `train_classifier` saved. ModelError if the file is none of it."""
    model = load(path)
    if HEAD not in model.heads:
        raise ModelError(f"{path}: a model of the ear; it is used by `[ear] model`")
    return Classifier(model, Tokenizer(cache_dir))


def per_label(truth: Sequence[str], heard: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Precision, recall and F1 of each label that is true of some row or was heard for one."""
    right = Counter(t for t, h in zip(truth, heard, strict=True) if t == h)
    told, true = Counter(heard), Counter(truth)
    return {
        label: (
            right[label] / told[label] if told[label] else 0.0,
            right[label] / true[label] if true[label] else 0.0,
            2 * right[label] / (told[label] + true[label]),
        )
        for label in sorted(true | told)
    }


def macro_f1(truth: Sequence[str], heard: Sequence[str]) -> float:
    """F1, every label that is true of some row counting alike; 0 of no rows."""
    figures = per_label(truth, heard)
    labels = set(truth)
    return sum(figures[label][2] for label in labels) / len(labels) if labels else 0.0


def evaluate(classifier: Classifier, rows: Sequence[Row]) -> dict[str, Any]:
    """How often it is right: n, accuracy, macro_f1, and precision, recall, f1 per label."""
    heard = [classifier.label(row.text)[0] for row in rows]
    truth = [row.label for row in rows]
    right = sum(t == h for t, h in zip(truth, heard, strict=True))
    often = Counter(truth)
    return {
        "n": len(rows),
        "accuracy": round(right / len(rows), 4) if rows else 0.0,
        "macro_f1": round(macro_f1(truth, heard), 4),
        "per_label": {
            label: {
                "precision": round(precision, 4),
                "recall": round(recall, 4),
                "f1": round(f1, 4),
                "n": often[label],
            }
            for label, (precision, recall, f1) in per_label(truth, heard).items()
        },
    }


def _prepared(text: str, tokens: Tokenizer) -> tuple[str, list[str]]:
    shown = masked(fold(text))
    return shown, tokens.cut(shown)


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadFile(f"{where}: not JSON") from error
    if not isinstance(row, dict):
        raise BadFile(f"{where}: not a JSON object")
    return row


def _rows(row: dict[str, Any], label: str, fields: Sequence[str], number: int) -> list[Row]:
    truth = row.get(label)
    if truth is None or truth == "":
        return []
    group = str(row.get("group") or f"line {number}")
    texts = (row.get(field) for field in fields)
    return [Row(t, str(truth), group) for t in texts if isinstance(t, str) and t.strip()]

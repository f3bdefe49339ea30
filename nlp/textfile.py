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


def evaluate(classifier: Classifier, rows: Sequence[Row]) -> dict[str, Any]:
    """How often it is right: n, accuracy, macro_f1, and precision, recall, f1 per label."""
    heard = [classifier.label(row.text)[0] for row in rows]
    truth = [row.label for row in rows]
    right = Counter(t for t, h in zip(truth, heard, strict=True) if t == h)
    told, true = Counter(heard), Counter(truth)
    per_label = {}
    for label in sorted(true | told):
        precision = right[label] / told[label] if told[label] else 0.0
        recall = right[label] / true[label] if true[label] else 0.0
        f1 = 2 * right[label] / (told[label] + true[label])
        per_label[label] = {
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(f1, 4),
            "n": true[label],
        }
    return {
        "n": len(rows),
        "accuracy": round(sum(right.values()) / len(rows), 4) if rows else 0.0,
        "macro_f1": round(sum(per_label[label]["f1"] for label in true) / len(true), 4)
        if true
        else 0.0,
        "per_label": per_label,
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

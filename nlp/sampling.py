"""The project's own samples: `nlp/samples/*.tsv`, and how the ear learns from them.

A line is `text, intent, about, marks`, apart by tabs; `\\n` within a text is a line break. `about`
is an appeal's category or an emergency's kind of danger. Of the marks the ear heeds only `hard`:
written to be misheard, and rarer in life than here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nlp.intents import CATEGORIES, DANGERS, Intent

FOLDER = Path(__file__).with_name("samples")
HEADER = "text\tintent\tabout\tmarks"
HARD = 0.4
"""How much a hard sample counts when scores are fitted to how often they are right."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled message."""

    text: str
    intent: Intent
    about: str = ""
    marks: frozenset[str] = frozenset()


class BadSample(ValueError):
    """A line that cannot be read; the message names file and line."""


def read(paths: Iterable[Path]) -> Iterator[Sample]:
    """The samples of some files, in order. BadSample for the first line that is none."""
    for path in paths:
        lines = path.read_text(encoding="utf-8").split("\n")
        if lines[0] != HEADER:
            raise BadSample(f"{path.name}:1: not the header {HEADER!r}")
        for number, line in enumerate(lines[1:], 2):
            if line:
                try:
                    yield _sample(line)
                except ValueError as error:
                    raise BadSample(f"{path.name}:{number}: {error}") from error


def shipped() -> list[Path]:
    """The files written for this project."""
    return sorted(FOLDER.glob("*.tsv"))


def digest(paths: Iterable[Path]) -> str:
    """What tells whether a model was made from these very samples."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def _sample(line: str) -> Sample:
    columns = line.split("\t")
    if len(columns) != 4:
        raise ValueError(f"4 columns expected, {len(columns)} found")
    text, intent, about, marks = columns
    if not text.strip():
        raise ValueError("no text")
    allowed = {Intent.APPEAL: CATEGORIES, Intent.EMERGENCY: DANGERS}.get(Intent(intent))
    if allowed and about not in allowed:
        raise ValueError(f"{about!r} is none of {' '.join(allowed)}")
    return Sample(
        text.replace("\\n", "\n"),
        Intent(intent),
        about,
        frozenset(mark.strip() for mark in marks.split(",")) - {""},
    )


def labels(sample: Sample) -> dict[str, str]:
    """What each head of the ear's model may learn from a sample."""
    found = {"intent": sample.intent.value}
    if sample.intent is Intent.APPEAL and sample.about:
        found["category"] = sample.about
    if sample.intent is Intent.EMERGENCY and sample.about:
        found["danger"] = sample.about
    return found

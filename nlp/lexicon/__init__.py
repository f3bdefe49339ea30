"""The words the ear listens for: TOML files that people can read and edit.

Each file is one subject, each table in it one kind (danger.toml → [fire]); danger_en.toml goes on
with danger. A table holds lists:

    says    decides on its own            likely  makes it probable
    things, troubles   in appeals: one of each, near each other, is a report
    not     hides whatever it covers: 火锅 hides 火

and plain settings such as `urgency`. An entry is written as it is said. In it `(a|b|)` is one of
several, `…` up to eight characters within the sentence, `#` a number, `^` and `$` the beginning and
the end of a clause, and `_` an edge of a word: `_没水_` is not found in 没水平.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlp.lexicon.writing import Writing

LISTS = ("says", "likely", "things", "troubles", "not")
SETTINGS = ("urgency",)
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a lexicon: where it stands, how it is written, how it is found."""

    subject: str
    kind: str
    role: str
    written: str
    pattern: re.Pattern[str]
    starts: frozenset[str]
    word_start: bool
    word_end: bool


@dataclass(slots=True)
class Lexicon:
    """All entries by the two characters (or the one) they may begin with; settings by table."""

    by_start: dict[str, list[Entry]] = field(default_factory=dict)
    settings: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        for start in entry.starts:
            self.by_start.setdefault(start, []).append(entry)


def load(folder: Path = _HERE) -> Lexicon:
    """Every `*.toml` of a folder. ValueError names the file and line of what cannot be read."""
    lexicon = Lexicon()
    for path in sorted(folder.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        for kind, table in tables.items():
            if not isinstance(table, dict):
                raise ValueError(f"{path.name}: {kind} stands outside any table")
            for entry in _entries(path, kind, table):
                lexicon.add(entry)
            settings = {name: str(table[name]) for name in SETTINGS if name in table}
            lexicon.settings.setdefault((_subject(path), kind), {}).update(settings)
    return lexicon


def _subject(path: Path) -> str:
    return path.stem.split("_")[0]


def _entries(path: Path, kind: str, table: dict[str, Any]) -> Iterator[Entry]:
    for role, lines in table.items():
        if role in SETTINGS:
            continue
        if role not in LISTS or not isinstance(lines, list):
            raise ValueError(f"{path.name} [{kind}]: {role} is none of {', '.join(LISTS)}")
        for line in lines:
            if not isinstance(line, str):
                raise ValueError(f"{path.name} [{kind}] {role} {line!r}: not a text")
            try:
                yield parse(_subject(path), kind, role, line)
            except ValueError as error:
                where = f"{path.name}:{_line_of(path, kind, line)}"
                raise ValueError(f"{where} [{kind}] {role} {line!r}: {error}") from error


def _line_of(path: Path, kind: str, written: str) -> int:
    """The line an entry of a table stands on; TOML's reader does not tell."""
    inside = False
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("["):
            inside = line.strip() == f"[{kind}]"
        if inside and f'"{written}"' in line:
            return number
    return 1


def parse(subject: str, kind: str, role: str, written: str) -> Entry:
    """One entry made ready; ValueError says what is wrong with it."""
    body = written.removeprefix("_").removesuffix("_")
    read = Writing(body)
    pattern = read.pattern if "|" not in read.pattern else f"(?:{read.pattern})"
    if all(start[0].isascii() and start[0].isalpha() for start in read.starts):
        pattern = rf"(?<![a-z0-9]){pattern}"
    if body[-1].isascii() and body[-1].isalpha():
        pattern += "(?![a-z0-9])"
    return Entry(
        subject,
        kind,
        role,
        written,
        re.compile(pattern),
        read.starts,
        written.startswith("_"),
        written.endswith("_"),
    )

"""What a pasted text is read into, and the one form it is read in."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from nlp.intents import Where

LIMIT = 20_000
"""How many characters of a pasted text are read."""
GAPS = 20
"""Skipped numbers that are told; a list with more gaps than that counts something else."""

_DROPPED = re.compile("[\u200b-\u200f\u2060\ufeff\ufe0e\ufe0f\u20e3\u0300-\u036f]+")
_NOT_PAUSES = re.compile("[^，；！？…]+")
"""Their words keep the pauses they were written with."""

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x0b\x0c\x85]")


@dataclass(frozen=True, slots=True)
class Row:
    """One person's line. `what` is a piece of the normalised text; `at` the time as written."""

    number: int | None
    name: str
    room: Where
    what: str
    at: str | None
    line: int  # of the text, counted from 0

    @property
    def words(self) -> str:
        """What they wrote, in one line."""
        return " ".join(self.what.split())


@dataclass(frozen=True, slots=True)
class Pasted:
    """A 接龙 (relay) or a chat record, row by row in the order they were written."""

    kind: str  # relay | record
    title: str
    rows: tuple[Row, ...]
    replaced: tuple[Row, ...] = ()  # earlier wordings of rows that were written again
    rest: tuple[str, ...] = ()  # lines that no row could be made of

    @property
    def skipped(self) -> list[int]:
        """Numbers of a relay that nobody has; none if they are too many to be slips."""
        there = {row.number for row in (*self.rows, *self.replaced) if row.number}
        gaps = [n for n in range(1, max(there, default=0)) if n not in there]
        return gaps if len(gaps) <= GAPS else []

    @property
    def doubled(self) -> list[int]:
        """Numbers that two rows bear."""
        borne = Counter(row.number for row in self.rows if row.number)
        return sorted(n for n, times in borne.items() if times > 1)


def normalise(text: str) -> str:
    """Half width, plain digits (① is 1), no invisible characters, one sort of line end."""
    text = _DROPPED.sub("", text[:LIMIT])
    text = _NOT_PAUSES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return _LINE_ENDS.sub("\n", _DROPPED.sub("", text)).replace("\t", " ")

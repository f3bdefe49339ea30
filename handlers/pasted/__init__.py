"""Pasted 接龙 and chat records: shown row by row, then put to use as whoever pasted them likes."""

from __future__ import annotations

from handlers.pasted.resident import by_resident
from handlers.pasted.rows import read_line
from handlers.pasted.staff import by_staff
from handlers.turn import Turn
from nlp.pasted import read

__all__ = ["pasted"]


def pasted(turn: Turn) -> None:
    """Shows what was pasted and asks what it is for."""
    found = read(turn.guess.text, turn.names)
    if found is None:
        turn.start("clarify")
        return
    lines = [read_line(n, row, found, turn.guess.rows) for n, row in enumerate(found.rows)]
    if turn.person.is_staff:
        by_staff(turn, found, lines)
    else:
        by_resident(turn, found, lines)

"""The preview of a pasted text: its rows, how many of each sort, what is odd about it."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.pasted.rows import APPEAL, DANGER, NEEDS, OTHER, SAFE, Line, label_of
from handlers.turn import Turn, brief
from nlp.pasted import Pasted

SHOWN = 12  # rows of the preview


def headline(turn: Turn, found: Pasted, count: int) -> str:
    title = brief(found.title, 20)
    return turn.speech.say(
        "pasted.relay" if found.kind == "relay" else "pasted.record",
        title=f"「{title}」" if title else "",
        n=count,
    )


def show(turn: Turn, found: Pasted, lines: Sequence[Line]) -> str:
    """What was read: dangers first, at most a dozen rows, how many of each sort, what is odd."""
    ordered = sorted(lines, key=lambda line: (line.sort != DANGER, line.index))
    shown = [headline(turn, found, len(lines)), *(_shown(turn, line) for line in ordered[:SHOWN])]
    if len(lines) > SHOWN:
        shown.append(turn.speech.say("pasted.more", n=len(lines) - SHOWN))
    shown += [_counts(turn, lines), *_odd(turn, found)]
    return "\n".join(filter(None, shown))


def show_left(turn: Turn, left: Sequence[Line]) -> str:
    rows = "\n".join(_shown(turn, line) for line in left[:SHOWN])
    return turn.speech.say("pasted.left", n=len(left), rows=rows)


def _counts(turn: Turn, lines: Sequence[Line]) -> str:
    sorts = [line.sort for line in lines]
    say = turn.speech.say
    counted = (
        ("pasted.count_danger", sorts.count(DANGER)),
        ("pasted.count_safe", sorts.count(SAFE)),
        ("pasted.count_needs", sorts.count(NEEDS)),
        ("pasted.count_appeals", sorts.count(APPEAL)),
        ("pasted.count_others", sorts.count(OTHER)),
    )
    return say("pasted.comma").join(say(phrase, n=n) for phrase, n in counted if n)


def _odd(turn: Turn, found: Pasted) -> list[str]:
    """Skipped and repeated numbers, rows that were written again, lines nobody could read."""
    say = turn.speech.say
    odd = []
    if skipped := found.skipped if found.kind == "relay" else []:
        odd.append(say("pasted.skipped", numbers="、".join(map(str, skipped))))
    if found.doubled:
        odd.append(say("pasted.doubled", numbers="、".join(map(str, found.doubled))))
    for who in dict.fromkeys(row.room.room or row.name for row in found.replaced[:SHOWN]):
        odd.append(say("pasted.again", who=who))
    if found.rest:
        odd.append(say("pasted.rest", n=len(found.rest), text=brief(found.rest[0], 20)))
    return odd


def _shown(turn: Turn, line: Line) -> str:
    mark = str(line.row.number) if line.row.number else (line.row.at or "").split(" ")[-1]
    said = turn.speech.say("pasted.said", who=label_of(turn, line), what=brief(line.row.words, 24))
    shown = f"{mark} {said}" if mark else said
    return turn.speech.say("pasted.urgent", line=shown) if line.sort == DANGER else shown

"""What staff make of a pasted text: answers to a roll call, cases, or asks for a hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from handlers.pasted.rows import (
    APPEAL,
    DANGER,
    NEEDS,
    OTHER,
    Line,
    as_case,
    known_people,
    label_of,
    listed_for,
    same_name,
    whose,
)
from handlers.pasted.showing import show, show_left
from handlers.turn import Choice, Turn, brief
from nlp import Intent
from nlp.pasted import Pasted
from storage.models import Resident, RollCall

MOST = 30  # rows that become cases or asks from one paste
CALLS = 2  # open roll calls that are offered


def by_staff(turn: Turn, found: Pasted, lines: list[Line]) -> None:
    done = set(turn.opening.get("done", []))
    left = [line for line in lines if line.index not in done]
    first = not turn.opening.get("shown")
    preview = show(turn, found, lines) if first else show_left(turn, left)
    alarms = [] if turn.opening.get("alarmed") else _alarms(turn, found, left)
    if alarms:
        answer = turn.ask(
            "pasted.danger",
            Choice("yes", turn.speech.say("pasted.alarm"), ("报警情",)),
            Choice("no", turn.speech.say("pasted.no_alarm"), ("不是警情",)),
            key="danger",
            preview=preview,
            line="；".join(brief(row["text"], 30) for row in alarms[:3]),
        )
        rest = {*done, *(line.index for line in left if line.sort == DANGER)}
        if answer == "yes":
            turn.start("incident_reported", rows=alarms)
            _go_on(turn, rest, lines)
            return
        preview = show_left(turn, left)
    rolls = _rolls(turn, found, left)
    appeals, helps = _meant(found, left, APPEAL, NEEDS), _meant(found, left, NEEDS, APPEAL)
    choices = [
        *(Choice(f"rollcall:{roll.id}", _roll_words(turn, roll)) for roll in rolls),
        *([Choice("appeal", turn.speech.say("pasted.appeals", n=len(appeals)))] if appeals else []),
        *([Choice("help", turn.speech.say("pasted.helps", n=len(helps)))] if helps else []),
    ]
    if not choices and "what" not in turn.answers:
        turn.say("pasted.nothing", preview=preview)
        return
    none = Choice("none", turn.speech.say("pasted.none"), ("-", "都不是", "算了"))
    answer = turn.ask("pasted.what", *choices, none, key="what", preview=preview)
    if answer == "none":
        turn.say("pasted.dropped")
    elif answer.startswith("rollcall:"):
        _answers(turn, int(answer.partition(":")[2]), found, lines, left, done)
    else:
        chosen = appeals if answer == "appeal" else helps
        _file(turn, "appeals_reported" if answer == "appeal" else "help_reported", found, chosen)
        # What the choice left over (needs beside appeals, too many) is asked about once more.
        later = [
            line for line in left if line.sort in (APPEAL, NEEDS) and line not in chosen
        ] + chosen[MOST:]
        _go_on(turn, {line.index for line in lines} - {line.index for line in later}, lines)


def _go_on(turn: Turn, done: Iterable[int], lines: Sequence[Line]) -> None:
    """Asks about the rows that are left, if any is."""
    over = sorted(set(done))
    if len(over) < len(lines):
        turn.start("pasted", done=over, shown=True, alarmed=True)


def _meant(found: Pasted, left: Sequence[Line], first: str, second: str) -> list[Line]:
    """The rows of one sort, else of the other; in a 接龙 with neither, all that say something."""
    dangers = [line for line in left if line.sort == DANGER]
    for sort in (first, second):
        if rows := [line for line in left if line.sort == sort]:
            return sorted([*rows, *dangers], key=lambda line: line.index)
    if found.kind == "relay":
        rows = [line for line in left if line.sort == OTHER and line.row.what]
        return sorted([*rows, *dangers], key=lambda line: line.index)
    return dangers


def _alarms(turn: Turn, found: Pasted, left: Sequence[Line]) -> list[dict[str, Any]]:
    rows = [line for line in left if line.sort == DANGER]
    if rows:
        known = known_people(turn, rows)
        return [as_case(turn, found, line, known) for line in rows]
    if turn.guess.intent is Intent.EMERGENCY and found.title:  # said before the rows
        place = listed_for(turn, found)
        said = {"resident": None, "text": found.title, "danger": turn.guess.danger or "other"}
        where = place.name if place else ""
        return [{**said, "place": place.id if place else None, "where": where}]
    return []


def _file(turn: Turn, matter: str, found: Pasted, chosen: Sequence[Line]) -> None:
    if len(chosen) > MOST:
        turn.say("pasted.too_many", n=MOST, left=len(chosen) - MOST)
    known = known_people(turn, chosen)
    turn.start(matter, rows=[as_case(turn, found, line, known) for line in chosen[:MOST]])


# As answers to a roll call


def _rolls(turn: Turn, found: Pasted, left: Sequence[Line]) -> list[RollCall]:
    """Open calls that ask somebody who stands in these rows."""
    running = [roll for roll in turn.store.rollcalls.open() if roll.planned_at is not None]
    telling = [line for line in left if line.stage]
    if not running or not telling:
        return []
    known = known_people(turn, telling)
    fitting = []
    for roll in running:
        asked = _asked(turn, roll, known)
        if any(whose(turn, line.row, asked, listed_for(turn, found)) for line in telling):
            fitting.append(roll)
    return fitting[:CALLS]


def _asked(turn: Turn, roll: RollCall, known: Sequence[Resident]) -> list[Resident]:
    asked = turn.store.rollcalls.asked(roll, (person.id for person in known))
    return [person for person in known if person.id in asked]


def _roll_words(turn: Turn, roll: RollCall) -> str:
    place = turn.store.people.place(roll.place_id)
    return turn.speech.say("pasted.answers", place=place.name if place else "", reason=roll.reason)


def _answers(
    turn: Turn, ident: int, found: Pasted, lines: list[Line], left: list[Line], done: set[int]
) -> None:
    roll = turn.store.rollcalls.get(ident)
    if roll is None or roll.closed_at is not None:
        turn.say("pasted.call_over", what=roll.reason if roll else "")
        turn.start("pasted", done=sorted(done), shown=True, alarmed=True)
        return
    asked = _asked(turn, roll, known_people(turn, left))
    rows: dict[int, dict[str, Any]] = {}
    strangers, unclear, renamed = [], [], []
    for line in left:
        label = label_of(turn, line)
        shown = turn.speech.say("pasted.said", who=label, what=brief(line.row.words, 24))
        person = whose(turn, line.row, asked, listed_for(turn, found))
        if line.stage is None:
            unclear.append(shown)
        elif person is None:
            strangers.append(shown)
        else:
            if line.row.name and not same_name(person.name, line.row.name):
                renamed.append(f"{turn.card(person)}←{label}")
            before = rows.get(person.id)
            if before is None or before["stage"] == "safe":  # two rows of one home: the need counts
                case = as_case(turn, found, line, asked)
                rows[person.id] = {**case, "stage": line.stage, "label": shown}
    turn.start(
        "rollcall_reported",
        rollcall=roll.id,
        rows=list(rows.values()),
        strangers=strangers,
        unclear=unclear,
        renamed=renamed,
    )
    over = {line.index for line in left if line.stage is not None or line.sort != APPEAL}
    _go_on(turn, {*done, *over}, lines)

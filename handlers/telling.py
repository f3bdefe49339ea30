"""当面说: what nobody could be told on any channel, told by a worker in person."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.turn import Choice, Turn, brief
from storage.models import Appeal, AppealStep, Outbound, Resident, Sending

LISTED = 9  # people, by digits


def in_person(turn: Turn) -> None:
    """Who waits, by digits; a digit says that I have told them."""
    waiting = turn.untold(turn.person)
    if not waiting:
        turn.say("telling.nobody")
        return
    chosen = turn.ask(
        "telling.whom",
        *[
            Choice(f"{person.id}:{rows[0].id}", _line(turn, person, rows))
            for person, rows in waiting[:LISTED]
        ],
        key="whom",
        weak=True,
        count=len(waiting),
    )
    ident, _, newest = chosen.partition(":")
    rows = [
        row
        for person, rows in waiting
        for row in rows
        if person.id == int(ident) and row.id <= int(newest)  # what came since was not on the list
    ]
    _mark(turn, rows)


def _line(turn: Turn, person: Resident, rows: list[Outbound]) -> str:
    shown = worth_saying(rows)
    more = turn.speech.say("telling.more", n=len(shown) - 1) if len(shown) > 1 else ""
    return turn.speech.say(
        "telling.line", who=turn.card(person), text=brief(rows[0].text, 40), more=more
    )


def worth_saying(rows: Sequence[Outbound]) -> list[Outbound]:
    """Of rows with the newest first: all a person wrote, of the bot's only the last on a thing."""
    found: list[Outbound] = []
    heard: set[str | None] = set()
    for row in rows:
        if row.sender != "bot" or row.about not in heard:
            found.append(row)
        if row.sender == "bot":
            heard.add(row.about)
    return found


def told(turn: Turn) -> None:
    """我当面说了, from the console: the rows that stood on the page."""
    asked = {int(ident) for ident in turn.opening["rows"]}
    _mark(turn, [row for _, rows in turn.untold(turn.person) for row in rows if row.id in asked])


def _mark(turn: Turn, rows: list[Outbound]) -> None:
    """Never sent any more; a case's history says who told it."""
    if not rows:
        turn.say("telling.already")
        return
    before = ",".join(f"{row.id}{row.status[0]}" for row in rows)
    for row in rows:
        row.status = Sending.TOLD
        case = _case(turn, row)
        if case is not None:
            turn.store.add(
                AppealStep(appeal_id=case.id, at=turn.now, who_id=turn.person.id, verb="told")
            )
    turn.can_undo("told", f"told:{before}")
    chat = turn.store.messages.chat(rows[0].chat_id)
    person = turn.store.people.resident(chat.resident_id) if chat is not None else None
    turn.say(
        "telling.noted",
        who=person.name if person is not None else "",
        left=len(turn.untold(turn.person)),
    )


def _case(turn: Turn, row: Outbound) -> Appeal | None:
    kind, _, ident = (row.about or "").partition(":")
    return turn.store.appeals.get(int(ident)) if kind == "appeal" else None


def undo_told(turn: Turn, before: str) -> None:
    """错了: not told after all; each row waits as it waited, "12w", or has failed, "13f"."""
    given = {int(part[:-1]): part[-1] for part in before.split(",")}
    found = [turn.store.messages.outbound(ident) for ident in given]
    rows = [row for row in found if row is not None and row.status is Sending.TOLD]
    for row in rows:
        row.status = Sending.WAITING if given[row.id] == "w" else Sending.FAILED
        case = _case(turn, row)
        steps = turn.store.appeals.steps(case) if case is not None else []
        mine = [s for s in steps if s.verb == "told" and s.who_id == turn.person.id]
        for step in mine[-1:]:
            turn.store.session.delete(step)
    turn.say("telling.undone" if rows else "talk.nothing_to_undo")

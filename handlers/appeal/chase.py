"""What is late climbs from the worker to the chief, once each; the resident hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.appeal.case import ask_solved, note, offer, schedule, tell_resident
from handlers.turn import Desk, about
from storage.models import Appeal, Priority, Resident, Stage

GIVE_UP_ASKING = timedelta(days=4)  # after the second asking: unconfirmed, never "satisfied"


def escalate_overdue(desk: Desk) -> datetime | None:
    """Reminds, climbs, and asks again about what was reported done."""
    for case in desk.store.appeals.due(desk.now):
        if case.stage is Stage.ACTED:
            _ask_again(desk, case)
        elif not case.is_live:
            case.due_at = None
        elif desk.now < case.deadline:
            _remind(desk, case)
        else:
            _climb(desk, case)
    return desk.store.appeals.next_due()


def _remind(desk: Desk, case: Appeal) -> None:
    case.reminded_for = case.deadline
    handler = desk.store.people.resident(case.handler_id)
    if handler is not None:
        offer(
            desk,
            case,
            handler,
            "appeal.remind",
            priority=Priority.CHASE,
            left=desk.words(handler).span(case.deadline - desk.now),
        )
    schedule(desk, case)


def _climb(desk: Desk, case: Appeal) -> None:
    """One step up: first the worker and the level above, then the chief."""
    handler = desk.store.people.resident(case.handler_id)
    place = desk.store.people.place(case.place_id)
    level = desk.file.level(case.level)
    last = case.climbed >= len(level.escalate_after) - 1
    heard: list[Resident] = []
    if case.climbed == 0 and handler is not None:
        offer(desk, case, handler, "appeal.late_handler", priority=Priority.CHASE)
        above = desk.superior(handler, place)
        heard = [above] if above is not None else []
    if last:
        heard += [c for c in desk.store.people.chiefs() if handler is None or c.id != handler.id]
    told = [
        p
        for p in heard
        if offer(
            desk,
            case,
            p,
            "appeal.late_above",
            priority=Priority.CHASE,
            handler=handler.name if handler else desk.file.name,
        )
    ]
    case.climbed += 1
    note(desk, case, "late", None, "、".join(p.name for p in told))
    phrase = "appeal.late_first" if case.answered_at is None else "appeal.late_result"
    words = desk.words(desk.store.people.resident(case.resident_id))
    if told:
        done = words.say("appeal.told_above", who="、".join(p.name for p in told))
    else:
        done = words.say("appeal.pressed_again", who=handler.name if handler else desk.file.name)
    tell_resident(desk, case, phrase, told=done)
    schedule(desk, case)


def _ask_again(desk: Desk, case: Appeal) -> None:
    """Silence after "办结": asked once more, then the case stands as unconfirmed."""
    asked_before = case.reminded_for is not None and case.reminded_for == case.acted_at
    if asked_before:
        case.stage, case.closed_at, case.due_at = Stage.UNCONFIRMED, desk.now, None
        desk.withdraw(about(case))
        note(desk, case, "unconfirmed", None)
        tell_resident(desk, case, "appeal.unconfirmed")
        return
    case.reminded_for, case.due_at = case.acted_at, desk.now + GIVE_UP_ASKING
    person = desk.store.people.resident(case.resident_id)
    if person is None:
        return
    desk.withdraw(about(case), to=person)
    ask_solved(desk, case, "appeal.still_solved", priority=Priority.CHASE)

"""What filing, staff and chasing share: the promise's clock, the history, the ladder in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handlers.turn import Choice, Desk, Turn, Words, about, brief
from storage.community_checks import ServiceLevel
from storage.models import LIVE, Appeal, AppealStep, Priority, Resident, Stage

DONE_MARK, OPEN_MARK = "●", "○"


def after(desk: Desk, level: ServiceLevel, at: datetime, span: timedelta) -> datetime:
    """`at` plus `span` on the level's own clock: wall, or opening hours only."""
    return at + span if level.wall else desk.file.hours.add(at, span)


def note(
    desk: Desk,
    case: Appeal,
    verb: str,
    who: Resident | None,
    text: str = "",
    media: str | None = None,
) -> None:
    """One line of the case's history."""
    desk.store.add(
        AppealStep(
            appeal_id=case.id,
            at=desk.now,
            verb=verb,
            text=text,
            media=media,
            who_id=who.id if who else None,
        )
    )


def schedule(desk: Desk, case: Appeal) -> None:
    """When the timetable must look at a case next: a reminder, the deadline, the next step up."""
    level = desk.file.level(case.level)
    if case.stage not in LIVE:
        return
    deadline = case.deadline
    if case.climbed == 0 and case.reminded_for != deadline and desk.now < deadline:
        case.due_at = max(desk.now, deadline - level.remind_before)
        if case.due_at <= desk.now:  # too short a promise to remind of
            case.reminded_for, case.due_at = deadline, deadline
    elif case.climbed < len(level.escalate_after):
        case.due_at = after(desk, level, deadline, level.escalate_after[case.climbed])
    else:
        case.due_at = None
    desk.wake("escalate_overdue", case.due_at)


def answered(desk: Desk, case: Appeal, by: Resident) -> None:
    """A person has answered: the first promise is kept, the second one runs."""
    if case.stage is Stage.OPEN:
        case.stage = Stage.ACCEPTED
    if case.answered_at is None:
        case.answered_at, case.climbed = desk.now, 0
    case.handler_id = by.id
    schedule(desk, case)


def drop(turn: Turn, case: Appeal) -> Resident | None:
    """Withdrawn by whoever filed it, as if it had never been asked. Gives who should hear of it."""
    case.stage, case.closed_at, case.due_at = Stage.WITHDRAWN, turn.now, None
    note(turn, case, "withdrawn", turn.person)
    turn.withdraw(about(case))
    for clock in turn.store.channels.running_about(about(case)):
        turn.store.session.delete(clock)
    return turn.store.people.resident(case.handler_id)


def ladder(words: Words, case: Appeal, handler: Resident | None) -> str:
    """●已收到 → ●小李受理 → ○处理 → ○您确认."""
    reached = {Stage.OPEN: 1, Stage.ACCEPTED: 2, Stage.ACTED: 3, Stage.CONFIRMED: 4}.get(
        case.stage, 1
    )
    taker = words.say("appeal.step_taken_by", name=handler.name) if handler and reached > 1 else ""
    steps = [
        words.say("appeal.step_filed"),
        taker or words.say("appeal.step_taken"),
        words.say("appeal.step_acted"),
        words.say("appeal.step_confirmed"),
    ]
    marks = [DONE_MARK if n < reached else OPEN_MARK for n in range(4)]
    return " → ".join(f"{mark}{step}" for mark, step in zip(marks, steps, strict=True))


def tell_resident(
    desk: Desk, case: Appeal, phrase: str, *, sender: str = "bot", **values: Any
) -> None:
    """Says a step to whoever filed the case."""
    person = desk.store.people.resident(case.resident_id)
    if person is not None and person.deleted_at is None:
        desk.tell(
            person,
            phrase,
            about=about(case),
            sender=sender,
            n=case.number,
            what=brief(case.text),
            **values,
        )


def offer(
    desk: Desk,
    case: Appeal,
    to: Resident,
    phrase: str,
    *,
    priority: Priority = Priority.ANSWER,
    **values: Any,
) -> bool:
    """Shows a case to staff with what they can do about it; False if they cannot be reached."""
    words = desk.words(to)
    desk.withdraw(about(case), to=to, name="appeal.next")
    desk.withdraw(about(case), to=to, name="appeal.offered")
    person = desk.store.people.resident(case.resident_id)
    if case.stage is Stage.OPEN:
        name, verbs = "appeal.offered", ("accept", "reply", "hand_on")
    else:
        name, verbs = "appeal.next", ("reply", "done", "hand_on")
    choices = [Choice(verb, words.say(f"appeal.do_{verb}")) for verb in verbs]
    question = desk.put(
        name,
        to,
        about(case),
        phrase,
        choices,
        priority=priority,
        n=case.number,
        text=case.text,
        where=case.where or words.say("place.unknown"),
        what=brief(case.text),
        who=desk.card(person) if person else "",
        category=words.category(case.category),
        by=words.moment(case.deadline, desk.now),
        late=words.span(desk.now - case.deadline),
        **values,
    )
    return question is not None


def ask_solved(
    desk: Desk, case: Appeal, phrase: str, *, priority: Priority = Priority.ANSWER, **values: Any
) -> bool:
    """Asks the resident whether it is solved; False if they cannot be reached."""
    person = desk.store.people.resident(case.resident_id)
    if person is None:
        return False
    words = desk.words(person)
    handler = desk.store.people.resident(case.handler_id)
    choices = [
        Choice(
            "yes",
            words.say("appeal.solved"),
            ("+", "/(已经|都)?(好了|修好|弄好|解决|来水|来电|亮了)"),
        ),
        Choice(
            "no",
            words.say("appeal.not_solved"),
            (
                "-",
                "/(还|根本|一直)?没有?([，,。 ]|人?来|修|好|解决|弄|动静|$)",
                "/还是|又(坏|停|漏|堵|不)|不行|没用",
            ),
        ),
    ]
    question = desk.put(
        "appeal.solved",
        person,
        about(case),
        phrase,
        choices,
        n=case.number,
        what=brief(case.text),
        who=desk.title(handler) if handler else desk.file.name,
        priority=priority,
        ladder=ladder(words, case, handler),
        **values,
    )
    return question is not None

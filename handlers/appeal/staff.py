"""The staff's side: take, answer, hand on, report done; by command, digit or reply."""

from __future__ import annotations

import re
from datetime import timedelta

from handlers.appeal.case import (
    after,
    answered,
    ask_solved,
    ladder,
    note,
    offer,
    schedule,
    tell_resident,
)
from handlers.turn import Choice, Turn, about, brief
from storage.models import Appeal, IncidentStage, Question, Resident, Role, Stage, Stopped

ASK_AGAIN = timedelta(days=3)  # after "办结", the resident is asked once more


def to_do(turn: Turn) -> None:
    """待办: what waits for this person, the most pressing first."""
    mine = None if turn.person.role is Role.CHIEF else turn.person
    cases = turn.store.appeals.live(mine)
    dangers = [c for c in turn.store.incidents.running() if c.stage is IncidentStage.ALARMED]
    for danger in dangers:
        turn.say("appeal.danger_to_do", text=brief(danger.text), where=danger.where)
    untold = len(turn.untold(turn.person))
    if not cases and not dangers and not untold:
        turn.say("appeal.nothing_to_do")
    if untold:
        turn.say("telling.to_do", count=untold)
    if not cases:
        return
    lines = [
        turn.speech.say(
            "appeal.to_do_late" if case.deadline <= turn.now else "appeal.to_do_line",
            n=case.number,
            what=brief(case.text),
            where=case.where,
            span=turn.speech.span(abs(case.deadline - turn.now)),
        )
        for case in cases[:12]
    ]
    turn.say("appeal.to_do", count=len(cases), lines="\n".join(lines))


def _named(turn: Turn) -> tuple[Appeal | None, str]:
    """The case a command speaks of, and the words after its number."""
    found = re.match(r"#?(\d{1,9})号?[\s,，:：]*(.*)", str(turn.opening.get("rest", "")), re.DOTALL)
    if found:
        case = turn.store.appeals.numbered(int(found[1]))
        if case is None:
            turn.say("appeal.no_such_number", n=found[1])
        return case, found[2].strip()
    if "appeal" in turn.opening:
        return turn.store.appeals.get(int(turn.opening["appeal"])), ""
    mine = turn.store.appeals.live(turn.person) or turn.store.appeals.live()
    if not mine:
        turn.say("appeal.nothing_to_do")
        return None, ""
    chosen = turn.ask(
        "appeal.which",
        *[
            Choice(str(c.id), turn.speech.say("appeal.which_line", n=c.number, what=brief(c.text)))
            for c in mine[:8]
        ],
        key="which",
    )
    return turn.store.appeals.get(int(chosen)), str(turn.opening.get("rest", "")).strip()


def _closed(turn: Turn, case: Appeal) -> bool:
    if case.is_live:
        return False
    turn.say(f"appeal.already_{case.stage}", n=case.number)
    return True


def accept(turn: Turn) -> None:
    """受理 12."""
    case, _ = _named(turn)
    if case is not None and not _closed(turn, case):
        take(turn, case)


def take(turn: Turn, case: Appeal) -> None:
    first = case.answered_at is None
    before = case.handler_id
    answered(turn, case, turn.person)
    note(turn, case, "accepted", turn.person)
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    if not first and before == turn.person.id:
        turn.say("appeal.already_yours", n=case.number)
        return
    _inform_former(turn, case, before)
    tell_resident(
        turn,
        case,
        "appeal.taken",
        who=turn.title(turn.person),
        ladder=ladder(turn.words(), case, turn.person),
    )
    offer(turn, case, turn.person, "appeal.you_took")


def _inform_former(turn: Turn, case: Appeal, before: int | None) -> None:
    """Whoever had the case must not go on waiting for it."""
    former = turn.store.people.resident(before)
    if former is not None and former.id != turn.person.id:
        turn.withdraw(about(case), to=former)
        turn.tell(
            former, "appeal.taken_over", about=about(case), n=case.number, who=turn.person.name
        )


def reply(turn: Turn) -> None:
    """回复 12 明天上午来修."""
    case, text = _named(turn)
    if case is None:
        return
    if not text:
        text = turn.ask("appeal.reply_what", key="text", takes="text", n=case.number)
    _say(turn, case, text)


def reply_to(turn: Turn, ident: str, text: str) -> bool:
    """Staff words that are a reply to the case's own message."""
    case = turn.store.appeals.get(int(ident))
    if case is None:
        return False
    _say(turn, case, text)
    return True


def _say(turn: Turn, case: Appeal, text: str) -> None:
    before = case.handler_id
    if case.is_live:
        answered(turn, case, turn.person)
        _inform_former(turn, case, before)
    note(turn, case, "said", turn.person, text)
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    tell_resident(turn, case, "appeal.reply", sender=turn.title(turn.person), text=text)
    person = turn.store.people.resident(case.resident_id)
    reached = person is not None and turn.chat_with(person) is not None
    turn.say(
        "appeal.replied" if reached else "appeal.not_reached",
        about=about(case),
        n=case.number,
        who=person.name if person else "",
    )
    if case.is_live:
        _stand_next(turn, case)


def _stand_next(turn: Turn, case: Appeal) -> None:
    """Keeps the case's next steps a digit away without saying everything again."""
    if not turn.store.messages.questions_about(about(case), to=turn.person):
        offer(turn, case, turn.person, "appeal.next_step")


def resident_says(turn: Turn) -> None:
    """Further words of a resident about their case go into it and to whoever has it."""
    case = turn.store.appeals.get(int(turn.opening["appeal"]))
    handler = turn.store.people.resident(case.handler_id) if case else None
    text = str(turn.opening["text"])
    if case is None:
        turn.say("appeal.gone")
        return
    note(turn, case, "asked", turn.person, text)
    turn.open_clock(
        turn.chat,
        turn.person,
        "question",
        text,
        about=about(case),
        inbound_id=turn.inbound.id,
        handler=handler,
    )
    if handler is not None:
        offer(turn, case, handler, "appeal.resident_says", words=text)
    turn.say("appeal.said_on", n=case.number, who=handler.name if handler else turn.file.name)


def done(turn: Turn) -> None:
    """办结 12 灯换好了."""
    case, text = _named(turn)
    if case is None or _closed(turn, case):
        return
    finish(turn, case, text)


def finish(turn: Turn, case: Appeal, text: str) -> None:
    """Reported done: now the resident has the word."""
    answered(turn, case, turn.person)
    case.stage, case.acted_at, case.due_at = Stage.ACTED, turn.now, turn.now + ASK_AGAIN
    note(turn, case, "acted", turn.person, text)
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    turn.withdraw(about(case))
    turn.wake("escalate_overdue", case.due_at)
    asked = ask_solved(turn, case, "appeal.acted", text=text or turn.words().say("appeal.no_words"))
    turn.say(
        "appeal.you_acted" if asked else "appeal.not_reached",
        about=about(case),
        n=case.number,
        who="",
    )


def solved(turn: Turn, question: Question, value: str) -> None:
    """The resident's own word on it: nobody else closes a case."""
    case = turn.store.appeals.get(question.about_id)
    if case is None or case.stage is not Stage.ACTED:
        turn.say("talk.thanks")
        return
    handler = turn.store.people.resident(case.handler_id)
    if value == "yes":
        case.stage, case.closed_at, case.due_at = Stage.CONFIRMED, turn.now, None
        note(turn, case, "confirmed", turn.person)
        turn.say(
            "appeal.confirmed",
            about=about(case),
            n=case.number,
            ladder=ladder(turn.speech, case, handler),
        )
        turn.can_undo("solved", about(case))
        if handler is not None:
            turn.tell(
                handler,
                "appeal.confirmed_staff",
                about=about(case),
                n=case.number,
                who=turn.person.name,
            )
        return
    reopen(turn, case, handler)


def undo_solved(turn: Turn, ident: str) -> None:
    """错了 after 解决了: it is not, then."""
    case = turn.store.appeals.get(int(ident))
    if case is None or case.stage is not Stage.CONFIRMED:
        turn.say("talk.nothing_to_undo")
        return
    case.closed_at = None
    reopen(turn, case, turn.store.people.resident(case.handler_id))


def reopen(turn: Turn, case: Appeal, handler: Resident | None) -> None:
    """没解决: open again, one level higher, with a new promise."""
    place = turn.store.people.place(case.place_id)
    above = turn.superior(handler, place) or next(iter(turn.store.people.chiefs()), handler)
    level = turn.file.level(case.level)
    case.stage, case.reopened, case.answered_at = Stage.OPEN, case.reopened + 1, None
    case.climbed, case.reminded_for, case.acted_at = 0, None, None
    case.handler_id = above.id if above else case.handler_id
    case.respond_by = after(turn, level, turn.now, level.first_response)
    case.resolve_by = after(turn, level, turn.now, level.resolution)
    remark = turn.text if len(turn.text) > 4 else ""
    note(turn, case, "reopened", turn.person, remark)
    schedule(turn, case)
    turn.open_clock(
        turn.chat,
        turn.person,
        "appeal",
        case.text,
        about=about(case),
        inbound_id=turn.inbound.id,
        handler=above,
    )
    turn.say(
        "appeal.reopened",
        about=about(case),
        n=case.number,
        who=above.name if above else "",
        by=turn.speech.moment(case.respond_by, turn.now),
    )
    if above is not None:
        offer(
            turn,
            case,
            above,
            "appeal.reopened_staff",
            times=case.reopened,
            remark=f"\n{remark}" if remark else "",
        )
    if handler is not None and above is not None and handler.id != above.id:
        turn.tell(
            handler, "appeal.reopened_former", about=about(case), n=case.number, who=above.name
        )


def hand_on(turn: Turn) -> None:
    """转交 12 张师傅: they have it once they accept; until then it stays where it is."""
    case, name = _named(turn)
    if case is None or _closed(turn, case):
        return
    target = turn.store.people.in_file(name) if name else None
    if target is None:
        people = [p for p in turn.store.people.staff() if p.id != turn.person.id]
        if name:
            turn.say("appeal.no_such_person", name=name, people="、".join(p.name for p in people))
            return
        chosen = turn.ask(
            "appeal.hand_to",
            *[Choice(str(p.id), f"{p.name}（{turn.role(p)}）") for p in people[:8]],
            key="to",
            n=case.number,
        )
        target = turn.store.people.resident(int(chosen))
    if target is None or target.id == turn.person.id:
        turn.say("appeal.already_yours", n=case.number)
        return
    words = turn.words(target)
    asked = turn.put(
        "appeal.handed",
        target,
        about(case),
        "appeal.handed_to_you",
        [
            Choice("yes", words.say("appeal.take_it"), ("+",)),
            Choice("no", words.say("appeal.not_mine"), ("-",)),
        ],
        n=case.number,
        text=case.text,
        where=case.where,
        who=turn.person.name,
        by=words.moment(case.deadline, turn.now),
    )
    if asked is None:
        turn.say("appeal.cannot_reach", name=target.name)
        return
    note(turn, case, "handed", turn.person, target.name)
    turn.say("appeal.handing_on", about=about(case), n=case.number, name=target.name)
    tell_resident(turn, case, "appeal.handed_resident", who=turn.person.name, to=target.name)


def handed(turn: Turn, question: Question, value: str) -> None:
    """The answer of whoever was asked to take a case."""
    case = turn.store.appeals.get(question.about_id)
    if case is None or not case.is_live:
        turn.say("appeal.gone")
    elif value == "yes":
        take(turn, case)
    else:
        note(turn, case, "refused", turn.person)
        handler = turn.store.people.resident(case.handler_id)
        turn.say("appeal.refused", n=case.number)
        if handler is not None:
            offer(turn, case, handler, "appeal.came_back", by_whom=turn.person.name)


def next_step(turn: Turn, question: Question, value: str) -> None:
    """A digit under a case: accept | reply | done | hand_on."""
    ident = question.about_id
    case = turn.store.appeals.get(ident)
    if case is None or not case.is_live:
        turn.say("appeal.gone")
    elif value == "accept":
        take(turn, case)
    elif value == "done":
        finish(turn, case, "")
    else:
        turn.start(f"staff_{value}", appeal=ident)

"""The staff's side: taking a danger, judging it, closing it, and words to whoever raised it."""

from __future__ import annotations

from handlers.incident.alarm import tell_alarmed
from handlers.turn import Choice, Turn, about
from storage.models import Incident, IncidentStage, Priority, Question, Stopped


def taking(turn: Turn, question: Question, value: str) -> None:
    """A staff member's digit under an alarm."""
    case = turn.store.incidents.get(question.about_id)
    if case is None or case.stage is not IncidentStage.ALARMED:
        turn.say("incident.already_over")
    elif value == "take":
        take(turn, case)
    else:
        _judged_mistaken(turn, case)


def i_go(turn: Turn) -> None:
    """收到，我去: the danger named, else the newest they were alarmed about, else the newest.

    Whoever of the staff is near may go, on duty or not.
    """
    named = turn.opening.get("incident")
    waiting = [c for c in turn.store.incidents.running() if c.stage is IncidentStage.ALARMED]
    if named:
        mine = [case for case in waiting if case.id == named]
    else:
        mine = [case for case in waiting if turn.person.id in case.alarmed] or waiting
    if mine:
        take(turn, mine[0])
    else:
        turn.say("incident.nothing_to_take")


def take(turn: Turn, case: Incident) -> None:
    """A person goes; the resident hears who."""
    case.stage, case.taken_by_id, case.taken_at = IncidentStage.TAKEN, turn.person.id, turn.now
    case.due_at = None
    turn.withdraw(about(case), name="incident.take")
    for question in turn.store.messages.questions_about(about(case)):
        question.repeated = True  # somebody is coming: 谢谢 need not bring the question again
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    person = turn.store.people.resident(case.resident_id)
    if person is not None:
        turn.tell(
            person,
            "incident.coming",
            about=about(case),
            priority=Priority.DANGER,
            who=turn.title(turn.person),
            phone=turn.person.phone or "",
        )
    tell_alarmed(
        turn, case, "incident.taken_by", besides=turn.person, who=turn.person.name, where=case.where
    )
    turn.put(
        "incident.close",
        turn.person,
        about(case),
        "incident.you_go",
        [Choice("closed", turn.speech.say("incident.all_well"), ("+",))],
        chat=turn.private(),
        who=turn.caller(person) if person else "",
        where=case.where,
    )


def _judged_mistaken(turn: Turn, case: Incident) -> None:
    """Staff think it is none: the alarm stops, but the resident may say otherwise."""
    case.stage, case.closed_at, case.due_at = IncidentStage.FALSE_ALARM, turn.now, None
    turn.withdraw(about(case))
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    person = turn.store.people.resident(case.resident_id)
    if person is not None:
        turn.tell(
            person, "incident.judged_mistaken", about=about(case), who=turn.title(turn.person)
        )
    turn.say("incident.noted_mistake")


def mistaken(turn: Turn) -> None:
    """这不是险情, in words."""
    case = turn.store.incidents.get(int(turn.opening["incident"]))
    if case is None or case.stage is not IncidentStage.ALARMED:
        turn.say("incident.already_over")
    else:
        _judged_mistaken(turn, case)


def closing(turn: Turn, question: Question, value: str) -> None:
    """处理好了: the resident hears it."""
    case = turn.store.incidents.get(question.about_id)
    if case is not None:
        _close(turn, case)


def all_well(turn: Turn) -> None:
    """处理好了, from the console."""
    case = turn.store.incidents.get(int(turn.opening["incident"]))
    if case is None or case.stage is not IncidentStage.TAKEN:
        turn.say("incident.already_over")
    else:
        _close(turn, case)


def _close(turn: Turn, case: Incident) -> None:
    case.stage, case.closed_at = IncidentStage.CLOSED, turn.now
    person = turn.store.people.resident(case.resident_id)
    turn.withdraw(about(case))
    if person is not None:
        turn.tell(person, "incident.closed", about=about(case), who=turn.person.name)
    turn.say("incident.closed_staff")


def reply_to(turn: Turn, ident: str, text: str) -> bool:
    """Staff words in answer to an alarm reach whoever raised it."""
    case = turn.store.incidents.get(int(ident))
    person = turn.store.people.resident(case.resident_id) if case else None
    if case is None or person is None:
        return False
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    turn.tell(
        person,
        "incident.words",
        about=about(case),
        sender=turn.title(turn.person),
        priority=Priority.DANGER,
        text=text,
    )
    turn.say("incident.words_passed", who=person.name)
    return True

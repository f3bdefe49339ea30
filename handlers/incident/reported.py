"""Dangers that staff report for others: a row of a pasted text, or of a roll call's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handlers.incident.alarm import NEXT_AFTER, alarm_next, tell_alarmed
from handlers.incident.resident import SAME
from handlers.turn import Turn, about
from nlp import DANGERS
from storage.models import Incident, IncidentStage, Priority, Resident, Stopped

WEEK = timedelta(days=7)


def reported(turn: Turn) -> None:
    """Alarms for each row, in the name of the resident it is about; else of whoever pasted it."""
    told: list[str] = []
    idents: list[str] = []
    for row in turn.opening["rows"]:
        person = turn.store.people.resident(row["resident"]) or turn.person
        running = turn.store.incidents.running_of(person, turn.now - SAME)
        if running is not None and person.id != turn.person.id:
            tell_alarmed(turn, running, "incident.more_staff", who=person.name, text=row["text"])
            continue
        case = _raise(turn, row, person)
        told += [one.name for one in alarm_next(turn, case)]
        case.due_at = turn.now + NEXT_AFTER
        turn.wake("climb_incidents", case.due_at)
        idents.append(str(case.id))
        _tell(turn, case, person)
    names = "、".join(dict.fromkeys(told))
    turn.say("incident.reported" if names else "incident.reported_nobody", who=names)
    if not turn.opening.get("rollcall") and idents:  # there 错了 takes the answers back, and these
        turn.can_undo("reported_incidents", f"incident:{','.join(idents)}")


def _raise(turn: Turn, row: dict[str, Any], person: Resident) -> Incident:
    needs = bool(turn.opening.get("rollcall"))
    chat = turn.chat_with(person) or turn.chat
    case = turn.store.add(
        Incident(
            community_id=turn.store.community_id,
            resident_id=person.id,
            chat_id=chat.id,
            text=row["text"],
            danger="needs_help"
            if needs
            else row["danger"]
            if row["danger"] in DANGERS
            else "other",
            place_id=row["place"],
            where=row["where"] or turn.speech.say("place.unknown"),
            raised_at=turn.now,
            stage=IncidentStage.ALARMED,
            needs_help=needs,
            alarmed=[],
        )
    )
    turn.open_clock(
        chat,
        person,
        "needs_help" if needs else "emergency",
        case.text,
        about=about(case),
        inbound_id=turn.inbound.id,
    )
    return case


def _tell(turn: Turn, case: Incident, person: Resident) -> None:
    """Whoever the alarm is for hears of it where they can be reached, and may take it back."""
    chat = turn.chat_with(person)
    if person.id == turn.person.id or chat is None:
        return
    turn.tell(
        person,
        "incident.reported_for_you",
        about=about(case),
        priority=Priority.DANGER,
        who=turn.person.name,
    )
    roll = turn.opening.get("rollcall")
    chat.undo = (
        {"what": "checkin", "about": f"rollcall:{roll}"}
        if roll
        else {"what": "incident", "about": about(case)}
    )


def undo_reported(turn: Turn, idents: str) -> None:
    """错了 by whoever pasted it."""
    cases = [turn.store.incidents.get(int(ident)) for ident in idents.split(",")]
    _stand_down(turn, [case for case in cases if case is not None])


def taken_back(turn: Turn) -> None:
    """The alarms of a roll call's pasted answers, by whom they are about and when they rose."""
    cases = []
    for ident, at in turn.opening["raised"]:
        person = turn.store.people.resident(ident)
        case = turn.store.incidents.running_of(person, turn.now - WEEK) if person else None
        if case is not None and case.raised_at == datetime.fromisoformat(at):
            cases.append(case)
    _stand_down(turn, cases)


def _stand_down(turn: Turn, cases: list[Incident]) -> None:
    running = [c for c in cases if c.stage not in (IncidentStage.FALSE_ALARM, IncidentStage.CLOSED)]
    for case in running:
        case.stage, case.closed_at, case.due_at = IncidentStage.FALSE_ALARM, turn.now, None
        turn.withdraw(about(case))
        turn.stop_clocks(about(case), Stopped.ASKER)
        tell_alarmed(turn, case, "incident.false_alarm_staff", who=turn.person.name)
    turn.say("incident.reported_undone" if running else "talk.nothing_to_undo")

"""Who is alarmed: the line of people for a place, one after another until a person goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handlers.turn import Choice, Desk, about
from storage.models import Incident, IncidentStage, Priority, Resident, Role

NEXT_AFTER = timedelta(minutes=2)  # unacknowledged: the next person and the chief
AGAIN_AFTER = timedelta(minutes=5)  # everybody has been told: told again
KEEP_TRYING = timedelta(hours=1)


def _line(desk: Desk, case: Incident) -> list[Resident]:
    place = desk.store.people.place(case.place_id)
    return [p for p in desk.on_duty(place) if p.id != case.resident_id]


def alarm_next(desk: Desk, case: Incident) -> list[Resident]:
    """Alarms the next of the line who can be reached (all of one level together)."""
    told: list[Resident] = []
    level: int | None = None
    for person in _line(desk, case):
        if person.id in case.alarmed:
            continue
        if told and (person.role is not told[0].role or person.role_place_id != level):
            break
        if alarm(desk, case, person, "incident.alarm"):
            told.append(person)
            level = person.role_place_id
        case.alarmed = [*case.alarmed, person.id]
    return told


def alarm(desk: Desk, case: Incident, person: Resident, phrase: str) -> bool:
    words = desk.words(person)
    who = desk.store.people.resident(case.resident_id)
    desk.withdraw(about(case), to=person)
    asked = desk.put(
        "incident.take",
        person,
        about(case),
        phrase,
        [
            Choice("take", words.say("incident.i_go"), ("我去", "马上到", "马上去")),
            Choice("mistake", words.say("incident.mistake")),
        ],
        priority=Priority.DANGER,
        kind_words=words.say(f"incident.kind_{case.danger}"),
        text=case.text,
        where=case.where,
        who=desk.caller(who) if who else "",
        since=words.span(desk.now - case.raised_at),
    )
    return asked is not None


def tell_alarmed(
    desk: Desk, case: Incident, phrase: str, *, besides: Resident | None = None, **values: Any
) -> None:
    """Says something to everybody who was alarmed, in the order they were."""
    people = desk.store.people.residents(case.alarmed)
    for ident in case.alarmed:
        person = people.get(ident)
        if person is not None and (besides is None or person.id != besides.id):
            desk.tell(person, phrase, about=about(case), priority=Priority.DANGER, **values)


def climb_incidents(desk: Desk) -> datetime | None:
    """Nobody said "我去" for two minutes: the next person and the chief; then everybody again."""
    for case in desk.store.incidents.due(desk.now):
        if case.stage is not IncidentStage.ALARMED:
            case.due_at = None
            continue
        told = alarm_next(desk, case)
        for chief in desk.store.people.with_role(Role.CHIEF):
            if chief.id not in case.alarmed and alarm(desk, case, chief, "incident.alarm"):
                case.alarmed = [*case.alarmed, chief.id]
                told.append(chief)
        phrase = "incident.also_told"
        if not told:
            phrase = "incident.told_again"
            told = [
                p
                for p in desk.store.people.residents(case.alarmed).values()
                if alarm(desk, case, p, "incident.alarm_again")
            ]
        person = desk.store.people.resident(case.resident_id)
        names = "、".join(p.name for p in told)
        first_time = desk.now - case.raised_at <= NEXT_AFTER
        if person is not None and (names or first_time):
            desk.tell(
                person,
                phrase if names else "incident.still_nobody",
                about=about(case),
                priority=Priority.DANGER,
                who=names,
            )
        rest = [p for p in _line(desk, case) if p.id not in case.alarmed]
        wait = NEXT_AFTER if rest else AGAIN_AFTER
        over = desk.now - case.raised_at > KEEP_TRYING
        case.due_at = None if over else desk.now + wait
    return desk.store.incidents.next_due()

"""The silent are asked again, then stand on the door list; and how a call stands."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from handlers.rollcall.call import CLOSES, ask_all
from handlers.turn import Desk, Turn, about, crowd_of, withdraw_from
from storage.models import CheckInStage, Priority, Resident, Role, RollCall

TO_THE_DOORS = timedelta(minutes=30)


def chase_silent(desk: Desk) -> datetime | None:
    """The silent are asked again after 10 minutes; after 30 they stand on the door list."""
    for roll in desk.store.rollcalls.due(desk.now):
        if roll.closed_at is not None or roll.planned_at is None:
            roll.due_at = None if roll.closed_at else desk.now + timedelta(seconds=5)
        elif roll.asked_again_at is None:
            roll.asked_again_at, roll.due_at = desk.now, roll.started_at + TO_THE_DOORS
            silent = replace(crowd_of(desk, None), rollcall=roll.id, silent=True)
            withdraw_from(desk, about(roll), silent)
            ask_all(desk, roll, silent, "rollcall.again")
        elif roll.listed_at is None:
            roll.listed_at, roll.due_at = desk.now, roll.started_at + CLOSES
            desk.store.rollcalls.give_up_waiting(roll)
            _hand_out_door_list(desk, roll)
        else:
            roll.closed_at, roll.due_at = desk.now, None
            withdraw_from(desk, about(roll))
            starter = desk.store.people.resident(roll.started_by_id)
            if starter is not None:
                desk.tell(
                    starter, "rollcall.ended_by_itself", about=about(roll), reason=roll.reason
                )
    return desk.store.rollcalls.next_due()


def _hand_out_door_list(desk: Desk, roll: RollCall) -> None:
    place = desk.store.people.place(roll.place_id)
    starter = desk.store.people.resident(roll.started_by_id)
    hear = [starter] if starter else []
    hear += [
        p for p in desk.store.people.workers_for(place) if p.role is Role.WORKER and p not in hear
    ]
    lines = door_list(desk, roll)
    for person in hear:
        desk.tell(
            person,
            "rollcall.doors" if lines else "rollcall.doors_empty",
            about=about(roll),
            priority=Priority.ROLLCALL,
            place=place.name if place else "",
            reason=roll.reason,
            lines="\n".join(lines),
        )


def door_list(desk: Desk, roll: RollCall) -> list[str]:
    """Who must be visited, a line a building in walking order, elders first in each."""
    silent = desk.store.rollcalls.people(roll, CheckInStage.WAITING, CheckInStage.UNREACHABLE)
    by_home: dict[int | None, list[Resident]] = defaultdict(list)
    for _, person in silent:
        by_home[person.home_id].append(person)
    lines = []
    for place in [*desk.store.people.places, None]:
        people = by_home.get(place.id if place else None, [])
        if people:
            people.sort(key=lambda p: (not p.elder, p.unit or "", p.room or ""))
            names = "、".join(_door(desk, person) for person in people)
            lines.append(f"{place.name if place else desk.words().say('place.unknown')}：{names}")
    return lines


def _door(desk: Desk, person: Resident) -> str:
    words = desk.words()
    unit = words.say("place.unit", n=person.unit) if person.unit else ""
    door = words.address([unit, person.room or ""])
    elder = words.say("people.elder_mark") if person.elder else ""
    return f"{door}{person.name}{elder}"


def situation(turn: Turn) -> None:
    """点名情况: safe, in need, silent; by name where somebody must go."""
    running = turn.store.rollcalls.open()[:3]
    if not running:
        turn.say("rollcall.none_open")
        return
    for roll in running:
        counts = turn.store.rollcalls.counts(roll)
        place = turn.store.people.place(roll.place_id)
        needy = turn.store.rollcalls.people(roll, CheckInStage.NEEDS_HELP)
        lines = door_list(turn, roll)
        silent = counts.get(CheckInStage.WAITING, 0) + counts.get(CheckInStage.UNREACHABLE, 0)
        turn.say(
            "rollcall.situation",
            about=about(roll),
            place=place.name if place else "",
            reason=roll.reason,
            safe=counts.get(CheckInStage.SAFE, 0),
            help=len(needy),
            silent=silent,
            needy="、".join(turn.card(p) for _, p in needy) or "-",
            lines="\n".join(lines) or "-",
        )

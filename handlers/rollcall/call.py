"""Starting and ending a call, and asking everybody of a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from handlers.turn import (
    Choice,
    Desk,
    Turn,
    Words,
    about,
    check_in,
    crowd_of,
    next_part,
    put_to,
    tell_all,
    withdraw_from,
)
from storage.models import Place, Priority, Resident, RollCall
from storage.store.crowd import Crowd

ASK_AGAIN = timedelta(minutes=10)
CLOSES = timedelta(hours=24)


def start(turn: Turn) -> None:
    """点名 3栋 燃气泄漏."""
    words = str(turn.opening.get("rest", "")).strip()
    if "place" in turn.opening:
        place, reason = turn.store.people.place(int(turn.opening["place"])), words
    else:
        place, reason = _place_and_reason(turn, words)
    if place is None:
        said = turn.ask(
            "rollcall.which_place" if not words else "rollcall.no_such_place",
            key="place",
            takes="text",
            place=words.split()[0] if words else "",
            places="、".join(p.name for p in turn.store.people.places),
        )
        place, more = _place_and_reason(turn, said)
        reason = reason or more
        if place is None:
            turn.say("rollcall.no_place")
            return
    if not reason:
        reason = turn.ask("rollcall.why", key="reason", takes="text", place=place.name)
    drill = "演练" in reason or "drill" in reason.lower()
    roll = turn.store.add(
        RollCall(
            community_id=turn.store.community_id,
            place_id=place.id,
            reason=reason,
            started_by_id=turn.person.id,
            drill=drill,
            started_at=turn.now,
            due_at=turn.now,
            planned_up_to=0,
        )
    )
    turn.wake("plan_rollcall", turn.now)
    turn.say(
        "rollcall.started",
        about=about(roll),
        place=place.name,
        reason=reason,
        count=turn.store.people.count(place=place),
    )
    turn.can_undo("rollcall", about(roll))


def _place_and_reason(turn: Turn, words: str) -> tuple[Place | None, str]:
    """The place a call names first, and the rest as its reason."""
    people = turn.store.people
    first, _, rest = words.partition(" ")
    if first in ("全社区", "全部", "所有人", "all"):
        return people.root, rest.strip()
    for known in sorted(people.places, key=lambda p: len(p.name), reverse=True):
        if words.startswith(known.name):
            return known, words[len(known.name) :].strip(" ，,：:")
    return turn.place_in(first), rest.strip()


def plan_rollcall(desk: Desk) -> datetime | None:
    """Makes CheckIns and Questions, a chunk at a time."""
    for roll in desk.store.rollcalls.open():
        if roll.planned_at is None:
            _plan(desk, roll)
    waiting = [r for r in desk.store.rollcalls.open() if r.planned_at is None]
    return desk.now if waiting else None


def _plan(desk: Desk, roll: RollCall) -> None:
    place = desk.store.people.place(roll.place_id)
    people, last = next_part(desk, replace(crowd_of(desk, place), after=roll.planned_up_to))
    check_in(desk, people, roll.id)
    ask_all(desk, roll, people, "rollcall.ask")
    if last:
        roll.planned_at, roll.due_at = desk.now, roll.started_at + ASK_AGAIN
        desk.wake("chase_silent", roll.due_at)
    else:
        roll.planned_up_to = people.up_to or roll.planned_up_to


def ask_all(desk: Desk, roll: RollCall, people: Crowd, phrase: str) -> None:
    """Puts "平安吗？" to each of a crowd who has a chat to be asked in."""
    put_to(
        desk,
        people,
        "rollcall.checkin",
        about(roll),
        lambda words: (words.say(phrase, **_values(desk, roll, words)), _choices(words)),
        inline=True,
        until=roll.started_at + CLOSES,
        priority=Priority.ROLLCALL if phrase == "rollcall.ask" else Priority.CHASE,
    )


def ask(desk: Desk, roll: RollCall, person: Resident, phrase: str) -> bool:
    """Puts "平安吗？" to one person; False where there is no chat to ask in."""
    words = desk.words(person)
    asked = desk.put(
        "rollcall.checkin",
        person,
        about(roll),
        phrase,
        _choices(words),
        inline=True,
        until=roll.started_at + CLOSES,
        priority=Priority.ROLLCALL if phrase == "rollcall.ask" else Priority.CHASE,
        **_values(desk, roll, words),
    )
    return asked is not None


def _values(desk: Desk, roll: RollCall, words: Words) -> dict[str, Any]:
    place = desk.store.people.place(roll.place_id)
    drill = words.say("rollcall.drill") if roll.drill else ""
    return {"place": place.name if place else "", "reason": roll.reason, "drill": drill}


def _choices(words: Words) -> list[Choice]:
    return [
        Choice(
            "safe",
            words.say("rollcall.safe"),
            (
                "平安",
                "没事",
                "安全",
                "都好",
                "safe",
                r"/(我们?|一家|家里|全家|都|大家)*(很|挺)?(平安|没事|安全|都好|好着呢)[的了呢啊]*$",
                "是",
                "是的",
            ),
        ),
        Choice(
            "needs_help",
            words.say("rollcall.needs_help"),
            (
                "需要帮助",
                "要帮助",
                "救命",
                "不好",
                "/不(太|怎么)?(平安|安全|好)|没有?平安|有事|(i am |i.m )?not (safe|ok)",
            ),
        ),
    ]


def undo_start(turn: Turn, ident: str) -> None:
    """错了 after starting: the call is closed, and who was asked hears it."""
    roll = turn.store.rollcalls.get(int(ident))
    if roll is None or roll.closed_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    turn.store.messages.take_back(about(roll))
    close(turn, roll, "rollcall.called_off")
    turn.say("rollcall.you_called_off")


def close(desk: Desk, roll: RollCall, phrase: str) -> None:
    """Ends a call; those who were asked and those who wait hear it once."""
    roll.closed_at, roll.due_at = desk.now, None
    withdraw_from(desk, about(roll))
    asked = replace(crowd_of(desk, None), rollcall=roll.id)
    tell_all(
        desk,
        asked,
        about(roll),
        lambda words: words.say(phrase, **_values(desk, roll, words)),
        priority=Priority.CHASE,
    )


def end(turn: Turn) -> None:
    """结束点名: the all-clear for the newest, or for the one named."""
    named = turn.opening.get("rollcall")
    running = [r for r in turn.store.rollcalls.open() if named is None or r.id == named]
    if not running:
        turn.say("rollcall.none_open")
        return
    close(turn, running[0], "rollcall.all_clear")
    turn.say("rollcall.ended")

"""点名: the board of each call, whose doors are to be knocked at, starting and ending one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web import intake
from bot.web.charts import Legend, Mark, Row, bars
from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, number, show, there
from bot.web.problem import Problem
from storage.models import CheckIn, CheckInStage, Resident, RollCall

REASON_MAX = 100  # characters
KINDS = ("safe", "help", "silent")
OF = {
    CheckInStage.SAFE: "safe",
    CheckInStage.NEEDS_HELP: "help",
    CheckInStage.WAITING: "silent",
    CheckInStage.UNREACHABLE: "silent",
}


@dataclass(frozen=True)
class Person:
    door: str
    name: str
    phone: str
    elder: bool
    state: str


@dataclass(frozen=True)
class House:
    """A building's row of the board."""

    name: str
    safe: int
    help: int
    silent: int
    people: list[Person]  # the silent, elders first


async def _listed(request: Request, staff: Staff) -> Response:
    def see(view: View) -> Mapping[str, Any]:
        calls = [_brief(view, roll) for roll in view.store.rollcalls.listed()]
        places = [(place.id, place.path or place.name) for place in view.store.people.places]
        return {
            "running": [one for one in calls if one["open"]],
            "places": places,
            "past": [one for one in calls if not one["open"]],
        }

    return await show(request, staff, "rollcalls.html", see, here="rollcalls")


listed = page(_listed)


def _brief(view: View, roll: RollCall) -> dict[str, Any]:
    counts = dict.fromkeys(KINDS, 0)
    for stage, n in view.store.rollcalls.counts(roll).items():
        counts[OF[stage]] += n
    place = view.store.people.place(roll.place_id)
    return {
        "id": roll.id,
        "place": place.name if place else "",
        "reason": roll.reason,
        **counts,
        "drill": roll.drill,
        "open": roll.closed_at is None,
        "total": sum(counts.values()),
        "started": view.moment(roll.started_at),
        "by": view.name(roll.started_by_id),
        "closed": view.moment(roll.closed_at),
        "planned": roll.planned_at is not None,
    }


def _board(view: View, roll: RollCall) -> dict[str, Any]:
    houses: dict[int | None, list[tuple[CheckIn, Resident]]] = {}
    for check, person in view.store.rollcalls.people(roll):
        houses.setdefault(person.home_id, []).append((check, person))
    rows = [
        _house(view, place.name if place else view.say("roster.no_home"), houses[key])
        for place in [*view.store.people.places, None]
        if (key := place.id if place else None) in houses
    ]
    everybody = [pair for pairs in houses.values() for pair in pairs]
    needy = [_person(view, c, p) for c, p in everybody if c.stage is CheckInStage.NEEDS_HELP]
    brief = _brief(view, roll)
    return {
        "roll": brief,
        "houses": rows,
        "needy": needy,
        "chart": _chart(view, rows, brief),
        "silent": [house for house in rows if house.people],
    }


def _house(view: View, name: str, pairs: list[tuple[CheckIn, Resident]]) -> House:
    kinds = [OF[check.stage] for check, _ in pairs]
    silent = [(c, p) for c, p in pairs if OF[c.stage] == "silent"]
    silent.sort(key=lambda pair: (not pair[1].elder, pair[1].unit or "", pair[1].room or ""))
    return House(
        name,
        kinds.count("safe"),
        kinds.count("help"),
        kinds.count("silent"),
        [_person(view, c, p) for c, p in silent],
    )


def _person(view: View, check: CheckIn, person: Resident) -> Person:
    state = view.say("rolls.asked" if check.reached else "rolls.not_reached")
    if check.stage is CheckInStage.NEEDS_HELP:
        state = view.moment(check.answered_at)
    return Person(view.desk.home(person), person.name, person.phone or "", person.elder, state)


def _chart(view: View, houses: Sequence[House], brief: Mapping[str, Any]) -> Any:
    """Building by building; one alone needs no picture."""
    if len(houses) < 2:
        return ""
    kinds = {"safe": "good", "help": "bad", "silent": "calm"}
    rows = [
        Row(
            house.name,
            [
                Mark(getattr(house, name), href=f"#{name}", kind=kind)
                for name, kind in kinds.items()
            ],
        )
        for house in houses
    ]
    title = view.say("rolls.title", answered=brief["total"] - brief["silent"], total=brief["total"])
    series = [(view.say(f"rolls.{name}"), kind) for name, kind in kinds.items()]
    return bars(title, rows, Legend(view.say("rolls.house"), series, view.say("figures.table")))


async def _one(request: Request, staff: Staff) -> Response:
    ident = ident_of(request)

    def see(view: View) -> Mapping[str, Any]:
        return _board(view, there(view.store.rollcalls.get(ident)))

    template = "doors.html" if request.url.path.endswith("/doors") else "rollcall.html"
    return await show(request, staff, template, see, here="rollcalls")


board = doors = page(_one)


async def _start(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """点名 3栋 燃气泄漏."""
    reason = " ".join(intake.text(fields.get("reason")).split())[:REASON_MAX]
    if fields.get("drill"):
        reason = f"演练：{reason}"
    ident = number(fields.get("place"))

    def see(view: View) -> str:
        place = view.store.people.place(ident)
        if place is None:
            raise Problem(400, "console.which_place")
        return place.name

    name = await look(request, staff, see)
    opening = {"command": "点名", "place": ident, "rest": reason}
    words = f"点名 {name} {reason}"
    return await act(request, staff, fields, "rollcall_start", opening, words, "/console/rollcalls")


start = action(_start)


async def _end(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    ident = ident_of(request)
    await look(request, staff, lambda view: there(view.store.rollcalls.get(ident)))
    back = f"/console/rollcalls/{ident}"
    return await act(request, staff, fields, "rollcall_end", {"rollcall": ident}, "结束点名", back)


end = action(_end)

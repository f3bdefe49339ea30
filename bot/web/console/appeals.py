"""诉求: one line a case, by due time; the filter is the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console.entry import Staff, page
from bot.web.console.frame import View, show
from bot.web.console.sieve import STAGES, Sieve, buildings
from storage.models import Appeal

SHOWN = 200


@dataclass(frozen=True)
class Line:
    """One case in the list."""

    number: int
    text: str
    where: str
    category: str
    due: str
    sign: str  # late soon calm asked over
    stage: str
    handler: str
    reopened: int


async def _listed(request: Request, staff: Staff) -> Response:
    sieve = Sieve.read(request.query_params)
    return await show(
        request, staff, "appeals.html", lambda view: _see(view, sieve), here="appeals"
    )


listed = page(_listed)


def _see(view: View, sieve: Sieve) -> Mapping[str, Any]:
    cases = sieve.cases(view)
    tabs = [
        (name, view.say(f"cases.stage_{name}"), sieve.url(stage=name), name == sieve.stage)
        for name in STAGES
    ]
    used = sorted({case.category for case in view.store.appeals.search()} | {sieve.category} - {""})
    return {
        "sieve": sieve,
        "tabs": tabs,
        "lines": lines(view, cases[:SHOWN]),
        "count": len(cases),
        "heading": view.say("cases.count", n=len(cases)) + _worst(view, cases),
        "places": [(str(place.id), place.path) for place in buildings(view)],
        "categories": [(name, view.category(name)) for name in used],
        "chosen": _chosen(view, sieve),
        "more": max(0, len(cases) - SHOWN),
    }


def _worst(view: View, cases: Sequence[Appeal]) -> str:
    late = [case for case in cases if case.is_live and case.deadline <= view.now]
    if not late:
        return ""
    return view.say("cases.of_them_late", n=len(late), span=view.span(view.now - late[0].deadline))


def _chosen(view: View, sieve: Sieve) -> list[tuple[str, str]]:
    """What narrows the list beyond the form's own fields, each with the way out of it."""
    found = []
    if sieve.answer:
        found.append((view.say(f"figures.{sieve.answer}"), sieve.url(answer="")))
    if sieve.day:
        found.append((view.say("cases.on_day", day=sieve.day), sieve.url(day="")))
    if sieve.days:
        found.append((view.say("cases.in_days", days=sieve.days), sieve.url(days="")))
    if sieve.place == "none":
        found.append((view.say("cases.nowhere"), sieve.url(place="")))
    return found


def lines(view: View, cases: Sequence[Appeal]) -> list[Line]:
    handlers = view.store.people.residents(c.handler_id for c in cases if c.handler_id is not None)
    found = []
    for case in cases:
        sign, due = view.due(case)
        handler = handlers.get(case.handler_id or 0)
        found.append(
            Line(
                case.number,
                " ".join(case.text.split()),
                case.where,
                view.category(case.category),
                due,
                sign,
                view.say(f"cases.stage_{case.stage}"),
                handler.name if handler else "",
                case.reopened,
            )
        )
    return found

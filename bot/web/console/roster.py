"""名册: who lives where, what is confirmed, who can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, number, show, there
from bot.web.console.sieve import WORDS_MAX, buildings
from storage.models import Resident

PAGE = 60  # people


@dataclass(frozen=True)
class Line:
    id: int
    name: str
    home: str
    role: str
    phone: str
    elder: bool
    confirmed: bool
    claims: bool  # an address that may be confirmed
    reachable: bool
    notices: bool


async def _listed(request: Request, staff: Staff) -> Response:
    query = request.query_params
    q = query.get("q", "").strip()[:WORDS_MAX].replace("\x00", "")
    claims = bool(query.get("claims"))
    place, first = number(query.get("place")), number(query.get("from")) or 0

    def see(view: View) -> Mapping[str, Any]:
        where = view.store.people.place(place)
        found = view.store.people.listed(
            place=where, text=q, claims=claims, offset=first, limit=PAGE + 1
        )
        kept = {"place": str(place) if where else "", "q": q, "claims": "1" if claims else ""}
        more = urlencode({**{k: v for k, v in kept.items() if v}, "from": str(first + PAGE)})
        return {
            "lines": _lines(view, found[:PAGE]),
            "kept": kept,
            "first": first,
            "total": view.store.people.count(place=where),
            "more": f"/console/roster?{more}" if len(found) > PAGE else "",
            "places": [(str(one.id), one.path) for one in buildings(view)],
            "back": f"/console/roster?{urlencode({k: v for k, v in kept.items() if v})}",
        }

    return await show(request, staff, "roster.html", see, here="roster")


listed = page(_listed)


def _lines(view: View, people: list[Resident]) -> list[Line]:
    chats = view.store.messages.chats_of_many(people)
    return [
        Line(
            person.id,
            person.name,
            view.desk.home(person),
            view.desk.role(person),
            person.phone or "",
            person.elder,
            person.confirmed,
            not person.confirmed and person.home_id is not None,
            person.id in chats,
            person.notices,
        )
        for person in people
    ]


async def _vouch(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """核对: this person is who and where they say."""
    ident = ident_of(request)

    def see(view: View) -> str:
        person: Resident = there(view.store.people.resident(ident))
        return view.say("roster.vouched", name=person.name, home=view.desk.home(person))

    words = await look(request, staff, see)
    query = {"claims": "1"} if fields.get("claims") else {}
    if number(fields.get("place")):
        query["place"] = fields["place"]
    back = f"/console/roster?{urlencode(query)}" if query else "/console/roster"
    return await act(request, staff, fields, "vouch", {"resident": ident}, words, back)


vouch = action(_vouch)

"""One resident on one page: what is known, where they speak to us, who else they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, number, show, there
from bot.web.problem import Problem
from storage.models import Identity, Resident

ACTIONS = {"code": "link_for", "part": "unlink_for", "same": "same_person"}


@dataclass(frozen=True)
class Link:
    """One channel of a person."""

    id: int
    channel: str
    name: str  # as they call themselves there, where it is another name
    since: str
    seen: str
    gone: bool


@dataclass(frozen=True)
class Alike:
    """Somebody who may be the same person."""

    id: int
    name: str
    home: str
    phone: str
    channels: str
    cases: int


def _resident(view: View, ident: int | None) -> Resident:
    person: Resident = there(view.store.people.resident(ident))
    return there(person if person.deleted_at is None else None)  # type: ignore[no-any-return]


async def _one(request: Request, staff: Staff) -> Response:
    ident = ident_of(request)
    return await show(
        request,
        staff,
        "person.html",
        lambda view: _see(view, _resident(view, ident)),
        here="roster",
    )


one = page(_one)


def _see(view: View, person: Resident) -> Mapping[str, Any]:
    own = view.store.people.identities_of(person)
    nobody = view.desk.words().say("people.stranger")
    alike = [] if person.is_staff else view.store.people.alike(person, nobody)
    return {
        "person": person,
        "home": view.desk.home(person),
        "role": view.desk.role(person),
        "links": [_link(view, one, person) for one in own],
        "alike": [_alike(view, other) for other in alike],
    }


def _link(view: View, one: Identity, person: Resident) -> Link:
    chats = view.store.people.chats_as(one)
    last = max((chat.seen_at for chat in chats), default=None)
    words, platform = view.desk.words(view.person), view.store.messages.platform(one.channel_id)
    return Link(
        one.id,
        words.platform(platform),
        one.name if one.name != person.name else "",
        view.moment(one.created_at),
        view.moment(last),
        all(chat.gone for chat in chats),
    )


def _alike(view: View, other: Resident) -> Alike:
    return Alike(
        other.id,
        other.name,
        view.desk.home(other),
        other.phone or "",
        view.say("console.and").join(view.desk.channels(other)),
        len(view.store.appeals.of(other, limit=100)),
    )


async def _sure(request: Request, staff: Staff) -> Response:
    """Two people side by side, before they become one."""
    ident, other = ident_of(request), number(str(request.path_params["other"]))

    def see(view: View) -> Mapping[str, Any]:
        person, second = _resident(view, ident), _resident(view, other)
        if person.is_staff or second.is_staff or person.id == second.id:
            raise Problem(404, "error.not_found")
        both = [_alike(view, one) for one in (person, second)]
        return {"person": person, "other": second, "both": both}

    return await show(request, staff, "same.html", see, here="roster")


sure = page(_sure)


async def _act(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """给关联码, 解除, 同一个人: the other row's number comes with the form."""
    ident, verb = ident_of(request), str(request.path_params["verb"])
    if verb not in ACTIONS:
        raise Problem(404, "error.not_found")

    def see(view: View) -> tuple[dict[str, int], str, int]:
        person = _resident(view, ident)
        opening, back = {"resident": person.id}, person.id
        if verb == "part":
            mine = {one.id for one in view.store.people.identities_of(person)}
            given = number(fields.get("identity"))
            opening["identity"] = there(given if given in mine else None)
        elif verb == "same":
            other = _resident(view, number(fields.get("other")))
            opening["other"] = there(other.id if other.id != person.id else None)
            back = other.id if other.in_file else person.id  # whoever is in the file stays
        return opening, view.say(f"person.do_{verb}", name=person.name), back

    opening, words, back = await look(request, staff, see)
    return await act(
        request, staff, fields, ACTIONS[verb], opening, words, f"/console/roster/{back}"
    )


do = action(_act)

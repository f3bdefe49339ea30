"""当面说: what nobody could be told on any channel, by building and door; prints on A4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, number, show, there
from handlers.telling import worth_saying
from storage.models import Outbound, Resident, Sending


@dataclass(frozen=True)
class Said:
    """Words that did not arrive."""

    text: str
    since: str


@dataclass(frozen=True)
class Person:
    id: int
    door: str
    name: str
    phone: str
    elder: bool
    said: list[Said]
    why: list[str]
    rows: str  # ids of what waited when this was drawn, so that nothing else is marked


async def _listed(request: Request, staff: Staff) -> Response:
    return await show(request, staff, "untold.html", _see)


listed = page(_listed)


def _see(view: View) -> Mapping[str, Any]:
    waiting = view.desk.untold(view.person)
    order = {place.id: n for n, place in enumerate(view.store.people.places)}

    def door(pair: tuple[Resident, list[Outbound]]) -> tuple[int, str, str, int]:
        person = pair[0]
        home = order.get(person.home_id or 0, len(order))
        return home, person.unit or "", person.room or "", person.id

    return {"people": [_person(view, *pair) for pair in sorted(waiting, key=door)]}


def _person(view: View, person: Resident, rows: Sequence[Outbound]) -> Person:
    return Person(
        person.id,
        view.desk.home(person),
        person.name,
        person.phone or "",
        person.elder,
        [Said(row.text, view.moment(row.created_at)) for row in worth_saying(rows)],
        list(dict.fromkeys(why(view, row) for row in rows)),
        ",".join(str(row.id) for row in rows),
    )


def why(view: View, row: Outbound) -> str:
    """他在微信公众号 3 天没说过话: why it did not arrive, in plain words."""
    chat = view.store.messages.chat(row.chat_id)
    platform = view.store.messages.platform(row.channel_id)
    name = view.desk.words(view.person).platform(platform)
    if chat is not None and chat.gone:
        return view.say("untold.gone", channel=name)
    if chat is not None and row.status is Sending.WAITING:
        return view.say("untold.window", channel=name, span=view.span(view.now - chat.seen_at))
    return view.say("untold.failed", channel=name)


async def _told(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """我当面说了: what stood on the page under this person."""
    ident = ident_of(request)
    given = {number(part) for part in fields.get("rows", "").split(",")}

    def see(view: View) -> tuple[list[int], str]:
        mine = {person.id: (person, rows) for person, rows in view.desk.untold(view.person)}
        person, rows = there(mine.get(ident))
        found = [row.id for row in rows if row.id in given]
        return there(found or None), view.say("untold.i_told", name=person.name)

    rows, words = await look(request, staff, see)
    return await act(request, staff, fields, "told", {"rows": rows}, words, "/console/untold")


told = action(_told)

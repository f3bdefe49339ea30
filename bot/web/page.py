"""The resident's page: a chat and nothing else. All of it works without JavaScript."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.web import api, entrance, intake, reading, visitors
from bot.web.problem import Problem
from bot.web.site import Door, Site, site_of
from bot.web.view import SHOWN, SHOWN_MORE, Shown, View, duty_line, read_cursor
from bot.web.words import PageWords
from storage import Session, Store
from storage.store import web
from storage.store.web import Visitor

ANSWER_WAIT = 1.5  # seconds a form waits for the answer, so that the page comes back with it
CALLBACK = re.compile(r"[a-z]\d{1,18}(?:\.\d{1,6})?=(\d{1,3})")


async def chat(request: Request) -> Response:
    """The page of one identity; or the way to it."""
    site, door = site_of(request), await intake.door(request)
    visitor = await visitors.by_cookie(request, door, request.query_params.get("as", ""))
    if visitor is None:
        return await entrance.way_in(request, site, door)
    group = intake.group_name(request.query_params.get("group"))
    more = bool(request.query_params.get("more"))
    values = await _values(site, door, visitor, group, SHOWN_MORE if more else SHOWN)
    return site.page("chat.html", values)


async def send(request: Request) -> Response:
    """A message or a pressed choice from the page's forms."""
    site, door = site_of(request), await intake.door(request)
    fields = await intake.form(request)
    visitor = await visitors.by_cookie(request, door, fields.get("as", ""))
    if visitor is None:
        raise Problem(401, "error.token")
    mark = visitors.form_token(site.office.secret, visitor.identity_id)
    if not visitors.same(fields.get("token", ""), mark) or visitors.is_foreign(request):
        raise Problem(403, "error.stale")
    group = intake.group_name(fields.get("group"))
    chat_id = (await reading.group_of(site, door, group))[0] if group else visitor.chat_id
    back = RedirectResponse(f"{visitors.address(door, visitor, group)}#end", 303)
    by_script = "application/json" in request.headers.get("accept", "")
    choice = fields.get("choice")
    if choice is not None:
        pressed = CALLBACK.fullmatch(choice)
        if pressed is None:
            raise Problem(400, "error.choice")
        text = pressed[1]
    elif not by_script and not fields.get("text", "").strip():
        return back
    else:
        text = intake.text(fields.get("text"))
    nonce = intake.client_id(fields.get("id"))
    # The same form sent twice is one message; sent again with other words it is another.
    content = hashlib.sha256(f"{choice}\n{text}\n{group}".encode()).hexdigest()[:16]
    await visitors.allow_message(site, visitor, text)
    seq = await _last_seq(site, visitor, chat_id)
    fresh = await api.take(
        site, door, visitor, f"form:{nonce}:{content}", text, group=group, choice=choice
    )
    site.office.hub.notify([chat_id])
    if by_script:
        return JSONResponse({"accepted": True, "duplicate": not fresh}, 202, api.FRESH)
    if fresh:
        await reading.wait_for(
            site, [chat_id], lambda: reading.heard(site, visitor, chat_id, seq), ANSWER_WAIT
        )
    return back


async def _last_seq(site: Site, visitor: Visitor, chat_id: int) -> int:
    def look(session: Session) -> int:
        rows = web.said_after(session, visitor, chat_id, 0, limit=1, newest=True)
        return rows[0].id if rows else 0

    return await site.read(look)


async def live(request: Request) -> Response:
    """What is new on the page, as ready rows, by server-sent events."""
    site, door = site_of(request), await intake.door(request)
    visitor = await visitors.by_cookie(request, door, request.query_params.get("as", ""))
    if visitor is None:
        raise Problem(401, "error.token")
    group = intake.group_name(request.query_params.get("group"))
    chat = await reading.group_of(site, door, group) if group else (visitor.chat_id, visitor.chat)
    last = request.headers.get("last-event-id") or request.query_params.get("at", "")
    inbound, outbound = read_cursor(last)
    was_open: set[str] | None = None
    was_duty: Markup | None = None

    async def look() -> list[str]:
        nonlocal inbound, outbound, was_open, was_duty

        def new(session: Session) -> tuple[Shown, PageWords, Markup]:
            view = _view(site, session, visitor, chat, group)
            return view.after(inbound, outbound), view.words, _duty(site, view)

        shown, words, duty = await site.read(new)
        inbound, outbound = shown.inbound, shown.outbound
        found = [
            reading.event("row", _row(site, words, line, shown), shown.cursor)
            for line in shown.lines
        ]
        if shown.open != was_open:
            was_open = shown.open
            found.append(reading.event("standing", sorted(shown.open)))
        if duty != was_duty:
            was_duty = duty
            found.append(reading.event("duty", duty))
        return found

    events: AsyncIterator[str] = reading.events(site, [chat[0]], look)
    return StreamingResponse(events, 200, api.STREAM, "text/event-stream")


def _duty(site: Site, view: View) -> Markup:
    """The line about who is on duty; the same for all of one home, so it is remembered."""
    key = (view.visitor.community_id, view.person.home_id, view.words.language)
    known = site.duty_lines.get(key, view.desk.now)
    if known is None:
        known = duty_line(view.desk, view.words, view.person)
        site.duty_lines.put(key, known, view.desk.now)
    return known


def _view(
    site: Site, session: Session, visitor: Visitor, chat: tuple[int, str], group: str | None
) -> View:
    store = Store(session, visitor.community_id)
    desk = site.office.dispatcher.desk(store, site.office.clock())
    person = store.people.resident(visitor.resident_id)
    if person is None:
        raise Problem(401, "error.token")
    words = site.words(person.language or desk.file.language)
    return View(desk, words, visitor, person, chat[0], chat[1], group is not None)


def _row(site: Site, words: PageWords, line: Any, shown: Shown) -> str:
    template = site.templates.get_template("row.html").module
    return str(template.row(line, shown.open, words)).strip()  # type: ignore[attr-defined]


async def _values(
    site: Site, door: Door, visitor: Visitor, group: str | None, limit: int
) -> dict[str, Any]:
    """Everything chat.html shows."""
    chat = await reading.group_of(site, door, group) if group else (visitor.chat_id, visitor.chat)

    def look(session: Session) -> dict[str, Any]:
        view = _view(site, session, visitor, chat, group)
        shown = view.whole(limit)
        groups = [
            g.name for g in view.store.messages.groups() if g.channel_id == door.id and g.name
        ]
        return {
            "w": view.words,
            "community": view.desk.file.shown_name,
            "elder": view.person.elder,
            "duty": _duty(site, view),
            "shown": shown,
            "rows": Markup("\n").join(
                Markup(_row(site, view.words, line, shown)) for line in shown.lines
            ),
            "groups": groups,
        }

    values = await site.read(look)
    return {
        **values,
        "door": door,
        "group": group,
        "identity": visitor.identity_id,
        "form_token": visitors.form_token(site.office.secret, visitor.identity_id),
        "nonce": site.office.code(),
        "tabs": [
            (name, visitors.address(door, visitor, name)) for name in [None, *values["groups"]]
        ],
        "here": visitors.address(door, visitor, group),
        "earlier": visitors.address(door, visitor, group, more="1") if values["shown"].more else "",
        "live": f"/chat/{door.id}/live?"
        + urlencode(
            {"as": visitor.identity_id, "at": values["shown"].cursor}
            | ({"group": group} if group else {})
        ),
    }


routes = [
    Route("/chat/{channel}", chat, methods=["GET"]),
    Route("/chat/{channel}/send", send, methods=["POST"]),
    Route("/chat/{channel}/live", live, methods=["GET"]),
]

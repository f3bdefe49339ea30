"""/api/chat/…: the web channel for programs. contract.md section 2 is its letter."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.adapters.base import Event
from bot.web import intake, reading, visitors
from bot.web.site import Door, Site, site_of
from storage.store.web import Visitor

FRESH = {"Cache-Control": "no-store"}
STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MENTIONS = ("@bot", "@回音", "@机器人", "@huiyin")


async def sessions(request: Request) -> Response:
    site, door = site_of(request), await intake.door(request)
    fields = await intake.json_object(request)
    name = intake.name(fields.get("name"))
    await visitors.allow_session(request)
    visitor, token = await visitors.open_session(site, door, name)
    return JSONResponse({"user": visitor.user, "token": token}, 201, FRESH)


async def send(request: Request) -> Response:
    site, door = site_of(request), await intake.door(request)
    visitor = await visitors.of(request, door)
    fields = await intake.json_object(request)
    ident = intake.client_id(fields.get("id"))
    text = intake.text(fields.get("text"))
    group = intake.group_name(fields.get("group"))
    await visitors.allow_message(site, visitor, text)
    fresh = await take(site, door, visitor, ident, text, group=group)
    return JSONResponse({"accepted": True, "duplicate": not fresh}, 202, FRESH)


async def take(
    site: Site,
    door: Door,
    visitor: Visitor,
    ident: str,
    text: str,
    *,
    group: str | None = None,
    choice: str | None = None,
) -> bool:
    """Stores a message of a visitor; False if it was there already. Raises Unavailable."""
    chat = visitor.chat if group is None else (await reading.group_of(site, door, group))[1]
    event = Event(
        key=f"{visitor.user}:{ident}",
        chat=chat,
        user=visitor.user,
        at=site.office.clock(),
        kind="choice" if choice else "text",
        text=text,
        user_name=visitor.name,
        group=group is not None,
        addressed=group is None or is_addressed(text),
        choice=choice,
    )
    return (await site.office.inbox.take(door.id, [event]))[0]


def is_addressed(text: str) -> bool:
    """Whether words in a group are meant for the bot."""
    plain = text.replace("＠", "@").casefold()
    return any(mention in plain for mention in MENTIONS)


async def _chat(request: Request, site: Site, door: Door, visitor: Visitor) -> int:
    group = intake.group_name(request.query_params.get("group"))
    return visitor.chat_id if group is None else (await reading.group_of(site, door, group))[0]


async def receive(request: Request) -> Response:
    """The long poll."""
    site, door = site_of(request), await intake.door(request)
    visitor = await visitors.of(request, door)
    seq, seconds = intake.after(request), intake.wait(request)
    chat = await _chat(request, site, door, visitor)
    found = await reading.wait_for(
        site, [chat], lambda: reading.heard(site, visitor, chat, seq), seconds
    )
    return JSONResponse({"messages": found}, 200, FRESH)


async def stream(request: Request) -> Response:
    """The same as server-sent events; a browser resumes by Last-Event-ID."""
    site, door = site_of(request), await intake.door(request)
    visitor = await visitors.of(request, door, cookie=True)
    chat = await _chat(request, site, door, visitor)
    seq = intake.after(request)
    last = request.headers.get("last-event-id", "")
    if last.isascii() and last.isdigit() and len(last) < 19:
        seq = max(seq, int(last))

    async def look() -> list[str]:
        nonlocal seq
        found = await reading.heard(site, visitor, chat, seq)
        seq = found[-1]["seq"] if found else seq
        return [reading.event("message", one, one["seq"]) for one in found]

    events: AsyncIterator[str] = reading.events(site, [chat], look)
    return StreamingResponse(events, 200, STREAM, "text/event-stream")


routes = [
    Route("/api/chat/{channel}/sessions", sessions, methods=["POST"]),
    Route("/api/chat/{channel}/messages", send, methods=["POST"]),
    Route("/api/chat/{channel}/messages", receive, methods=["GET"]),
    Route("/api/chat/{channel}/stream", stream, methods=["GET"]),
]

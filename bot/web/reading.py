"""Reads a chat as it grows: now, after a wait, as a stream. Here a committed row is delivered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC
from typing import Any, TypeVar

from bot.web.problem import Problem
from bot.web.site import Door, Site
from storage import Session, Store, Unavailable
from storage.store import web
from storage.store.web import Visitor

T = TypeVar("T")

LOOK_AGAIN = 15.0  # seconds; in one process the hub wakes us, this is the safety net
LOOK_OFTEN = 1.0  # seconds; another process may write, and its hub is not ours
RETRY = 2000  # milliseconds until a browser opens a broken stream again


async def group_of(site: Site, door: Door, name: str) -> tuple[int, str]:
    """Chat id and external id of a web group by its name. Raises Problem 404."""
    now = site.office.clock()
    known = site.groups.get((door.id, name), now)
    if known is None:

        def look(session: Session) -> tuple[int, str] | None:
            chat = Store(session, door.community_id).messages.group_named(door.id, name)
            return (chat.id, chat.external_id) if chat is not None and not chat.gone else None

        known = await site.glances.read(look)
        if known is None:
            raise Problem(404, "error.group")
        site.groups.put((door.id, name), known, now)
    return known


def as_json(row: web.Heard) -> dict[str, Any]:
    """A message as the API shows it. Optional beyond the contract: inline, about."""
    shown: dict[str, Any] = {
        "seq": row.id,
        "id": str(row.id),
        "from": row.sender,
        "text": row.text,
        "choices": [[choice[0], choice[1]] for choice in row.choices],
        "at": row.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    if row.inline:
        shown["inline"] = True
    if row.about:
        shown["about"] = row.about
    return shown


async def heard(site: Site, visitor: Visitor, chat_id: int, seq: int) -> list[dict[str, Any]]:
    """What was said in a chat after `seq`, as JSON."""
    rows = await site.glances.read(
        lambda session: web.heard(session, visitor.community_id, chat_id, seq)
    )
    return [as_json(row) for row in rows]


async def wait_for(
    site: Site, chats: list[int], look: Callable[[], Awaitable[T]], seconds: float
) -> T:
    """The first look that is not empty; an empty one when the time is over or we close."""
    hub = site.office.hub
    listening = hub.listen(chats)
    try:
        end = asyncio.get_running_loop().time() + seconds
        while True:
            found = await look()
            left = end - asyncio.get_running_loop().time()
            if found or left <= 0 or hub.closing:
                return found
            await hub.wait(listening, min(left, pace(site)))
    finally:
        hub.leave(chats, listening)


def pace(site: Site) -> float:
    """How long a reader trusts the hub before it looks for itself."""
    return LOOK_AGAIN if site.office.database.sqlite else LOOK_OFTEN


async def events(
    site: Site, chats: list[int], look: Callable[[], Awaitable[list[str]]]
) -> AsyncIterator[str]:
    """Server-sent events: whatever `look` finds, a sign of life in between, until we close."""
    hub = site.office.hub
    listening = hub.listen(chats)
    quiet = 0.0
    try:
        yield f"retry: {RETRY}\n\n"
        while not hub.closing:
            try:
                found = await look()
            except Unavailable:
                found = []
            for event in found:
                yield event
            quiet = 0.0 if found else quiet
            if not await hub.wait(listening, pace(site)):
                quiet += pace(site)
            if quiet >= LOOK_AGAIN:
                quiet = 0.0
                yield ": 在\n\n"
    finally:
        hub.leave(chats, listening)


def event(name: str, data: object, ident: object = None) -> str:
    """One server-sent event; JSON never holds a bare line end."""
    lead = f"id: {ident}\n" if ident is not None else ""
    return f"{lead}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

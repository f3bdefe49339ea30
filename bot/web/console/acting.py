"""Does something at the console: the very message it would be in the chat, through the inbox."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.adapters.base import Event
from bot.web import intake
from bot.web.console.entry import Staff
from bot.web.problem import Problem
from bot.web.site import Site, site_of
from storage import Session, Store
from storage.store.claims import claim
from storage.store.loading import settle_in

WAIT = 2.0  # seconds a form waits for its answer, so that the page comes back with it
LOOK = 0.1  # seconds between looks; the hub wakes us only for what is said in this chat

Spot = tuple[str, str, str, int]  # channel, the chat's and the user's external ids, chat id


async def act(
    request: Request,
    staff: Staff,
    fields: dict[str, str],
    matter: str,
    opening: dict[str, Any],
    words: str,
    back: str,
) -> Response:
    """Starts a matter as this person. The same form sent twice is one message.

    `words` is how it reads in their chat; `back` the page that shows the answer.
    """
    site = site_of(request)
    nonce = intake.client_id(fields.get("nonce"))
    content = json.dumps([matter, opening], ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
    key = f"console:{staff.id}:{nonce}:{digest}"
    channel, chat, user, chat_id = await spot_of(site, staff)
    event = Event(
        key=key,
        chat=chat,
        user=user,
        at=site.office.clock(),
        kind="console",
        text=words,
        extra={"matter": matter, "opening": opening},
    )
    await site.office.inbox.take(channel, [event])
    ident = await _handled(site, staff, channel, key, chat_id)
    mark = "&" if "?" in back else "?"
    return RedirectResponse(f"{back}{mark}said={ident}#said", 303)


async def _handled(site: Site, staff: Staff, channel: str, key: str, chat_id: int) -> int:
    """The message's id, once it is handled or we have waited long enough."""

    def find(session: Session) -> tuple[int, bool]:
        row = Store(session, staff.community_id).messages.inbound_keyed(channel, key)
        return (row.id, row.handled_at is not None) if row is not None else (0, True)

    hub = site.office.hub
    listening = hub.listen([chat_id])
    loop = asyncio.get_running_loop()
    end = loop.time() + WAIT
    try:
        while True:
            ident, handled = await site.read(find)
            if handled or loop.time() >= end or hub.closing:
                return ident
            await hub.wait(listening, LOOK)
    finally:
        hub.leave([chat_id], listening)


async def spot_of(site: Site, staff: Staff) -> Spot:
    """Where this person speaks from: their web chat, made if there is none.

    A new one counts as never used, so that answers to others still go where they read.
    """
    found = await site.read(lambda session: _find(Store(session, staff.community_id), staff))
    if found is None:
        found = await site.write(lambda session: _make(session, staff))
    if found is None:
        raise Problem(503, "console.no_chat")
    return found


def _find(store: Store, staff: Staff) -> Spot | None:
    person = store.people.resident(staff.id)
    if person is None:
        return None
    platform = {channel.id: channel.platform for channel in store.messages.channels()}
    chats = store.messages.chats_of(person)
    if "web" in platform.values():
        chats = [chat for chat in chats if platform[chat.channel_id] == "web"]
    keys = {(one.channel_id, one.external_id) for one in store.people.identities_of(person)}
    for chat in chats:
        if (chat.channel_id, chat.external_id) in keys:
            return chat.channel_id, chat.external_id, chat.external_id, chat.id
    return None


def _make(session: Session, staff: Staff) -> Spot | None:
    claim(session, staff.community_id)
    store = Store(session, staff.community_id)
    person = store.people.resident(staff.id)
    web = next((c for c in store.messages.channels() if c.platform == "web"), None)
    if person is None or web is None:
        return None
    found = _find(store, staff)
    if found is None:
        before = person.created_at - timedelta(days=1)  # earlier than any chat they really use
        settle_in(store, person, web.id, f"console-{person.id}", before)
        found = _find(store, staff)
    return found

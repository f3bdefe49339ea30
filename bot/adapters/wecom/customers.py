"""Residents on WeChat: 微信客服, pulled and answered, and 客户群群发, which a member lets go."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from bot.adapters.base import Event, Fail, Malformed, Out, Refused, Sent, with_lines
from bot.adapters.tencent import field
from bot.adapters.wecom.errors import Api
from bot.adapters.wecom.events import KF, PREFIX, from_customer

log = logging.getLogger("huiyin.wecom")

WAIT = 60.0  # seconds between two looks when no event has told us to look
PAGE = 200  # messages at once
TOKEN_LASTS = timedelta(minutes=10)  # of an event; with it we may look as often as there is need
MSGID = re.compile(r"[0-9a-zA-Z_-]{1,32}")
SCENE = "code"  # without a scene of its own a link carries no scene_param
MENU_HEAD, MENU_LABEL, MENU_MOST = 1024, 128, 10  # bytes, bytes, items
MENU_ID = 128  # bytes
SENT = 2  # `status` of get_groupmsg_task; 0 waits
STILL_WAITS = (Fail.RETRY, Fail.THROTTLED, Fail.CONFIG)  # they tell nothing of the draft


class Customers:
    """One 客服 account. An event only says that there is something; `poll` fetches it."""

    def __init__(self, api: Api, open_kfid: str, clock: Callable[[], datetime]) -> None:
        self.open_kfid = open_kfid
        self._api, self._clock = api, clock
        self._told = asyncio.Event()
        self._told.set()  # whatever came while we were away
        self._token, self._until = "", clock()
        self._read: str | None = None  # the cursor that was last given out

    def told(self, fields: Mapping[str, Any]) -> None:
        """An event came: `poll` need not wait."""
        if field(fields, "OpenKfId") in ("", self.open_kfid):
            self._token, self._until = field(fields, "Token"), self._clock() + TOKEN_LASTS
            self._told.set()

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        """A page after `cursor`. Waits until an event has come, or WAIT; Raises Refused."""
        if cursor == self._read:  # else what we gave was not kept: it is fetched again at once
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), WAIT)
        self._told.clear()
        try:
            answer = await self._sync(cursor)
        except Refused:
            self._told.set()
            raise
        new = field(answer, "next_cursor") or cursor
        rows = answer.get("msg_list")
        events = _events(rows if isinstance(rows, list) else [])
        if answer.get("has_more") == 1 and new != cursor:
            self._told.set()
        self._read = new
        return events, new if events or new != cursor else None

    async def _sync(self, cursor: str | None) -> dict[str, Any]:
        body: dict[str, Any] = {"open_kfid": self.open_kfid, "limit": PAGE, "voice_format": 0}
        if cursor:
            body["cursor"] = cursor
        if self._token and self._clock() < self._until:
            body["token"], self._token = self._token, ""
        return await self._api.call("/cgi-bin/kf/sync_msg", body)

    async def link(self, scene: str) -> str:
        """An address that opens a chat with us; who comes by it brings `scene`. Raises Refused."""
        body = {"open_kfid": self.open_kfid, "scene": SCENE}
        url = field(await self._api.call("/cgi-bin/kf/add_contact_way", body), "url")
        return f"{url}{'&' if '?' in url else '?'}scene_param={quote(scene, safe='')}"

    async def send(self, out: Out, text: str) -> Sent:
        """With a welcome code it answers that event, else it goes into the conversation."""
        body = _content(out, text)
        if out.key:
            plain = MSGID.fullmatch(out.key)
            digest = hashlib.sha256(out.key.encode(errors="replace")).hexdigest()[:32]
            body["msgid"] = out.key if plain else digest
        if out.token:
            path = "/cgi-bin/kf/send_msg_on_event"
            body["code"] = out.token
        else:
            path = "/cgi-bin/kf/send_msg"
            body |= {"touser": out.chat.removeprefix(KF), "open_kfid": self.open_kfid}
        answer = await self._api.call(path, body)
        ident = field(answer, "msgid") or str(body.get("msgid", ""))
        return Sent(ids=[ident] if ident else [])


def _events(rows: Sequence[object]) -> list[Event]:
    """A row nobody can read does not hold up those that follow."""
    found = []
    for row in rows:
        try:
            event = from_customer(row)
        except (Malformed, OverflowError) as error:
            log.warning("a 微信客服 message was skipped: %s", error)
            continue
        if event is not None:
            found.append(event)
    return found


def _content(out: Out, text: str) -> dict[str, Any]:
    """A menu whose items begin with their digits where it holds them, else lines to answer."""
    items = [(f"{digit}. {label}", PREFIX + callback) for digit, label, callback in out.choices]
    fits = (
        0 < len(items) <= MENU_MOST
        and not out.inline
        and len(text.encode()) <= MENU_HEAD
        and all(len(i.encode()) <= MENU_ID and len(w.encode()) <= MENU_LABEL for w, i in items)
    )
    if not fits:
        lines = with_lines(text, [] if out.inline else out.choices)
        return {"msgtype": "text", "text": {"content": lines}}
    clicks = [{"type": "click", "click": {"id": ident, "content": words}} for words, ident in items]
    return {"msgtype": "msgmenu", "msgmenu": {"head_content": text, "list": clicks}}


async def draft(api: Api, text: str, userid: str) -> Sent:
    """群发 to a member's customer groups: nobody gets it until that member lets it go."""
    body = {"chat_type": "group", "sender": userid, "text": {"content": text}}
    answer = await api.call("/cgi-bin/externalcontact/add_msg_template", body)
    ident = field(answer, "msgid")
    if not ident:  # nobody to send it to
        return Sent(fail=Fail.REJECTED, detail="no draft was made")
    return Sent(ids=[ident], handed=True)


async def drafted(api: Api, ident: str) -> Sent | None:
    """Whether a draft was let go; None while it waits, or while that cannot be asked."""
    try:
        answer = await api.call("/cgi-bin/externalcontact/get_groupmsg_task", {"msgid": ident})
    except Refused as error:
        return None if error.sent.fail in STILL_WAITS else error.sent
    rows = answer.get("task_list")
    tasks = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if any(row.get("status") == SENT for row in tasks):
        return Sent(ids=[ident])
    return None

"""QQ's official bots (v2): signed webhooks in; out, answers while a message's leave lasts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.adapters import base
from bot.adapters.base import Event, Fail, Leave, Malformed, Opened, Sent, words_in
from bot.adapters.tencent import Api

if TYPE_CHECKING:
    from bot.platforms import Tools

KEYS = base.Keys(frozenset({"app_id", "secret"}), frozenset({"api_base", "auth_base"}))
MESSAGES = {"C2C_MESSAGE_CREATE": 60, "GROUP_AT_MESSAGE_CREATE": 5}  # minutes to answer it in
MOVES = {"FRIEND_ADD": "joined", "GROUP_ADD_ROBOT": "joined"}
MOVES |= {"FRIEND_DEL": "left", "GROUP_DEL_ROBOT": "left"}
KINDS = {"image": "photo", "voice": "voice", "audio": "voice", "video": "video"}
TOKEN = (11241, 11242, 11243, 11244)  # it is not taken (any more)
FAILS = dict.fromkeys(TOKEN, Fail.CONFIG) | {22009: Fail.THROTTLED, 40054005: Fail.RETRY}
FAILS |= dict.fromkeys([*range(40034024, 40034029), 40034102], Fail.WINDOW)  # an old msg_id, none


class QQ(base.Adapter):
    """One bot. Chats are "u:<openid>", and "g:<group>" where only what is said to it comes."""

    caps = base.Caps(text_max=1800, buttons=False, initiate="grant")

    def __init__(self, row: Mapping[str, Any], tools: Tools) -> None:
        self.channel_id, self._clock = str(row["id"]), tools.clock
        self._app, self._secret = row["app_id"], tools.secret(row["secret"])
        self._key = Ed25519PrivateKey.from_private_bytes((self._secret * 32).encode()[:32])
        self._theirs = self._key.public_key()
        self._auth = row.get("auth_base", "https://bots.qq.com").rstrip("/")
        self._api = Api(
            row.get("api_base", "https://api.sgroup.qq.com"),
            tools.clock,
            self._get_token,
            lambda code: FAILS.get(code, Fail.REJECTED if code > 100_000 else Fail.RETRY),
            bearer="QQBot",
            code="code",
            stale=TOKEN,
        )

    async def open(self, request: base.Request) -> Opened:
        stamp = request.headers.get("x-signature-timestamp", "")
        try:
            given = bytes.fromhex(request.headers.get("x-signature-ed25519", ""))
            self._theirs.verify(given, stamp.encode() + request.body)
        except (ValueError, InvalidSignature):
            raise base.Forbidden("signature") from None
        try:
            call = json.loads(request.body)
            if not isinstance(call, dict) or call.get("op") != 13:
                return Opened(translate(call, self._clock()), 200, '{"op":12}', "application/json")
            # Our address is checked. Were it answered unsigned, we would sign for anybody.
            plain = words_in(call, "d", "plain_token")
            proof = self._key.sign(f"{words_in(call, 'd', 'event_ts')}{plain}".encode()).hex()
        except (ValueError, TypeError, RecursionError):
            raise Malformed("this is not a call of QQ's") from None
        said = json.dumps({"plain_token": plain, "signature": proof})
        return Opened((), 200, said, "application/json")

    async def send(self, out: base.Out) -> Sent:
        kind, _, openid = out.chat.partition(":")
        path = f"/v2/{'groups' if kind == 'g' else 'users'}/{quote(openid, safe='')}/messages"
        body = {"content": out.signed(), "msg_type": 0, "msg_id": out.token, "msg_seq": out.nth}
        return await self._api.sent(path, body, "id")

    async def _get_token(self, api: Api) -> tuple[str, float]:
        asked = {"appId": self._app, "clientSecret": self._secret}
        found = await api.ask("POST", f"{self._auth}/app/getAppAccessToken", json=asked)
        return str(found["access_token"]), float(found["expires_in"])

    def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        return self._api.read(str(extra.get("url")), most)

    async def setup(self) -> None:  # our address is entered in QQ's own console
        await self._api.ready()

    async def close(self) -> None:
        await self._api.close()


make = QQ


def translate(call: Any, now: datetime) -> list[Event]:
    """What a dispatch means to us, each attachment an event of its own. Raises Malformed."""
    name = words_in(call, "t")
    group = name.startswith("GROUP")
    if name in MESSAGES:
        user = words_in(call, "d", "author", "member_openid" if group else "user_openid")
    elif name in MOVES:
        user = words_in(call, "d", "op_member_openid" if group else "openid")
    else:
        return []
    chat = f"g:{words_in(call, 'd', 'group_openid')}" if group else f"u:{user}"
    if name in MOVES:
        key, deaf = words_in(call, "id"), {"heard": False} if group else {}
        return [Event(key, chat, user, now, MOVES[name], group=group, extra=deaf)]
    key, files = words_in(call, "d", "id"), call["d"].get("attachments") or []
    leave = Leave(until=now + timedelta(minutes=MESSAGES[name]), left=5, token=key)
    text = str(call["d"].get("content") or "").strip().removeprefix("/")
    event = Event(key, chat, user, now, text=text, group=group, leaves=[leave])
    events = [event] if text or not files else []
    for nth, file in enumerate(files):
        mime, url = words_in(file, "content_type"), words_in(file, "url")
        kind, extra = KINDS.get(mime.partition("/")[0], "file"), {"mime": mime, "url": url}
        events.append(replace(event, key=f"{key}:{nth}", kind=kind, text="", extra=extra))
    return events

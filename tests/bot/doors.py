"""What is to be known of each platform to knock at its door: payloads, and how they are signed.

A new platform is one entry of DOORS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import httpx

from bot import platforms
from bot.adapters.base import Adapter, Request
from bot.adapters.telegram import Telegram
from bot.adapters.telegram.events import Me
from bot.platforms import Tools
from tests.bot import (
    qq_double,
    test_qq,
    test_wechat_events,
    test_wecom_events,
    wechat_double,
    wecom_double,
)
from tests.bot import test_telegram_events as telegram
from tests.bot.mutating import Mutation, again, in_json, in_xml, mutate
from tests.bot.telegram_double import TOKEN

TELEGRAM_SECRET = "s3cret-of-the-hook"


def _made(row: Mapping[str, Any], tools: Tools) -> Adapter:
    found = platforms.make(row, tools)
    assert found is not None
    return found


@dataclass(frozen=True)
class Door:
    """How one platform calls us. `sign` dresses a payload as the platform would.

    `headers` and `query` are what the signature rests on: where any of them is another, the call
    is not signed; `body` makes the body so, where it is signed.
    """

    row: Mapping[str, Any]
    payloads: Sequence[bytes]
    sign: Callable[[bytes, Random], Request]
    structure: Mutation = in_json
    headers: Sequence[str] = ()
    query: Sequence[str] = ()
    body: Mutation | None = None
    adapter: Callable[[Mapping[str, Any], Tools], Adapter] = _made

    def call(self, dice: Random, signed: bool) -> Request:
        """A mutated call. What is not signed was signed before it was touched, mostly."""
        payload = mutate(dice.choice(self.payloads), self.structure, dice)
        request = _dressed(self.sign(payload, dice), dice)
        if signed:
            return request
        request = self.spoil(request, dice)
        return replace(request, method="GET") if dice.random() < 0.05 else request

    def spoil(self, request: Request, dice: Random) -> Request:
        named = [("headers", name) for name in self.headers]
        named += [("query", name) for name in self.query]
        if self.body is not None and dice.random() < 0.4:
            return replace(request, body=self.body(request.body, dice))
        gone = dice.random() < 0.2  # all of it
        for kind, name in named if gone else [dice.choice(named)]:
            values = dict(getattr(request, kind))
            before = values.pop(name, "")
            if not gone and dice.random() < 0.8:
                values[name] = _other(before, dice)
            request = replace(request, **{kind: values})  # type: ignore[arg-type]
        return request


def _another(body: bytes, dice: Random) -> bytes:
    changed = again(body, in_json, dice)
    return changed if changed != body else body + b" "


def _other(value: str, dice: Random) -> str:
    """Another value than this one, and no other way to write it."""
    at = dice.randrange(len(value)) if value else 0
    changed = value[:at] + ("1" if value[at : at + 1] == "0" else "0") + value[at + 1 :]
    return dice.choice((changed, value[:-1], value + "0", "0" * len(value) + "1", "x", "你好\x00"))


def _dressed(request: Request, dice: Random) -> Request:
    """With headers and a query that are none of the signature's."""
    headers, query = dict(request.headers), dict(request.query)
    if dice.random() < 0.2:
        kinds = ("text/html", "application/json; charset=utf-7", "multipart/form-data", "")
        headers["content-type"] = dice.choice(kinds)
    if dice.random() < 0.1:
        headers[dice.choice(("x-forwarded-for", "accept-language", "accept"))] = "text/html, \xff"
    if dice.random() < 0.1:
        query[dice.choice(("a", "openid", "\x00", "x" * 300))] = dice.choice(("", "%", "\n", "好"))
    return replace(request, headers=headers, query=query)


# Telegram: a secret in a header


def _telegram(row: Mapping[str, Any], tools: Tools) -> Telegram:
    """An adapter whose own requests end here."""

    def answer(request: httpx.Request) -> httpx.Response:
        user = {"id": 123456, "is_bot": True, "first_name": "回音"}
        member: Any = {"status": "member", "user": user}
        asked = request.url.path.rpartition("/")[2]
        return httpx.Response(
            200, json={"ok": True, "result": member if asked == "getChatMember" else True}
        )

    found = Telegram(
        row["id"],
        row["token"],
        clock=tools.clock,
        receive="webhook",
        secret=row["secret"],
        http={"httpx_kwargs": {"transport": httpx.MockTransport(answer)}},
    )
    found.me = Me(123456, "huiyin_bot")
    return found


def _updates() -> list[bytes]:
    chats: list[dict[str, Any]] = [
        {"message": telegram.message(chat, **fields)} for chat, fields, *_ in telegram.TEXTS
    ]
    chats += [{"message": telegram.message(**fields)} for fields, *_ in telegram.KINDS]
    chats += telegram.NOTHING
    chats += [telegram.change(*row[:3]) for row in telegram.MEMBERSHIPS]
    query = {"id": "77", "from": telegram.WANG, "chat_instance": "c", "data": "v1:q12=1"}
    pressed = telegram.message(telegram.GROUP, telegram.BOT, text="1 对")
    chats.append({"callback_query": {**query, "message": pressed}})
    chats.append({"edited_message": telegram.message(text="改", edit_date=1795395700)})
    return [json.dumps({"update_id": n, **each}).encode() for n, each in enumerate(chats, 9000)]


def _with_secret(payload: bytes, _dice: Random) -> Request:
    return Request("POST", {"x-telegram-bot-api-secret-token": TELEGRAM_SECRET}, {}, payload)


# QQ: Ed25519 over the time and the body


def _calls() -> list[bytes]:
    asked = {"op": 13, "d": {"plain_token": "Arq0D5A61EgUu4OxUvOp", "event_ts": "1725442341"}}
    return [json.dumps(call).encode() for call in (asked, *(call for call, _ in test_qq.PAYLOADS))]


def _by_key(payload: bytes, dice: Random) -> Request:
    stamp = str(dice.randrange(2**32))
    return Request("POST", qq_double.sign(payload, stamp=stamp), {}, payload)


# 公众号 and 企业微信: what is sealed is signed; without a key the time alone, in the query


def _sealed(owner: str, key: str, token: str) -> Callable[[bytes, Random], Request]:
    def sign(payload: bytes, dice: Random) -> Request:
        words = payload.decode("utf-8", "replace").encode()  # nothing else is ever sealed
        stamp, nonce = str(dice.randrange(2**32)), str(dice.randrange(2**32))
        inside = wechat_double.seal(words, owner, key)
        proof = wechat_double.sha1(token, stamp, nonce, inside)
        query = {"timestamp": stamp, "nonce": nonce, "msg_signature": proof}
        body = wechat_double.xml(ToUserName="gh_1", Encrypt=inside)
        return Request("POST", {"content-type": "text/xml"}, query, body.encode())

    return sign


def _unsealed(body: bytes, dice: Random) -> bytes:
    """The envelope empty, gone, torn, or what is in it another's."""
    start = body.index(b"<Encrypt><![CDATA[") + len(b"<Encrypt><![CDATA[")
    end = body.index(b"]]>", start)
    at = dice.randrange(start, end)
    torn = body[:at] + (b"A" if body[at : at + 1] != b"A" else b"B") + body[at + 1 :]
    plain = dice.choice(_PLAIN).encode()
    return dice.choice(
        (
            torn,
            torn,
            body[:start] + body[end:],
            body.replace(b"Encrypt", b"encrypt"),
            body[:at],
            body[:start] + plain + body[end:],
            plain,
        )
    )


def _by_time(payload: bytes, dice: Random) -> Request:
    return wechat_double.post(payload, timestamp=str(dice.randrange(2**32)), nonce="n")


_PLAIN = [body for _, body, _ in test_wechat_events.TABLE]
_MEMBERS = [body for body, *_ in test_wecom_events.MESSAGES]
_SEALED = ("msg_signature", "timestamp", "nonce")
ACCOUNT = {
    "id": "gzh",
    "platform": "wechat",
    "account": "service",
    "verified": True,
    "app_id": wechat_double.APP_ID,
    "app_secret": wechat_double.SECRET,
    "token": wechat_double.TOKEN,
    "api_base": "http://127.0.0.1:1",
}
COMPANY = {
    "id": "qw",
    "platform": "wecom",
    "corp_id": wecom_double.CORP,
    "agent_id": wecom_double.AGENT,
    "secret": wecom_double.SECRET,
    "token": wecom_double.TOKEN,
    "aes_key": wecom_double.AES_KEY,
    "api_base": "http://127.0.0.1:1",
}


DOORS: dict[str, Door] = {
    "telegram": Door(
        {
            "id": "tg",
            "platform": "telegram",
            "token": TOKEN,
            "receive": "webhook",
            "secret": TELEGRAM_SECRET,
        },
        _updates(),
        _with_secret,
        headers=("x-telegram-bot-api-secret-token",),
        adapter=_telegram,
    ),
    "qq": Door(
        test_qq.row(), _calls(), _by_key, headers=("x-signature-ed25519", "x-signature-timestamp")
    ),
    "wechat": Door(
        {**ACCOUNT, "aes_key": wechat_double.AES_KEY},
        [body.encode() for body in _PLAIN],
        _sealed(wechat_double.APP_ID, wechat_double.AES_KEY, wechat_double.TOKEN),
        in_xml,
        query=_SEALED,
        body=_unsealed,
    ),
    "wechat-plain": Door(
        ACCOUNT,
        [body.encode() for body in _PLAIN],
        _by_time,
        in_xml,
        query=("signature", "timestamp", "nonce"),
    ),
    "wecom": Door(
        COMPANY,
        [body.encode() for body in _MEMBERS],
        _sealed(wecom_double.CORP, wecom_double.AES_KEY, wecom_double.TOKEN),
        in_xml,
        query=_SEALED,
        body=_unsealed,
    ),
}

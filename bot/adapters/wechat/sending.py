"""What leaves: each Out as the body of a call. Pure, but for the time a template shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from bot.adapters.base import Out
from bot.adapters.tencent import cdata
from bot.adapters.wechat.events import EVERYBODY, PREFIX

CUSTOM, TEMPLATE, MASS = (
    "/cgi-bin/message/custom/send",
    "/cgi-bin/message/subscribe/bizsend",
    "/cgi-bin/message/mass/sendall",
)
TAGGED = "@tag:"  # the chat of followers with a tag, by its id
THING_MAX = 20  # characters a template's field of the kind "thing" takes
CHINA = timezone(timedelta(hours=8))  # the platform's own, whatever a community's is


def to_all(chat: str) -> bool:
    """Whether a chat is not one follower but all of them, or all with a tag."""
    return chat == EVERYBODY or chat.startswith(TAGGED)


def words(out: Out) -> str:
    """Everything as text: who speaks, what, and the digits to answer with."""
    return out.plain() if out.sender == "bot" else f"{out.sender}：\n{out.plain()}"


def custom(out: Out) -> dict[str, Any]:
    """客服消息. Choices may be tapped, and read the same as where they can only be typed."""
    if not out.choices or out.inline:
        return {"touser": out.chat, "msgtype": "text", "text": {"content": words(out)}}
    head = out.text if out.sender == "bot" else f"{out.sender}：\n{out.text}"
    listed = [
        {"id": PREFIX + callback, "content": f"{digit}. {label}"}
        for digit, label, callback in out.choices
    ]
    menu = {"head_content": head, "list": listed, "tail_content": ""}
    return {"touser": out.chat, "msgtype": "msgmenu", "msgmenu": menu}


def mass(out: Out, channel_id: str) -> dict[str, Any]:
    """群发. Its key is the same on each try, so that Tencent knows a repeat."""
    tag = out.chat.removeprefix(TAGGED)
    which: dict[str, Any] = {"is_to_all": out.chat == EVERYBODY}
    if out.chat != EVERYBODY:
        which["tag_id"] = int(tag) if tag.isascii() and tag.isdigit() else 0
    body = {"filter": which, "msgtype": "text", "text": {"content": words(out)}}
    if out.key:
        told = "\n".join((channel_id, out.key, out.text))
        body["clientmsgid"] = hashlib.sha256(told.encode(errors="replace")).hexdigest()[:32]
    return body


def knock(out: Out, fields: tuple[str, str], now: datetime) -> tuple[dict[str, Any], bool]:
    """订阅通知 by the template in `out.token`, and whether all of the words were in it."""
    text, time = fields
    line = " ".join(words(out).split())
    whole = len(line) <= THING_MAX and not out.choices
    shown = line if len(line) <= THING_MAX else line[: THING_MAX - 1] + "…"
    data = {text: {"value": shown}}
    if time:
        local = now.astimezone(CHINA)
        data[time] = {"value": f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"}
    return {"touser": out.chat, "template_id": out.token, "data": data}, whole


def passive(fields: Mapping[str, str], text: str, now: datetime) -> str:
    """The answer within their own request, as XML. `fields` are those of what came."""
    to, ours = cdata(fields["FromUserName"]), cdata(fields["ToUserName"])
    return (
        f"<xml><ToUserName><![CDATA[{to}]]></ToUserName>"
        f"<FromUserName><![CDATA[{ours}]]></FromUserName>"
        f"<CreateTime>{int(now.timestamp())}</CreateTime>"
        "<MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{cdata(text)}]]></Content></xml>"
    )


def ids(answer: Mapping[str, Any]) -> list[str]:
    """The id Tencent gave what we sent, where it gave one."""
    return [str(answer[name]) for name in ("msg_id", "msgid") if answer.get(name)]

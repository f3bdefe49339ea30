"""A callback's fields as Events: pure translation, nothing is asked or answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.adapters.base import Event, Leave, Malformed
from bot.adapters.tencent import field

PREFIX = "v1:"  # of what a tap in a message carries: those of others are not taken for ours
EVERYBODY = "@all"  # the chat of all followers
WORDS = {  # keys of our menu, and the word each stands for
    "report": "报修",
    "help": "求助",
    "human": "人工",
    "safe": "平安",
    "mine": "我的诉求",
    "data": "我的资料",
    "menu": "菜单",
}
START = "菜单"
# What an account may send, by what somebody did: 5 within 48 hours of a message, 3 within a minute
# of a tap, a scan or following. A tap in a message counts as one in the menu.
MESSAGE_LASTS, MESSAGE_LEFT = timedelta(hours=48), 5
TAP_LASTS, TAP_LEFT = timedelta(minutes=1), 3
ID_MAX = 128  # characters; an openid has 28
KEY_MAX = 200
MEDIA = {
    "image": ("photo", "image/jpeg"),
    "video": ("video", "video/mp4"),
    "shortvideo": ("video", "video/mp4"),
}

_Said = dict[str, Any]  # fields of an Event; "part" tells it from others of the same callback


def translate(fields: Mapping[str, Any], now: datetime, *, grants: bool) -> list[Event]:
    """What a callback means to us; nothing for what is no matter of ours. Raises Malformed.

    `grants`: of an account that may write by itself, by the leave that each message gives.
    """
    who, kind = field(fields, "FromUserName"), field(fields, "MsgType").lower()
    if not who or not kind or len(who) > ID_MAX:
        raise Malformed("FromUserName and MsgType are missing")
    said: Iterable[_Said]
    said = _happened(fields, now) if kind == "event" else (_message(kind, fields, now),)
    key, at = _key(fields, who), _when(fields, now)
    events = []
    for found in said:
        if not grants:
            found.pop("leaves", None)
        part = found.pop("part", "")
        own = f"{key}:{part}" if part else key
        if len(own) > KEY_MAX:
            own = hashlib.sha256(own.encode()).hexdigest()
        chat = found.pop("chat", who)
        events.append(Event(key=own, chat=chat, user=who, at=at, **found))
    return events


def waited_for(event: Event) -> bool:
    """Whether the platform shows its follower what we answer to this in the same request."""
    return event.kind not in ("left", "receipt")


def _key(fields: Mapping[str, Any], who: str) -> str:
    """What makes a repeat a repeat. Events have no id of their own."""
    names = ("CreateTime", "Event", "EventKey", "MsgID")
    return field(fields, "MsgId") or ":".join([who, *(field(fields, name) for name in names)])


def _when(fields: Mapping[str, Any], now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(field(fields, "CreateTime")), UTC)
    except (ValueError, OverflowError, OSError):
        return now


def _message(kind: str, fields: Mapping[str, Any], now: datetime) -> _Said:
    leaves = (Leave("message", now + MESSAGE_LASTS, MESSAGE_LEFT),)
    if kind == "text":
        text, tapped = field(fields, "Content"), field(fields, "bizmsgmenuid")
        if not tapped:
            return {"text": text, "leaves": leaves}
        if not tapped.startswith(PREFIX):
            return {"text": text, "leaves": _tap(now)}
        choice = tapped.removeprefix(PREFIX)
        return {"kind": "choice", "choice": choice, "leaves": _tap(now)}
    return {**_other(kind, fields), "leaves": leaves}


def _other(kind: str, fields: Mapping[str, Any]) -> _Said:
    """What is not typed."""
    if kind == "voice":
        mime = f"audio/{field(fields, 'Format') or 'amr'}"
        extra = {"media_id": field(fields, "MediaId"), "mime": mime}
        heard = field(fields, "Recognition").strip()  # often empty: it is being given up
        return {"text": heard, "extra": extra} if heard else {"kind": kind, "extra": extra}
    if kind in MEDIA:
        ours, mime = MEDIA[kind]
        return {"kind": ours, "extra": {"media_id": field(fields, "MediaId"), "mime": mime}}
    if kind == "location":
        spot = {"lat": field(fields, "Location_X"), "lon": field(fields, "Location_Y")}
        return {"kind": kind, "text": field(fields, "Label"), "extra": _numbers(spot)}
    if kind == "link":
        words = [field(fields, "Title"), field(fields, "Url")]
        return {"text": "\n".join(word for word in words if word)}
    if kind == "file":  # of which we are told, but which cannot be had
        return {"kind": kind, "extra": {"file_name": field(fields, "Title")}}
    return {"kind": "other"}


def _numbers(found: Mapping[str, str]) -> dict[str, Any]:
    """All of them as numbers, or none."""
    try:
        numbers = {name: float(value) for name, value in found.items()}
    except ValueError:
        return {}
    return numbers if all(abs(number) <= 180 for number in numbers.values()) else {}


def _tap(now: datetime) -> Sequence[Leave]:
    return (Leave("tap", now + TAP_LASTS, TAP_LEFT),)


def _happened(fields: Mapping[str, Any], now: datetime) -> Iterator[_Said]:
    name, key = field(fields, "Event").lower(), field(fields, "EventKey")
    if name == "subscribe":
        scene = key.removeprefix("qrscene_") if key.startswith("qrscene_") else ""
        yield {"kind": "joined", "extra": {"scene": scene} if scene else {}, "leaves": _tap(now)}
    elif name == "unsubscribe":
        yield {"kind": "left"}
    elif name == "scan":
        yield {"kind": "start", "extra": {"scene": key}, "leaves": _tap(now)}
    elif name == "click":
        yield {"text": WORDS.get(key, START), "leaves": _tap(now)}
    elif name == "scancode_waitmsg":
        scanned = field(_inside(fields, "ScanCodeInfo"), "ScanResult")
        yield {"kind": "start", "extra": {"scene": scanned}, "leaves": _tap(now)}
    else:
        yield from _told(name, fields)


def _told(name: str, fields: Mapping[str, Any]) -> Iterator[_Said]:
    """What nobody waits for an answer to: consents, and how our messages fared."""
    if name in ("subscribe_msg_popup_event", "subscribe_msg_change_event"):
        asked = "popup" in name
        where = "SubscribeMsgPopupEvent" if asked else "SubscribeMsgChangeEvent"
        leaves = tuple(_consents(_rows(_inside(fields, where)), asked))
        if leaves:
            yield {"kind": "receipt", "leaves": leaves}
    elif name == "subscribe_msg_sent_event":
        for row in _rows(_inside(fields, "SubscribeMsgSentEvent")):
            ident = field(row, "MsgID")
            fail = None if field(row, "ErrorCode") in ("", "0") else "rejected"
            yield {**_receipt(ident, fail), "part": ident}
    elif name == "templatesendjobfinish":
        status = field(fields, "Status").lower()
        fail = None if status == "success" else "gone" if "user block" in status else "rejected"
        yield _receipt(field(fields, "MsgID"), fail)
    elif name == "masssendjobfinish":
        status = field(fields, "Status").lower()
        sent, errors = _count(fields, "SentCount"), _count(fields, "ErrorCount")
        fail = None if sent or status in ("sendsuccess", "send success") else "rejected"
        found = _receipt(field(fields, "MsgID"), fail, sent=sent, errors=errors)
        yield {**found, "chat": EVERYBODY, "group": True, "addressed": False}


def _receipt(ident: str, fail: str | None, **counted: int) -> _Said:
    """How one of our messages fared. `fail` is None, "gone" or "rejected"."""
    return {"kind": "receipt", "extra": {"message_id": ident, "fail": fail, **counted}}


def _consents(rows: Sequence[Mapping[str, Any]], asked: bool) -> Iterator[Leave]:
    """Each template somebody takes one message by, when asked; or none any more, unasked."""
    for row in rows:
        template, said = field(row, "TemplateId"), field(row, "SubscribeStatusString").lower()
        if not template:
            continue
        if asked and said == "accept":
            yield Leave(f"template:{template}", left=1, token=template, adds=True)
        elif said == "reject" and not asked:
            yield Leave(f"template:{template}", left=0, token=template)


def _inside(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}


def _rows(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What stands in List: one, or as many as there are."""
    found = fields.get("List")
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if isinstance(row, dict)]


def _count(fields: Mapping[str, Any], name: str) -> int:
    said = field(fields, name)
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else 0

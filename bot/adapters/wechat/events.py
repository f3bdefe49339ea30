"""A callback's fields as Events: pure translation, nothing is asked or answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
MESSAGE, MESSAGE_LASTS = Leave("message", left=5), timedelta(hours=48)
TAP, TAP_LASTS = Leave("tap", left=3), timedelta(minutes=1)
ID_MAX = 128  # characters; an openid has 28
KEY_MAX = 200
MEDIA = {"image": "photo", "voice": "voice", "video": "video", "shortvideo": "video"}


def translate(fields: Mapping[str, Any], now: datetime, *, grants: bool) -> list[Event]:
    """What a callback means to us; nothing for what is no matter of ours. Raises Malformed.

    `grants`: of an account that may write by itself, by the leave that each message gives.
    """
    who, kind = field(fields, "FromUserName"), field(fields, "MsgType").lower()
    if not who or not kind or len(who) > ID_MAX:
        raise Malformed("FromUserName and MsgType are missing")
    plain = Event(key=_key(fields, who), chat=who, user=who, at=_when(fields, now))
    if kind == "event":
        found = list(_happened(plain, fields, now))
    else:
        found = [_message(plain, kind, fields, now)]
    return found if grants else [replace(event, leaves=()) for event in found]


def waited_for(event: Event) -> bool:
    """Whether the platform shows its follower what we answer to this in the same request."""
    return event.kind not in ("left", "receipt")


def _key(fields: Mapping[str, Any], who: str) -> str:
    """What makes a repeat a repeat. Events have no id of their own."""
    key = field(fields, "MsgId")
    if not key:
        names = ("CreateTime", "Event", "EventKey", "MsgID")
        key = ":".join([who, *(field(fields, name) for name in names)])
    return key if len(key) <= KEY_MAX else hashlib.sha256(key.encode()).hexdigest()


def _when(fields: Mapping[str, Any], now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(field(fields, "CreateTime")), UTC)
    except (ValueError, OverflowError, OSError):
        return now


def _message(plain: Event, kind: str, fields: Mapping[str, Any], now: datetime) -> Event:
    event = replace(plain, leaves=(replace(MESSAGE, until=now + MESSAGE_LASTS),))
    if kind == "text":
        tapped = field(fields, "bizmsgmenuid")
        if not tapped:
            return replace(event, text=field(fields, "Content"))
        event = replace(event, leaves=_tap(now), text=field(fields, "Content"))
        if not tapped.startswith(PREFIX):
            return event
        return replace(event, kind="choice", choice=tapped.removeprefix(PREFIX), text="")
    if kind in MEDIA:
        extra = {"media_id": field(fields, "MediaId")}
        if kind == "voice":
            extra["mime"] = f"audio/{field(fields, 'Format') or 'amr'}"
            heard = field(fields, "Recognition").strip()  # often empty: it is being given up
            if heard:
                return replace(event, text=heard, extra=extra)
        elif kind == "image":
            extra["mime"] = "image/jpeg"
        else:
            extra["mime"] = "video/mp4"
        return replace(event, kind=MEDIA[kind], extra=extra)
    if kind == "location":
        spot = {"lat": field(fields, "Location_X"), "lon": field(fields, "Location_Y")}
        return replace(event, kind=kind, text=field(fields, "Label"), extra=_numbers(spot))
    if kind == "link":
        words = [field(fields, "Title"), field(fields, "Url")]
        return replace(event, text="\n".join(word for word in words if word))
    if kind == "file":  # of which we are told, but which cannot be had
        about: dict[str, Any] = {"file_name": field(fields, "Title")}
        return replace(event, kind=kind, extra=about)
    return replace(event, kind="other")


def _numbers(found: Mapping[str, str]) -> dict[str, Any]:
    """All of them as numbers, or none."""
    try:
        numbers = {name: float(value) for name, value in found.items()}
    except ValueError:
        return {}
    return numbers if all(abs(number) <= 180 for number in numbers.values()) else {}


def _tap(now: datetime) -> Sequence[Leave]:
    return (replace(TAP, until=now + TAP_LASTS),)


def _happened(plain: Event, fields: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    name, key = field(fields, "Event").lower(), field(fields, "EventKey")
    if name == "subscribe":
        scene = key.removeprefix("qrscene_") if key.startswith("qrscene_") else ""
        extra = {"scene": scene} if scene else {}
        yield replace(plain, kind="joined", extra=extra, leaves=_tap(now))
    elif name == "unsubscribe":
        yield replace(plain, kind="left")
    elif name == "scan":
        yield replace(plain, kind="start", extra={"scene": key}, leaves=_tap(now))
    elif name == "click":
        yield replace(plain, text=WORDS.get(key, START), leaves=_tap(now))
    elif name == "scancode_waitmsg":
        scanned = field(_inside(fields, "ScanCodeInfo"), "ScanResult")
        yield replace(plain, kind="start", extra={"scene": scanned}, leaves=_tap(now))
    elif name in ("subscribe_msg_popup_event", "subscribe_msg_change_event"):
        asked = "popup" in name
        where = "SubscribeMsgPopupEvent" if asked else "SubscribeMsgChangeEvent"
        leaves = tuple(_consents(_rows(_inside(fields, where)), asked))
        if leaves:
            yield replace(plain, kind="receipt", leaves=leaves)
    elif name == "subscribe_msg_sent_event":
        for row in _rows(_inside(fields, "SubscribeMsgSentEvent")):
            ident = field(row, "MsgID")
            fail = None if field(row, "ErrorCode") in ("", "0") else "rejected"
            yield _receipt(plain, ident, fail, nth=ident)
    elif name == "templatesendjobfinish":
        status = field(fields, "Status").lower()
        fail = None if status == "success" else "gone" if "user block" in status else "rejected"
        yield _receipt(plain, field(fields, "MsgID"), fail)
    elif name == "masssendjobfinish":
        status = field(fields, "Status").lower()
        sent, errors = _count(fields, "SentCount"), _count(fields, "ErrorCount")
        fail = None if sent or status in ("sendsuccess", "send success") else "rejected"
        event = replace(plain, chat=EVERYBODY, group=True, addressed=False)
        yield _receipt(event, field(fields, "MsgID"), fail, sent=sent, errors=errors)


def _receipt(plain: Event, ident: str, fail: str | None, *, nth: str = "", **counted: int) -> Event:
    """How one of our messages fared. `fail` is None, "gone" or "rejected"."""
    extra = {"message_id": ident, "fail": fail, **counted}
    key = f"{plain.key}:{nth}"[:KEY_MAX] if nth else plain.key
    return replace(plain, key=key, kind="receipt", extra=extra)


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

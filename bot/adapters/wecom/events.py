"""Callbacks and 微信客服 messages as Events: pure translation, nothing is asked or answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bot.adapters.base import Event, Fail, Leave, Malformed
from bot.adapters.tencent import field

KF = "kf:"  # begins the chat key of a customer of 微信客服
PREFIX = "v1:"  # of menu ids, so that ours are known from those set by hand
DAY = timezone(timedelta(hours=8))  # enter_agent tells once a day, by China's calendar
AT_ANY_TIME = Leave(name="member")
ANSWERS, ANSWERED_WITHIN = 5, timedelta(hours=48)  # after each message of a customer
WELCOMED_WITHIN = timedelta(seconds=20)
CUSTOMER, SYSTEM = 3, 4  # `origin`; 5 is what a servicer wrote
UNDELIVERED = {  # fail_type of msg_send_fail
    1: Fail.CONFIG,  # the 客服 account was deleted
    2: Fail.CONFIG,  # the app was closed
    4: Fail.WINDOW,  # 48 hours are over
    5: Fail.WINDOW,  # the session is closed
    6: Fail.WINDOW,  # 5 messages are used up
    10: Fail.GONE,  # they refuse messages
}
MEDIA = {"image": "photo", "voice": "voice", "video": "video", "file": "file"}


def _table(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _moment(seconds: object) -> datetime:
    """Raises Malformed."""
    try:
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed("CreateTime is no time") from None


def _place(lat: object, lon: object) -> dict[str, Any]:
    """Coordinates as GCJ-02 has them, which is what the platform gives."""
    try:
        found = {"lat": float(str(lat)), "lon": float(str(lon))}
    except ValueError:
        return {}
    return found if all(abs(degrees) <= 180 for degrees in found.values()) else {}


# Members, by callback


def from_member(fields: Mapping[str, Any]) -> Event | None:
    """A callback's message or event; None for what is no matter of ours. Raises Malformed."""
    kind, user = field(fields, "MsgType").lower(), field(fields, "FromUserName")
    if not kind:
        raise Malformed("MsgType is missing")
    if kind == "event":
        return _member_event(fields, user) if user else None
    if not user:
        raise Malformed("FromUserName is missing")
    shown, text, extra = _member_content(kind, fields)
    at = _moment(field(fields, "CreateTime"))
    ident = field(fields, "MsgId")
    return Event(
        key=ident or f"{user}:{int(at.timestamp())}:{kind}",
        chat=user,
        user=user,
        at=at,
        kind=shown,
        text=text,
        extra={**extra, "message_id": ident} if ident else extra,
        leaves=(AT_ANY_TIME,),
    )


def _member_content(kind: str, fields: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    if kind == "text":
        return "text", field(fields, "Content"), {}
    if kind == "link":
        return "text", _lines(field(fields, "Title"), field(fields, "Url")), {}
    if kind == "location":
        extra = _place(field(fields, "Location_X"), field(fields, "Location_Y"))
        return "location", field(fields, "Label"), extra
    extra = {"media_id": field(fields, "MediaId")} if field(fields, "MediaId") else {}
    if field(fields, "FileName"):
        extra["file_name"] = field(fields, "FileName")
    if field(fields, "Format"):
        extra["format"] = field(fields, "Format")
    return MEDIA.get(kind, "other"), "", extra


def _member_event(fields: Mapping[str, Any], user: str) -> Event | None:
    name, carried = field(fields, "Event").lower(), field(fields, "EventKey")
    if name not in ("enter_agent", "subscribe", "unsubscribe", "click"):
        return None
    at = _moment(field(fields, "CreateTime"))
    key = field(fields, "MsgId") or f"{user}:{int(at.timestamp())}:{name}:{carried}"
    if name == "enter_agent":  # whenever the app is opened; once a day is enough
        key = f"{user}:{name}:{at.astimezone(DAY):%Y-%m-%d}"
    if name == "click":
        # A menu's key is a word that works when it is written, too.
        return Event(key, user, user, at, text=carried, leaves=(AT_ANY_TIME,))
    if name == "unsubscribe":
        return Event(key, user, user, at, kind="left")
    return Event(key, user, user, at, kind="joined", leaves=(AT_ANY_TIME,))


# Customers, by kf/sync_msg


def from_customer(row: object) -> Event | None:
    """A row of kf/sync_msg; None for what is no matter of ours. Raises Malformed."""
    if not isinstance(row, dict):
        raise Malformed("a row is no table")
    origin, ident = row.get("origin"), field(row, "msgid")
    if not ident:
        raise Malformed("msgid is missing")
    if origin == SYSTEM:
        return _customer_event(row, ident)
    user = field(row, "external_userid")
    if origin != CUSTOMER:
        return None
    if not user:
        raise Malformed("external_userid is missing")
    at = _moment(row.get("send_time"))
    kind, text, extra = _customer_content(row)
    choice = None
    menu = field(_table(row, "text"), "menu_id")
    if menu.startswith(PREFIX):
        kind, text, choice = "choice", "", menu.removeprefix(PREFIX)
    return Event(
        key=KF + ident,
        chat=KF + user,
        user=KF + user,
        at=at,
        kind=kind,
        text=text,
        choice=choice,
        extra={**extra, "message_id": ident},
        leaves=(Leave("message", until=at + ANSWERED_WITHIN, left=ANSWERS),),
    )


def _customer_content(row: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    kind = field(row, "msgtype")
    held = _table(row, kind)
    if kind == "text":
        return "text", field(held, "content"), {}
    if kind == "link":
        return "text", _lines(field(held, "title"), field(held, "desc"), field(held, "url")), {}
    if kind == "location":
        extra = _place(held.get("latitude"), held.get("longitude"))
        return "location", _lines(field(held, "name"), field(held, "address")), extra
    if kind == "merged_msg":
        return "text", _record(held), {}
    extra = {"media_id": field(held, "media_id")} if field(held, "media_id") else {}
    return MEDIA.get(kind, "other"), "", extra


def _record(held: Mapping[str, Any]) -> str:
    """A forwarded chat record: its title, then a line each as "name: words"."""
    rows = held.get("item")
    lines = [field(held, "title")]
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict):
            continue
        try:
            said = json.loads(field(row, "msg_content"))
        except ValueError:
            said = {}
        words = field(_table(said, "text"), "content") if isinstance(said, dict) else ""
        if words:
            lines.append(f"{field(row, 'sender_name')}: {words}")
    return _lines(*lines)


def _customer_event(row: Mapping[str, Any], ident: str) -> Event | None:
    told = _table(row, "event")
    user = field(told, "external_userid")
    if not user:
        return None
    at, chat = _moment(row.get("send_time")), KF + user
    match field(told, "event_type"):
        case "enter_session":
            code, scene = field(told, "welcome_code"), field(told, "scene_param")
            leaves = (Leave("welcome", at + WELCOMED_WITHIN, 1, code),) if code else ()
            extra = {"welcome_code": code} if code else {}
            if scene:  # they came by a link or a printed code that names a place
                extra["scene"] = scene
            kind = "start" if scene else "joined"
            return Event(KF + ident, chat, chat, at, kind=kind, extra=extra, leaves=leaves)
        case "msg_send_fail":
            return Event(KF + ident, chat, chat, at, kind="receipt", extra=_undelivered(told))
        case _:
            return None


def _undelivered(told: Mapping[str, Any]) -> dict[str, Any]:
    why = told.get("fail_type")
    fail = UNDELIVERED.get(why, Fail.REJECTED) if isinstance(why, int) else Fail.REJECTED
    return {"message_id": field(told, "fail_msgid"), "fail": str(fail)}


def _lines(*words: str) -> str:
    return "\n".join(word for word in words if word)

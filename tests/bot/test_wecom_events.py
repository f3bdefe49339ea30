"""企业微信's callbacks and 微信客服's rows as events, by tables of payloads; what is not signed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.base import Event, Forbidden, Leave, Malformed, Request
from bot.adapters.wecom import App, WeCom
from bot.adapters.wecom.events import from_customer, from_member
from tests.bot.wecom_double import (
    AES_KEY,
    AGENT,
    CORP,
    KFID,
    SECRET,
    TOKEN,
    handshake,
    seal,
    sealed,
    signed_garbage,
    xml,
)

T = 1795395600  # 2026-11-23 01:00 UTC
AT = datetime.fromtimestamp(T, UTC)
MEMBER = (Leave("member", None, None),)


def wecom() -> WeCom:
    app = App(CORP, str(AGENT), SECRET, TOKEN, AES_KEY, open_kfid=KFID)
    return WeCom("qw", app, lambda: AT)


def opened(request: Request) -> tuple[list[Event], str, int]:
    async def work() -> tuple[list[Event], str, int]:
        adapter = wecom()
        try:
            found = await adapter.open(request)
        finally:
            await adapter.close()
        return list(found.events), found.body, found.status

    return asyncio.run(work())


def member(kind: str, **fields: object) -> str:
    return xml(FromUserName="xiaoli", CreateTime=T, MsgType=kind, **fields)


def event(name: str, **fields: object) -> str:
    return member("event", Event=name, **fields)


def expected(key: str, **more: Any) -> Event:
    return Event(key, "xiaoli", "xiaoli", AT, **{"leaves": MEMBER, **more})


MESSAGES = [
    (
        member("text", Content="待办", MsgId="71"),
        expected("71", text="待办", extra={"message_id": "71"}),
    ),
    (
        member("text", Content="a]]>b & <c>", MsgId="72"),
        expected("72", text="a]]>b & <c>", extra={"message_id": "72"}),
    ),
    (
        member("image", PicUrl="https://p/1", MediaId="MEDIA", MsgId="73"),
        expected("73", kind="photo", extra={"media_id": "MEDIA", "message_id": "73"}),
    ),
    (
        member("voice", MediaId="MEDIA", Format="amr", MsgId="74"),
        expected(
            "74", kind="voice", extra={"media_id": "MEDIA", "format": "amr", "message_id": "74"}
        ),
    ),
    (
        member("video", MediaId="MEDIA", ThumbMediaId="T", MsgId="75"),
        expected("75", kind="video", extra={"media_id": "MEDIA", "message_id": "75"}),
    ),
    (
        member("file", MediaId="MEDIA", FileName="名单.xlsx", MsgId="76"),
        expected(
            "76",
            kind="file",
            extra={"media_id": "MEDIA", "file_name": "名单.xlsx", "message_id": "76"},
        ),
    ),
    (
        member("location", Location_X="39.9", Location_Y="116.4", Label="3栋", MsgId="77"),
        expected(
            "77", kind="location", text="3栋", extra={"lat": 39.9, "lon": 116.4, "message_id": "77"}
        ),
    ),
    (
        member("link", Title="停水通知", Description="d", Url="https://x/1", MsgId="78"),
        expected("78", text="停水通知\nhttps://x/1", extra={"message_id": "78"}),
    ),
    (member("miniprogram", MsgId="79"), expected("79", kind="other", extra={"message_id": "79"})),
    (event("click", EventKey="待办"), expected(f"xiaoli:{T}:click:待办", text="待办")),
    (event("subscribe"), expected(f"xiaoli:{T}:subscribe:", kind="joined")),
    (event("unsubscribe"), expected(f"xiaoli:{T}:unsubscribe:", kind="left", leaves=())),
    (event("enter_agent", EventKey=""), expected("xiaoli:enter_agent:2026-11-23", kind="joined")),
]
NOTHING = [
    event("view", EventKey="https://x"),
    event("LOCATION", Latitude="1", Longitude="2"),
    event("template_card_event", TaskId="1"),
    event("never_heard_of"),
    xml(CreateTime=T, MsgType="event", Event="change_external_chat", ChangeType="create"),
    xml(CreateTime=T, MsgType="event", Event="kf_msg_or_event", Token="K", OpenKfId=KFID),
]


@pytest.mark.parametrize(("inside", "found"), MESSAGES)
def test_what_a_member_sends(inside: str, found: Event) -> None:
    assert opened(sealed(inside)) == ([found], "", 200)


@pytest.mark.parametrize("inside", NOTHING)
def test_what_is_no_matter_of_ours_is_answered_all_the_same(inside: str) -> None:
    assert opened(sealed(inside)) == ([], "", 200)


def test_the_app_is_greeted_once_a_day_by_chinas_calendar() -> None:
    def key(hours: float) -> str:
        at = int((AT + timedelta(hours=hours)).timestamp())
        fields = {"MsgType": "event", "Event": "enter_agent", "FromUserName": "xiaoli"}
        found = from_member({**fields, "CreateTime": str(at)})
        assert found is not None
        return found.key

    assert key(0) == key(14.9)  # 23:54 in Shanghai
    assert key(0) != key(15.1)  # 00:06 of the next day


def test_the_same_event_twice_has_one_key_and_another_has_another() -> None:
    keys = [opened(sealed(event("click", EventKey=word)))[0][0].key for word in "甲甲乙"]
    assert keys[0] == keys[1] != keys[2]


# Signed or not


def test_the_address_is_confirmed_by_the_opened_echo() -> None:
    assert opened(handshake("4931283749")) == ([], "4931283749", 200)


PLAIN = member("text", Content="假的", MsgId="1").encode()
UNSIGNED = [
    handshake(msg_signature="0" * 40),
    handshake(echostr=""),
    handshake(timestamp="1"),
    Request("GET", {}, {}, b""),
    Request("GET", {}, {"echostr": "\ud800", "msg_signature": "\ud800"}, b""),
    Request("POST", {}, {}, PLAIN),
    Request("POST", {}, {}, b""),
    Request("POST", {}, {}, b"<xml>" + b"<a>" * 5000),
    Request("POST", {}, {}, b'<?xml version="1.0" encoding="klingon"?><xml/>'),
    Request("POST", {}, {}, b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>'),
    Request("POST", {}, {}, b"<xml><Encrypt><a>1</a></Encrypt></xml>"),
    sealed(member("text", Content="x", MsgId="1"), msg_signature="0" * 40),
    sealed(member("text", Content="x", MsgId="1"), nonce="1"),
    sealed(member("text", Content="x", MsgId="1"), owner="wwsomebodyelse"),
    signed_garbage(""),
    signed_garbage("AAAA"),
    signed_garbage("A" * 44),
    signed_garbage("no base64 at all"),
]
SIGNED_GARBAGE = [
    "",
    "没有结构",
    "<xml></xml>",
    "<other/>",
    xml(FromUserName="xiaoli"),
    xml(FromUserName="xiaoli", MsgType="text", CreateTime="soon", Content="x", MsgId="1"),
    xml(FromUserName="xiaoli", MsgType="text", CreateTime="9" * 40, Content="x", MsgId="1"),
    xml(MsgType="text", CreateTime=T, Content="x", MsgId="1"),
    xml(FromUserName="xiaoli", MsgType="event", Event="click"),
]


@pytest.mark.parametrize("request_", UNSIGNED)
def test_what_is_not_signed_and_sealed_is_refused(request_: Request) -> None:
    with pytest.raises(Forbidden):
        opened(request_)


@pytest.mark.parametrize("inside", SIGNED_GARBAGE)
def test_signed_garbage_cannot_be_read(inside: str) -> None:
    with pytest.raises(Malformed):
        opened(sealed(inside))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_changed_call_is_refused_whatever_was_changed(data: st.DataObject) -> None:
    whole = sealed(member("text", Content="楼道灯坏了", MsgId="1"))
    body = bytearray(whole.body)
    start, end = body.index(b"<Encrypt>") + 9, body.index(b"</Encrypt>")
    for place in data.draw(st.sets(st.integers(start, end - 1), min_size=1, max_size=4)):
        body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Forbidden):
        opened(replace(whole, body=bytes(body)))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_no_bytes_raise_anything_else(body: bytes, query: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(Forbidden):
            opened(Request(method, {}, query, body))


TREE = st.recursive(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
    | st.sampled_from(["text", "event", "click", "enter_agent", "location", str(T)]),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
NAMES = ("FromUserName", "MsgType", "Event", "EventKey", "CreateTime", "Content", "Location_X")


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), TREE))
def test_signed_fields_of_any_form_are_read_or_refused(fields: dict[str, Any]) -> None:
    """A field that comes twice is a list to the parser, one with tags inside a table."""
    try:
        found = from_member(fields)
    except Malformed:
        return
    assert found is None or (found.key and found.user)


# 微信客服


def row(kind: str, held: Any, **more: Any) -> dict[str, Any]:
    return {
        "msgid": "k1",
        "open_kfid": KFID,
        "external_userid": "wmWang",
        "send_time": T,
        "origin": 3,
        "msgtype": kind,
        kind: held,
        **more,
    }


def told(name: str, **held: Any) -> dict[str, Any]:
    inside = {"event_type": name, "open_kfid": KFID, "external_userid": "wmWang", **held}
    return row("event", inside, origin=4, external_userid="")


ANSWERS = (Leave("message", AT + timedelta(hours=48), 5),)


def customer(**more: Any) -> Event:
    extra = {**more.pop("extra", {}), "message_id": "k1"}
    return Event(
        "kf:k1", "kf:wmWang", "kf:wmWang", AT, **{"leaves": ANSWERS, **more, "extra": extra}
    )


def system(**more: Any) -> Event:
    return Event("kf:k1", "kf:wmWang", "kf:wmWang", AT, **more)


RECORD = {
    "title": "群聊的聊天记录",
    "item": [
        {
            "sender_name": "王阿姨",
            "msgtype": "text",
            "msg_content": json.dumps({"text": {"content": "3栋停电了"}}),
        },
        {"sender_name": "李大爷", "msgtype": "image", "msg_content": "{}"},
        {"sender_name": "周姐", "msgtype": "text", "msg_content": "broken"},
        "broken",
    ],
}
WELCOMED = {"welcome_code": "W"}
ROWS = [
    (row("text", {"content": "楼道灯坏了"}), customer(text="楼道灯坏了")),
    (
        row("text", {"content": "1. 对", "menu_id": "v1:q1=yes"}),
        customer(kind="choice", choice="q1=yes"),
    ),
    (row("text", {"content": "满意", "menu_id": "set-by-hand"}), customer(text="满意")),
    (row("image", {"media_id": "M"}), customer(kind="photo", extra={"media_id": "M"})),
    (row("voice", {"media_id": "M"}), customer(kind="voice", extra={"media_id": "M"})),
    (row("video", {"media_id": "M"}), customer(kind="video", extra={"media_id": "M"})),
    (row("file", {"media_id": "M"}), customer(kind="file", extra={"media_id": "M"})),
    (
        row("location", {"latitude": 39.9, "longitude": 116.4, "name": "3栋", "address": "路1号"}),
        customer(kind="location", text="3栋\n路1号", extra={"lat": 39.9, "lon": 116.4}),
    ),
    (row("location", {"latitude": "?"}), customer(kind="location")),
    (row("location", {"latitude": "nan", "longitude": 1}), customer(kind="location")),
    (
        row("link", {"title": "通知", "desc": "", "url": "https://x"}),
        customer(text="通知\nhttps://x"),
    ),
    (row("merged_msg", RECORD), customer(text="群聊的聊天记录\n王阿姨: 3栋停电了")),
    (row("business_card", {"userid": "x"}), customer(kind="other")),
    (row("channels", None), customer(kind="other")),
    (
        told("enter_session", welcome_code="W", scene="", scene_param=""),
        system(
            kind="joined",
            extra=WELCOMED,
            leaves=(Leave("welcome", AT + timedelta(seconds=20), 1, "W"),),
        ),
    ),
    (told("enter_session"), system(kind="joined")),
    (told("enter_session", scene_param="b3"), system(kind="start", extra={"scene": "b3"})),
    (
        told("msg_send_fail", fail_msgid="k0", fail_type=6),
        system(kind="receipt", extra={"message_id": "k0", "fail": "window"}),
    ),
    (
        told("msg_send_fail", fail_msgid="k0", fail_type=10),
        system(kind="receipt", extra={"message_id": "k0", "fail": "gone"}),
    ),
    (
        told("msg_send_fail", fail_msgid="k0"),
        system(kind="receipt", extra={"message_id": "k0", "fail": "rejected"}),
    ),
    (told("session_status_change"), None),
    (row("text", {"content": "我来接待"}, origin=5), None),
]


@pytest.mark.parametrize(("given_", "found"), ROWS)
def test_what_a_customer_sends(given_: dict[str, Any], found: Event | None) -> None:
    assert from_customer(given_) == found


BROKEN = [
    None,
    [],
    {},
    row("text", {}, msgid=None),
    row("text", {}, send_time=None),
    row("text", {}, external_userid=""),
]


@pytest.mark.parametrize("given_", BROKEN)
def test_a_broken_row_is_said_to_be_one(given_: object) -> None:
    with pytest.raises(Malformed):
        from_customer(given_)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "menu_id", "item", "event_type", "external_userid"]), inner
        )
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([one for one, _ in ROWS]), st.data())
def test_rows_of_any_form_are_read_or_refused(whole: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(whole)))
    changed = {**whole, key: data.draw(JSON)}
    with contextlib.suppress(Malformed):
        from_customer(changed)


def test_the_double_seals_as_the_platform_does() -> None:
    """Another key opens nothing: else the tests above would prove nothing."""
    closed = sealed(member("text", Content="x", MsgId="1"))
    text = closed.body.decode().split("<Encrypt>")[1].split("</Encrypt>")[0]
    assert "FromUserName" in seal().open(text, closed.query)
    assert "FromUserName" not in text

"""Callbacks of 公众号: what is signed is read, what is not is refused, and what is answered."""

from __future__ import annotations

import asyncio
import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.adapters.base import Forbidden, Malformed, Opened, Request
from bot.adapters.tencent import Seal
from bot.adapters.wechat import WeChat
from tests.bot.wechat_double import (
    ACCOUNT,
    AES_KEY,
    APP_ID,
    FOLLOWER,
    TOKEN,
    message,
    post,
    read,
    seal,
    sha1,
    unseal,
    xml,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def account(*, sealed: bool = False, **more: Any) -> WeChat:
    key = AES_KEY if sealed else ""
    return WeChat("gzh", app_id=APP_ID, token=TOKEN, aes_key=key, clock=lambda: NOW, **more)


PLAIN, SAFE = account(), account(sealed=True)


def opened(request: Request, adapter: WeChat = PLAIN) -> Opened:
    return asyncio.run(adapter.open(request))  # Hypothesis calls plain functions


def held(result: Opened, text: str) -> str:
    assert result.hold is not None and result.hold.seconds == 4
    return result.hold.reply(text)


# Who may speak to us


def handshake(**query: str) -> Request:
    asked = {"timestamp": "1", "nonce": "2", "echostr": "8842", "signature": sha1(TOKEN, "1", "2")}
    return Request("GET", {}, asked | query, b"")


@pytest.mark.parametrize("adapter", [PLAIN, SAFE])
def test_the_handshake_gives_back_what_it_was_given(adapter: WeChat) -> None:
    found = opened(handshake(), adapter)
    assert (found.body, found.content_type, found.events) == ("8842", "text/plain", ())
    for wrong in ({"signature": "x"}, {"nonce": "3"}, {"signature": "签"}, {"signature": "\ud800"}):
        with pytest.raises(Forbidden):
            opened(handshake(**wrong), adapter)
    with pytest.raises(Forbidden):
        opened(Request("GET", {}, {}, b""), adapter)


def test_a_post_must_be_signed() -> None:
    assert opened(post(message(1, Content="灯坏了"))).events[0].text == "灯坏了"
    for wrong in (
        post(message(1), signature="0" * 40),
        post(message(1), token="another"),
        Request("POST", {}, {}, message(1).encode()),
    ):
        with pytest.raises(Forbidden):
            opened(wrong)


def test_with_a_key_only_what_is_sealed_is_read() -> None:
    found = opened(post(message(1, Content="灯坏了"), sealed=True), SAFE)
    assert found.events[0].text == "灯坏了"
    right = post(message(1, Content="灯坏了"), sealed=True)
    forged = xml(Encrypt=seal(message(2).encode()))
    for wrong in (
        post(message(1, Content="灯坏了")),  # signed, and in plain words
        Request("POST", {}, {}, right.body),  # sealed, and unsigned
        Request("POST", {}, {**right.query, "msg_signature": "0" * 40}, right.body),
        Request("POST", {}, right.query, forged.encode()),  # another's seal under this signature
        Request("POST", {}, {**right.query, "nonce": "9"}, right.body),
    ):
        with pytest.raises(Forbidden):
            opened(wrong, SAFE)


def sealed_by(inside: str) -> Request:
    query = {"timestamp": "1", "nonce": "2", "msg_signature": sha1(TOKEN, "1", "2", inside)}
    return Request("POST", {}, query, xml(Encrypt=inside).encode())


@pytest.mark.parametrize(
    "inside",
    [
        seal(message(1).encode(), app_id="wx-of-another"),
        seal(message(1).encode(), key="B" * 42 + "A"),
        "not base64 at all!",
        "",
        "QUJD",
        seal(b"")[:24],
        seal("\ud800".encode("utf-8", "surrogatepass")),
    ],
)
def test_a_seal_that_does_not_open_is_refused(inside: str) -> None:
    with pytest.raises(Forbidden):
        opened(sealed_by(inside), SAFE)


UNREADABLE = [
    "",
    "no xml",
    "<xml>",
    "<xml/>",
    "<xml>words</xml>",
    "<other><MsgType>text</MsgType></other>",
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><MsgType>&b;</MsgType></xml>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><MsgType>&x;</MsgType></xml>',
    '<?xml version="1.0" encoding="klingon"?><xml><MsgType>text</MsgType></xml>',
    "<xml>" + "<a>" * 3000 + "</a>" * 3000 + "</xml>",
    "<xml><MsgType>text</MsgType></xml>",
    "<xml><FromUserName><a>o</a></FromUserName><MsgType>text</MsgType></xml>",
    f"<xml><FromUserName>{'o' * 500}</FromUserName><MsgType>text</MsgType></xml>",
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_what_is_signed_and_cannot_be_read_is_said_so(body: str) -> None:
    with pytest.raises(Malformed):
        opened(post(body))
    with pytest.raises(Malformed):
        opened(post(body, sealed=True), SAFE)


WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
NAMES = st.sampled_from(
    [
        *("FromUserName", "MsgType", "Event", "EventKey", "CreateTime", "Content", "MediaId"),
        *("Location_X", "Location_Y", "Recognition", "bizmsgmenuid", "MsgId", "SentCount"),
        *("SubscribeMsgPopupEvent", "SubscribeMsgSentEvent", "List", "TemplateId", "MsgID"),
        *("SubscribeStatusString", "ScanCodeInfo", "ScanResult", "Status", "Encrypt", "ErrorCode"),
    ]
)
VALUES = WORD | st.sampled_from(
    [
        *("event", "text", "voice", "location", "CLICK", "subscribe", "SCAN", "accept"),
        *("subscribe_msg_popup_event", "subscribe_msg_sent_event", "MASSSENDJOBFINISH"),
        *("9" * 5000, "-1", "1e999", "nan", "qrscene_", "１２", "o1"),
    ]
)
TREES = st.recursive(
    VALUES, lambda inner: st.dictionaries(NAMES, inner) | st.lists(inner, max_size=3), max_leaves=25
)
BODIES = (
    st.dictionaries(NAMES, TREES).map(
        lambda tree: xml(**{k: v for k, v in tree.items() if v}).encode("utf-8", "replace")
    )
    | st.binary(max_size=300)
    | st.text(string.printable, max_size=200).map(str.encode)
)


@settings(max_examples=300, deadline=None)
@given(body=BODIES, query=st.dictionaries(st.sampled_from(["signature", "nonce", "x"]), WORD))
@example(body=b"\xff\xfe<\x00x\x00", query={})
@example(body=xml(FromUserName="o1", MsgType="event", Event="\u0130").encode(), query={})
def test_nothing_anybody_posts_breaks_it(body: bytes, query: dict[str, str]) -> None:
    for adapter in (PLAIN, SAFE):
        for request in (Request("POST", {}, query, body), post(body), post(body, sealed=True)):
            try:
                found = opened(request, adapter)
            except Malformed:
                assert request.query.get("timestamp"), "unsigned is forbidden, not unreadable"
            except Forbidden:
                pass
            else:
                assert request.query.get("timestamp")
                assert found.body == "success"


# What we answer within their request


def test_the_answer_goes_into_the_request() -> None:
    found = opened(post(message(1, Content="灯坏了")))
    assert found.body == "success"
    answer = read(held(found, "好的，在哪里？\n1. 3栋"))
    assert answer == {
        "ToUserName": FOLLOWER,
        "FromUserName": ACCOUNT,
        "CreateTime": str(int(NOW.timestamp())),
        "MsgType": "text",
        "Content": "好的，在哪里？\n1. 3栋",
    }


def test_in_safe_mode_the_answer_is_sealed() -> None:
    answer = held(opened(post(message(1, Content="灯坏了"), sealed=True), SAFE), "好的")
    assert "好的" not in answer
    assert read(unseal(answer))["Content"] == "好的"


@pytest.mark.parametrize(
    "name, key", [("subscribe", ""), ("SCAN", "3栋"), ("CLICK", "menu"), ("unsubscribe", "")]
)
def test_following_scanning_and_the_menu_are_answered_there_too(name: str, key: str) -> None:
    found = opened(post(message(1, MsgType="event", Event=name, EventKey=key)))
    assert (found.hold is not None) == (name != "unsubscribe")
    assert found.body == "success"


def test_what_is_no_matter_of_ours_is_acknowledged() -> None:
    found = opened(post(message(1, MsgType="event", Event="VIEW", EventKey="http://x")))
    assert (list(found.events), found.hold, found.body) == ([], None, "success")


EVIL = "hi]]></Content><FromUserName><![CDATA[gh_evil]]></FromUserName><Content><![CDATA[yo"


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
@example(text=EVIL)
@example(text="]]]]>>]]>")
@example(text="\x00\x0b\ufffe\ud800你好\U0001f600")
def test_words_stay_words_whatever_they_are(text: str) -> None:
    found = opened(post(message(1, Content="x", FromUserName="o&<lt;")))
    answer = read(held(found, text))
    kept = "".join(
        c
        for c in text.replace("\r\n", "\n").replace("\r", "\n")
        if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
    )
    assert answer["Content"] == kept
    assert answer["ToUserName"] == "o&<lt;"
    sealed = held(opened(post(message(1, Content="x"), sealed=True), SAFE), text)
    assert read(unseal(sealed))["Content"] == kept


@pytest.mark.parametrize("key", ["short", "钥" * 43, "A" * 44, "!" * 43])
def test_a_key_that_is_none_stops_the_start(key: str) -> None:
    with pytest.raises(ValueError, match="aes_key"):
        Seal(TOKEN, key, APP_ID)


def test_the_platforms_clock_may_be_wrong() -> None:
    for wrong in ("9" * 30, "-9" * 9, "soon", ""):
        assert opened(post(message(1, Content="x", CreateTime=wrong))).events[0].user == FOLLOWER

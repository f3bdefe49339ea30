"""What each kind of callback means, as a table; and what it allows us to send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import xmltodict

from bot.adapters.base import Event, Leave, Malformed
from bot.adapters.wechat.events import WORDS, translate, waited_for
from tests.bot.wechat_double import FOLLOWER, message

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WRITTEN = (Leave("message", NOW + timedelta(hours=48), 5),)
TAPPED = (Leave("tap", NOW + timedelta(minutes=1), 3),)


def heard(body: str, *, grants: bool = True) -> list[Event]:
    return translate(xmltodict.parse(body)["xml"], NOW, grants=grants)


def event(name: str, **fields: Any) -> str:
    return message(1, MsgType="event", Event=name, **fields)


TABLE: list[tuple[str, str, dict[str, Any]]] = [
    ("text", message(1, Content="楼道灯坏了"), {"text": "楼道灯坏了", "leaves": WRITTEN}),
    ("no words", message(1, Content=""), {"leaves": WRITTEN}),
    (
        "voice that was understood",
        message(1, MsgType="voice", MediaId="m1", Format="amr", Recognition="灯坏了"),
        {"text": "灯坏了", "extra": {"media_id": "m1", "mime": "audio/amr"}, "leaves": WRITTEN},
    ),
    (
        "voice",
        message(1, MsgType="voice", MediaId="m1", Format="speex", Recognition=""),
        {"kind": "voice", "extra": {"media_id": "m1", "mime": "audio/speex"}, "leaves": WRITTEN},
    ),
    (
        "image",
        message(1, MsgType="image", PicUrl="http://mmbiz.qpic.cn/x", MediaId="m2"),
        {"kind": "photo", "extra": {"media_id": "m2", "mime": "image/jpeg"}, "leaves": WRITTEN},
    ),
    (
        "short video",
        message(1, MsgType="shortvideo", MediaId="m3", ThumbMediaId="t"),
        {"kind": "video", "extra": {"media_id": "m3", "mime": "video/mp4"}, "leaves": WRITTEN},
    ),
    (
        "location",
        message(
            1,
            MsgType="location",
            Location_X="23.134521",
            Location_Y="113.358803",
            Scale="20",
            Label="天河区",
        ),
        {
            "kind": "location",
            "text": "天河区",
            "extra": {"lat": 23.134521, "lon": 113.358803},
            "leaves": WRITTEN,
        },
    ),
    (
        "location that is none",
        message(1, MsgType="location", Location_X="9" * 400, Location_Y="nan", Label="家"),
        {"kind": "location", "text": "家", "leaves": WRITTEN},
    ),
    (
        "link",
        message(1, MsgType="link", Title="停水公告", Description="…", Url="https://x.cn/1"),
        {"text": "停水公告\nhttps://x.cn/1", "leaves": WRITTEN},
    ),
    (
        "file",
        message(1, MsgType="file", Title="申请.docx", FileKey="k", FileTotalLen="42"),
        {"kind": "file", "extra": {"file_name": "申请.docx"}, "leaves": WRITTEN},
    ),
    ("what comes next year", message(1, MsgType="hologram"), {"kind": "other", "leaves": WRITTEN}),
    (
        "a tap in our message",
        message(1, Content="1. 对", bizmsgmenuid="v1:q7=yes"),
        {"kind": "choice", "choice": "q7=yes", "leaves": TAPPED},
    ),
    (
        "a tap in somebody else's",
        message(1, Content="满意", bizmsgmenuid="101"),
        {"text": "满意", "leaves": TAPPED},
    ),
    ("follow", event("subscribe", EventKey=""), {"kind": "joined", "leaves": TAPPED}),
    (
        "follow by a code",
        event("subscribe", EventKey="qrscene_3栋", Ticket="T"),
        {"kind": "joined", "extra": {"scene": "3栋"}, "leaves": TAPPED},
    ),
    (
        "a code again",
        event("SCAN", EventKey="3栋", Ticket="T"),
        {"kind": "start", "extra": {"scene": "3栋"}, "leaves": TAPPED},
    ),
    (
        "scanned from the menu",
        event(
            "scancode_waitmsg", EventKey="k", ScanCodeInfo={"ScanType": "qrcode", "ScanResult": "7"}
        ),
        {"kind": "start", "extra": {"scene": "7"}, "leaves": TAPPED},
    ),
    ("no more", event("unsubscribe"), {"kind": "left"}),
    ("menu", event("CLICK", EventKey="human"), {"text": "人工", "leaves": TAPPED}),
    ("another's menu", event("CLICK", EventKey="V1001"), {"text": "菜单", "leaves": TAPPED}),
    (
        "consents, one of two",
        event(
            "subscribe_msg_popup_event",
            SubscribeMsgPopupEvent={
                "List": [
                    {"TemplateId": "TPL1", "SubscribeStatusString": "accept", "PopupScene": "2"},
                    {"TemplateId": "TPL2", "SubscribeStatusString": "reject", "PopupScene": "2"},
                ]
            },
        ),
        {"kind": "receipt", "leaves": (Leave("template:TPL1", None, 1, "TPL1", adds=True),)},
    ),
    (
        "a consent taken back",
        event(
            "subscribe_msg_change_event",
            SubscribeMsgChangeEvent={
                "List": {"TemplateId": "TPL1", "SubscribeStatusString": "reject"}
            },
        ),
        {"kind": "receipt", "leaves": (Leave("template:TPL1", None, 0, "TPL1"),)},
    ),
    (
        "a template arrived",
        event(
            "subscribe_msg_sent_event",
            SubscribeMsgSentEvent={
                "List": {
                    "TemplateId": "TPL1",
                    "MsgID": "1700827132819554304",
                    "ErrorCode": "0",
                    "ErrorStatus": "success",
                }
            },
        ),
        {"kind": "receipt", "extra": {"message_id": "1700827132819554304", "fail": None}},
    ),
    (
        "an old template was blocked",
        event("TEMPLATESENDJOBFINISH", MsgID="200163840", Status="failed:user block"),
        {"kind": "receipt", "extra": {"message_id": "200163840", "fail": "gone"}},
    ),
    (
        "an old template failed",
        event("TEMPLATESENDJOBFINISH", MsgID="200163840", Status="failed: system failed"),
        {"kind": "receipt", "extra": {"message_id": "200163840", "fail": "rejected"}},
    ),
    (
        "群发 went",
        event(
            "MASSSENDJOBFINISH",
            MsgID="1000001625",
            Status="send success",
            TotalCount="100",
            FilterCount="80",
            SentCount="75",
            ErrorCount="5",
        ),
        {
            "kind": "receipt",
            "chat": "@all",
            "group": True,
            "addressed": False,
            "extra": {"message_id": "1000001625", "fail": None, "sent": 75, "errors": 5},
        },
    ),
    (
        "群发 nobody confirmed",
        event("MASSSENDJOBFINISH", MsgID="7", Status="err(40002)", SentCount="0", ErrorCount="0"),
        {
            "kind": "receipt",
            "chat": "@all",
            "group": True,
            "addressed": False,
            "extra": {"message_id": "7", "fail": "rejected", "sent": 0, "errors": 0},
        },
    ),
]


@pytest.mark.parametrize("body, expected", [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_a_callback_is_translated(body: str, expected: dict[str, Any]) -> None:
    (found,) = heard(body)
    assert (found.user, found.at) == (FOLLOWER, datetime.fromtimestamp(1795000001, UTC))
    plain = Event(key="", chat=FOLLOWER, user="", at=NOW)
    seen = {
        name: getattr(found, name)
        for name in vars(plain)
        if name not in ("key", "user", "at") and getattr(found, name) != getattr(plain, name)
    }
    seen["leaves"] = tuple(found.leaves)
    assert seen == {"leaves": (), **expected}


@pytest.mark.parametrize("name", ["VIEW", "LOCATION", "location_select", "pic_weixin", "x", ""])
def test_what_is_no_matter_of_ours_is_left_out(name: str) -> None:
    assert heard(event(name, EventKey="k", Latitude="23.1", Longitude="113.3")) == []


def test_an_account_that_only_answers_gets_no_leave() -> None:
    assert all(not one.leaves for _, body, _ in TABLE for one in heard(body, grants=False))


def test_messages_are_known_by_their_id_and_events_by_what_they_are() -> None:
    assert heard(message(7, Content="x"))[0].key == "23000000000000007"
    keys = {
        heard(message(n, MsgType="event", Event="CLICK", EventKey=key))[0].key
        for n in (1, 2)
        for key in ("menu", "mine")
    }
    assert len(keys) == 4
    again = message(1, MsgType="event", Event="CLICK", EventKey="menu")
    assert heard(again)[0].key == heard(again)[0].key
    assert len(heard(message(1, MsgType="event", Event="CLICK", EventKey="x" * 5000))[0].key) < 200


def test_only_what_somebody_said_or_did_is_answered_in_the_request() -> None:
    kinds = {one.kind: waited_for(one) for _, body, _ in TABLE for one in heard(body)}
    assert {kind for kind, held in kinds.items() if not held} == {"left", "receipt"}


@pytest.mark.parametrize("left_out", ["FromUserName", "MsgType"])
def test_a_callback_of_nobody_is_refused(left_out: str) -> None:
    fields = xmltodict.parse(message(1, Content="x"))["xml"]
    del fields[left_out]
    with pytest.raises(Malformed):
        translate(fields, NOW, grants=True)


def test_each_key_of_our_menu_stands_for_a_word() -> None:
    from handlers import COMMANDS

    assert set(WORDS.values()) <= set(COMMANDS)

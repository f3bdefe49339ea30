"""企业微信 on the wire: four kinds of chats, errcodes, tokens, attachments."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.responses import Response

from bot.adapters.base import Fail, Out, Refused, Sent, TooLarge
from bot.adapters.wecom import App, WeCom
from bot.adapters.wecom.errors import FAILS
from tests.bot.wecom_double import (
    AES_KEY,
    AGENT,
    CORP,
    KFID,
    ROBOT_KEY,
    SECRET,
    TOKEN,
    WeComDouble,
    serving,
)

T0 = datetime(2026, 11, 23, 1, tzinfo=UTC)
KEY = "1795395600-7-0"
YES_NO = (("1", "对", "q1=yes"), ("2", "不对", "q1=no"))


class Time:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def double() -> Iterator[WeComDouble]:
    with serving() as found:
        yield found


@pytest.fixture
def time() -> Time:
    return Time()


def app(double: WeComDouble, **more: Any) -> App:
    found = {
        "corp_id": CORP,
        "agent_id": str(AGENT),
        "secret": SECRET,
        "token": TOKEN,
        "aes_key": AES_KEY,
        "open_kfid": KFID,
        "robots": {"工作群": ROBOT_KEY, "旧群": "revoked"},
        "drafts": True,
        "api_base": double.url,
        **more,
    }
    return App(**found)


@pytest.fixture
async def wecom(double: WeComDouble, time: Time) -> AsyncIterator[WeCom]:
    found = WeCom("qw", app(double), time)
    yield found
    await found.close()


def without_token(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in body.items() if k != "?"} for body in bodies]


# What goes over the wire


async def test_a_member_gets_an_app_message_with_digits_as_lines(
    wecom: WeCom, double: WeComDouble
) -> None:
    sent = await wecom.send(Out("xiaoli", "是3栋吗？", YES_NO, sender="张主任（主任）"))
    assert sent == Sent(ids=["m1"])
    assert without_token(double.said("message/send")) == [
        {
            "touser": "xiaoli",
            "msgtype": "text",
            "agentid": str(AGENT),
            "text": {"content": "张主任（主任）：\n是3栋吗？\n1. 对\n2. 不对"},
        }
    ]


async def test_digits_that_the_text_names_are_not_said_twice(
    wecom: WeCom, double: WeComDouble
) -> None:
    for chat in ("xiaoli", "kf:wmWang", "robot:工作群", "draft:xiaoli"):
        await wecom.send(Out(chat, "回1 对，回2 不对", YES_NO, inline=True))
    said = [
        body["text"]["content"] for _, body in double.calls if isinstance(body.get("text"), dict)
    ]
    assert said == ["回1 对，回2 不对"] * 4


async def test_whoever_is_no_member_any_more_is_gone(wecom: WeCom, double: WeComDouble) -> None:
    double.invalid.add("left")
    assert (await wecom.send(Out("left", "您好"))).fail is Fail.GONE
    assert (await wecom.send(Out("xiaoli", "您好"))).fail is None


async def test_a_customer_gets_a_menu_whose_items_begin_with_digits(
    wecom: WeCom, double: WeComDouble
) -> None:
    sent = await wecom.send(Out("kf:wmWang", "是3栋吗？", YES_NO, key=KEY))
    assert sent == Sent(ids=[KEY])
    assert without_token(double.said("kf/send_msg")) == [
        {
            "touser": "wmWang",
            "open_kfid": KFID,
            "msgid": KEY,
            "msgtype": "msgmenu",
            "msgmenu": {
                "head_content": "是3栋吗？",
                "list": [
                    {"type": "click", "click": {"id": "v1:q1=yes", "content": "1. 对"}},
                    {"type": "click", "click": {"id": "v1:q1=no", "content": "2. 不对"}},
                ],
            },
        }
    ]


TOO_MUCH_FOR_A_MENU = [
    Out("kf:wmWang", "长" * 342, YES_NO),
    Out("kf:wmWang", "短", [("1", "长" * 42, "q1=yes")]),
    Out("kf:wmWang", "短", [("1", "对", "q" * 126)]),
    Out("kf:wmWang", "短", [(str(n), "对", f"q1={n}") for n in range(11)]),
]


@pytest.mark.parametrize("out", TOO_MUCH_FOR_A_MENU)
async def test_what_a_menu_cannot_hold_is_said_in_lines(
    wecom: WeCom, double: WeComDouble, out: Out
) -> None:
    assert (await wecom.send(out)).fail is None
    [body] = double.said("kf/send_msg")
    assert (body["msgtype"], body["text"]["content"]) == ("text", out.plain())


async def test_a_repeat_of_what_arrived_counts_as_sent(wecom: WeCom, double: WeComDouble) -> None:
    first = await wecom.send(Out("kf:wmWang", "您好", key=KEY))
    again = await wecom.send(Out("kf:wmWang", "您好", key=KEY))
    assert first == again == Sent(ids=[KEY])
    other = await wecom.send(Out("kf:wmWang", "您好", key="任何写法的 key，哪怕很长" * 9))
    assert len(other.ids[0]) == 32


async def test_a_welcome_answers_its_event(wecom: WeCom, double: WeComDouble) -> None:
    await wecom.send(Out("kf:wmWang", "您好", token="W", key=KEY))
    assert without_token(double.said("kf/send_msg_on_event")) == [
        {"code": "W", "msgid": KEY, "msgtype": "text", "text": {"content": "您好"}}
    ]
    assert double.said("kf/send_msg") == []


async def test_a_robot_posts_without_our_token(wecom: WeCom, double: WeComDouble) -> None:
    assert await wecom.send(Out("robot:工作群", "明早8点开会", group=True)) == Sent()
    assert double.said("webhook/send") == [
        {"msgtype": "text", "text": {"content": "明早8点开会"}, "?": {"key": ROBOT_KEY}}
    ]
    assert double.tokens == 0
    for gone in ("robot:旧群", "robot:没有的群"):
        assert (await wecom.send(Out(gone, "x", group=True))).fail is Fail.GONE


async def test_a_draft_waits_until_its_member_lets_it_go(wecom: WeCom, double: WeComDouble) -> None:
    out = Out("draft:xiaoli", "明早停水", sender="小李（社区工作者）", group=True)
    sent = await wecom.send(out)
    assert (sent.handed, sent.fail) == (True, None)
    # In xiaoli's own name: no "小李：" before it.
    assert without_token(double.said("externalcontact/add_msg_template")) == [
        {"chat_type": "group", "sender": "xiaoli", "text": {"content": "明早停水"}}
    ]
    [ident] = sent.ids
    assert await wecom.follow(ident) is None
    double.drafts[ident] = 2
    assert await wecom.follow(ident) == Sent(ids=[ident])


async def test_a_draft_that_cannot_be_asked_about_still_waits(
    wecom: WeCom, double: WeComDouble
) -> None:
    for code in (-1, 45009, 60020):
        double.refuse("externalcontact/get_groupmsg_task", code)
        assert await wecom.follow("msgG1") is None
    refused = await wecom.follow("unknown")
    assert refused is not None
    assert refused.fail is Fail.REJECTED


# What comes back

PATHS = {
    "xiaoli": "message/send",
    "kf:wmWang": "kf/send_msg",
    "robot:工作群": "webhook/send",
    "draft:xiaoli": "externalcontact/add_msg_template",
}
CODES = [
    ("xiaoli", -1, Fail.RETRY, 0),
    ("xiaoli", 45009, Fail.THROTTLED, 60),
    ("xiaoli", 45033, Fail.THROTTLED, 5),
    ("xiaoli", 81013, Fail.GONE, 0),
    ("xiaoli", 60111, Fail.GONE, 0),
    ("xiaoli", 45002, Fail.REJECTED, 0),
    ("xiaoli", 44004, Fail.REJECTED, 0),
    ("xiaoli", 301002, Fail.CONFIG, 0),
    ("xiaoli", 60020, Fail.CONFIG, 0),
    ("xiaoli", 99999, Fail.REJECTED, 0),
    ("kf:wmWang", 95001, Fail.WINDOW, 0),
    ("kf:wmWang", 95002, Fail.WINDOW, 0),
    ("kf:wmWang", 95016, Fail.WINDOW, 0),
    ("kf:wmWang", 95018, Fail.WINDOW, 0),
    ("kf:wmWang", 95013, Fail.WINDOW, 0),
    ("kf:wmWang", 95000, Fail.CONFIG, 0),
    ("kf:wmWang", 84061, Fail.GONE, 0),
    ("kf:wmWang", 95008, Fail.REJECTED, 0),
    ("robot:工作群", 45009, Fail.THROTTLED, 60),
    ("robot:工作群", 93000, Fail.GONE, 0),
    ("robot:工作群", 40058, Fail.REJECTED, 0),
    ("draft:xiaoli", 41048, Fail.REJECTED, 0),
    ("draft:xiaoli", 41063, Fail.THROTTLED, 60),
    ("draft:xiaoli", 48002, Fail.REJECTED, 0),
    ("draft:xiaoli", 60111, Fail.GONE, 0),
]


@pytest.mark.parametrize(("chat", "code", "fail", "wait"), CODES)
async def test_each_errcode_has_one_meaning(
    wecom: WeCom, double: WeComDouble, chat: str, code: int, fail: Fail, wait: float
) -> None:
    double.refuse(PATHS[chat], code, "whatever msgid 楼道灯坏了" if code in FAILS else "楼道灯坏了")
    sent = await wecom.send(Out(chat, "楼道灯坏了"))
    assert sent == Sent(fail=fail, retry_after=wait, detail=f"errcode {code}")


@pytest.mark.parametrize("chat", PATHS)
async def test_a_broken_answer_is_tried_again(wecom: WeCom, double: WeComDouble, chat: str) -> None:
    for body in (b"<html>502", b"[]", b"\xff\xff"):
        double.broken[PATHS[chat]] = deque([Response(body, 502)])
        assert (await wecom.send(Out(chat, "您好"))).fail is Fail.RETRY


async def test_nobody_there_to_talk_to_is_tried_again(double: WeComDouble, time: Time) -> None:
    found = WeCom("qw", app(double, api_base="http://127.0.0.1:1"), time)
    for chat in PATHS:
        assert (await found.send(Out(chat, "您好"))).fail is Fail.RETRY
    assert await found.follow("msgG1") is None
    await found.close()


# Tokens


async def test_many_callers_fetch_one_token(wecom: WeCom, double: WeComDouble) -> None:
    sent = await asyncio.gather(*(wecom.send(Out(f"u{n}", "您好")) for n in range(30)))
    assert {one.fail for one in sent} == {None}
    assert double.tokens == 1


async def test_a_token_that_is_not_taken_any_more_is_fetched_once_for_all(
    wecom: WeCom, double: WeComDouble
) -> None:
    await wecom.send(Out("xiaoli", "您好"))
    double.tokens += 1  # somebody else fetched one: ours is void
    sent = await asyncio.gather(*(wecom.send(Out(f"u{n}", "您好")) for n in range(10)))
    assert {one.fail for one in sent} == {None}
    assert double.tokens == 3


async def test_a_token_is_renewed_before_it_ends(
    wecom: WeCom, double: WeComDouble, time: Time
) -> None:
    await wecom.send(Out("xiaoli", "您好"))
    time.now += timedelta(minutes=114)
    await wecom.send(Out("xiaoli", "您好"))
    assert double.tokens == 1
    time.now += timedelta(minutes=2)
    await wecom.send(Out("xiaoli", "您好"))
    assert double.tokens == 2


async def test_a_token_that_is_never_taken_ends_the_try(wecom: WeCom, double: WeComDouble) -> None:
    double.refuse("message/send", 42001, times=9)
    assert (await wecom.send(Out("xiaoli", "您好"))).fail is Fail.CONFIG
    assert len(double.said("message/send")) == 2


WRONG = [({"secret": "wrong"}, "errcode 40001"), ({"agent_id": "1"}, "errcode 301002")]


@pytest.mark.parametrize(("change", "why"), WRONG)
async def test_wrong_credentials_are_said_at_once(
    double: WeComDouble, time: Time, change: dict[str, Any], why: str
) -> None:
    found = WeCom("qw", app(double, **change), time)
    with pytest.raises(Refused) as caught:
        await found.setup()
    assert caught.value.sent == Sent(fail=Fail.CONFIG, detail=why)
    await found.close()


async def test_right_credentials_pass(wecom: WeCom) -> None:
    await wecom.setup()


# Attachments and links


async def test_an_attachment_is_read_up_to_its_most(wecom: WeCom, double: WeComDouble) -> None:
    double.file = b"x" * 5000
    found = b"".join([chunk async for chunk in wecom.fetch({"media_id": "M"}, 5000)])
    assert found == double.file
    assert double.said("media/get")[0]["?"]["media_id"] == "M"
    with pytest.raises(TooLarge):
        _ = [chunk async for chunk in wecom.fetch({"media_id": "M"}, 4999)]
    double.refuse("media/get", 40007)
    with pytest.raises(Refused) as caught:
        _ = [chunk async for chunk in wecom.fetch({"media_id": "M"}, 4999)]
    assert caught.value.sent.fail is Fail.REJECTED


async def test_a_printed_code_leads_to_the_customer_service_and_brings_its_scene(
    wecom: WeCom, double: WeComDouble, time: Time
) -> None:
    link = await wecom.scene("b3-u2")
    assert link == f"{double.url}/kf/kfc0ffee?enc_scene=ENC&scene_param=b3-u2"
    without = WeCom("qw", app(double, open_kfid=""), time)
    assert await without.scene("b3-u2") is None
    assert (without.caps.polling, wecom.caps.polling) == (False, True)
    await without.close()


async def test_logs_hold_no_secret_and_no_words(
    wecom: WeCom, double: WeComDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    double.refuse("message/send", 45002, "楼道灯坏了")
    for chat in PATHS:
        await wecom.send(Out(chat, "楼道灯坏了"))
    ours = "".join(one.getMessage() for one in caplog.records if "uvicorn" not in one.name)
    for secret in (SECRET, ROBOT_KEY, "access_token", "楼道", "wmWang"):
        assert secret not in ours

"""What leaves for WeChat, over HTTP: calls, tokens, and what each errcode does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.responses import Response

from bot.adapters.base import Fail, Out, Refused, Sent, TooLarge
from bot.adapters.wechat import KEYS, WeChat
from bot.adapters.wechat.errors import FAILS, fail_of
from bot.platforms import Tools, make
from handlers.words import book
from tests.bot import wechat_double
from tests.bot.wechat_double import APP_ID, FOLLOWER, SECRET, TOKEN, WeChatDouble

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CUSTOM, MASS = "message/custom/send", "message/mass/sendall"
ASKED = Out(
    FOLLOWER, "我这样报，对吗？", choices=(("1", "对", "q7=yes"), ("2", "不对", "q7=no")), key="17"
)


class Time:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def double() -> Iterator[WeChatDouble]:
    with wechat_double.serving() as made:
        yield made


@pytest.fixture
async def wechat(double: WeChatDouble) -> AsyncIterator[WeChat]:
    made = account(double)
    yield made
    await made.close()


def account(double: WeChatDouble, **more: Any) -> WeChat:
    options: dict[str, Any] = {
        "app_id": APP_ID,
        "token": TOKEN,
        "app_secret": SECRET,
        "verified": True,
        "api_base": double.url,
        "clock": Time(),
        "words": book("zh-CN").__getitem__,
    }
    return WeChat("gzh", **{**options, **more})


# Words


async def test_words_go_as_they_read(double: WeChatDouble, wechat: WeChat) -> None:
    assert await wechat.send(Out(FOLLOWER, "好的，\n“小李”马上来😀")) == Sent([])
    path, body, raw = double.calls[-1]
    assert path == CUSTOM
    text = {"content": "好的，\n“小李”马上来😀"}
    assert body == {"touser": FOLLOWER, "msgtype": "text", "text": text}
    assert "小李".encode() in raw, "an escaped sign is shown as its escape on a phone"


async def test_choices_can_be_tapped_and_typed(double: WeChatDouble, wechat: WeChat) -> None:
    await wechat.send(ASKED)
    assert double.texts() == [ASKED.plain()], "whoever cannot tap reads the same digits"
    menu = double.said(CUSTOM)[0]["msgmenu"]
    assert [one["id"] for one in menu["list"]] == ["v1:q7=yes", "v1:q7=no"]


async def test_digits_in_the_text_are_not_said_twice(double: WeChatDouble, wechat: WeChat) -> None:
    await wechat.send(replace(ASKED, text="1 平安，2 要帮忙", inline=True))
    assert double.texts() == ["1 平安，2 要帮忙"]


async def test_who_speaks_stands_before(double: WeChatDouble, wechat: WeChat) -> None:
    await wechat.send(Out(FOLLOWER, "下午来修", sender="小李（网格员）"))
    await wechat.send(replace(ASKED, sender="小李（网格员）"))
    assert double.texts() == ["小李（网格员）：\n下午来修", "小李（网格员）：\n" + ASKED.plain()]


async def test_an_account_that_only_answers_sends_nothing(double: WeChatDouble) -> None:
    quiet = account(double, verified=False, app_secret="")
    for out in (ASKED, Out("@all", "停水"), replace(ASKED, template=True, token="TPL1")):
        assert (await quiet.send(out)).fail is Fail.WINDOW
    await quiet.setup()
    assert await quiet.scene("p-3") is None
    with pytest.raises(Refused):
        await anext(aiter(quiet.fetch({"media_id": "m"}, 10)))
    assert double.calls == []
    assert (quiet.caps.initiate, account(double).caps.initiate) == ("never", "grant")
    await quiet.close()


# To all


async def test_to_all_once_however_often_it_is_tried(double: WeChatDouble, wechat: WeChat) -> None:
    out = Out("@all", "明天停水", group=True, key="out-5")
    first, again = await wechat.send(out), await wechat.send(out)
    assert first.ids and first == again and first.fail is None
    other = await wechat.send(replace(out, key="out-6"))
    assert other.ids != first.ids
    bodies = double.said(MASS)
    assert bodies[0]["filter"] == {"is_to_all": True}
    assert bodies[0]["text"] == {"content": "明天停水"} and bodies[0]["msgtype"] == "text"
    assert len({body["clientmsgid"] for body in bodies}) == 2
    assert all(len(body["clientmsgid"]) <= 64 for body in bodies)


async def test_to_those_with_a_tag(double: WeChatDouble, wechat: WeChat) -> None:
    await wechat.send(Out("@tag:12", "3栋停水", key="1"))
    assert double.said(MASS)[0]["filter"] == {"is_to_all": False, "tag_id": 12}


# By template


async def test_what_fits_a_template_is_said_by_it(double: WeChatDouble) -> None:
    wechat = account(double, template=("thing5", "time8"))
    out = Out(FOLLOWER, "您的12号修好了", template=True, token="TPL1")
    assert await wechat.send(out) == Sent([])
    assert double.said("message/subscribe/bizsend") == [
        {
            "touser": FOLLOWER,
            "template_id": "TPL1",
            "data": {
                "thing5": {"value": "您的12号修好了"},
                "time8": {"value": "2026年11月23日 09:00"},
            },
        }
    ]
    await wechat.close()


@pytest.mark.parametrize(
    "out",
    [
        Out(FOLLOWER, "您的12号：张师傅看过了，说线老化，下午来换。"),
        Out(FOLLOWER, "好了吗？", choices=ASKED.choices),
    ],
)
async def test_what_does_not_fit_knocks_and_waits(
    double: WeChatDouble, wechat: WeChat, out: Out
) -> None:
    sent = await wechat.send(replace(out, template=True, token="TPL1"))
    assert (sent.fail, sent.detail) == (Fail.WINDOW, "knocked")
    (body,) = double.said("message/subscribe/bizsend")
    assert len(body["data"]["thing1"]["value"]) <= 20


@pytest.mark.parametrize("code", [43101, 47003, 40037, 48001, 45002])
async def test_a_template_that_is_refused_loses_nothing(
    double: WeChatDouble, wechat: WeChat, code: int
) -> None:
    double.refuse("message/subscribe/bizsend", code)
    sent = await wechat.send(Out(FOLLOWER, "修好了", template=True, token="TPL1"))
    assert sent.fail is Fail.WINDOW


# Errcodes


EXPECTED = {
    **dict.fromkeys((-1, -1000, 500, 503, 50001), Fail.RETRY),
    **dict.fromkeys((45009, 45011), Fail.THROTTLED),
    **dict.fromkeys((45015, 45047, 43101), Fail.WINDOW),
    **dict.fromkeys((43004, 40003, 50005), Fail.GONE),
    **dict.fromkeys((40001, 40014, 42001, 42007, 40013, 40125, 40164, 48001), Fail.CONFIG),
    **dict.fromkeys((45002, 40008, 45028, 47001, 87014, 99999, 7), Fail.REJECTED),
}


@pytest.mark.parametrize("code, fail", EXPECTED.items())
async def test_each_errcode_has_one_consequence(
    double: WeChatDouble, wechat: WeChat, code: int, fail: Fail
) -> None:
    double.refuse(CUSTOM, code, times=2)
    sent = await wechat.send(Out(FOLLOWER, "王阿姨的话"))
    assert (sent.fail, sent.detail) == (fail, f"errcode {code}")
    assert sent.everywhere == (code == 45009)
    assert (sent.retry_after > 0) == (fail is Fail.THROTTLED)


def test_every_code_that_is_listed_is_listed_once() -> None:
    from bot.adapters.wechat.errors import _LISTED

    assert sum(len(codes) for codes in _LISTED.values()) == len(FAILS)
    assert {fail_of(code).fail for code in FAILS} == set(_LISTED)


@pytest.mark.parametrize(
    "answer",
    [
        Response(b"<html>502</html>", status_code=502),
        Response(b"[]"),
        Response(b'{"errcode": "soon"}'),
        Response(b'{"errcode": [1]}'),
        Response(b"\xff\xfe"),
    ],
)
async def test_an_answer_that_is_none_is_tried_again(
    double: WeChatDouble, wechat: WeChat, answer: Response
) -> None:
    await wechat.send(Out(FOLLOWER, "x"))
    double.raw[CUSTOM] = deque([answer])
    assert (await wechat.send(Out(FOLLOWER, "x"))).fail is Fail.RETRY


async def test_nobody_there_is_tried_again(wechat: WeChat) -> None:
    away = WeChat(
        "gzh",
        app_id=APP_ID,
        token=TOKEN,
        app_secret=SECRET,
        verified=True,
        clock=Time(),
        api_base="http://127.0.0.1:9",
    )
    sent = await away.send(Out(FOLLOWER, "x"))
    assert (sent.fail, sent.detail) == (Fail.RETRY, "network: ConnectError")
    await away.close()


# Tokens


async def send_many(wechat: WeChat, number: int = 50) -> list[Sent]:
    return await asyncio.gather(*(wechat.send(Out(FOLLOWER, f"{n}")) for n in range(number)))


async def test_one_token_however_many_wait(double: WeChatDouble, wechat: WeChat) -> None:
    assert {sent.fail for sent in await send_many(wechat)} == {None}
    assert (double.tokens, double.counts[CUSTOM]) == (1, 50)
    body = double.said("stable_token")[0]
    assert body == {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}


async def test_a_token_that_ended_early_is_renewed_once(
    double: WeChatDouble, wechat: WeChat
) -> None:
    await send_many(wechat)
    double.valid = set()
    assert {sent.fail for sent in await send_many(wechat)} == {None}
    assert double.tokens == 2
    assert double.counts[CUSTOM] <= 50 + 2 * 50


async def test_a_token_is_renewed_before_its_time(double: WeChatDouble) -> None:
    time = Time()
    wechat = account(double, clock=time)
    await wechat.send(Out(FOLLOWER, "x"))
    time.now += timedelta(hours=1, minutes=54)
    await wechat.send(Out(FOLLOWER, "x"))
    assert double.tokens == 1
    time.now += timedelta(minutes=2)
    await wechat.send(Out(FOLLOWER, "x"))
    assert double.tokens == 2
    await wechat.close()


async def test_a_token_that_is_never_taken_ends_it(double: WeChatDouble, wechat: WeChat) -> None:
    double.stubborn = True
    sent = await wechat.send(Out(FOLLOWER, "x"))
    assert (sent.fail, sent.detail) == (Fail.CONFIG, "errcode 40001")
    assert (double.tokens, double.counts[CUSTOM]) == (2, 2)


async def test_a_token_that_stays_the_same_is_not_asked_for_by_all(
    double: WeChatDouble, wechat: WeChat
) -> None:
    """stable_token gives the one it gave; who waits must not each ask for it again."""
    await wechat.send(Out(FOLLOWER, "x"))
    double.valid = set()
    same = b'{"access_token": "token-1", "expires_in": 7000}'
    double.raw["stable_token"] = deque([Response(same)] * 60)
    assert {sent.fail for sent in await send_many(wechat)} == {Fail.CONFIG}
    assert double.counts["stable_token"] <= 4


@pytest.mark.parametrize(
    "more, code", [({"app_secret": "wrong"}, 40125), ({"app_id": "wx-other"}, 40013)]
)
async def test_wrong_credentials_are_said_to_the_operator(
    double: WeChatDouble, more: dict[str, str], code: int
) -> None:
    wechat = account(double, **more)
    sent = await wechat.send(Out(FOLLOWER, "x"))
    assert (sent.fail, sent.detail) == (Fail.CONFIG, f"errcode {code}")
    with pytest.raises(Refused) as refused:
        await wechat.setup()
    assert refused.value.sent.fail is Fail.CONFIG
    await wechat.close()


# Setting up


async def test_the_menu_fits_and_speaks_our_words(double: WeChatDouble, wechat: WeChat) -> None:
    await wechat.setup()
    (body,) = double.said("menu/create")
    names = [one["name"] for tab in body["button"] for one in tab.get("sub_button") or [tab]]
    assert names == ["报修、反映问题", "请邻居帮忙", "找工作人员", "我的诉求", "我的资料", "菜单"]
    assert "报修".encode() in double.calls[-1][2]


async def test_an_account_that_may_not_set_a_menu_hears_all_the_same(
    double: WeChatDouble, wechat: WeChat, caplog: pytest.LogCaptureFixture
) -> None:
    double.refuse("menu/create", 48001)
    await wechat.setup()
    assert "48001" in caplog.text
    double.refuse("menu/create", 40017)
    with pytest.raises(Refused):
        await wechat.setup()


async def test_a_code_for_a_building(double: WeChatDouble, wechat: WeChat) -> None:
    assert await wechat.scene("p-3") == "http://weixin.qq.com/q/p-3"
    double.raw["qrcode/create"] = deque([Response(b'{"ticket": "gQ+/t=="}')])
    url = await wechat.scene("p-3")
    assert url is not None and url.endswith("/showqrcode?ticket=gQ%2B%2Ft%3D%3D")


# Attachments


async def fetched(wechat: WeChat, most: int = 1000, **extra: str) -> bytes:
    return b"".join([chunk async for chunk in wechat.fetch(extra, most)])


async def test_an_attachment_is_read_up_to_its_limit(double: WeChatDouble, wechat: WeChat) -> None:
    double.files["m1"] = Response(b"\xff\xd8" + b"x" * 500, media_type="image/jpeg")
    assert len(await fetched(wechat, media_id="m1")) == 502
    with pytest.raises(TooLarge):
        await fetched(wechat, most=501, media_id="m1")
    double.valid = set()
    assert len(await fetched(wechat, media_id="m1")) == 502, "asked again with a new token"
    assert double.tokens == 2


async def test_a_video_is_read_from_where_it_is(double: WeChatDouble, wechat: WeChat) -> None:
    film = f"{double.url}/cgi-bin/film"
    double.files["m2"] = Response(f'{{"video_url": "{film}"}}', media_type="application/json")
    double.raw["film"] = deque([Response(b"mp4" * 9)] * 2)
    assert await fetched(wechat, media_id="m2") == b"mp4" * 9
    with pytest.raises(TooLarge):
        await fetched(wechat, most=5, media_id="m2")


@pytest.mark.parametrize(
    "answer, given",
    [
        (Response(b'{"a": 1}', media_type="application/json"), b'{"a": 1}'),
        (Response("一封信", media_type="text/plain"), "一封信".encode()),
    ],
)
async def test_a_file_that_looks_like_an_answer_is_a_file(
    double: WeChatDouble, wechat: WeChat, answer: Response, given: bytes
) -> None:
    double.files["m"] = answer
    assert await fetched(wechat, media_id="m") == given


async def test_what_is_no_more_is_refused(double: WeChatDouble, wechat: WeChat) -> None:
    with pytest.raises(Refused) as refused:
        await fetched(wechat, media_id="old")
    assert refused.value.sent == Sent(fail=Fail.REJECTED, detail="errcode 40007")
    with pytest.raises(Refused):
        await fetched(wechat, file_name="申请.docx")


# The community file


async def test_a_row_becomes_an_adapter(double: WeChatDouble) -> None:
    row = {"id": "gzh", "platform": "wechat", "app_id": APP_ID, "token": "env:T", "verified": True}
    row |= {"app_secret": "env:S", "api_base": double.url, "template_text": "thing9"}
    kept = {"env:T": TOKEN, "env:S": SECRET, "": ""}
    tools = Tools(Time(), kept.__getitem__, words=book("zh-CN").__getitem__)
    made = make(row, tools)
    assert isinstance(made, WeChat) and made.caps.initiate == "grant"
    await made.setup()
    assert "办事" in double.calls[-1][2].decode()
    await made.send(Out(FOLLOWER, "修好了", template=True, token="TPL1"))
    assert set(double.said("message/subscribe/bizsend")[0]["data"]) == {"thing9", "time2"}
    await made.close()
    with pytest.raises(ValueError, match="aes_key"):
        make({**row, "aes_key": ""}, Tools(Time(), lambda _: "short"))


@pytest.mark.parametrize(
    "row, faults",
    [
        ({}, []),
        ({"verified": True}, ["app_secret"]),
        ({"verified": True, "app_secret": "env:X"}, []),
        ({"aes_key": "short"}, ["aes_key"]),
        ({"aes_key": "file:/run/aes"}, []),
        ({"aes_key": "A" * 43}, []),
    ],
)
def test_what_a_row_lacks_is_said(row: dict[str, Any], faults: list[str]) -> None:
    assert [key for key, _ in KEYS.faults(row)] == faults

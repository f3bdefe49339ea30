"""A sixth platform in one file: its payloads as a table, its signature, a QQ on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from bot.adapters.base import (
    Event,
    Fail,
    Forbidden,
    Leave,
    Malformed,
    Out,
    Refused,
    Request,
    TooLarge,
)
from bot.adapters.qq import QQ, translate
from bot.platforms import PLATFORMS, Tools, make
from bot.web import make_app
from storage.community_checks import TYPES
from storage.models import Grant, Inbound
from storage.store.receipts import clean
from tests.bot.office import close_office, make_office
from tests.bot.qq_double import APP, SECRET, QQDouble, hook, serving, sign

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


def tools() -> Tools:
    return Tools(lambda: NOW, str)


def row(url: str = "http://127.0.0.1:1", **more: Any) -> dict[str, Any]:
    ours = {"id": "qq", "platform": "qq", "app_id": APP, "secret": SECRET}
    return {**ours, "api_base": url, "auth_base": url, **more}


@pytest.fixture(scope="module")
def server() -> Iterator[QQDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def double(server: QQDouble) -> QQDouble:
    server.reset()
    return server


@pytest_asyncio.fixture
async def bot(double: QQDouble) -> AsyncIterator[QQ]:
    adapter = QQ(row(double.url), tools())
    yield adapter
    await adapter.close()


# One file


def test_a_platform_is_one_short_file() -> None:
    lines = (ROOT / "bot/adapters/qq.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120
    assert max(map(len, lines)) <= 100


def test_nobody_else_has_heard_of_it() -> None:
    """But for what it is called, in the tables of words; and residents speak of it to the ear."""
    named = {
        path.relative_to(ROOT).as_posix()
        for room in ("bot", "handlers", "nlp", "storage")
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".toml", ".html")
        and "lexicon" not in path.parts
        and re.search(r"(?i)(?<![a-z])qq(?![a-z]|[.]com)", path.read_text(encoding="utf-8"))
    }
    words = {"bot/web/words.toml", "handlers/phrases/zh_CN.toml", "handlers/phrases/en.toml"}
    assert named == {"bot/adapters/qq.py", *words}


def test_it_is_found_by_its_file() -> None:
    keys = PLATFORMS["qq"]
    assert keys.needed == {"app_id", "secret"}
    assert keys.needed | keys.allowed <= TYPES.keys()
    assert isinstance(make(row(), tools()), QQ)
    with pytest.raises(ValueError, match="32 bytes"):
        make(row(secret=""), tools())


# In: the table of payloads. What a call holds, and what it means to us.

AUTHOR = {"id": "U1", "user_openid": "U1", "union_openid": "UN1"}
MEMBER = {"id": "M1", "member_openid": "M1"}
SENT_AT = "2026-11-23T09:00:00+08:00"
PHOTO = {
    "content_type": "image/jpeg",
    "filename": "a.jpg",
    "height": 90,
    "width": 90,
    "size": 900,
    "url": "https://multimedia.example/a",
}
VOICE = {"content_type": "voice", "filename": "a.amr", "url": "https://multimedia.example/v"}
SHEET = {"content_type": "application/vnd.ms-excel", "url": "https://multimedia.example/x"}


def said(content: str = "", *files: Any, **more: Any) -> dict[str, Any]:
    """A private message."""
    what = {"id": "ROBOT1.0_a", "content": content, "timestamp": SENT_AT, "author": AUTHOR, **more}
    if files:
        what["attachments"] = list(files)
    return {"op": 0, "id": "C2C_MESSAGE_CREATE:e1", "s": 1, "t": "C2C_MESSAGE_CREATE", "d": what}


def in_group(content: str) -> dict[str, Any]:
    what = {"id": "ROBOT1.0_b", "content": content, "timestamp": SENT_AT, "author": MEMBER}
    what |= {"group_id": "G1", "group_openid": "G1"}
    return {"op": 0, "id": "GROUP_AT_MESSAGE_CREATE:e2", "t": "GROUP_AT_MESSAGE_CREATE", "d": what}


def moved(name: str, **what: Any) -> dict[str, Any]:
    return {"op": 0, "id": f"{name}:e3", "t": name, "d": {"timestamp": 1795395600, **what}}


HOUR = [Leave("message", NOW + timedelta(minutes=60), 5, "ROBOT1.0_a")]
BRIEF = [Leave("message", NOW + timedelta(minutes=5), 5, "ROBOT1.0_b")]
ALONE = Event("ROBOT1.0_a", "u:U1", "U1", NOW, leaves=HOUR)
TOGETHER = Event("ROBOT1.0_b", "g:G1", "M1", NOW, group=True, leaves=BRIEF)
MOVE = Event("", "u:U1", "U1", NOW)
GROUP = {"group_openid": "G1", "op_member_openid": "M1"}


def shown(file: dict[str, Any], kind: str, nth: int = 0) -> Event:
    extra = {"mime": file["content_type"], "url": file["url"]}
    return replace(ALONE, key=f"ROBOT1.0_a:{nth}", kind=kind, extra=extra)


def came_or_went(name: str, kind: str) -> Event:
    if name.startswith("GROUP"):
        known = {"group": True, "extra": {"heard": False}}
        return Event(f"{name}:e3", "g:G1", "M1", NOW, kind, **known)
    return Event(f"{name}:e3", "u:U1", "U1", NOW, kind)


PAYLOADS: list[tuple[dict[str, Any], list[Event]]] = [
    (said("楼道灯坏了"), [replace(ALONE, text="楼道灯坏了")]),
    (said("/菜单 "), [replace(ALONE, text="菜单")]),
    (said("1/2 的楼层没水"), [replace(ALONE, text="1/2 的楼层没水")]),
    (said(""), [ALONE]),
    (said("", PHOTO), [shown(PHOTO, "photo")]),
    (said("灯坏了", PHOTO), [replace(ALONE, text="灯坏了"), shown(PHOTO, "photo")]),
    (said("", VOICE, SHEET), [shown(VOICE, "voice"), shown(SHEET, "file", 1)]),
    (said("", {**PHOTO, "content_type": "video/mp4"}), [
        shown({**PHOTO, "content_type": "video/mp4"}, "video")
    ]),
    (in_group(" 物业电话多少？"), [replace(TOGETHER, text="物业电话多少？")]),
    (in_group(" /平安"), [replace(TOGETHER, text="平安")]),
    *(
        (moved(name, openid="U1", **GROUP), [came_or_went(name, kind)])
        for name, kind in [
            ("FRIEND_ADD", "joined"),
            ("FRIEND_DEL", "left"),
            ("GROUP_ADD_ROBOT", "joined"),
            ("GROUP_DEL_ROBOT", "left"),
        ]
    ),
    # No matter of ours.
    (moved("GROUP_MSG_REJECT", **GROUP), []),
    (moved("C2C_MSG_RECEIVE", openid="U1"), []),
    (moved("MESSAGE_REACTION_ADD"), []),
]  # fmt: skip


@pytest.mark.parametrize(("call", "events"), PAYLOADS)
async def test_payloads(bot: QQ, call: dict[str, Any], events: list[Event]) -> None:
    opened = await bot.open(hook(call))
    assert list(opened.events) == events
    assert (opened.status, json.loads(opened.body)) == (200, {"op": 12})
    assert opened.content_type == "application/json"
    assert all(event.addressed for event in opened.events)


BROKEN: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"op": 1' + b"0" * 5000 + b"}",
    {},
    {"op": 0},
    {"op": 0, "t": ["C2C_MESSAGE_CREATE"]},
    {"op": 13},
    {"op": 13, "d": {"plain_token": "\ud800", "event_ts": "1"}},
    {"op": 13, "d": {"plain_token": 7, "event_ts": "1"}},
    {**said("好"), "d": None},
    {**said("好"), "d": "好"},
    {**moved("FRIEND_ADD", openid="U1"), "id": None},
    moved("GROUP_ADD_ROBOT", op_member_openid="M1"),
    said("好", author="U1"),
    said("好", author={"user_openid": {"$gt": ""}}),
    said("好", id=17),
    said("好", 7),
    said("好", attachments=7),
    said("好", {**PHOTO, "url": None}),
]


@pytest.mark.parametrize("call", BROKEN, ids=lambda call: repr(call)[:40])
async def test_what_cannot_be_read(bot: QQ, call: Any) -> None:
    with pytest.raises(Malformed):
        await bot.open(hook(call))


def test_translating_needs_no_adapter() -> None:
    assert [event.text for event in translate(said("在吗"), NOW)] == ["在吗"]


# In: the signature

CALL = json.dumps(said("楼道灯坏了")).encode()
GOOD = sign(CALL)
WRONG: list[dict[str, str]] = [
    {},
    {"x-signature-timestamp": "1795395600"},
    {"x-signature-ed25519": GOOD["x-signature-ed25519"]},
    {**GOOD, "x-signature-timestamp": "1795395601"},
    {**GOOD, "x-signature-timestamp": "1\udc80"},
    {**GOOD, "x-signature-ed25519": ""},
    {**GOOD, "x-signature-ed25519": "zz"},
    {**GOOD, "x-signature-ed25519": "00" * 64},
    {**GOOD, "x-signature-ed25519": GOOD["x-signature-ed25519"][:-2]},
    {**GOOD, "x-signature-ed25519": GOOD["x-signature-ed25519"] + "00"},
    sign(CALL, secret=SECRET[:-1]),
    sign(CALL + b" "),
]


@pytest.mark.parametrize("headers", WRONG)
async def test_unsigned_is_forbidden(bot: QQ, headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        await bot.open(Request("POST", headers, {}, CALL))


async def test_signed_is_let_in_whatever_the_case_of_its_hex(bot: QQ) -> None:
    headers = {**GOOD, "x-signature-ed25519": GOOD["x-signature-ed25519"].upper()}
    assert len((await bot.open(Request("POST", headers, {}, CALL))).events) == 1


async def test_the_address_is_checked() -> None:
    """The example of QQ's own document: a short secret is repeated until it fills 32 bytes."""
    secret = "DG5g3B4j9X2KOErG"
    adapter = QQ(row(secret=secret), tools())
    asked = {"plain_token": "Arq0D5A61EgUu4OxUvOp", "event_ts": "1725442341"}
    opened = await adapter.open(hook({"op": 13, "d": asked}, secret=secret))
    answer = json.loads(opened.body)
    assert answer["plain_token"] == asked["plain_token"]
    assert answer["signature"].startswith("87befc99c42c651b3aac")
    assert (opened.events, opened.status, opened.content_type) == ((), 200, "application/json")
    await adapter.close()


async def test_nobody_else_gets_anything_signed(bot: QQ) -> None:
    """Else a made-up call, sent as `plain_token`, would come back with our signature under it."""
    body = json.dumps({"op": 13, "d": {"plain_token": CALL.decode(), "event_ts": "1"}}).encode()
    with pytest.raises(Forbidden):
        await bot.open(Request("POST", {}, {}, body))


async def test_through_the_web_app_once_and_only_signed(tmp_path: Path) -> None:
    channel = row()
    made = make_office(tmp_path, adapters={"qq": QQ(channel, tools())}, more_channels=[channel])
    made.office.hub.start()
    transport = httpx.ASGITransport(make_app(made.office))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        for headers, status in [({}, 403), (GOOD, 200), (GOOD, 200), (sign(b"{}"), 403)]:
            answer = await client.post("/qq/qq", content=CALL, headers=headers)
            assert answer.status_code == status
        assert answer.json()["error"]
        for body, status in [(b"{}", 400), (json.dumps(said("坏", id="\ud800")).encode(), 200)]:
            answer = await client.post("/qq/qq", content=body, headers=sign(body))
            assert answer.status_code == status
    [kept, odd] = made.read(lambda session: session.query(Inbound).all())
    [leave] = made.read(lambda session: session.query(Grant).all())  # the newest counts
    assert (kept.chat_key, kept.text, kept.external_id) == ("u:U1", "楼道灯坏了", "ROBOT1.0_a")
    assert (odd.external_id, leave.chat_key, leave.left, leave.token) == ("?", "u:U1", 5, "?")
    close_office(made)


# Out


async def test_says(bot: QQ, double: QQDouble) -> None:
    choices = [("1", "对", "q1=1"), ("2", "不对", "q1=2")]
    first = await bot.send(Out("u:U1", "在3栋吗？", choices, token="ROBOT1.0_a", nth=1))
    second = await bot.send(
        Out("g:G 1/2", "明天修", sender="小李（社区工作者）", token="ROBOT1.0_b", nth=4)
    )
    assert (first.ids, second.ids) == (["ROBOT1.0_1"], ["ROBOT1.0_2"])
    assert double.sent == [
        (
            "/v2/users/U1/messages",
            {
                "content": "在3栋吗？\n1. 对\n2. 不对",
                "msg_type": 0,
                "msg_id": "ROBOT1.0_a",
                "msg_seq": 1,
            },
        ),
        (
            "/v2/groups/G 1/2/messages",
            {
                "content": "小李（社区工作者）：\n明天修",
                "msg_type": 0,
                "msg_id": "ROBOT1.0_b",
                "msg_seq": 4,
            },
        ),
    ]
    assert double.tokens == ["token-1"]


def out() -> Out:
    return Out("u:U1", "秘密的话", token="m", nth=1)


REFUSALS: list[tuple[int, Any, Fail]] = [
    (400, {"code": 22009, "message": "msg limit exceed"}, Fail.THROTTLED),
    (400, {"code": 40034025, "message": "msg_id 秘密的话"}, Fail.WINDOW),
    (400, {"code": 40034102, "message": "主动消息失败，无权限"}, Fail.WINDOW),
    (400, {"code": 40054005, "message": "消息被去重"}, Fail.RETRY),
    (400, {"code": 40034011, "message": "秘密的话"}, Fail.REJECTED),
    (400, {"code": 304003, "message": "url not allowed"}, Fail.REJECTED),
    (500, {"code": 5001, "message": "server"}, Fail.RETRY),
    (200, {"code": "?"}, Fail.RETRY),
    (502, b"<html>\xe7\xa7\x98\xe5\xaf\x86", Fail.RETRY),
    (200, [1], Fail.RETRY),
]


@pytest.mark.parametrize(("status", "body", "fail"), REFUSALS)
async def test_refusals(bot: QQ, double: QQDouble, status: int, body: Any, fail: Fail) -> None:
    double.refusals = [(status, body)]
    sent = await bot.send(out())
    assert (sent.fail, sent.ids) == (fail, ())
    assert sent.detail
    assert "秘密" not in sent.detail
    assert (await bot.send(out())).fail is None


async def test_one_token_however_many_send(bot: QQ, double: QQDouble) -> None:
    sent = await asyncio.gather(*(bot.send(out()) for _ in range(20)))
    assert {one.fail for one in sent} == {None}
    assert len(double.tokens) == 1
    double.tokens.append("made elsewhere, so ours is not taken any more")
    sent = await asyncio.gather(*(bot.send(out()) for _ in range(20)))
    assert {one.fail for one in sent} == {None}
    assert len(double.tokens) == 3


async def test_a_token_that_is_never_taken(bot: QQ, double: QQDouble) -> None:
    double.good = False
    assert (await bot.send(out())).fail is Fail.CONFIG
    assert len(double.tokens) == 2  # once more, and then it is said


@pytest.mark.parametrize(
    "answer",
    [
        {"code": 100016, "message": "invalid appid or secret"},
        {"access_token": "t"},
        {"access_token": "t", "expires_in": "soon"},
    ],
)
async def test_no_token(bot: QQ, double: QQDouble, answer: Any) -> None:
    double.token_answer = answer
    assert (await bot.send(out())).fail is Fail.CONFIG
    with pytest.raises(Refused) as refused:
        await bot.setup()
    assert refused.value.sent.fail is Fail.CONFIG
    assert double.sent == []


async def test_set_up_is_a_look_at_the_credentials(bot: QQ, double: QQDouble) -> None:
    await bot.setup()
    assert double.tokens == ["token-1"]


async def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="huiyin")
    adapter = QQ(row(), tools())
    assert (await adapter.send(out())).fail is Fail.RETRY
    assert SECRET not in caplog.text
    await adapter.close()


def test_what_it_can_do() -> None:
    assert QQ.caps.initiate == "grant"
    assert not QQ.caps.buttons
    assert not QQ.caps.polling


# Attachments


async def read(bot: QQ, url: str, most: int) -> bytes:
    return b"".join([chunk async for chunk in bot.fetch({"url": url}, most)])


async def test_attachments_within_limits(bot: QQ, double: QQDouble) -> None:
    assert await read(bot, f"{double.url}/files/900", 900) == b"x" * 900
    with pytest.raises(TooLarge):
        await read(bot, f"{double.url}/files/901", 900)
    for elsewhere in ("http://127.0.0.2:1/files/9", "file:///etc/passwd", "", "https://[", "ftp:"):
        with pytest.raises(Refused):
            await read(bot, elsewhere, 900)
    with pytest.raises(Refused):
        await read(bot, f"{double.url}.evil.example/files/9", 900)
    with pytest.raises(Refused):
        await read(bot, f"{double.url}/nothing", 900)
    assert double.tokens == []  # the token goes nowhere but to the API


def test_a_broken_sign_is_cleaned_where_it_is_kept() -> None:
    [event] = translate(json.loads(json.dumps(said("坏\ud83d字"))), NOW)
    assert clean(event.text) == "坏?字"

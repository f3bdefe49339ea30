"""王阿姨 writes to the 公众号: the real web, ear, handlers and outbox, and a WeChat on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.adapters.wechat import WeChat
from bot.lane import Rank
from bot.outbox import Outbox
from handlers.words import book
from storage.models import Chat, Grant, Inbound, Outbound, Sending
from tests.bot import wechat_double
from tests.bot.office import Made, Time, close_office, make_office
from tests.bot.web_client import client
from tests.bot.wechat_double import (
    AES_KEY,
    APP_ID,
    FOLLOWER,
    SECRET,
    TOKEN,
    WeChatDouble,
    message,
    post,
    read,
    unseal,
)

ROW: dict[str, Any] = {"id": "gzh", "platform": "wechat", "app_id": APP_ID, "token": TOKEN}
WORKER = "worker-on-wechat"


@pytest.fixture
def double() -> Iterator[WeChatDouble]:
    with wechat_double.serving() as made:
        yield made


class Street:
    """The office with one 公众号, and a phone that writes to it."""

    def __init__(self, folder: Path, double: WeChatDouble, *, verified: bool, key: str) -> None:
        time = Time()
        self.wechat = WeChat(
            "gzh",
            app_id=APP_ID,
            token=TOKEN,
            clock=time,
            app_secret=SECRET,
            aes_key=key,
            verified=verified,
            api_base=double.url,
            words=book("zh-CN").__getitem__,
        )
        more = {"verified": True, "app_secret": SECRET} if verified else {}
        self.made: Made = make_office(
            folder,
            clock=time,
            adapters={"gzh": self.wechat},
            more_channels=[{**ROW, **more}],
            real=True,
        )
        self.time, self.key = time, key
        self.made.office.hub.start()
        self.outbox = self.new_outbox()
        self.numbers = iter(range(1, 1000))
        self.web: httpx.AsyncClient

    def new_outbox(self) -> Outbox:
        office = self.made.office
        return Outbox(
            office.lane, office.database, office.adapters, self.time, asyncio.sleep, lambda: 0.5
        )

    async def posts(self, body: str) -> httpx.Response:
        request = post(body, sealed=bool(self.key))
        url = httpx.URL("/wechat/gzh", params=dict(request.query))
        return await self.web.post(url, content=request.body)

    async def says(self, *bodies: Any, **fields: Any) -> str:
        """What she reads in answer within the same request; "success" where nothing is."""
        body = bodies[0] if bodies else message(next(self.numbers), **fields)
        answer = await self.posts(body)
        assert answer.status_code == 200, answer.text
        if answer.text == "success":
            return answer.text
        assert answer.headers["content-type"].startswith("application/xml")
        found = read(unseal(answer.text) if self.key else answer.text)
        assert found["ToUserName"] == FOLLOWER
        assert len(found["Content"].encode()) <= 2000
        return found["Content"]

    def rows(self, kind: Any) -> list[Any]:
        return list(self.made.read(lambda session: session.query(kind).all()))


@pytest.fixture(params=["plain", "sealed"])
async def street(
    request: pytest.FixtureRequest, tmp_path: Path, double: WeChatDouble
) -> AsyncIterator[Street]:
    key = AES_KEY if request.param == "sealed" else ""
    made = Street(tmp_path, double, verified=True, key=key)
    async with client(made.made) as made.web:
        yield made
    await made.wechat.close()
    close_office(made.made)


@pytest.fixture
async def quiet(tmp_path: Path, double: WeChatDouble) -> AsyncIterator[Street]:
    """An account nobody has verified."""
    made = Street(tmp_path, double, verified=False, key="")
    task = asyncio.create_task(made.outbox.run())
    async with client(made.made) as made.web:
        yield made
    await made.outbox.close()
    await task
    await made.wechat.close()
    close_office(made.made)


async def test_a_report_is_answered_in_the_very_request(street: Street) -> None:
    asked = await street.says(Content="楼道灯坏了")
    assert "在哪里" in asked
    again = await street.says(Content="3栋2单元")
    assert "我这样报" in again and "1. " in again
    filed = await street.says(Content="1")
    assert "编号 1" in filed


async def test_the_same_message_again_gets_the_same_reply_once(street: Street) -> None:
    body = message(7, Content="楼道灯坏了")
    first = await street.says(body)
    number = len(street.rows(Outbound))
    assert await street.says(body) == first
    both = await asyncio.gather(street.says(body), street.says(body))
    assert set(both) == {first}
    assert len(street.rows(Outbound)) == number
    assert len(street.rows(Inbound)) == 1


async def test_the_menu_answers_as_its_word_does(street: Street) -> None:
    await street.says(Content="你好")
    for key, word in (("mine", "我的诉求"), ("menu", "菜单"), ("report", "报修")):
        typed = await street.says(Content=word)
        tap = message(next(street.numbers), MsgType="event", Event="CLICK", EventKey=key)
        assert await street.says(tap) == typed
        await street.says(Content="取消")


async def test_following_is_greeted_and_gives_leave(street: Street) -> None:
    greeted = await street.says(message(1, MsgType="event", Event="subscribe", EventKey=""))
    assert greeted != "success"
    (grant,) = street.rows(Grant)
    assert (grant.name, grant.left, grant.chat_key) == ("tap", 3, FOLLOWER)
    await street.says(Content="你好")
    grants = {row.name: row.left for row in street.rows(Grant)}
    assert grants == {"tap": 3, "message": 5}, "an answer in the request takes none of it"


async def test_what_is_said_later_leaves_by_the_api_while_there_is_leave(
    street: Street, double: WeChatDouble
) -> None:
    await street.says(Content="楼道灯坏了，在3栋2单元")
    await street.says(Content="1")
    for number in range(7):
        _tell(street, f"第{number}句")
    await _sent(street)
    assert double.texts() == [f"第{n}句" for n in range(5)], "five for a message, and no more"
    assert double.tokens == 1
    waiting = {row.text for row in street.rows(Outbound) if row.status is Sending.WAITING}
    assert waiting == {"第5句", "第6句"}
    await street.says(Content="我的诉求")  # which gives leave for the rest
    await _sent(street, again=True)
    assert double.texts() == [f"第{n}句" for n in range(7)]


async def test_a_block_is_noted(street: Street, double: WeChatDouble) -> None:
    await street.says(Content="你好")
    double.refuse("message/custom/send", 43004)
    _tell(street, "在吗")
    await _sent(street)
    chat = next(row for row in street.rows(Chat) if row.external_id == FOLLOWER)
    assert chat.gone
    assert await street.says(message(9, MsgType="event", Event="unsubscribe")) == "success"


async def test_a_notice_to_all_goes_out_once_and_needs_no_leave(
    street: Street, double: WeChatDouble
) -> None:
    everybody = next(row for row in street.rows(Chat) if row.post_only)
    _tell(street, "明天停水", chat_id=everybody.id)
    await _sent(street)
    (body,) = double.said("message/mass/sendall")
    assert body["filter"] == {"is_to_all": True} and body["text"] == {"content": "明天停水"}
    row = next(row for row in street.rows(Outbound) if row.text == "明天停水")
    assert (row.status, row.external_id) == (Sending.SENT, "1000")


async def test_a_post_nobody_confirmed_has_not_been_said(street: Street) -> None:
    everybody = next(row for row in street.rows(Chat) if row.post_only)
    _tell(street, "明天停水", chat_id=everybody.id)
    await _sent(street)
    told = message(9, MsgType="event", Event="MASSSENDJOBFINISH", MsgID="1000", Status="err(40002)")
    assert await street.says(told) == "success"
    for _ in range(400):
        row = next(row for row in street.rows(Outbound) if row.text == "明天停水")
        if row.status is Sending.FAILED:
            break
        await asyncio.sleep(0.01)
    assert row.status is Sending.FAILED
    assert [row.error for row in street.rows(Inbound)] == [None]


async def test_an_account_that_only_answers_says_it_all_in_the_reply(
    quiet: Street, double: WeChatDouble
) -> None:
    assert "在哪里" in await quiet.says(Content="楼道灯坏了")
    _tell(quiet, "小李：下午来看")
    quiet.outbox.wake()
    for _ in range(400):  # until it is known that nothing but her next message lets it be said
        if Sending.WAITING in {row.status for row in quiet.rows(Outbound)}:
            break
        await asyncio.sleep(0.01)
    reply = await quiet.says(Content="3栋2单元")
    assert "小李：下午来看" in reply and "我这样报" in reply
    assert double.calls == []
    assert all(row.external_id != "@all" for row in quiet.rows(Chat))


@pytest.mark.parametrize("sealed", [False, True])
async def test_nothing_unsigned_is_kept(street: Street, sealed: bool) -> None:
    request = post(message(1, Content="着火了"), sealed=sealed, token="another")
    for query in (dict(request.query), {}, {"msg_signature": "0" * 40, "signature": "0" * 40}):
        url = httpx.URL("/wechat/gzh", params=query)
        answer = await street.web.post(url, content=request.body)
        assert answer.status_code == 403
    assert street.rows(Inbound) == []


async def test_the_address_is_confirmed(street: Street) -> None:
    asked = post("", echostr="8842")
    answer = await street.web.get("/wechat/gzh", params=dict(asked.query))
    assert (answer.status_code, answer.text) == (200, "8842")
    assert (await street.web.get("/wechat/gzh")).status_code == 403
    bad = post("<xml>", sealed=bool(street.key))
    url = httpx.URL("/wechat/gzh", params=dict(bad.query))
    assert (await street.web.post(url, content=bad.body)).status_code == 400


def _tell(street: Street, text: str, chat_id: int | None = None) -> None:
    """Something is said later, by nobody's message."""
    chats = {row.external_id: row.id for row in street.rows(Chat)}

    def work(session: Any) -> None:
        chat = session.get_one(Chat, chat_id or chats[FOLLOWER])
        session.add(
            Outbound(
                community_id=chat.community_id,
                channel_id="gzh",
                chat_id=chat.id,
                text=text,
                created_at=street.time(),
            )
        )

    street.made.write(work)


async def _sent(street: Street, *, again: bool = False) -> None:
    """The outbox runs until nothing more can leave."""
    if again:
        street.outbox = street.new_outbox()
    task = asyncio.create_task(street.outbox.run())
    for _ in range(400):
        statuses = {row.status for row in street.rows(Outbound)}
        if not statuses & {Sending.QUEUED, Sending.SENDING}:
            break
        street.time.now += timedelta(seconds=1)
        street.outbox.wake()
        await street.made.office.lane.write(Rank.BULK, lambda session: None)
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("something never left")
    await street.outbox.close()
    await task

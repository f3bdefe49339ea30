"""微信客服 is pulled: an event only tells that there is something. Nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.base import Fail, Refused
from bot.adapters.wecom import WeCom, customers
from storage import Unavailable
from storage.models import Grant, Inbound
from tests.bot.test_telegram_polling import Desk
from tests.bot.test_wecom_events import row
from tests.bot.test_wecom_sending import Time, app
from tests.bot.wecom_double import KFID, WeComDouble, sealed, serving, xml

CHANNEL = "tg"  # the Desk's only one
TEXTS = ["一", "二", "三", "四", "五"]


@pytest.fixture
def double() -> Iterator[WeComDouble]:
    with serving() as found:
        yield found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.lane.close()
    found.database.close()


def wrote(double: WeComDouble, *texts: str) -> None:
    for text in texts:
        ident = f"k{len(double.customers)}"
        double.customers.append(row("text", {"content": text}, msgid=ident))


def wecom(double: WeComDouble) -> WeCom:
    return WeCom(CHANNEL, app(double), Time())


async def run(desk: Desk, adapter: WeCom, until: Callable[[], bool]) -> None:
    polling = desk.polling(adapter)
    task = asyncio.create_task(polling.run())
    try:
        async with asyncio.timeout(10):
            while not until():
                await asyncio.sleep(0.001)
    finally:
        await polling.close()
        await task
        await adapter.close()


def heard(kfid: str = KFID, token: str = "ENC") -> Any:
    return sealed(
        xml(CreateTime=1, MsgType="event", Event="kf_msg_or_event", Token=token, OpenKfId=kfid)
    )


async def test_page_by_page_and_each_with_its_leave(desk: Desk, double: WeComDouble) -> None:
    wrote(double, *TEXTS)
    await run(desk, wecom(double), lambda: desk.texts() == TEXTS)
    asked = double.said("kf/sync_msg")
    assert [body.get("cursor") for body in asked] == [None, "2", "4"]
    assert {body["open_kfid"] for body in asked} == {KFID}
    assert desk.cursor() == "5"
    with desk.database.read() as session:
        [grant] = session.scalars(select(Grant)).all()
    assert (grant.chat_key, grant.name, grant.left) == ("kf:wmWang", "message", 5)


async def test_a_restart_goes_on_from_the_database(desk: Desk, double: WeComDouble) -> None:
    wrote(double, "一", "二", "三")
    await run(desk, wecom(double), lambda: len(desk.texts()) == 3)
    wrote(double, "四")
    await run(desk, wecom(double), lambda: len(desk.texts()) == 4)
    assert desk.texts() == TEXTS[:4]
    assert double.said("kf/sync_msg")[-1]["cursor"] == "3"


async def test_a_crash_between_sync_and_commit_loses_and_doubles_nothing(
    desk: Desk, double: WeComDouble
) -> None:
    wrote(double, *TEXTS)
    first = wecom(double)
    events, cursor = await first.poll(None)
    assert await desk.inbox.take(CHANNEL, events, cursor=cursor) == [True, True]
    lost, _ = await first.poll(cursor)  # fetched, and then the process died
    assert [event.text for event in lost] == ["三", "四"]
    await first.close()
    await run(desk, wecom(double), lambda: len(desk.texts()) == 5)
    assert desk.texts() == TEXTS
    # Committed, but the platform gives the same rows again: they are known.
    again = wecom(double)
    events, _ = await again.poll(None)
    assert await desk.inbox.take(CHANNEL, events) == [False, False]
    await again.close()
    assert desk.texts() == TEXTS


async def test_a_commit_that_fails_is_tried_again_at_once(
    desk: Desk, double: WeComDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for the next event: nothing would bring one."""
    wrote(double, *TEXTS)
    taken, tries = desk.inbox.take, [0]

    async def full_at_first(*args: Any, **more: Any) -> list[bool]:
        tries[0] += 1
        if tries[0] in (1, 3):
            raise Unavailable("the disk is full")
        return await taken(*args, **more)

    monkeypatch.setattr(desk.inbox, "take", full_at_first)
    await run(desk, wecom(double), lambda: len(desk.texts()) == 5)
    assert desk.texts() == TEXTS


async def test_it_waits_until_an_event_tells_and_then_asks_with_its_token(
    desk: Desk, double: WeComDouble
) -> None:
    adapter = wecom(double)
    _, cursor = await adapter.poll(None)
    assert cursor == "0"
    waiting = asyncio.create_task(adapter.poll(cursor))
    await adapter.open(heard(kfid="wkSomebodyElses"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    wrote(double, "一")
    await adapter.open(heard())
    events, cursor = await asyncio.wait_for(waiting, 5)
    assert ([event.text for event in events], cursor) == (["一"], "1")
    assert [body.get("token") for body in double.said("kf/sync_msg")] == [None, "ENC"]
    await adapter.close()


async def test_an_event_while_it_asks_is_not_forgotten(double: WeComDouble) -> None:
    adapter = wecom(double)
    first = asyncio.create_task(adapter.poll(None))
    while not double.said("kf/sync_msg"):
        await asyncio.sleep(0.001)
    await adapter.open(heard())
    _, cursor = await first
    await asyncio.wait_for(adapter.poll(cursor), 5)
    await adapter.close()


async def test_without_any_event_it_looks_all_the_same(
    double: WeComDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "WAIT", 0.001)
    adapter = wecom(double)
    _, cursor = await adapter.poll(None)
    assert await adapter.poll(cursor) == ([], None)  # nothing new: nothing to write down
    wrote(double, "一")
    events, _ = await adapter.poll(cursor)
    assert [event.text for event in events] == ["一"]
    await adapter.close()


async def test_an_old_token_is_not_used_and_a_refused_one_is_dropped(double: WeComDouble) -> None:
    time = Time()
    adapter = WeCom(CHANNEL, app(double), time)
    await adapter.open(heard(token="OLD"))
    time.now += customers.TOKEN_LASTS
    await adapter.poll(None)
    await adapter.open(heard(token="BAD"))
    double.refuse("kf/sync_msg", 95007)
    with pytest.raises(Refused) as caught:
        await adapter.poll("0")
    assert caught.value.sent.fail is Fail.RETRY
    await asyncio.wait_for(adapter.poll("0"), 5)  # refused, so not waited for
    tokens = [body.get("token") for body in double.said("kf/sync_msg")]
    assert tokens == [None, "BAD", None]
    await adapter.close()


async def test_a_row_nobody_can_read_does_not_hold_up_the_rest(
    desk: Desk, double: WeComDouble
) -> None:
    wrote(double, "一")
    double.customers += [{"origin": 3}, row("text", {"content": "x"}, send_time="?", msgid="kx")]
    wrote(double, "二")
    await run(desk, wecom(double), lambda: len(desk.texts()) == 2)
    assert desk.texts() == ["一", "二"]
    with desk.database.read() as session:
        assert [one.external_id for one in session.scalars(select(Inbound))] == ["kf:k0", "kf:k3"]

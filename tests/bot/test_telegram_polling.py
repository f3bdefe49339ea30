"""Commit, then move the offset: a crash in between brings duplicates, never a loss."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.base import Caps, Event, Fail, Opened, Out, Refused, Request, Sent
from bot.adapters.telegram import Telegram
from bot.inbox import Inbox
from bot.lane import Lane
from bot.polling import Polling, wait_after
from storage import Database, Unavailable
from storage.models import Channel, Community, Entity, Inbound
from tests.bot.telegram_double import TOKEN, serving
from tests.bot.test_telegram_events import message

T0 = datetime(2026, 11, 23, 1, tzinfo=UTC)


class Source:
    """A polled platform: events by number; a cursor confirms all that is below it."""

    def __init__(self, polling: bool = True) -> None:
        self.channel_id = "tg"
        self.caps = Caps(polling=polling)
        self.waiting: list[tuple[int, str | None]] = []  # a None means nothing to us
        self.troubles: list[Exception] = []
        self.setups: list[Exception] = []
        self.asked: list[str | None] = []
        self.set_up = 0
        self.empty = 0  # polls that end with nothing heard
        self.idle = asyncio.Event()
        self.more = asyncio.Event()

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        self.asked.append(cursor)
        if self.troubles:
            raise self.troubles.pop(0)
        self.waiting = [w for w in self.waiting if w[0] >= int(cursor or 0)]
        if not self.waiting and self.empty:
            self.empty -= 1
            return (), None
        while not self.waiting:
            self.idle.set()
            self.more.clear()
            await self.more.wait()
        found = self.waiting[:2]
        events = [Event(str(n), "c1", "u1", T0, text=text) for n, text in found if text is not None]
        return events, str(found[-1][0] + 1)

    async def setup(self) -> None:
        self.set_up += 1
        if self.setups:
            raise self.setups.pop(0)

    async def open(self, request: Request) -> Opened:
        return Opened()

    async def send(self, out: Out) -> Sent:
        return Sent()

    async def close(self) -> None: ...


class Desk:
    """A database, its lane and inbox, and sleeps that take no time."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'h.db'}")
        Entity.metadata.create_all(self.database.writer)
        with self.database.write() as session:
            session.add(Community(id=1, slug="x", name="幸福里", config={}, demo=False))
            session.flush()
            session.add(
                Channel(id="tg", community_id=1, platform="telegram", created_at=T0, warned=0)
            )
        self.lane = Lane(self.database)
        self.inbox = Inbox(self.lane, lambda: T0, lambda: None)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def polling(self, adapter: Any) -> Polling:
        return Polling(adapter, self.inbox, self.lane, self.sleep)

    def texts(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Inbound.text).order_by(Inbound.id)))

    def cursor(self) -> str | None:
        with self.database.read() as session:
            return session.scalar(select(Channel.cursor))

    async def run(self, adapter: Source, *, until: Callable[[], bool] | None = None) -> None:
        polling = self.polling(adapter)
        task = asyncio.create_task(polling.run())
        if until is None:
            adapter.idle.clear()
            await asyncio.wait_for(adapter.idle.wait(), 5)
        else:
            async with asyncio.timeout(5):
                while not until():
                    await asyncio.sleep(0.001)
        await polling.close()
        await task


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    found = Desk(tmp_path)
    yield found
    found.lane.close()
    found.database.close()


async def test_in_order_and_each_once(desk: Desk) -> None:
    source = Source()
    source.waiting = [(n, f"第{n}条") for n in range(5, 10)]
    await desk.run(source)
    assert desk.texts() == [f"第{n}条" for n in range(5, 10)]
    assert source.asked == [None, "7", "9", "10"]
    assert desk.cursor() == "10"


async def test_what_means_nothing_moves_the_cursor_too(desk: Desk) -> None:
    source = Source()
    source.waiting = [(1, None), (2, None), (3, "有事")]
    await desk.run(source)
    assert desk.texts() == ["有事"]
    assert desk.cursor() == "4"


async def test_a_poll_that_hears_nothing_keeps_the_cursor(desk: Desk) -> None:
    source = Source()
    source.waiting, source.empty = [(1, "一")], 2
    await desk.run(source)
    assert source.asked == [None, "2", "2", "2"]
    assert desk.cursor() == "2"


async def test_a_restart_goes_on_from_the_database(desk: Desk) -> None:
    first, second = Source(), Source()
    first.waiting, second.waiting = [(1, "一")], [(1, "一"), (2, "二")]
    await desk.run(first)
    await desk.run(second)
    assert second.asked[0] == "2"
    assert desk.texts() == ["一", "二"]


async def test_a_crash_before_the_platform_hears_brings_no_second_effect(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken and committed; the process dies; the platform, told nothing, says it all again."""
    source = Source()
    source.waiting = [(1, "一"), (2, "二")]
    taken = desk.inbox.take

    async def die_after(*args: Any, **more: Any) -> list[bool]:
        await taken(*args, **more)
        raise asyncio.CancelledError

    monkeypatch.setattr(desk.inbox, "take", die_after)
    with pytest.raises(asyncio.CancelledError):
        await desk.polling(source).run()
    monkeypatch.undo()
    assert source.asked == [None]
    assert await desk.inbox.take("tg", [Event("1", "c1", "u1", T0, text="一")]) == [False]
    source.waiting.append((3, "三"))
    await desk.run(source)
    assert desk.texts() == ["一", "二", "三"]


async def test_a_crash_before_the_commit_loses_nothing(desk: Desk) -> None:
    source = Source()
    source.waiting = [(1, "一")]
    taken, tries = desk.inbox.take, [0]

    async def full_at_first(*args: Any, **more: Any) -> list[bool]:
        tries[0] += 1
        if tries[0] < 3:
            raise Unavailable("the disk is full")
        return await taken(*args, **more)

    desk.inbox.take = full_at_first  # type: ignore[method-assign]
    await desk.run(source)
    assert source.asked == [None, None, None, "2"]
    assert desk.texts() == ["一"]
    assert desk.slept == [1, 2]


async def test_trouble_is_said_once_and_backs_off(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="huiyin.polling")
    source = Source()
    conflict = Refused(Sent(fail=Fail.RETRY, detail="409: another process polls"))
    source.setups = [Refused(Sent(fail=Fail.CONFIG, detail="the token is not valid"))] * 2
    source.troubles = [conflict] * 3
    source.waiting = [(1, "一")]
    await desk.run(source)
    assert desk.slept == [30, 30, 1, 2, 4]
    assert source.set_up == 3
    assert [r.getMessage() for r in caplog.records] == [
        "channel=tg not heard: config: the token is not valid",
        "channel=tg heard again",
        "channel=tg not heard: retry: 409: another process polls",
        "channel=tg heard again",
    ]
    assert desk.texts() == ["一"]


def test_waits() -> None:
    assert [wait_after(Sent(fail=Fail.RETRY), n) for n in (1, 2, 50)] == [1, 2, 60]
    assert wait_after(Sent(fail=Fail.THROTTLED, retry_after=90), 1) == 90


async def test_a_webhook_channel_is_only_set_up(desk: Desk) -> None:
    source = Source(polling=False)
    await desk.polling(source).run()
    assert (source.set_up, source.asked) == (1, [])


async def test_closed_before_it_ran(desk: Desk) -> None:
    polling = desk.polling(Source())
    await polling.close()
    await polling.run()


async def test_over_the_wire(desk: Desk) -> None:
    """The whole way from a Telegram to the inbox."""
    with serving() as double:
        double.updates = [{"update_id": n, "message": message(text=f"{n}")} for n in (1, 2, 3)]
        double.updates.insert(1, {"update_id": 1, "poll": {"id": "?"}})
        double.refuse("getUpdates", 502, b"<html>")
        adapter = Telegram("tg", TOKEN, clock=lambda: T0, api_base=double.url)
        await desk.run(adapter, until=lambda: len(double.said("getUpdates")) > 2)  # type: ignore[arg-type]
        await adapter.close()
    assert desk.texts() == ["1", "2", "3"]
    assert desk.cursor() == "4"
    assert double.updates == []

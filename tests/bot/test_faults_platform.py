"""A platform that is down, slow or talks rubbish for an hour; a process that stands still."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.base import Event, Fail, Out, Refused, Sent
from bot.inbox import Inbox
from bot.polling import Polling
from storage.models import Inbound, Priority, Sending
from storage.store.sending import cursor_of
from tests.bot.outbox_world import T0, World

HOUR = 3600.0
DOWN = {"down": Sent(fail=Fail.RETRY, detail="503"), "rubbish": ValueError("this is no JSON")}


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("bot.outbox.LOOK", 20.0)  # made-up hours in few steps
    made = World(tmp_path)
    yield made
    made.lane.close()
    made.database.close()


async def pass_(world: World, seconds: float) -> None:
    end = world.time.now + timedelta(seconds=seconds)
    while (left := (end - world.time.now).total_seconds()) > 0:
        await world.time.pass_(min(300.0, left))


def troubled(world: World, what: Sent | Exception) -> Callable[[Out], object]:
    """Channel a fails so for the first hour."""
    send = world.a.send

    async def answer(out: Out) -> Sent:
        if world.time.now < T0 + timedelta(seconds=HOUR):
            world.a.answers = [what]
        return await send(out)

    world.a.send = answer  # type: ignore[method-assign]
    return answer


@pytest.mark.parametrize("what", sorted(DOWN))
async def test_an_hour_of_it_costs_nobody_a_message_and_others_nothing(
    world: World, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At most 100 tries in that hour; all of it in order within 6 minutes after; b waits < 2 s."""
    caplog.set_level(logging.INFO, "huiyin.outbox")
    troubled(world, DOWN[what])
    waiting = [world.add(f"{chat}:{n}", chat) for n in range(4) for chat in (1, 2, 3, 4, 5)]
    async with world.running() as outbox:
        for minute in range(60):
            ident = world.add(f"b{minute}", 6, "b")
            outbox.wake()
            await world.time.until(lambda i=ident: world.row(i).status is Sending.SENT, 2)
            await world.time.pass_(60 * minute + 60 - (world.time.now - T0).total_seconds())
        assert "a" in outbox.troubles(), "the operator is told"
        tries = len(world.a.said)
        assert tries <= 100
        assert all(world.row(ident).status is Sending.QUEUED for ident in waiting)
        done = lambda: all(world.row(i).status is Sending.SENT for i in waiting)  # noqa: E731
        await world.time.until(done, 360)
        assert outbox.troubles() == {}
    said = [line for line in caplog.messages if "cannot send" in line or "sends again" in line]
    assert len(said) == 2, "once when it begins, once when it is over"
    after = [out.text for _, out in world.a.said[tries:]]
    assert Counter(after) == Counter(f"{chat}:{n}" for n in range(4) for chat in range(1, 6))
    for chat in range(1, 6):
        assert [text for text in after if text[0] == str(chat)] == [f"{chat}:{n}" for n in range(4)]


async def test_what_is_urgent_goes_first_when_it_is_back(world: World) -> None:
    """A danger tried in vain at first hears of it with the first success, not by its own wait."""
    troubled(world, DOWN["down"])
    for chat in (1, 2, 3, 4):
        world.add("通知", chat, priority=Priority.NOTICE)
    async with world.running():
        await pass_(world, HOUR - 1200)
        world.add("着火", 5, priority=Priority.DANGER)
        await world.time.until(lambda: world.time.now >= T0 + timedelta(seconds=HOUR), HOUR)
        tries = len(world.a.said)
        await world.time.until(lambda: len(world.a.said) >= tries + 5, 360)
    assert Counter(out.text for _, out in world.a.said[tries:]) == {"着火": 1, "通知": 4}
    danger = next(at for at, out in world.a.said[tries:] if out.text == "着火")
    first = world.a.said[tries][0]
    assert danger <= first + timedelta(seconds=2) <= T0 + timedelta(seconds=HOUR + 240)


async def test_what_is_over_by_then_is_dropped_and_said_nowhere(world: World) -> None:
    troubled(world, DOWN["down"])
    ident = world.add("今晚停水", expires_at=T0 + timedelta(minutes=30))
    async with world.running():
        await pass_(world, HOUR + 400)
    assert world.row(ident).status is Sending.DROPPED
    assert all(at < T0 + timedelta(minutes=30) for at, _ in world.a.said)


async def test_down_for_a_day_it_is_given_up_after_30_tries_and_somebody_sees_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The words stand in the console's list and not in the log."""

    async def never(out: Out) -> Sent:
        world.a.said.append((world.time.now, out))
        return Sent(fail=Fail.RETRY, detail="503")

    world.a.send = never  # type: ignore[method-assign]
    ident = world.add("灯修好了")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.FAILED, 24 * HOUR)
    assert len(world.a.said) == 30
    assert world.time.now - T0 > timedelta(minutes=100)
    assert world.row(ident).error == "503"
    assert f"outbound={ident} retry" in caplog.text and "灯修好了" not in caplog.text


async def test_a_platform_that_takes_30_s_each_gets_everything_once(world: World) -> None:
    """8 under way at a time for an hour; an answer starts within 30 s, before what is in line."""
    world.a.takes = 30
    notices = [world.add(f"n{n}", n % 4 + 1, priority=Priority.NOTICE) for n in range(60)]
    async with world.running() as outbox:
        await pass_(world, 200)
        answer = world.add("收到了", 5)
        outbox.wake()
        begun = world.time.now
        await world.time.until(lambda: "收到了" in world.a.texts, 30)
        assert world.time.now - begun <= timedelta(seconds=30)
        await world.time.until(
            lambda: all(world.row(i).status is Sending.SENT for i in [*notices, answer]), HOUR
        )
    assert max(Counter(world.a.texts).values()) == 1


# What is heard by asking


class Source:
    """A platform that is asked, and cannot be for its first hour."""

    channel_id = "a"

    def __init__(self, world: World, trouble: Exception) -> None:
        self.caps = world.a.caps
        object.__setattr__(self.caps, "polling", True)
        self._world, self._trouble = world, trouble
        self.asked: list[float] = []

    async def setup(self) -> None: ...

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        since = (self._world.time.now - T0).total_seconds()
        self.asked.append(since)
        if since < HOUR:
            raise self._trouble
        if int(cursor or 0) >= 3:
            await asyncio.get_running_loop().create_future()
        number = int(cursor or 0) + 1
        event = Event(f"m{number}", "c1", "u1", self._world.time.now, text="你好")
        return [event], str(number)


@pytest.mark.parametrize("what", sorted(DOWN))
async def test_a_platform_that_cannot_be_asked_for_an_hour_is_heard_within_a_minute_after(
    world: World, what: str
) -> None:
    """At most 70 times it is asked in that hour."""
    found = DOWN[what]
    source = Source(world, Refused(found) if isinstance(found, Sent) else found)
    inbox = Inbox(world.lane, world.time.clock, lambda: None)
    polling = Polling(source, inbox, world.lane, world.time.sleep)  # type: ignore[arg-type]
    task = asyncio.create_task(polling.run())

    def cursor() -> str | None:
        with world.database.read() as session:
            return cursor_of(session, "a")

    await world.time.until(lambda: cursor() == "3", HOUR + 60)
    assert 50 < sum(since < HOUR for since in source.asked) <= 70
    assert polling.trouble == ""
    await polling.close()
    await task
    with world.database.read() as session:
        assert [row.external_id for row in session.query(Inbound)] == ["m1", "m2", "m3"]


# A process that stands still


async def test_a_minute_of_standing_still_sends_nothing_twice(world: World) -> None:
    """What was under way lands; what came due meanwhile leaves at once, in order, at the pace."""
    world.a.takes = 0.5
    rows = [world.add(f"{n}", not_before=T0 + timedelta(seconds=10 * n)) for n in range(6)]
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 1)
        world.time.now += timedelta(minutes=1)  # SIGSTOP … SIGCONT: time passed, nobody worked
        await world.time.until(lambda: all(world.row(i).status is Sending.SENT for i in rows), 10)
    assert world.a.texts == ["0", "1", "2", "3", "4", "5"]

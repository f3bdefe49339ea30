"""The one writer lane: no job holds the writer for long, however much is mixed.

Measured is what a job costs the writer's thread: its processor time from BEGIN to the end of the
commit, since a shared machine makes waiting meaningless. What the disk takes is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from bot.adapters.base import Caps, Event
from bot.lane import Lane, Rank
from bot.outbox import Outbox
from storage import Database, Session, Store
from storage.models import Chat, CheckIn, Identity, Outbound, Resident
from storage.store.duties import due
from storage.store.receipts import unheard
from tests.bot.console_client import browser, enter, move_in
from tests.bot.office import MONDAY, Made, close_office, make_office
from tests.bot.outbox_world import Platform

RESIDENTS = 300  # of one building: two chunks
CROWD = 40  # of them write at once
DESIGNED = 20.0  # milliseconds that a job may hold the writer: design.md section 5
EXPECTED = {
    Rank.RECEIPT: DESIGNED,
    Rank.MARK: DESIGNED,
    Rank.TURN: 1.5 * DESIGNED,  # a batch that is spoilt is run again in part
    Rank.DUTY: 2.5 * DESIGNED,  # a piece of 250 people and, the first time, its beginning
}
FEW = 8  # jobs; of fewer there is no median to speak of
HEADROOM = 3.0  # nineteen jobs in twenty stay within this many times that, on any machine


class TimedLane(Lane):
    """Knows of each job its rank and what it cost, in milliseconds."""

    def __init__(self, database: Database) -> None:
        self.costs: dict[Rank, list[float]] = defaultdict(list)
        self._rank = Rank.BULK
        write = database.write

        @contextmanager
        def timed() -> Iterator[Session]:
            begun = time.thread_time()
            with write() as session:
                yield session
            self.costs[self._rank].append(1000 * (time.thread_time() - begun))

        database.write = timed  # type: ignore[method-assign]
        super().__init__(database)

    def submit(self, rank: Rank, work: Callable[[Session], Any]) -> Any:
        def noted(session: Session) -> Any:
            self._rank = rank
            return work(session)

        return super().submit(rank, noted)


@pytest.fixture
async def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Made]:
    monkeypatch.setattr("tests.bot.office.Lane", TimedLane)
    channel = {"id": "tg", "platform": "telegram", "token": "1:x"}
    made = make_office(tmp_path, real=True, more_channels=[channel])
    made.office.hub.start()
    made.parrot.deaf = True  # turns are taken below
    move_in(made)
    made.write(crowded)
    yield made
    close_office(made)


def crowded(session: Session) -> None:
    """Many people live in 3栋, each with a chat on Telegram."""
    store = Store(session, 1)
    place = store.people.place_named("3栋")
    assert place is not None
    person = {
        "community_id": 1,
        "created_at": MONDAY,
        "elder": False,
        "notices": True,
        "willing": False,
        "confirmed": True,
    }
    numbers = range(10_000, 10_000 + RESIDENTS)
    session.execute(
        insert(Resident),
        [{**person, "id": n, "name": f"居民{n}", "home_id": place.id} for n in numbers],
    )
    keys = [
        {
            "community_id": 1,
            "channel_id": "tg",
            "external_id": str(n),
            "resident_id": n,
            "created_at": MONDAY,
        }
        for n in numbers
    ]
    session.execute(insert(Identity), [{**key, "name": "居民"} for key in keys])
    session.execute(
        insert(Chat), [{**key, "greeted": True, "seen_at": MONDAY, "group": False} for key in keys]
    )


class Mix:
    """Everything that writes, until it is over."""

    def __init__(self, made: Made) -> None:
        self.made, self.lane = made, made.office.lane
        self.platform = Platform("tg", made.time, Caps(rate=200, rate_chat=50))  # type: ignore[arg-type]
        self.outbox = Outbox(
            self.lane,
            made.office.database,
            {"tg": self.platform},
            made.time,
            asyncio.sleep,
            lambda: 0.5,
        )
        self.over = asyncio.Event()

    async def turns(self) -> None:
        office = self.made.office
        while not self.over.is_set():
            guesses = await asyncio.to_thread(
                office.dispatcher.listen, office.database, self.made.time()
            )
            if guesses:
                # HOLD by what the writer works, not by what a busy machine makes it wait.
                await self.lane.write(
                    Rank.TURN,
                    lambda session, g=guesses: office.dispatcher.turns(
                        session, g, self.made.time(), clock=worked
                    ),
                )
            await asyncio.sleep(0.005)

    async def duties(self) -> None:
        office = self.made.office
        while not self.over.is_set():
            with office.database.read() as session:
                anything = due(session, self.made.time())
            if anything:
                await self.lane.write(
                    Rank.DUTY, lambda session: office.dispatcher.duties(session, self.made.time())
                )
            await asyncio.sleep(0.02)

    async def say(self, who: str, *texts: str, channel: str = "web") -> None:
        """Staff, one thing after another, each answered before the next."""
        for text in texts:
            key = f"{who}:{text}:{self.made.time().timestamp()}"
            event = Event(key=key, chat=who, user=who, at=MONDAY, text=text)
            await self.made.office.inbox.take(channel, [event])
            await self.until(lambda session: not unheard(session, 1)[1])

    async def residents(self, text: str) -> None:
        people = [str(n) for n in range(10_000, 10_000 + CROWD)]
        events = [Event(key=f"{p}:{text}", chat=p, user=p, at=MONDAY, text=text) for p in people]
        await asyncio.gather(*(self.made.office.inbox.take("tg", [event]) for event in events))

    async def until(self, look: Callable[[Session], Any]) -> None:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(self.made.read, look):
                await asyncio.sleep(0.02)


def worked() -> datetime:
    return MONDAY + timedelta(seconds=time.thread_time())


def asked(session: Session) -> int:
    return session.scalar(select(func.count(CheckIn.id))) or 0


def planned(session: Session) -> int:
    return session.scalar(select(func.count(Outbound.id)).where(Outbound.kind == "notice")) or 0


async def test_receipts_turns_a_broadcast_a_roll_call_and_the_console_hold_it_20_ms_by_design(
    made: Made,
) -> None:
    """EXPECTED says where that is not so yet."""
    mix, lane = Mix(made), made.office.lane
    assert isinstance(lane, TimedLane)
    loops = [asyncio.create_task(loop) for loop in (mix.turns(), mix.duties(), mix.outbox.run())]
    async with browser(made) as web:
        for round in (1, 2):  # in the first the statements are compiled
            lane.costs.clear()
            await mix.say("web-张主任", "发通知 明早8点停水", "1", "1", "1")
            await mix.say("web-小李", "点名 3栋 燃气泄漏 演练")
            made.time.now += timedelta(minutes=1)  # the half minute in which it can be taken back
            for text in ("1", "物业电话多少？", "3栋电梯停了", "1", "谢谢"):
                await mix.residents(text + " " * round)
                await enter(web, made)
            await mix.until(lambda session, n=round: asked(session) >= n * RESIDENTS)
            await mix.until(lambda session, n=round: planned(session) >= n * RESIDENTS)
            await mix.until(lambda session: not unheard(session, 1)[1])
            made.time.now += timedelta(hours=1)
    mix.over.set()
    await mix.outbox.close()
    await asyncio.gather(*loops)
    for rank, costs in sorted(lane.costs.items()):
        costs.sort()
        print(
            f"{rank.name:8}{len(costs):5} jobs  p50 {costs[len(costs) // 2]:6.1f}"
            f"  p95 {costs[int(len(costs) * 0.95)]:6.1f}  most {costs[-1]:6.1f} ms"
        )
    assert {Rank.RECEIPT, Rank.TURN, Rank.MARK, Rank.DUTY} <= set(lane.costs)
    for rank, costs in lane.costs.items():
        if len(costs) >= FEW:
            assert costs[len(costs) // 2] <= HEADROOM / 2 * EXPECTED[rank], rank.name
        assert costs[int(len(costs) * 0.95)] <= HEADROOM * EXPECTED[rank], rank.name

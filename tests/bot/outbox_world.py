"""A database and lane, made-up platforms and a made-up clock, for the outbox to work in."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.adapters.base import Caps, Event, Opened, Out, Request, Sent
from bot.lane import Lane, Rank
from bot.outbox import Outbox
from storage import Database
from storage.models import Channel, Chat, Community, Entity, Outbound, Resident

T0 = datetime(2026, 11, 23, 1, tzinfo=UTC)


class Time:
    """A clock that stands still until everybody sleeps, and then jumps to who wakes first."""

    def __init__(self, lane: Lane) -> None:
        self.now = T0
        self._lane = lane
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        until = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (until, next(self._count), future))
        await future

    async def settle(self) -> None:
        """Until nobody has anything to do but sleep."""
        for _ in range(4):
            for _ in range(10):
                await asyncio.sleep(0)
            await self._lane.write(Rank.BULK, lambda session: None)

    async def until(self, done: Callable[[], bool], limit: float = 600) -> None:
        end = self.now + timedelta(seconds=limit)
        await self.settle()
        while not done():
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            assert self._sleepers, "everybody waits for ever"
            until, _, future = heapq.heappop(self._sleepers)
            assert until <= end, "it took too long"
            self.now = max(self.now, until)
            future.set_result(None)
            await self.settle()

    async def pass_(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=seconds)
        alarm = asyncio.ensure_future(self.sleep(seconds))
        await self.until(lambda: self.now >= end)
        await alarm


class Platform:
    """An adapter that answers as it is told and remembers what was said."""

    def __init__(self, name: str, time: Time, caps: Caps | None = None) -> None:
        self.channel_id = name
        self.caps = caps or Caps(rate_chat=1000)
        self.said: list[tuple[datetime, Out]] = []
        self.answers: list[Sent | Exception] = []
        self.takes = 0.0
        self.stuck = False
        self._time = time
        self._ids = itertools.count(1)

    async def send(self, out: Out) -> Sent:
        self.said.append((self._time.now, out))
        if self.stuck:
            await asyncio.get_running_loop().create_future()
        if self.takes:
            await self._time.sleep(self.takes)
        answer = self.answers.pop(0) if self.answers else Sent(ids=[f"p{next(self._ids)}"])
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def texts(self) -> list[str]:
        return [out.text for _, out in self.said]

    async def open(self, request: Request) -> Opened:
        return Opened()

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        return (), None

    async def setup(self) -> None: ...
    async def close(self) -> None: ...


class World:
    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.database = database or Database(f"sqlite:///{folder / 'h.db'}")
        if database is None:
            Entity.metadata.create_all(self.database.writer)
        self.lane = Lane(self.database)
        self.time = Time(self.lane)
        self.a, self.b = Platform("a", self.time), Platform("b", self.time)
        with self.database.write() as session:
            session.add(Community(id=1, slug="x", name="幸福里", config={}, demo=False))
            session.flush()
            session.add(
                Resident(
                    id=1,
                    community_id=1,
                    name="王阿姨",
                    created_at=T0,
                    elder=True,
                    notices=True,
                    willing=False,
                    confirmed=True,
                )
            )
            for name in ("a", "b", "web"):
                session.add(Channel(id=name, community_id=1, platform="x", created_at=T0, warned=0))
            session.flush()
            for number, channel in enumerate(["a"] * 5 + ["b", "web"], 1):
                session.add(
                    Chat(
                        id=number,
                        community_id=1,
                        channel_id=channel,
                        external_id=f"c{number}",
                        seen_at=T0,
                        created_at=T0,
                    )
                )

    def outbox(self) -> Outbox:
        adapters = {"a": self.a, "b": self.b}
        return Outbox(
            self.lane, self.database, adapters, self.time.clock, self.time.sleep, lambda: 0.5
        )

    def add(self, text: str, chat: int = 1, channel: str = "a", **more: Any) -> int:
        with self.database.write() as session:
            row = Outbound(
                community_id=1, channel_id=channel, chat_id=chat, text=text, created_at=T0, **more
            )
            session.add(row)
            session.flush()
            return row.id

    def row(self, ident: int) -> Outbound:
        with self.database.read() as session:
            found = session.get_one(Outbound, ident)
            session.expunge(found)
            return found

    def chat(self, ident: int) -> Chat:
        with self.database.read() as session:
            found = session.get_one(Chat, ident)
            session.expunge(found)
            return found

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Outbox]:
        outbox = self.outbox()
        task = asyncio.create_task(outbox.run())
        await self.time.settle()
        yield outbox
        await self.stop(outbox, task)

    async def stop(self, outbox: Outbox, task: asyncio.Task[None]) -> None:
        closing = asyncio.create_task(outbox.close())
        await self.time.until(closing.done, 2)
        await task

"""400 residents at once in one process: they write, wait for the bot as people do, and read on.

A resident writes the next message only after an answer, so it is always clear which message an
answer is to. The evening does not wait with them: a message is due at its planned moment, and time
is counted from then, whatever held it up.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evening import Evening
from wire import Connection, Gone, Pool, listen

TWICE = 0.02  # of the messages, how many are sent a second time with the same id
DRAIN = 30.0  # seconds the last answers are waited for
STAGGER = 32  # sessions opened at a time


@dataclass
class Said:
    """One message: when it was due, sent, taken and answered (seconds; None: never)."""

    ident: str
    source: str
    due: float
    sent_at: float  # wall time
    taken: float | None = None
    answered: float | None = None


@dataclass
class Member:
    """One resident with a session and an open stream."""

    user: str
    token: str
    stream: Connection | None = None
    waits: Said | None = None
    asked: str = ""
    choices: int = 0
    seen: set[int] = field(default_factory=set)
    count: int = 0


@dataclass
class Outcome:
    """What the crowd saw."""

    said: list[Said] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)  # message id → user
    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)  # by status
    sent_twice: int = 0
    taken_twice: int = 0  # second sends that were not told duplicate:true
    read_twice: int = 0  # messages of the bot that came a second time
    heard: int = 0
    behind: float = 0.0  # the longest a message was held up here, all residents being busy
    seconds: float = 0.0
    own_cpu: float = 0.0  # seconds of processor time this process used


class Crowd:
    def __init__(self, port: int, evening: Evening, channel: str = "web") -> None:
        self.path = f"/api/chat/{channel}"
        self.pool = Pool(port)
        self.evening = evening
        self.outcome = Outcome()
        self.members: list[Member] = []
        self._idle: deque[Member] = deque()
        self._someone = asyncio.Event()
        self._posts: set[asyncio.Task[None]] = set()

    async def enter(self, residents: int, staff: Sequence[str]) -> None:
        """Opens the sessions and their streams; staff bind themselves by their one-time codes."""
        gate = asyncio.Semaphore(STAGGER)

        async def one(name: str) -> Member:
            async with gate:
                status, found = await self.pool.post(f"{self.path}/sessions", {"name": name})
                if status != 201:
                    raise RuntimeError(f"no session: {status}")
                member = Member(found["user"], found["token"])
                member.stream = await listen(
                    self.pool.port,
                    f"{self.path}/stream",
                    member.token,
                    lambda message: self._hear(member, message),
                )
                return member

        self.members = list(await asyncio.gather(*(one(f"居民{n}") for n in range(residents))))
        self._idle.extend(self.members)
        for code in staff:
            worker = await one("工作人员")
            await self.pool.post(
                f"{self.path}/messages", {"id": "bind", "text": code}, worker.token
            )
            self.members.append(worker)

    def _hear(self, member: Member, message: dict[str, Any]) -> None:
        now = time.perf_counter()
        self.outcome.heard += 1
        if message["seq"] in member.seen:
            self.outcome.read_twice += 1
        member.seen.add(message["seq"])
        member.asked, member.choices = message["text"], len(message["choices"])
        waits = member.waits
        # Rows of an earlier answer may still be on their way: what is older than the message is
        # no answer to it. Both sides read the same machine's clock.
        if waits is None or datetime.fromisoformat(message["at"]).timestamp() < waits.sent_at:
            return
        waits.answered, member.waits = now, None
        self._idle.append(member)
        self._someone.set()

    async def steady(self, rate: float, seconds: float) -> Outcome:
        """`rate` messages a second, evenly."""
        begun, cpu = time.perf_counter(), time.process_time()
        for n in range(round(rate * seconds)):
            due = begun + n / rate
            if due > time.perf_counter():
                await asyncio.sleep(due - time.perf_counter())
            member = await self._next()
            self.outcome.behind = max(self.outcome.behind, time.perf_counter() - due)
            self._say(member, due)
        return await self._end(begun, cpu)

    async def eager(self, seconds: float) -> Outcome:
        """Everybody writes again the moment the bot has answered: what the server can take."""
        begun, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < seconds:
            self._say(await self._next(), time.perf_counter())
        return await self._end(begun, cpu)

    async def _next(self) -> Member:
        while not self._idle:
            self._someone.clear()
            await asyncio.wait_for(self._someone.wait(), DRAIN)
        return self._idle.popleft()

    def _say(self, member: Member, due: float) -> None:
        saying = self.evening.say(member.asked, member.choices)
        member.count += 1
        said = Said(f"{member.user}:m{member.count}", saying.source, due, time.time())
        member.waits = said
        member.asked, member.choices = "", 0
        self.outcome.said.append(said)
        twice = self.evening.chance(TWICE)
        task = asyncio.create_task(self._post(member, said, saying.text, twice))
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _post(self, member: Member, said: Said, text: str, twice: bool) -> None:
        fields = {"id": said.ident.partition(":")[2], "text": text, "group": None}
        try:
            status, found = await self.pool.post(f"{self.path}/messages", fields, member.token)
            if status != 202:
                self.outcome.refused[status] += 1
                return
            said.taken = time.perf_counter()
            self.outcome.accepted += 1
            if twice:
                self.outcome.sent_twice += 1
                status, found = await self.pool.post(f"{self.path}/messages", fields, member.token)
                self.outcome.taken_twice += status != 202 or not found["duplicate"]
        except Gone:
            self.outcome.refused[0] += 1

    async def _end(self, begun: float, cpu: float) -> Outcome:
        """Waits for the last answers, at most DRAIN, and hangs up."""
        self.outcome.seconds = time.perf_counter() - begun
        self.outcome.own_cpu = time.process_time() - cpu
        limit = time.perf_counter() + DRAIN
        while time.perf_counter() < limit and (
            self._posts or any(said.taken and not said.answered for said in self.outcome.said)
        ):
            await asyncio.sleep(0.05)
        for member in self.members:
            if member.stream is not None:
                member.stream.close()
        self.pool.close()
        await asyncio.sleep(0)
        return self.outcome

"""Whole turns a second: receipt, ear, handler, state and outbound, and the naive way with the same.

400 residents write one message each, the next one after what they were answered. Timed is from the
first receipt until nothing waits; what each of them says next is found out between.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from evening import Evening
from naive import Naive
from sqlalchemy import make_url

from bars.common import (
    DELAY,
    Line,
    Run,
    Setup,
    alternate,
    middle,
    number,
    slow_commits,
    way,
    with_delay,
)
from bars.town import CHANNEL, Town, now
from bot.adapters.base import Event
from nlp import Ear

TASKS = 64
WAITING = "SELECT 1 FROM inbound WHERE handled_at IS NULL LIMIT 1"
LAST = "SELECT text, choices FROM outbound WHERE chat_id = ? ORDER BY id DESC LIMIT 1"


class HearingTimed:
    """An ear that adds up the processor time it takes; everything else is the ear's own."""

    def __init__(self, ear: Ear) -> None:
        self._ear, self.seconds = ear, 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ear, name)
        if not name.startswith("hear"):
            return found

        def timed(*args: Any, **named: Any) -> Any:
            begun = time.thread_time()
            try:
                return found(*args, **named)
            finally:
                self.seconds += time.thread_time() - begun

        return timed


@dataclass(frozen=True)
class Said:
    who: int
    key: str
    text: str


@dataclass
class Talk:
    """What the residents of a town say next, by what they were answered."""

    town: Town
    evening: Evening
    raw: sqlite3.Connection
    round: int = 0

    def next(self) -> list[Said]:
        self.round += 1
        said = []
        for n, person in enumerate(self.town.people):
            row = self.raw.execute(LAST, (person.chat_id,)).fetchone() or ("", "[]")
            text = self.evening.say(row[0], row[1].count('"') // 6).text
            said.append(Said(n, f"m{self.round}", text))
        return said

    def waits(self) -> bool:
        return self.raw.execute(WAITING).fetchone() is not None


Taking = Callable[[Sequence[Said]], Awaitable[None]]


def measure(setup: Setup) -> Iterator[Line]:
    ear = HearingTimed(Ear(setup.home))
    for delay in (0.0, DELAY):
        yield _line(setup, ear, delay)


def _line(setup: Setup, ear: HearingTimed, delay: float) -> Line:
    people = setup.size(400, 40)
    ways = {
        "huiyin": lambda n: uvloop.run(_huiyin(setup, ear, delay, people, n)),
        "naive": lambda n: uvloop.run(_naive(setup, ear, delay, people, n)),
    }
    found = alternate(ways, setup.rounds)
    ours, naive = found["huiyin"], found["naive"]
    rate, times = middle(ours), middle(ours) / middle(naive)
    share = sum(run.more["ear"] for run in ours) / sum(run.cpu for run in ours)
    heard = 1000 * sum(run.more["ear"] for run in ours) / sum(run.count for run in ours)
    said = f"{number(rate)}/s, {times:.1f}× the naive way, {middle(ours, 'cpu_ms'):.3f} ms cpu each"
    cpu_times = middle(naive, "cpu_ms") / middle(ours, "cpu_ms")
    return Line(
        with_delay("whole turns, SQLite, one process", delay),
        said,
        "4× and 700/s",
        "10× and 2,000/s",
        times >= 4 and rate >= 700,
        times >= 10 and rate >= 2000,
        [
            way("naive", naive) + f"; by processor time {cpu_times:.1f}×",
            f"the ear's share of processor time: {100 * share:.0f} % ({heard:.3f} ms each)",
        ],
        {
            "rate": rate,
            "naive": middle(naive),
            "times": times,
            "cpu_ms": middle(ours, "cpu_ms"),
            "ear_share": share,
        },
    )


async def _rounds(
    setup: Setup, town: Town, ear: HearingTimed, seed: int, take: Taking, rounds: int
) -> Run:
    """So many rounds of everybody writing once; the first one, of greetings, is not counted."""
    path = str(make_url(town.settings.database).database)
    count, wall, cpu, heard = 0, 0.0, 0.0, 0.0
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        talk = Talk(town, Evening(setup.texts(), seed), raw)
        for n in range(rounds + 1):
            said = talk.next()
            began = time.perf_counter(), time.process_time(), ear.seconds
            await take(said)
            while talk.waits():
                await asyncio.sleep(0.005)
            if n:
                count += len(said)
                wall += time.perf_counter() - began[0]
                cpu += time.process_time() - began[1]
                heard += ear.seconds - began[2]
    return Run(count, wall, cpu, more={"ear": heard})


async def _by_tasks(said: Sequence[Said], take: Callable[[Said], Awaitable[Any]]) -> None:
    left = iter(said)

    async def task() -> None:
        for one in left:
            await take(one)

    await asyncio.gather(*(task() for _ in range(TASKS)))


async def _huiyin(setup: Setup, ear: HearingTimed, delay: float, people: int, n: int) -> Run:
    """Through the inbox, the loop of turns and the lane, as `huiyin run` does."""
    town = Town(setup.home / f"turns-{delay}-{n}", people)
    slow_commits(town.database.writer, delay)
    app = town.app(ear)  # type: ignore[arg-type]
    turns = asyncio.create_task(app.turns())

    async def take(one: Said) -> None:
        who = town.people[one.who]
        event = Event(
            key=f"{who.user}:{one.key}",
            chat=who.chat,
            user=who.user,
            at=now(),
            text=one.text,
            user_name=who.name,
        )
        await app.office.inbox.take(CHANNEL, [event])

    run = await _rounds(setup, town, ear, n, lambda said: _by_tasks(said, take), setup.size(5, 2))
    app.stopping.set()
    app.received.set()
    await turns
    await asyncio.to_thread(app.office.lane.close)
    town.database.close()
    return run


async def _naive(setup: Setup, ear: HearingTimed, delay: float, people: int, n: int) -> Run:
    """One ORM transaction for each message, everything inside."""
    town = Town(setup.home / f"naive-{delay}-{n}", people)
    path = Path(str(make_url(town.settings.database).database))
    naive = Naive(str(path))
    naive.ear = ear  # type: ignore[assignment]
    slow_commits(naive.writers.sync_engine, delay)

    async def take(one: Said) -> None:
        await naive.take(town.tokens[one.who], one.key, one.text)

    run = await _rounds(setup, town, ear, n, lambda said: _by_tasks(said, take), setup.size(2, 1))
    await naive.writers.dispose()
    await naive.readers.dispose()
    town.database.close()
    return run

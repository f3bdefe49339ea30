"""Receipts a second: `inbox` from 64 tasks, the bare driver, the naive way, and over HTTP."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from evening import Evening
from ground import prepare, serving
from naive import engine
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncSession
from wire import Pool

from bars.common import (
    DELAY,
    Line,
    Run,
    Setup,
    Watch,
    alternate,
    chunks,
    middle,
    number,
    p99_ms,
    slow_commits,
    way,
    with_delay,
)
from bars.town import CHANNEL, Town, now
from bot.adapters.base import Event
from bot.inbox import Inbox
from bot.lane import Lane
from storage.models import Inbound

TASKS = 64
TOGETHER = 50  # rows to a commit of the bare driver
COLUMNS = tuple(
    "community_id channel_id external_id chat_key user_key user_name group kind text choice"  # noqa: SIM905
    " reply_to addressed extra received_at held_until".split()
)
PEOPLE = 400


def measure(setup: Setup) -> Iterator[Line]:
    for delay in (0.0, DELAY):
        yield _sqlite(setup, delay)
    yield _postgres(setup)


def events(setup: Setup, count: int, name: str) -> list[Event]:
    evening = Evening(setup.texts(), seed=1)
    return [
        Event(
            key=f"u{n % PEOPLE}:{name}-{n}",
            chat=f"u{n % PEOPLE}",
            user=f"u{n % PEOPLE}",
            at=now(),
            text=evening.say("", 0).text,
            user_name="居民",
        )
        for n in range(count)
    ]


async def _through_inbox(town: Town, messages: Sequence[Event]) -> Run:
    lane = Lane(town.database)
    inbox = Inbox(lane, now, lambda: None)
    left, waits = iter(messages), []

    async def task() -> None:
        for message in left:
            begun = time.perf_counter()
            await inbox.take(CHANNEL, [message])
            waits.append(time.perf_counter() - begun)

    watch = Watch()
    await asyncio.gather(*(task() for _ in range(TASKS)))
    run = watch.run(len(messages), waits)
    await asyncio.to_thread(lane.close)
    return run


def as_row(message: Event) -> dict[str, Any]:
    """What the inbox keeps of an event."""
    values = [1, CHANNEL, message.key, message.chat, message.user, message.user_name, False]
    values += [message.kind, message.text, None, None, True, None, now(), None]
    return dict(zip(COLUMNS, values, strict=True))


def _bare(path: Path, messages: Sequence[Event], delay: float) -> Run:
    """The driver alone: equal rows by executemany."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        insert = f"INSERT INTO inbound ({names}) VALUES ({', '.join('?' * len(COLUMNS))})"
        values = [tuple(_plain(v) for v in as_row(message).values()) for message in messages]
        watch = Watch()
        for part in chunks(values, TOGETHER):
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(insert, part)
            if delay:
                time.sleep(delay)
            raw.execute("COMMIT")
        return watch.run(len(messages))


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(" ")[:26] if isinstance(value, datetime) else value


async def _naive(path: Path, messages: Sequence[Event], delay: float) -> Run:
    """One ORM transaction for each."""
    writers = engine(str(path), "BEGIN IMMEDIATE")
    slow_commits(writers.sync_engine, delay)
    left, waits = iter(messages), []

    async def task() -> None:
        for message in left:
            begun = time.perf_counter()
            async with AsyncSession(writers) as session, session.begin():
                known = select(Inbound.id).where(
                    Inbound.channel_id == CHANNEL, Inbound.external_id == message.key
                )
                if await session.scalar(known) is None:
                    session.add(Inbound(**as_row(message)))
            waits.append(time.perf_counter() - begun)

    watch = Watch()
    await asyncio.gather(*(task() for _ in range(TASKS)))
    run = watch.run(len(messages), waits)
    await writers.dispose()
    return run


def _sqlite(setup: Setup, delay: float) -> Line:
    name = f"receipts-{delay}"
    count, few = setup.size(20_000, 400), setup.size(1_500, 100)
    towns = {way: Town(setup.home / f"{name}-{way}") for way in ("ours", "bare", "naive")}
    paths = {way: Path(str(make_url(t.settings.database).database)) for way, t in towns.items()}
    slow_commits(towns["ours"].database.writer, delay)
    ways: dict[str, Callable[[int], Run]] = {
        "inbox": lambda n: uvloop.run(_through_inbox(towns["ours"], events(setup, count, str(n)))),
        "bare": lambda n: _bare(paths["bare"], events(setup, count, str(n)), delay),
        "naive": lambda n: uvloop.run(_naive(paths["naive"], events(setup, few, str(n)), delay)),
    }
    found = alternate(ways, setup.rounds)
    beside = [way("bare driver", found["bare"]), way("naive", found["naive"])]
    if not delay:
        beside.append(way("over HTTP (this client too)", [_http(setup)]))
    for town in towns.values():
        town.database.close()
    what = with_delay("receipts, SQLite", delay)
    return _line(what, found["inbox"], found["bare"], beside, (8000, 30), (15_000, 15))


def _line(
    what: str,
    ours: list[Run],
    bare: list[Run],
    beside: list[str],
    bar: tuple[float, float | None],
    aim: tuple[float, float | None],
) -> Line:
    rate, p99 = middle(ours), p99_ms(ours)

    def words(one: tuple[float, float | None]) -> str:
        return f"{number(one[0])}/s" + (f", p99 {one[1]} ms" if one[1] else "")

    def held(one: tuple[float, float | None]) -> bool:
        return rate >= one[0] and (one[1] is None or p99 <= one[1])

    return Line(
        what,
        f"{number(rate)}/s, p99 {p99:.1f} ms, {middle(ours, 'cpu_ms'):.3f} ms cpu each",
        words(bar),
        words(aim),
        held(bar),
        held(aim),
        [*beside, f"of the bare driver's rate: {100 * rate / middle(bare):.0f} %"],
        {"rate": rate, "p99_ms": p99, "cpu_ms": middle(ours, "cpu_ms"), "bare": middle(bare)},
    )


def _http(setup: Setup) -> Run:
    """The same over HTTP: the server takes and does not answer."""
    folder = setup.home / "receipts-http"
    prepare(folder)
    messages = events(setup, setup.size(6_000, 200), "http")

    async def visit(port: int) -> float:
        pool, path = Pool(port), f"/api/chat/{CHANNEL}"
        tokens = []
        for n in range(TASKS):
            _, found = await pool.post(f"{path}/sessions", {"name": f"居民{n}"})
            tokens.append(found["token"])
        left = enumerate(messages)

        async def task(token: str) -> None:
            for n, message in left:
                fields = {"id": f"m{n}", "text": message.text, "group": None}
                status, _ = await pool.post(f"{path}/messages", fields, token)
                assert status == 202, status

        begun = time.perf_counter()
        await asyncio.gather(*(task(token) for token in tokens))
        seconds = time.perf_counter() - begun
        pool.close()
        return seconds

    with serving("huiyin", folder, setup.home / "http.log", only="web") as server:
        before = server.cpu()
        seconds = uvloop.run(visit(server.port))
        return Run(len(messages), seconds, server.cpu() - before)


def _postgres(setup: Setup) -> Line:
    what, bar, aim = "receipts, PostgreSQL", (5000.0, None), (12_000.0, None)
    if not setup.postgres:
        return Line(what, f"SKIPPED: {setup.no_postgres}", "5,000/s", "12,000/s")
    town = Town(setup.home / "receipts-pg", url=setup.postgres)
    count = setup.size(10_000, 400)
    ways: dict[str, Callable[[int], Run]] = {
        "inbox": lambda n: uvloop.run(_through_inbox(town, events(setup, count, f"i{n}"))),
        "bare": lambda n: _bare_postgres(setup.postgres, events(setup, count, f"b{n}")),
    }
    found = alternate(ways, setup.rounds)
    town.database.close()
    beside = [way("bare driver", found["bare"]) + ", the server's own processes not counted"]
    return _line(what, found["inbox"], found["bare"], beside, bar, aim)


def _bare_postgres(url: str, messages: Sequence[Event]) -> Run:
    import psycopg

    names = ", ".join(f'"{name}"' for name in COLUMNS)
    insert = f"INSERT INTO inbound ({names}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as raw:
        values = [tuple(as_row(message).values()) for message in messages]
        watch = Watch()
        for part in chunks(values, TOGETHER):
            with raw.transaction():
                raw.cursor().executemany(insert, part)
        return watch.run(len(messages))

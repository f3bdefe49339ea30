"""A roll call of 10,000: all queued, 1,000 answers a second taken, none lost, the board right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import uvloop
from sqlalchemy import func, select

from bars.broadcast import open_town
from bars.common import Line, Setup, percentile
from bars.filling import TG, fill
from bars.town import Town, now
from bot.adapters.base import Event
from storage import Store
from storage.models import CheckInStage, Inbound, Role, RollCall

TOGETHER = 50  # answers that come in one moment


def measure(setup: Setup) -> Iterator[Line]:
    yield from uvloop.run(_call(setup, setup.size(10_000, 300), setup.size(1_000, 200)))


def start(town: Town) -> int:
    """A roll call of the whole community, due now; gives its id."""
    with town.database.write() as session:
        store = Store(session, 1)
        chief, moment = store.people.with_role(Role.CHIEF)[0], now()
        roll = RollCall(
            community_id=1,
            place_id=store.people.root.id,
            reason="演练：燃气",
            drill=True,
            started_by_id=chief.id,
            started_at=moment,
            due_at=moment,
            planned_up_to=0,
        )
        store.add(roll)
        store.duties.wake("plan_rollcall", moment)
        return roll.id


async def _call(setup: Setup, people: int, rate: int) -> list[Line]:
    town = Town(setup.home / "rollcall", extra=TG)
    ids = fill(town, people)
    async with open_town(town, setup) as app:
        ident, begun = start(town), time.perf_counter()
        cpu = time.process_time()
        while True:
            with town.database.read() as session:
                if session.get_one(RollCall, ident).planned_at is not None:
                    break
            await asyncio.sleep(0.05)
        queued = Line(
            f"roll call of {people:,}: all queued",
            f"{time.perf_counter() - begun:.1f} s ({time.process_time() - cpu:.1f} s cpu)",
            "10 s",
            "5 s",
            (seconds := time.perf_counter() - begun) <= 10,
            seconds <= 5,
            figures={"seconds": seconds},
        )
        waits: list[float] = []

        async def answer(ident: int) -> None:
            before = time.perf_counter()
            event = Event(
                key=f"u{ident}:answer", chat=f"u{ident}", user=f"u{ident}", at=now(), text="平安"
            )
            await app.office.inbox.take("tg", [event])
            waits.append(time.perf_counter() - before)

        begun, tasks = time.perf_counter(), []
        for n, one in enumerate(ids):
            if n % TOGETHER == 0:
                due = begun + n / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(answer(one)))
        await asyncio.gather(*tasks)
        taken = time.perf_counter() - begun
        while _unhandled(town):
            await asyncio.sleep(0.05)
        handled = time.perf_counter() - begun
        safe, look = _safe(town, ident)
        behind = time.perf_counter() - begun - handled
        counted = town_rows(town)
    waits.sort()
    lost = people - counted
    return [
        queued,
        Line(
            f"roll call of {people:,}: {rate:,} answers/s taken",
            f"{people / taken:,.0f}/s, p99 {1000 * percentile(waits, 0.99):.0f} ms, lost {lost};"
            f" all handled after {handled:.1f} s ({people / handled:,.0f} turns/s)",
            "1,000/s, none lost",
            "",
            lost == 0 and people / taken >= 0.95 * rate,
            figures={"rate": people / taken, "lost": lost, "turns": people / handled},
        ),
        Line(
            f"roll call of {people:,}: the board after the last answer was handled",
            f"{behind:.2f} s behind, {safe:,} of {people:,} safe (a look: {1000 * look:.0f} ms)",
            "right, 2 s",
            "0.5 s",
            safe == people and behind <= 2,
            safe == people and behind <= 0.5,
            figures={"behind": behind, "safe": safe, "people": people},
        ),
    ]


def _unhandled(town: Town) -> bool:
    with town.database.read() as session:
        query = select(Inbound.id).where(Inbound.handled_at.is_(None)).limit(1)
        return session.scalar(query) is not None


def town_rows(town: Town) -> int:
    with town.database.read() as session:
        return session.scalar(select(func.count(Inbound.id))) or 0


def _safe(town: Town, ident: int) -> tuple[int, float]:
    """How many the board says are safe, and the seconds one look at it takes."""
    begun = time.perf_counter()
    with town.database.read() as session:
        store = Store(session, 1)
        counts = store.rollcalls.counts(session.get_one(RollCall, ident))
    return counts.get(CheckInStage.SAFE, 0), time.perf_counter() - begun

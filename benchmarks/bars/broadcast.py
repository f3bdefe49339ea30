"""Planning a notice to 100,000 residents, and what another resident waits for meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import uvloop
from evening import Evening
from sqlalchemy import func, select

from bars.common import Line, Run, Setup, Watch, number, percentile
from bars.filling import FIRST, TG, fill
from bars.town import CHANNEL, Town, now
from bot.adapters.base import Event
from bot.app import App
from handlers.turn import Choice, about
from nlp import Ear
from storage import Store
from storage.models import Community, Notice, NoticeStage, Outbound, Priority, Receipt, Role

ONE_BY_ONE = 300  # residents the naive way plans; the rest is reckoned


def measure(setup: Setup) -> Iterator[Line]:
    people = setup.size(100_000, 1_000)
    run, rows = uvloop.run(_plan(setup, people))
    naive = _naive(setup)
    p50, p99 = (1000 * percentile(run.waits, share) for share in (0.5, 0.99))
    assert rows == people, (rows, people)
    yield Line(
        f"planning a broadcast to {people:,} residents",
        f"{run.seconds:.1f} s ({run.cpu:.1f} s cpu); another resident's answer meanwhile:"
        f" p50 {p50:.0f} ms, p99 {p99:.0f} ms of {len(run.waits)}",
        "15 s, p99 1 s",
        "5 s, p99 300 ms",
        run.seconds <= 15 and p99 <= 1000,
        run.seconds <= 5 and p99 <= 300,
        [
            f"naive, one transaction for each: {people / naive.rate:.0f} s"
            f" ({number(naive.rate)}/s, {naive.cpu_ms:.2f} ms cpu each; {naive.count} measured)"
        ],
        {"seconds": run.seconds, "p99_ms": p99, "naive_seconds": people / naive.rate},
    )


def write_notice(town: Town) -> int:
    """A notice to everybody, due now; gives its id."""
    with town.database.write() as session:
        store = Store(session, session.scalars(select(Community.id)).one())
        author = store.people.with_role(Role.CHIEF)[0]
        moment = now()
        notice = Notice(
            community_id=store.community_id,
            author_id=author.id,
            text="明早八点停水，请存水。",
            audience="everyone",
            stage=NoticeStage.SCHEDULED,
            written_at=moment,
            publish_at=moment,
            due_at=moment,
            planned_up_to=0,
            repeat="once",
        )
        store.add(notice)
        store.duties.wake("publish_due", moment)
        return notice.id


async def answered(app: App, person: Any, key: str, text: str) -> float:
    """Seconds from the message of a web resident until the bot's answer is committed."""
    listening = app.office.hub.listen([person.chat_id])
    begun = time.perf_counter()
    try:
        event = Event(key=key, chat=person.chat, user=person.user, at=now(), text=text)
        await app.office.inbox.take(CHANNEL, [event])
        await app.office.hub.wait(listening, 60)
        return time.perf_counter() - begun
    finally:
        app.office.hub.leave([person.chat_id], listening)


@contextlib.asynccontextmanager
async def open_town(town: Town, setup: Setup) -> Any:
    """The loops of `huiyin run` that answer and that look at the timetable."""
    app = town.app(Ear(setup.home))
    app.office.hub.start()
    turns = asyncio.create_task(app.turns())

    async def ticks() -> None:
        while not app.stopping.is_set():
            await app.tick()
            await asyncio.sleep(1)

    ticking = asyncio.create_task(ticks())
    try:
        yield app
    finally:
        app.stopping.set()
        app.received.set()
        await asyncio.gather(turns, ticking)
        await asyncio.to_thread(app.office.lane.close)
        town.database.close()


async def _plan(setup: Setup, people: int) -> tuple[Run, int]:
    town = Town(setup.home / "broadcast", 1, extra=TG)
    fill(town, people)
    evening, waits = Evening(setup.texts(), 1), []
    async with open_town(town, setup) as app:
        await answered(app, town.people[0], "hello", "你好")
        ident = write_notice(town)
        watch, n = Watch(), 0
        while True:
            text = evening.say("", 0).text
            waits.append(await answered(app, town.people[0], f"m{n}", text))
            n += 1
            with town.database.read() as session:
                if session.get_one(Notice, ident).stage is NoticeStage.DONE:
                    break
            await asyncio.sleep(0.02)
        run = watch.run(people, waits)
        with town.database.read() as session:
            count = select(func.count(Receipt.id)).join(
                Outbound, Outbound.id == Receipt.outbound_id
            )
            rows = session.scalar(count.where(Receipt.resident_id >= FIRST)) or 0
    return run, rows


def _naive(setup: Setup) -> Run:
    """One by one, a transaction for each resident."""
    town = Town(setup.home / "broadcast-naive", extra=TG)
    ids = fill(town, setup.size(ONE_BY_ONE, 30))
    notice = write_notice(town)
    dispatcher = town.app(Ear(setup.home)).office.dispatcher
    watch = Watch()
    for ident in ids:
        with town.database.write() as session:
            store = Store(session, 1)
            desk, found = dispatcher.desk(store, now()), store.notices.get(notice)
            person = store.people.resident(ident)
            assert found is not None and person is not None
            if store.notices.receipt(found, person) is not None:
                continue
            read = Choice("read", desk.words(person).say("notice.received"), ("+", "收到"))
            question = desk.put(
                "notice.receipt",
                person,
                about(found),
                "notice.to_resident",
                [read],
                priority=Priority.NOTICE,
                kind="notice",
                text=found.text,
            )
            assert question is not None
            store.add(
                Receipt(notice_id=found.id, resident_id=person.id, outbound_id=question.outbound_id)
            )
    run = watch.run(len(ids))
    town.database.close()
    return run

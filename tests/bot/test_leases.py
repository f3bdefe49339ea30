"""Leases: one holder at a time by the database's clock; a late one knows that it is late."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy import text, update

from bot.leases import EVERY, LASTS, TRUSTED, Alone, Shared
from bot.outbox import Outbox
from storage import Database, Uncertain
from storage.models import Lease, Priority, Sending
from storage.store import leases, sending
from storage.store.leases import Held
from tests.bot.outbox_world import World

NAMES = ("send:a", "files")


class Clock:
    """One process's own clock; it runs on while the process sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def never(_seconds: float) -> None:
    await asyncio.get_running_loop().create_future()


def shared(database: Database, me: str, clock: Clock, **more: Any) -> Shared:
    return Shared(database, NAMES, me, clock, more.pop("sleep", never), **more)


def over(database: Database) -> None:
    """The time of every lease is over, by the database's clock."""
    with database.write() as session:
        session.execute(update(Lease).values(until=text("clock_timestamp() - interval '1s'")))


def take(database: Database, holder: str, *names: str) -> dict[str, Held]:
    with database.write() as session:
        return leases.take(session, set(names or NAMES), holder, LASTS)


# The rows


def test_what_one_has_another_does_not_get(on_postgres: Database) -> None:
    first = take(on_postgres, "one")
    assert {name: held.epoch for name, held in first.items()} == {"send:a": 1, "files": 1}
    assert take(on_postgres, "two") == {}
    assert take(on_postgres, "one") == first, "renewed, not taken anew"


def test_a_new_holder_raises_the_epoch_and_the_old_one_is_known_by_it(
    on_postgres: Database,
) -> None:
    old = take(on_postgres, "one")["send:a"]
    over(on_postgres)
    new = take(on_postgres, "two")["send:a"]
    assert new.epoch == old.epoch + 1
    with on_postgres.write() as session:
        assert leases.holds(session, new)
        assert not leases.holds(session, old)
    assert take(on_postgres, "one") == {}


def test_what_is_over_and_nobody_took_is_still_ones_own(on_postgres: Database) -> None:
    old = take(on_postgres, "one")
    over(on_postgres)
    assert take(on_postgres, "one") == old


def test_what_is_given_back_is_free_at_once(on_postgres: Database) -> None:
    take(on_postgres, "one")
    with on_postgres.write() as session:
        leases.release(session, "one")
    assert take(on_postgres, "two")["files"].epoch == 2


def test_nobody_takes_over_while_the_holder_writes(on_postgres: Database) -> None:
    """What it commits, it commits as the holder, however long that takes."""
    held = take(on_postgres, "one")["send:a"]
    over(on_postgres)
    with on_postgres.write() as session:
        assert leases.holds(session, held)
        assert take(on_postgres, "two").keys() == {"files"}, "nor does anybody wait for it"
    assert take(on_postgres, "two").keys() == {"files", "send:a"}


# A process's own view


async def test_a_holder_trusts_it_for_less_than_the_others_wait(on_postgres: Database) -> None:
    assert EVERY * 2 < TRUSTED < LASTS
    clock = Clock()
    mine = shared(on_postgres, "one", clock)
    assert mine.held("files") is None
    await mine.renew()
    assert mine.held("files") == Held("files", "one", 1)
    clock.now += TRUSTED - 0.1
    assert mine.held("files") is not None
    clock.now += 0.2
    assert mine.held("files") is None, "frozen for so long, it must ask again"
    await mine.renew()
    assert mine.held("files") is not None


async def test_the_time_it_took_to_ask_counts(on_postgres: Database) -> None:
    """The database counts from when it was asked, not from when the answer was heard."""
    clock = Clock()
    mine = shared(on_postgres, "one", clock)
    taking = mine._take

    def slow() -> dict[str, Held]:
        found = taking()
        clock.now += TRUSTED + 1
        return found

    mine._take = slow  # type: ignore[method-assign]
    await mine.renew()
    assert mine.held("files") is None


async def test_without_the_database_it_lapses_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    mine = shared(nowhere, "one", Clock())
    with caplog.at_level(logging.WARNING):
        await mine.renew()
    assert "not renewed" in caplog.text
    assert mine.held("files") is None
    nowhere.close()


async def test_who_waits_is_let_in_when_the_other_leaves(on_postgres: Database) -> None:
    one, two = shared(on_postgres, "one", Clock()), shared(on_postgres, "two", Clock())
    await one.renew()
    running = asyncio.create_task(two.run())
    waiting = asyncio.create_task(two.wait("send:a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await one.close()
    two.woken.set()  # the hint that it is free
    assert (await asyncio.wait_for(waiting, 10)).epoch == 2
    await two.close()
    await asyncio.wait_for(running, 10)


async def test_a_renewal_under_way_takes_nothing_back_that_was_given_up(
    on_postgres: Database,
) -> None:
    mine = shared(on_postgres, "one", Clock())
    await asyncio.gather(mine.renew(), mine.close(), mine.renew())
    assert mine.held("files") is None
    assert take(on_postgres, "two").keys() == set(NAMES)


def test_alone_one_may_do_everything() -> None:
    assert Alone().held("anything") == Held("anything", "", 0)


# The outbox


class Given:
    """A lease that a test gives and takes."""

    def __init__(self) -> None:
        self.now: Held | None = None
        self.in_database = True
        self._given = asyncio.Event()

    def give(self, epoch: int) -> None:
        self.now = Held("send:a", "me", epoch)
        self._given.set()

    def held(self, name: str) -> Held | None:
        return self.now

    async def wait(self, name: str) -> Held:
        while self.now is None:
            self._given.clear()
            await self._given.wait()
        return self.now

    def still(self, session: Any, held: Held) -> bool:
        return self.in_database and held == self.now


@pytest.fixture
def world(tmp_path: Any, on_sqlite: Database) -> Any:
    found = World(tmp_path, on_sqlite)
    yield found
    found.lane.close()
    found.database.close()


def outbox(world: World, given: Given) -> Outbox:
    return Outbox(
        world.lane,
        world.database,
        {"a": world.a},
        world.time.clock,
        world.time.sleep,
        lambda: 0.5,
        given,
    )


async def test_without_the_lease_nothing_is_sent(world: World) -> None:
    given, row = Given(), world.add("您好")
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.settle()
    assert world.a.said == []
    given.give(1)
    await world.time.until(lambda: world.row(row).status is Sending.SENT)
    await world.stop(box, task)


async def test_who_was_frozen_between_commit_and_send_sends_nothing(world: World) -> None:
    """The row is marked, the process sleeps, another has the channel by the time it wakes."""
    given, row = Given(), world.add("您好")
    given.give(1)
    taking = world.lane.write

    async def frozen(rank: Any, work: Any) -> Any:
        found = await taking(rank, work)
        if world.row(row).status is Sending.SENDING:
            given.now = None  # it slept for longer than the lease lasts
        return found

    world.lane.write = frozen  # type: ignore[method-assign]
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.settle()
    assert world.a.said == []
    assert world.row(row).status is Sending.SENDING
    world.lane.write = taking  # type: ignore[method-assign]
    # Nobody took it: the same lease goes on, and the row with it, said once.
    given.give(1)
    await world.time.until(lambda: world.row(row).status is Sending.SENT)
    assert world.a.texts == ["您好"]
    assert not world.row(row).perhaps
    await world.stop(box, task)


async def test_a_takeover_resolves_by_kind_what_the_last_one_was_sending(world: World) -> None:
    given = Given()
    danger = world.add("着火了", priority=Priority.DANGER, status=Sending.SENDING)
    answer = world.add("您好", chat=2, status=Sending.SENDING)
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.settle()
    assert world.row(answer).status is Sending.SENDING, "not ours to resolve yet"
    given.give(7)
    await world.time.until(lambda: world.row(danger).status is Sending.SENT)
    assert world.row(danger).perhaps
    assert world.row(answer).status is Sending.UNKNOWN
    assert world.a.texts == ["着火了"]
    await world.stop(box, task)


async def test_a_late_result_does_not_overwrite_what_the_next_one_found(world: World) -> None:
    """A send in flight while the process froze: the other has called it unknown, and it stays."""
    given, row = Given(), world.add("您好")
    world.a.takes = 3
    given.give(1)
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.settle()
    assert len(world.a.said) == 1
    given.now = None
    with world.database.write() as session:
        assert sending.recover(session, ["a"], world.time.now) == (0, 1)
    await world.time.pass_(4)
    given.give(2)
    await world.time.pass_(2)
    assert world.row(row).status is Sending.UNKNOWN
    assert len(world.a.said) == 1
    await world.stop(box, task)


async def test_rows_of_a_commit_whose_answer_was_lost_go_back_and_are_sent_once(
    world: World,
) -> None:
    given, row = Given(), world.add("您好")
    given.give(1)
    writing, lost = world.lane.write, []

    async def cut(rank: Any, work: Any) -> Any:
        found = await writing(rank, work)
        if not lost and world.row(row).status is Sending.SENDING:
            lost.append(1)
            raise Uncertain("the connection died in the commit")
        return found

    world.lane.write = cut  # type: ignore[method-assign]
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.until(lambda: world.row(row).status is Sending.SENT)
    assert (lost, world.a.texts, world.row(row).attempts) == ([1], ["您好"], 1)
    await world.stop(box, task)


async def test_a_lease_lost_in_the_database_only_stops_the_round(world: World) -> None:
    """By its own clock it still had it; the row in the database decides."""
    given = Given()
    given.give(1)
    box = outbox(world, given)
    task = asyncio.create_task(box.run())
    await world.time.settle()
    given.in_database = False
    row = world.add("您好")
    await world.time.pass_(3)
    assert world.a.said == []
    given.in_database = True
    await world.time.until(lambda: world.row(row).status is Sending.SENT)
    await world.stop(box, task)

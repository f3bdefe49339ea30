"""Group commit: what waits is committed together, and what cannot be kept spoils nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.base import Event
from bot.inbox import Inbox
from bot.lane import Lane
from storage import Busy, Database
from storage.models import Channel, Community, Entity, Inbound

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class Counted(Database):
    """Counts what was begun, and is locked for as long as somebody says."""

    commits = 0
    locked = False

    @contextmanager
    def write(self) -> Any:
        self.commits += 1
        if self.locked:
            raise Busy("database is locked")
        with super().write() as session:
            yield session


class Desk:
    def __init__(self, folder: Path) -> None:
        self.database = Counted(f"sqlite:///{folder / 'h.db'}")
        Entity.metadata.create_all(self.database.writer)
        with self.database.write() as session:
            session.add(Community(id=1, slug="x", name="幸福里", config={}, demo=False))
            session.flush()
            session.add(Channel(id="a", community_id=1, platform="x", created_at=NOW, warned=0))
        self.lane = Lane(self.database)
        self.woken = 0
        self.inbox = Inbox(self.lane, lambda: NOW, self._wake)

    def _wake(self) -> None:
        self.woken += 1

    async def crowd(self, *groups: list[Event], channel: str = "a") -> list[Any]:
        """All at once, each a caller of their own; gives what each heard."""
        self.database.commits = 0
        return await asyncio.gather(
            *(self.inbox.take(channel, group) for group in groups), return_exceptions=True
        )

    @property
    def kept(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Inbound.external_id).order_by(Inbound.id)))


def event(key: str, **more: Any) -> Event:
    return Event(key=key, chat="c", user="u", at=NOW, text="你好", **more)


def bad(key: str) -> Event:
    """An event that no database takes: what is in `extra` has no JSON."""
    return event(key, extra={"thing": object()})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.lane.close()
    made.database.close()


async def test_a_crowd_of_200_shares_one_commit(desk: Desk) -> None:
    heard = await desk.crowd(*([event(f"m{n}")] for n in range(200)))
    assert heard == [[True]] * 200
    assert desk.database.commits == 1
    assert len(desk.kept) == 200


async def test_one_of_200_that_cannot_be_kept_is_refused_alone(desk: Desk) -> None:
    crowd = [[event(f"m{n}")] for n in range(199)]
    crowd.insert(77, [event("fine"), bad("bad")])
    heard = await desk.crowd(*crowd)
    refused = [n for n, answer in enumerate(heard) if isinstance(answer, Exception)]
    assert refused == [77]
    assert all(answer == [True] for n, answer in enumerate(heard) if n != 77)
    assert desk.kept == [f"m{n}" for n in range(199)]  # all or nothing of a caller, in order
    assert desk.database.commits <= 17  # 1 + 2 a halving, and not one for each of the 200
    assert desk.woken >= 1


async def test_many_that_cannot_be_kept(desk: Desk) -> None:
    heard = await desk.crowd(*([bad(f"b{n}") if n % 2 else event(f"m{n}")] for n in range(8)))
    assert [isinstance(answer, Exception) for answer in heard] == [False, True] * 4
    assert desk.kept == ["m0", "m2", "m4", "m6"]


async def test_a_repetition_in_a_crowd_with_a_bad_one_is_once(desk: Desk) -> None:
    heard = await desk.crowd([event("m")], [bad("b")], [event("m")], [event("m")])
    assert [answer for answer in heard if not isinstance(answer, Exception)] == [
        [True],
        [False],
        [False],
    ]
    assert desk.kept == ["m"]


async def test_a_locked_database_refuses_all_at_one_try(desk: Desk) -> None:
    """Each try waits for the lock: nobody is made to wait for the others' tries."""
    desk.database.locked = True
    heard = await desk.crowd(*([event(f"m{n}")] for n in range(50)))
    assert all(isinstance(answer, Busy) for answer in heard)
    assert desk.database.commits == 1
    desk.database.locked = False
    assert await desk.crowd(*([event(f"m{n}")] for n in range(50))) == [[True]] * 50
    assert len(desk.kept) == 50


async def test_a_channel_nobody_knows_is_refused_alone(desk: Desk) -> None:
    fine = asyncio.ensure_future(desk.inbox.take("a", [event("m")]))
    lost = asyncio.ensure_future(desk.inbox.take("nowhere", [event("m")]))
    heard = await asyncio.gather(fine, lost, return_exceptions=True)
    assert heard[0] == [True]
    assert isinstance(heard[1], KeyError)
    assert desk.kept == ["m"]


async def test_a_cursor_moves_only_with_what_was_heard(desk: Desk) -> None:
    """A poll of something that cannot be kept leaves the offset, so it comes again."""
    desk.database.commits = 0
    with pytest.raises(Exception, match="JSON"):
        await desk.inbox.take("a", [event("m"), bad("b")], cursor="9")
    with desk.database.read() as session:
        assert session.scalars(select(Channel.cursor)).one() is None
    await desk.inbox.take("a", [event("m")], cursor="8")
    with desk.database.read() as session:
        assert session.scalars(select(Channel.cursor)).one() == "8"

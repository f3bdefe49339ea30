"""While the database is away receipts are kept beside it, in order, and none is lost."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.adapters.base import Event
from bot.inbox import Inbox
from bot.lane import Lane, Rank
from bot.spool import Spool
from storage import Database, Unavailable
from storage.models import Channel, Community, Grant, Inbound
from storage.store.grants import Leave
from storage.store.receipts import Received
from tests.town import MONDAY


def row(key: str, text: str = "你好", **more: Any) -> Received:
    return Received("web", key, "c", "u", text=text, **more)


def keys(spool: Spool) -> list[str]:
    return [row.external_id for _, rows in spool.first() for row in rows]


# The file


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.jsonl")
    full = Received(
        "web",
        "k",
        "c",
        "u",
        "王\n阿姨",
        True,
        "photo",
        '引号" 换行\n \ud800',
        "q1=1",
        "m9",
        False,
        {"scene": "m1"},
        (Leave("message", MONDAY, 5, "t"), Leave("template:x", None, None, "", True)),
        MONDAY,
        "42",
    )
    spool.add(MONDAY, [full, row("k2")])
    [(at, rows)] = Spool(tmp_path / "s.jsonl").first()
    assert at == MONDAY
    assert rows[0] == Received(**{**full.__dict__, "held_until": None}), "nobody holds it open now"
    assert rows[1] == row("k2")


def test_only_we_may_read_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.jsonl")
    spool.add(MONDAY, [row("k")])
    assert stat.S_IMODE((tmp_path / "s.jsonl").stat().st_mode) == 0o600
    spool.done(1)
    assert not (tmp_path / "s.jsonl").exists(), "no words of residents stay behind"
    assert len(spool) == 0


@pytest.mark.parametrize("torn", range(1, 40, 6))
def test_a_torn_last_line_is_dropped_and_nothing_else(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "s.jsonl"
    spool = Spool(path)
    spool.add(MONDAY, [row("k1")])
    whole = path.stat().st_size
    spool.add(MONDAY, [row("k2")])
    path.write_bytes(path.read_bytes()[: whole + torn])  # the machine went down
    after = Spool(path)
    assert keys(after) == ["k1"]
    after.add(MONDAY, [row("k3")])
    assert keys(Spool(path)) == ["k1", "k3"]


def test_a_full_disk_keeps_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "s.jsonl")
    spool.add(MONDAY, [row("k1")])

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.spool.os.fsync", full)
    with pytest.raises(OSError, match="space"):
        spool.add(MONDAY, [row("k2")])
    monkeypatch.undo()
    spool.add(MONDAY, [row("k3")])
    assert keys(spool) == keys(Spool(tmp_path / "s.jsonl")) == ["k1", "k3"]


steps = st.lists(st.sampled_from(["add", "done", "crash"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_order_holds_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """A crash may bring back what was handed over already; it loses nothing and mixes nothing."""
    path = tmp_path_factory.mktemp("spool") / "s.jsonl"
    spool, waiting, added = Spool(path), [], 0
    handed: list[str] = []
    for step in steps:
        if step == "add":
            added += 1
            spool.add(MONDAY + timedelta(seconds=added), [row(f"k{added}")])
            waiting.append(f"k{added}")
        elif step == "crash":
            spool = Spool(path)
            assert keys(spool)[-len(waiting) :] == waiting or not waiting
            waiting = keys(spool)
        elif waiting:
            first = keys(spool)[:2]
            assert first == waiting[: len(first)]
            spool.done(len(first))
            handed += first
            waiting = waiting[len(first) :]
        assert len(spool) == len(waiting)
    known = [int(key[1:]) for key in dict.fromkeys(handed)]
    assert known == sorted(known)
    assert set(handed) | set(waiting) == {f"k{n}" for n in range(1, added + 1)}


# With the inbox


class Away:
    """A database that can be taken away."""

    def __init__(self, database: Database) -> None:
        self._database, self.away = database, False

    def write(self) -> Any:
        if self.away:
            raise Unavailable("gone")
        return self._database.write()


@pytest.fixture
def away(on_postgres: Database) -> Iterator[Away]:
    with on_postgres.write() as session:
        session.add(Community(slug="a", name="A", config={}))
        session.flush()
        owner = session.scalars(select(Community.id)).one()
        session.add(Channel(id="web", community_id=owner, platform="web", created_at=MONDAY))
    yield Away(on_postgres)


@pytest.fixture
async def inbox(away: Away, tmp_path: Path) -> AsyncIterator[Inbox]:
    lane = Lane(away)  # type: ignore[arg-type]
    moments = iter(range(1000))
    clock = lambda: MONDAY + timedelta(seconds=next(moments))  # noqa: E731
    yield Inbox(lane, clock, lambda: None, Spool(tmp_path / "s.jsonl"))
    lane.close()


def event(key: str, **more: Any) -> Event:
    return Event(key, "c", "u", MONDAY, text=key, **more)


def kept(database: Database) -> list[tuple[str, datetime]]:
    with database.read() as session:
        rows = session.execute(
            select(Inbound.external_id, Inbound.received_at).order_by(Inbound.id)
        )
        return [(row[0], row[1]) for row in rows]


async def test_what_came_while_the_database_was_away_is_there_afterwards_in_order(
    away: Away, inbox: Inbox, on_postgres: Database
) -> None:
    assert await inbox.take("web", [event("m1")]) == [True]
    away.away = True
    assert await inbox.take("web", [event("m2"), event("m3")], cursor="7") == [True, True]
    assert await inbox.take("web", [event("m2")]) == [True], "the platform repeats itself"
    with pytest.raises(Unavailable):
        await inbox.hand_over()
    away.away = False
    # What comes now stands behind what waits, though the database could take it.
    assert await inbox.take("web", [event("m4", leaves=[Leave(left=5)])]) == [True]
    assert [key for key, _ in kept(on_postgres)] == ["m1"]
    assert await inbox.hand_over()
    assert not await inbox.hand_over()
    assert [key for key, _ in kept(on_postgres)] == ["m1", "m2", "m3", "m4"]
    moments = [at for _, at in kept(on_postgres)]
    assert moments == sorted(moments)
    assert moments[1] == moments[2] < moments[3], "received when it was, not when it was handed on"
    with on_postgres.read() as session:
        assert session.scalars(select(Channel.cursor)).one() == "7"
        assert session.scalars(select(Grant.left)).one() == 5
    assert await inbox.take("web", [event("m5")]) == [True]
    assert [key for key, _ in kept(on_postgres)][-1] == "m5", "and then straight on"


async def test_a_database_that_does_not_answer_keeps_no_platform_waiting(
    on_postgres: Database, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle: the writer hangs. Whether it wrote or not, it is there once."""
    monkeypatch.setattr("bot.inbox.SOON", 0.05)
    lane, hangs = Lane(on_postgres), threading.Event()
    lane.submit(Rank.RECEIPT, lambda session: hangs.wait(20))
    inbox = Inbox(lane, lambda: MONDAY, lambda: None, Spool(tmp_path / "s.jsonl"))
    assert await inbox.take("web", [event("m1")]) == [True]
    assert kept(on_postgres) == []
    hangs.set()
    assert await inbox.hand_over()
    assert [key for key, _ in kept(on_postgres)] == ["m1"]
    lane.close()


async def test_where_neither_can_take_it_it_is_not_received(
    away: Away, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.spool.os.fsync", full)
    away.away = True
    with pytest.raises(Unavailable, match="space"):
        await inbox.take("web", [event("m1")])


async def test_a_channel_that_is_gone_holds_up_no_other(
    away: Away, inbox: Inbox, on_postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    away.away = True
    await inbox.take("gone", [event("x")])
    await inbox.take("web", [event("m1")])
    away.away = False
    assert await inbox.hand_over()
    assert [key for key, _ in kept(on_postgres)] == ["m1"]
    assert "channel=gone" in caplog.text


async def test_a_message_the_database_cannot_take_holds_up_no_other(
    away: Away, inbox: Inbox, on_postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    away.away = True
    await inbox.take("web", [replace(event("x"), kind=None)])  # type: ignore[arg-type]
    await inbox.take("web", [event("m1")])
    away.away = False
    assert await inbox.hand_over()
    assert [key for key, _ in kept(on_postgres)] == ["m1"]
    assert "cannot be kept" in caplog.text
    assert not await inbox.hand_over()


async def test_handing_over_twice_is_harmless(
    away: Away, inbox: Inbox, on_postgres: Database, tmp_path: Path
) -> None:
    away.away = True
    await inbox.take("web", [event("m1")])
    copy = (tmp_path / "s.jsonl").read_bytes()
    away.away = False
    await inbox.hand_over()
    (tmp_path / "s.jsonl").write_bytes(copy)  # died between the commit and the end of the file
    lane = Lane(on_postgres)
    again = Inbox(lane, lambda: datetime.now(UTC), lambda: None, Spool(tmp_path / "s.jsonl"))
    assert await again.hand_over()
    lane.close()
    assert [key for key, _ in kept(on_postgres)] == ["m1"]


async def test_without_a_spool_the_database_must_take_it(away: Away) -> None:
    """On SQLite: whoever delivers hears that it was not taken, and delivers again."""
    lane = Lane(away)  # type: ignore[arg-type]
    away.away = True
    with pytest.raises(Unavailable):
        await Inbox(lane, lambda: MONDAY, lambda: None).take("web", [event("m1")])
    await asyncio.to_thread(lane.close)


def test_lines_are_json(tmp_path: Path) -> None:
    Spool(tmp_path / "s.jsonl").add(MONDAY, [row("k", "两\n行")])
    (line,) = (tmp_path / "s.jsonl").read_text("ascii").splitlines()
    assert json.loads(line)["rows"][0]["text"] == "两\n行"

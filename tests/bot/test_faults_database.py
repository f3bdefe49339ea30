"""A database that is locked, full, unwritable or damaged for a while, under the whole program.

Whoever writes hears 503 with one plain sentence and tries again; nothing that heard 202 is lost;
every loop goes on afterwards by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot import app, opening
from bot.lane import Rank
from bot.settings import Http, Settings
from nlp import Ear
from storage import Database, Session
from storage.models import Sending
from tests.bot.outbox_world import World
from tests.bot.program import EXAMPLE, free_port

API = "/api/chat/web"
PATIENCE = 100  # milliseconds that the writer waits for a lock here; 10 s in the real program
REFUSALS = 3  # the fault lasts until so many have heard 503
AGAIN = 30  # seconds at most until everything is answered again; it takes about two


@dataclass
class Running:
    """The program, in this process, over real HTTP."""

    app: app.App
    web: httpx.AsyncClient
    path: Path

    async def session(self) -> dict[str, str]:
        made = await self.web.post(f"{API}/sessions", json={"name": "王老师"})
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['token']}"}

    async def post(self, who: dict[str, str], ident: str, text: str) -> httpx.Response:
        body = {"id": ident, "text": text}
        return await self.web.post(f"{API}/messages", json=body, headers=who)

    async def heard(self, who: dict[str, str], words: str) -> str:
        """Everything said in a chat, once `words` are there."""
        async with asyncio.timeout(AGAIN):
            while True:
                found = await self.web.get(f"{API}/messages?wait=1", headers=who)
                said = "\n".join(one["text"] for one in found.json().get("messages", []))
                if words in said:
                    return said
                await asyncio.sleep(0.05)

    async def writer(self) -> Callable[[str], Any]:
        """Says a PRAGMA to the writer's own connection."""

        def work(session: Session) -> Any:
            return session.connection().connection.dbapi_connection

        raw = await self.app.office.lane.write(Rank.RECEIPT, work)
        return lambda words: (raw.execute(f"PRAGMA {words}").fetchone() or [None])[0]


@asynccontextmanager
async def running(folder: Path, ear: Ear) -> AsyncIterator[Running]:
    community = folder / "community.toml"
    words = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false")
    community.write_text(words, encoding="utf-8")
    port = free_port()
    settings = Settings(
        http=Http(port=port), data=str(folder / "data"), communities=(str(community),)
    )
    database = opening.open_database(settings)
    opening.load_files(database, opening.read_files(settings), app.clock())
    made = app.App(settings, database, ear)
    task = asyncio.create_task(made.run())
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=AGAIN) as web:
        async with asyncio.timeout(AGAIN):
            while True:
                try:
                    if (await web.get("/healthz")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
        yield Running(made, web, folder / "data" / "huiyin.db")
        assert not task.done(), "the program ended by itself"
        made.stop()
        await task


# Faults: each gives a way to begin it and a way to end it


@asynccontextmanager
async def locked(program: Running) -> AsyncIterator[None]:
    """Another process holds the write lock."""
    (await program.writer())(f"busy_timeout={PATIENCE}")
    with closing(sqlite3.connect(program.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def full(program: Running) -> AsyncIterator[None]:
    """No page more can be had."""
    tell = await program.writer()
    tell(f"max_page_count={tell('page_count')}")
    yield
    tell("max_page_count=1000000")


@asynccontextmanager
async def unwritable(program: Running) -> AsyncIterator[None]:
    """The file system has become read-only: SQLite refuses with the same words."""
    tell = await program.writer()
    tell("query_only=ON")
    yield
    tell("query_only=OFF")


FAULTS = {"locked": locked, "full": full, "unwritable": unwritable}
LONG = "3栋2单元楼道灯坏了" + "，晚上看不见路" * 2000


@pytest.mark.parametrize("what", sorted(FAULTS))
async def test_503_while_it_lasts_and_all_is_answered_once_afterwards(
    what: str, one_ear: Ear, tmp_path: Path
) -> None:
    async with running(tmp_path, one_ear) as program:
        who, other = await program.session(), await program.session()
        assert (await program.post(who, "m1", "居委会几点上班？")).status_code == 202
        before = await program.heard(who, "回音")
        async with FAULTS[what](program):
            for _ in range(REFUSALS):
                refused = await program.post(other, "m2", LONG)
                assert refused.status_code == 503, refused.text
                assert list(refused.json()) == ["error"] and "稍后" in refused.json()["error"]
                assert int(refused.headers["Retry-After"]) >= 1
            # Readers are not held up, and the process lives.
            read = await program.web.get(f"{API}/messages", headers=who)
            assert read.status_code == 200 and read.json()["messages"]
            assert (await program.web.get("/healthz")).status_code == 200
        taken = await program.post(other, "m2", LONG)
        assert (taken.status_code, taken.json()["duplicate"]) == (202, False)
        said = await program.heard(other, "对吗")
        assert said.count("对吗") == 1
        assert (await program.post(other, "m3", "1")).status_code == 202
        assert (await program.heard(other, "编号 1")).count("编号") == 1
        assert await program.heard(who, "回音") == before
    with closing(sqlite3.connect(program.path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT count(*) FROM inbound").fetchone() == (3,)
        left = "SELECT count(*) FROM inbound WHERE handled_at IS NULL OR error IS NOT NULL"
        assert raw.execute(left).fetchone() == (0,)
        assert raw.execute("SELECT count(*) FROM appeal").fetchone() == (1,)


async def test_what_was_accepted_just_before_is_answered_when_it_is_over(
    one_ear: Ear, tmp_path: Path
) -> None:
    """The 202 was heard, the turn finds the database locked: the answer comes later, once."""
    async with running(tmp_path, one_ear) as program:
        who = await program.session()
        turns = program.app.office.dispatcher.turns
        tries: list[int] = []

        def turn(session: Any, *args: Any, **more: Any) -> Any:
            tries.append(len(args[0]))
            if len(tries) <= REFUSALS:  # another process takes the lock in the middle of it
                raise app.Unavailable("database is locked")
            return turns(session, *args, **more)

        program.app.office.dispatcher.turns = turn  # type: ignore[method-assign]
        assert (await program.post(who, "m1", "3栋2单元楼道灯坏了")).status_code == 202
        assert (await program.heard(who, "对吗")).count("对吗") == 1
        assert tries[: REFUSALS + 1] == [1] * (REFUSALS + 1)


async def test_the_file_is_moved_away_and_back(one_ear: Ear, tmp_path: Path) -> None:
    """No second, empty database is begun in its place, which would eat the first one's log."""
    async with running(tmp_path, one_ear) as program:
        who = await program.session()
        away = program.path.with_suffix(".away")
        program.path.rename(away)
        crowd = [program.web.get("/metrics") for _ in range(12)]
        await asyncio.gather(*crowd, program.post(who, "m1", "3栋2单元楼道灯坏了"))
        assert not program.path.exists()
        away.rename(program.path)
        assert (await program.post(who, "m1", "3栋2单元楼道灯坏了")).status_code == 202
        assert (await program.heard(who, "对吗")).count("对吗") == 1
    with closing(sqlite3.connect(program.path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT count(*) FROM inbound").fetchone() == (1,)


# The outbox


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.lane.close()
    made.database.close()


async def test_a_minute_without_a_database_sends_nothing_and_then_everything_once(
    world: World,
) -> None:
    """Nothing leaves that is not marked first; 2 seconds after that minute all has left."""
    rows = [world.add(f"{chat}", chat) for chat in (1, 2, 3)]
    with refusing(world.database) as refused:
        async with world.running():
            await world.time.pass_(60)
            assert world.a.said == [] and 100 <= len(refused) <= 140  # a try a second, 2 channels
            refused.over = True
            await world.time.until(lambda: len(world.a.said) == 3, 2)
            await world.time.pass_(5)
    assert sorted(world.a.texts) == ["1", "2", "3"]
    assert all(world.row(ident).status is Sending.SENT for ident in rows)


class Refused(list[int]):
    over = False


@contextmanager
def refusing(database: Database) -> Iterator[Refused]:
    refused, write = Refused(), database.write

    @contextmanager
    def away() -> Iterator[Any]:
        with write() as session:
            execute = session.execute

            def refuse(statement: Any, *args: Any, **more: Any) -> Any:
                if not refused.over:
                    refused.append(1)
                    raise app.Unavailable("disk i/o error")
                return execute(statement, *args, **more)

            session.execute = refuse  # type: ignore[method-assign]
            yield session

    database.write = away  # type: ignore[method-assign, assignment]
    try:
        yield refused
    finally:
        database.write = write  # type: ignore[method-assign]

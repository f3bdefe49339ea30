"""Power that goes: whatever was acknowledged is in the files, wherever the rest of them is torn.

The files are copied after each acknowledged commit, as the disk would have them; then the end of
the log, which nobody had been told of yet, is cut and scribbled over as a failing power supply does
it. That the disk has them by then is `synchronous=FULL`: the log is synced before a commit returns,
which is looked at from outside where there is strace.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.base import Event
from bot.inbox import Inbox
from bot.lane import Lane
from storage import Database
from storage.models import Channel, Community, Entity

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
COMMITS = 40
TEARS = 200  # files that are torn and opened


def event(number: int) -> Event:
    return Event(key=f"m{number}", chat="c", user="u", at=NOW, text=f"{number}" + "话" * 200)


def office(path: Path) -> tuple[Database, Inbox, Lane]:
    database = Database(f"sqlite:///{path}")
    Entity.metadata.create_all(database.writer)
    with database.write() as session:
        session.add(Community(id=1, slug="x", name="幸福里", config={}, demo=False))
        session.flush()
        session.add(Channel(id="a", community_id=1, platform="x", created_at=NOW, warned=0))
    lane = Lane(database)
    return database, Inbox(lane, lambda: NOW, lambda: None), lane


def kept(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in raw.execute("SELECT external_id FROM inbound ORDER BY id")]


async def test_200_torn_logs_keep_every_acknowledged_message(tmp_path: Path) -> None:
    path = tmp_path / "live" / "h.db"
    database, inbox, lane = office(path)
    log = path.with_name("h.db-wal")
    ends = []  # how long the log was when each message was acknowledged
    with database.writer.connect() as connection:  # so that the log stays one
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0")
    for number in range(COMMITS):
        await inbox.take("a", [event(number)])
        ends.append(log.stat().st_size)
    chance = random.Random(1)
    begun, whole = ends[0], log.read_bytes()
    assert len(set(ends)) == COMMITS
    torn = tmp_path / "torn" / "h.db"
    torn.parent.mkdir()
    in_between = 0
    for _ in range(TEARS):
        cut = chance.randint(begun, len(whole))
        acknowledged = sum(end <= cut for end in ends)
        in_between += cut not in ends
        tail = chance.randbytes(chance.randint(0, 9000)) if chance.random() < 0.5 else b""
        for file in torn.parent.iterdir():
            file.unlink()
        shutil.copyfile(path, torn)
        torn.with_name("h.db-wal").write_bytes(whole[:cut] + tail)
        assert kept(torn) == [f"m{number}" for number in range(acknowledged)]
    assert in_between > TEARS / 2
    # And such a torn one goes on: what was not acknowledged is delivered again, and known or new.
    again, second, lane_of_it = office_again(torn)
    fresh = [await second.take("a", [event(number)]) for number in range(COMMITS)]
    assert fresh == [[number >= acknowledged] for number in range(COMMITS)]
    lane_of_it.close()
    again.close()
    assert kept(torn) == [f"m{number}" for number in range(COMMITS)]
    lane.close()
    database.close()


def office_again(path: Path) -> tuple[Database, Inbox, Lane]:
    database = Database(f"sqlite:///{path}")
    lane = Lane(database)
    return database, Inbox(lane, lambda: NOW, lambda: None), lane


PROBE = """
import asyncio, os, sys
from pathlib import Path
from tests.bot.test_faults_power import event, office
async def main():
    database, inbox, lane = office(Path(sys.argv[1]) / "h.db")
    for number in range(5):
        await inbox.take("a", [event(number)])
        os.write(1, b"ACKNOWLEDGED %d" % number)
    lane.close()
    database.close()
asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not there")
def test_the_log_is_synced_before_anything_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,write,fsync,fdatasync"
    subprocess.run(
        ["strace", "-f", "-y", "-e", calls, "-o", trace, sys.executable, "-c", PROBE, tmp_path],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
    )
    unsynced, acknowledged = 0, 0
    for line in trace.read_text(errors="replace").splitlines():
        if re.search(r"pwrite64\(\d+<.*-wal>", line):
            unsynced += 1
        elif re.search(r"(fsync|fdatasync)\(\d+<.*-wal>\) += 0|f(data)?sync resumed", line):
            unsynced = 0
        elif "ACKNOWLEDGED" in line:
            assert unsynced == 0, "acknowledged before the disk had it"
            acknowledged += 1
    assert acknowledged == 5

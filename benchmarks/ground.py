"""The ground a run stands on: a prepared data folder, a server in a process of its own, and what
its database says afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crowd import Outcome

from bot import opening
from bot.settings import Settings
from storage import Store
from storage.models import Role
from storage.store.loading import communities

ROOT = Path(__file__).resolve().parents[1]
START = 60.0  # seconds a server may take to open
TICKS = os.sysconf("SC_CLK_TCK")


def prepare(folder: Path) -> list[str]:
    """A data folder with a community that is no demo; gives one-time codes for its staff."""
    folder.mkdir(parents=True)
    text = (ROOT / "communities" / "example.toml").read_text(encoding="utf-8")
    path = folder / "community.toml"
    path.write_text(re.sub(r"(?m)^demo\s*=.*$", "", text), encoding="utf-8")
    settings = Settings(data=str(folder), communities=(str(path),))
    database = opening.open_database(settings)
    now = datetime.now(UTC)
    opening.load_files(database, opening.read_files(settings), now)
    codes = []
    with database.write() as session:
        store = Store(session, communities(session)[0].id)
        for person in store.people.with_role(Role.WORKER, Role.CHIEF):
            letters = "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(8))
            code = f"HY{letters}".upper()
            store.people.give_credential("invite", code, person, now + timedelta(hours=1))
            codes.append(f"HY-{letters[:4]}-{letters[4:]}".upper())
    database.close()
    return codes


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    pid: int
    port: int

    def cpu(self) -> float:
        """Seconds of processor time it has used so far."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def serving(kind: str, folder: Path, log: Path, only: str = "") -> Iterator[Server]:
    """`kind` is huiyin or naive; `only` these of its parts. RuntimeError when it does not open."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("HUIYIN_")}
    env |= {
        "PYTHONPATH": str(ROOT),
        "HUIYIN_DATA": str(folder),
        "HUIYIN_COMMUNITIES": str(folder / "community.toml"),
        "HUIYIN_HTTP__PORT": str(port),
        "HUIYIN_LIMITS__SESSIONS_PER_MINUTE": "1000000",
        "HUIYIN_LIMITS__MESSAGES_PER_MINUTE": "1000000",
    }
    naive = [str(ROOT / "benchmarks" / "naive.py"), str(folder / "huiyin.db"), str(port)]
    command = ["-m", "bot", "run", "--only", only] if kind == "huiyin" else naive
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        _until_open(process, port, log)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_open(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        url = f"http://127.0.0.1:{port}/healthz"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    tail = log.read_text(errors="replace")[-800:]
    raise RuntimeError(f"the server did not open:\n{tail}")


@dataclass
class Ledger:
    """What the database says happened to what the crowd sent."""

    lost: int = 0  # accepted, but not there, not handled, or never answered
    duplicates: int = 0  # stored twice, answered twice, read twice, or taken twice
    errors: int = 0
    answered: int = 0
    intents: Counter[str] = field(default_factory=Counter)
    appeals: int = 0
    outbound: int = 0


def check(database: Path, outcome: Outcome) -> Ledger:
    """Every accepted message handled once and answered once, by the database and by the readers."""
    ledger = Ledger()
    raw = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    with contextlib.closing(raw):
        rows = raw.execute(
            "SELECT external_id, handled_at, intent, error, chat_key FROM inbound"
        ).fetchall()
        said = raw.execute(
            "SELECT c.external_id, o.created_at, count(*), count(DISTINCT o.text || o.choices)"
            " FROM outbound o JOIN chat c ON c.id = o.chat_id GROUP BY 1, 2"
        ).fetchall()
        ledger.outbound = sum(row[2] for row in said)
        ledger.appeals = raw.execute("SELECT count(*) FROM appeal").fetchone()[0]
    stored = Counter(row[0] for row in rows)
    answers = {(chat, at): count - different for chat, at, count, different in said}
    handled = {row[0]: (row[4], row[1]) for row in rows if row[1]}
    # Two messages of one chat that were handled in one batch may rightly be answered alike.
    together = Counter(handled.values())
    ledger.duplicates += sum(count - 1 for count in stored.values())
    ledger.duplicates += outcome.read_twice + outcome.taken_twice
    ledger.errors = sum(1 for row in rows if row[3] is not None)
    ledger.intents = Counter(str(row[2]) for row in rows if row[2])
    for one in outcome.said:
        if one.taken is None:
            continue
        moment = handled.get(one.ident, ("", ""))
        answer = answers.get(moment)
        if answer is None or one.answered is None:
            ledger.lost += 1
        else:
            ledger.answered += 1
            ledger.duplicates += answer >= together[moment]
    return ledger


def fsync_times(folder: Path, times: int = 200) -> tuple[float, float]:
    """Median and p95 seconds of one 4 KiB write and fsync on the disk the runs use."""
    path, found = folder / "fsync", []
    with path.open("wb") as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            found.append(time.perf_counter() - begun)
    path.unlink()
    return statistics.median(found), sorted(found)[int(times * 0.95)]

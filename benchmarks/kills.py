"""kill -9 at random moments: nothing accepted is lost, nothing is done twice.

The real program (`huiyin run`) serves residents on the web and on Telegram (a double on loopback
that speaks HTTP). It is killed with SIGKILL while they write, now and then while it still starts,
and started again on the same folder. A client that heard nothing writes the same message again with
the same id, as clients do. Afterwards everything that was accepted is looked for in the database,
and everything the double was sent is counted against the rows that were to be sent.

Exit code 1 when a bar breaks: accepted and lost 0, effects repeated 0, said to have been sent and
not arrived 0, and sent again only what is flagged, at most one claim (8) a kill.

    python benchmarks/kills.py                 # 200 kills, about ten minutes
    python benchmarks/kills.py --times 5
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from bot.pacing import AT_ONCE  # noqa: E402
from tests.bot.loopback import on_loopback  # noqa: E402
from tests.bot.program import COMMAND, EXAMPLE, Program, environment, free_port  # noqa: E402
from tests.bot.telegram_double import TOKEN, TelegramDouble  # noqa: E402

WRITERS = 4  # residents on the web who write at the same time
LONGEST_LIFE = 1.5  # seconds that a started program is left to live, at most
EARLY = 5  # one in this many is killed before it is ready
REPORT = "3栋2单元楼道灯坏了，灯杆号{}"
FIRE = "3栋着火了，{}"


class Telegram(TelegramDouble):
    """Residents who report, one chat each, and say 对 when they are asked whether it is right."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True  # whether anybody new writes
        self.life = 0  # how often the program was started
        self.sends: list[tuple[int, int, str]] = []  # (life, chat, text)
        self.pushed: set[int] = set()
        self.confirmed = 0  # every update before this one was confirmed by an offset
        self._number = 0

    def _write(self, chat: int, text: str) -> None:
        self._number += 1
        person = {"id": chat, "is_bot": False, "first_name": "王阿姨"}
        where = {"id": chat, "type": "private", "first_name": "王阿姨"}
        message = {"message_id": self._number, "date": 1795000000, "chat": where, "from": person}
        self.updates.append({"update_id": self._number, "message": {**message, "text": text}})
        self.pushed.add(self._number)

    async def _updates(self, form: dict[str, Any]) -> Response:
        self.confirmed = max(self.confirmed, int(form.get("offset", 0)))
        if self.open and len(self.updates) < 5:
            number = self._number + 1
            words = FIRE if number % 10 == 0 else REPORT
            self._write(1000 + number, words.format(f"T{number}T"))
        await asyncio.sleep(0.02)
        return await super()._updates(form)

    def _send(self, form: dict[str, Any]) -> Response:
        chat, text = int(form["chat_id"]), str(form["text"])
        self.sends.append((self.life, chat, text))
        if "我这样报，对吗" in text and (chat, text) not in {s[1:] for s in self.sends[:-1]}:
            self._write(chat, "1")
        return super()._send(form)

    async def answer(self, request: Request) -> Response:
        try:
            found = await super().answer(request)
        except ClientDisconnect:  # it died before it had said what it wanted
            return Response(status_code=400)
        if request.path_params["method"] == "sendMessage":
            await asyncio.sleep(0.03)  # a send that is under way when the program dies
        return found


@dataclass
class Web:
    """Residents on the web, a new one for each report, until `stop`."""

    port: int
    accepted: set[tuple[str, str]] = field(default_factory=set)  # (user, id) that heard 2xx
    readings: list[tuple[str, dict[int, str]]] = field(default_factory=list)  # token, what was read
    stop: threading.Event = field(default_factory=threading.Event)
    repeated: int = 0  # messages written again because nothing was heard

    def __post_init__(self) -> None:
        self._server = Program(None, self.port, 0.0)  # type: ignore[arg-type]
        self._pause = threading.Event()

    def insist(self, path: str, body: Any = None, token: str = "") -> Any:
        """Asks until it is answered with 2xx, as a client on a bad line does."""
        tries = 0
        while True:
            with contextlib.suppress(OSError, ValueError, EOFError, http_error()):
                if body is None:
                    status, raw = self._server.get(path, token)
                    found = json.loads(raw)
                else:
                    status, found = self._server.post(path, body, token)
                if status < 300:
                    self.repeated += tries > 0 and body is not None
                    return found
            tries += 1
            self._pause.wait(0.03)

    def visit(self, marker: str) -> None:
        made = self.insist("/api/chat/web/sessions", {"name": "路人"})
        user, token = made["user"], made["token"]
        read: dict[int, str] = {}
        self.readings.append((token, read))
        for ident, text, awaited in (
            ("m1", REPORT.format(marker), "我这样报，对吗"),
            ("m2", "1", "编号"),
        ):
            body = {"id": ident, "text": text}
            self.insist("/api/chat/web/messages", body, token)
            self.accepted.add((user, ident))
            while not any(awaited in text for text in read.values()):
                after = max(read, default=0)
                path = f"/api/chat/web/messages?after={after}&wait=2"
                for one in self.insist(path, token=token)["messages"]:
                    read[one["seq"]] = one["text"]

    def write(self, number: int) -> None:
        count = 0
        while not self.stop.is_set():
            count += 1
            self.visit(f"W{number}W{count}W")


def http_error() -> type[Exception]:
    from http.client import HTTPException

    return HTTPException


@dataclass
class Count:
    """What came of it."""

    kills: int = 0
    while_starting: int = 0
    accepted_web: int = 0
    accepted_telegram: int = 0
    written_again: int = 0  # by clients that heard nothing
    appeals: int = 0
    sends: int = 0
    lost: int = 0  # accepted, and not there or never handled
    unanswered: int = 0  # handled, and its chat heard nothing
    repeated: int = 0  # appeals filed twice, the same words said twice by one chat's rows
    changed: int = 0  # read on the web, and not there or not the same when read again
    not_arrived: int = 0  # rows marked as sent that the platform never got
    again: int = 0  # sends beyond the rows there are
    again_unflagged: int = 0  # of these, rows not flagged as perhaps arrived
    most_again: int = 0  # in one life
    unknown: int = 0  # rows that may or may not have arrived, not sent again
    unresolved: int = 0  # rows left queued or sending
    damaged: int = 0  # integrity_check said something else than ok

    @property
    def broken(self) -> list[str]:
        bars = ("lost", "unanswered", "repeated", "changed", "not_arrived", "again_unflagged")
        found = [name for name in (*bars, "unresolved", "damaged") if getattr(self, name)]
        if self.most_again > AT_ONCE or self.again + self.unknown > AT_ONCE * self.kills:
            found.append("again")
        return found


class Run:
    """A program that is killed and started again on one folder."""

    def __init__(self, folder: Path, telegram: Telegram) -> None:
        self.data, self.telegram, self.port = folder / "data", telegram, free_port()
        self._log = folder / "log"
        community = folder / "community.toml"
        example = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false")
        channel = '\n[[channels]]\nid = "tg"\nplatform = "telegram"\ntoken = "env:TELEGRAM_TOKEN"\n'
        community.write_text(f'{example}{channel}api_base = "{telegram.url}"\n', encoding="utf-8")
        self._environment = environment(
            self.data,
            HUIYIN_HTTP__PORT=str(self.port),
            HUIYIN_COMMUNITIES=str(community),
            HUIYIN_LIMITS__SESSIONS_PER_MINUTE="100000",
            TELEGRAM_TOKEN=TOKEN,
        )

    @contextlib.contextmanager
    def life(self) -> Iterator[Program]:
        """One program, killed at the end of the block if it still runs."""
        self.telegram.life += 1
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*COMMAND, "run"],
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self.data.parent,
            )
        try:
            yield Program(process, self.port, time.monotonic())
        finally:
            process.kill()
            process.wait()

    def ready(self, program: Program) -> None:
        pause = threading.Event()
        while True:
            if program.process.poll() is not None:
                raise SystemExit(f"it did not start: {self._log.read_text()[-2000:]}")
            with contextlib.suppress(OSError):
                if program.get("/healthz")[0] == 200:
                    return
            pause.wait(0.02)

    def rest(self, limit: float) -> None:
        """Until nothing waits any more, or nothing has moved for `limit` seconds."""
        pause, last, since = threading.Event(), None, time.monotonic()
        while time.monotonic() - since < limit:
            with contextlib.closing(sqlite3.connect(self.data / "huiyin.db")) as raw:
                left = raw.execute(
                    "SELECT (SELECT count(*) FROM inbound WHERE handled_at IS NULL),"
                    "(SELECT count(*) FROM outbound WHERE status IN ('queued', 'sending'))"
                ).fetchone()
            if left == (0, 0) and not self.telegram.updates:
                return
            if left != last:
                last, since = left, time.monotonic()
            pause.wait(0.1)


def run(folder: Path, telegram: Telegram, times: int, chance: random.Random) -> Count:
    """Kills `times` times, lets the last life come to rest, and counts."""
    this, count = Run(folder, telegram), Count(kills=times)
    web = Web(this.port)
    writers = [threading.Thread(target=web.write, args=(n,), daemon=True) for n in range(WRITERS)]
    pause = threading.Event()
    with this.life() as program:
        this.ready(program)  # the first start makes the tables
    for writer in writers:
        writer.start()
    took = 1.0
    for number in range(times):
        with this.life() as program:
            if number % EARLY == 2:
                count.while_starting += 1
                pause.wait(chance.uniform(0, took))
            else:
                this.ready(program)
                took = time.monotonic() - program.started
                pause.wait(chance.uniform(0, LONGEST_LIFE))
    with this.life() as program:
        this.ready(program)
        web.stop.set()
        telegram.open = False
        for writer in writers:
            writer.join(60)
        this.rest(15)
        for token, read in web.readings:
            path = "/api/chat/web/messages?after={}"
            again: dict[int, str] = {}
            while len(found := web.insist(path.format(max(again, default=0)), token=token)) and (
                new := {one["seq"]: one["text"] for one in found["messages"]}
            ):
                again |= new
            count.changed += sum(again.get(seq) != text for seq, text in read.items())
            count.unanswered += not again
        program.end(within=10)
    with contextlib.closing(sqlite3.connect(this.data / "huiyin.db")) as raw:
        look(raw, count, web, telegram)
    return count


def look(raw: sqlite3.Connection, count: Count, web: Web, telegram: Telegram) -> None:
    """Counts what the database and the double remember."""
    confirmed = {number for number in telegram.pushed if number < telegram.confirmed}
    count.accepted_web, count.accepted_telegram = len(web.accepted), len(confirmed)
    count.written_again, count.sends = web.repeated, len(telegram.sends)
    promised = {("web", f"{user}:{ident}") for user, ident in web.accepted}
    promised |= {("tg", str(number)) for number in confirmed}
    handled = raw.execute(
        "SELECT channel_id, external_id FROM inbound WHERE handled_at IS NOT NULL AND error IS NULL"
    )
    count.lost = len(promised - set(handled))
    silent = raw.execute(
        "SELECT count(DISTINCT i.chat_key) FROM inbound i WHERE i.channel_id = 'tg' AND NOT EXISTS"
        " (SELECT 1 FROM chat c JOIN outbound o ON o.chat_id = c.id"
        " WHERE c.channel_id = 'tg' AND c.external_id = i.chat_key)"
    ).fetchone()[0]
    count.unanswered += silent
    count.appeals = raw.execute("SELECT count(*) FROM appeal").fetchone()[0]
    filed = raw.execute("SELECT count(*) - count(DISTINCT text) FROM appeal").fetchone()[0]
    said = raw.execute(
        "SELECT count(*) FROM (SELECT 1 FROM outbound GROUP BY chat_id, text HAVING count(*) > 1)"
    ).fetchone()[0]
    count.repeated = filed + said
    count.damaged = int(raw.execute("PRAGMA integrity_check").fetchall() != [("ok",)])
    look_at_sends(raw, count, telegram)


def look_at_sends(raw: sqlite3.Connection, count: Count, telegram: Telegram) -> None:
    """A chat never has two rows of the same words (that is counted above), so they tell a row."""
    rows = {
        (int(chat), text): (status, bool(perhaps))
        for chat, text, status, perhaps in raw.execute(
            "SELECT c.external_id, o.text, o.status, o.perhaps FROM outbound o "
            "JOIN chat c ON c.id = o.chat_id WHERE o.channel_id = 'tg'"
        )
    }
    statuses = Counter(status for status, _ in rows.values())
    count.unknown = statuses["unknown"]
    count.unresolved = statuses["queued"] + statuses["sending"]
    words: dict[int, list[str]] = {}
    for chat, text in rows:
        words.setdefault(chat, []).append(text)
    arrived: set[tuple[int, str]] = set()
    by_life: Counter[int] = Counter()
    for life, chat, shown in telegram.sends:
        # A row is shown with its numbered choices below, if it has any.
        text = next((t for t in words.get(chat, ()) if shown.startswith(t)), shown)
        if (chat, text) in arrived:
            by_life[life] += 1
            count.again_unflagged += not rows.get((chat, text), ("", False))[1]
        arrived.add((chat, text))
    count.again = sum(by_life.values())
    count.most_again = max(by_life.values(), default=0)
    count.not_arrived = sum(
        status == "sent" and key not in arrived for key, (status, _) in rows.items()
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line for scripts")
    options = parser.parse_args()
    telegram = Telegram()
    routes = [Route("/bot{token}/{method}", telegram.answer, methods=["POST"])]
    with tempfile.TemporaryDirectory() as folder, on_loopback(routes) as telegram.url:
        began = time.monotonic()
        count = run(Path(folder), telegram, options.times, random.Random(options.seed))
    if options.json:
        print(json.dumps(asdict(count) | {"broken": count.broken}))
    else:
        for name, value in asdict(count).items():
            print(f"{name.replace('_', ' '):20}{value:>8}")
        print(f"{'seconds':20}{time.monotonic() - began:>8.0f}")
        print("broken: " + ", ".join(count.broken) if count.broken else "every bar held")
    return 1 if count.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())

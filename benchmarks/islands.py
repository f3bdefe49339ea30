"""Three nodes as hosts of a network of their own; the sender is cut off, and comes back.

Network namespaces on one machine, joined by a bridge; the database and the platform's double are on
this side of it. Needs root and iproute2; says SKIPPED where it cannot. Prints what happened.

    sudo .venv/bin/python -m benchmarks.islands [--seconds 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from tests.bot.program import EXAMPLE, ROOT
from tests.bot.telegram_double import TOKEN, TelegramDouble
from tests.bot.test_telegram_end_to_end import message
from tests.postgres import Postgres, Server, serving

NET = "10.213.77"
HUB, BRIDGE, PORT, PLATFORM = f"{NET}.1", "huiyin-br", 8080, 8099
NODES = {1: f"{NET}.11", 2: f"{NET}.12", 3: f"{NET}.13"}
EVERY = 0.2  # seconds between two strangers who write on Telegram
POST = """
import json, sys, urllib.request
url, token, ident, text = sys.argv[1:]
body = json.dumps({"id": ident, "text": text}).encode()
head = {"Content-Type": "application/json", "Authorization": "Bearer " + token}
print(urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=10).status)
"""


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@contextlib.contextmanager
def network() -> Iterator[None]:
    """A bridge, and a host behind it for each node."""
    clear()
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{HUB}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, address in NODES.items():
            name = f"huiyin-{number}"
            ip("netns", "add", name)
            ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", name, "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        clear()


def clear() -> None:
    for number in NODES:
        ip("netns", "del", f"huiyin-{number}", check=False)
        ip("link", "del", f"huiyin-{number}", check=False)
    ip("link", "del", BRIDGE, check=False)


@contextlib.contextmanager
def platform() -> Iterator[TelegramDouble]:
    double = TelegramDouble()
    routes = [Route("/bot{token}/{method}", double.answer, methods=["POST"])]
    config = uvicorn.Config(
        Starlette(routes=routes), host=HUB, port=PLATFORM, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    double.takes = 0.6  # so that something is being sent when the node is cut off
    try:
        yield double
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


def open_to_network(server: Server) -> str:
    """The server's address for the nodes; whoever is on the bridge is let in."""
    rule = f"host all all {NET}.0/24 trust\n"
    with (server.folder / "data" / "pg_hba.conf").open("a") as file:
        file.write(rule)
    Postgres(server.url).run("SELECT pg_reload_conf()")
    return f"postgresql://postgres@{HUB}/postgres"


class Island:
    """The nodes, and what was asked of them."""

    def __init__(self, folder: Path, url: str, double: TelegramDouble) -> None:
        self.folder, self.url, self.double = folder, url, double
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.wrote: dict[int, float] = {}  # when each stranger wrote, by update
        self.posted = 0
        community = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false") + (
            '\n[[channels]]\nid = "tg"\nplatform = "telegram"\ntoken = "env:TELEGRAM_TOKEN"\n'
            f'api_base = "http://{HUB}:{PLATFORM}"\n'
        )
        (folder / "community.toml").write_text(community, encoding="utf-8")

    def start(self, number: int) -> None:
        mine = {
            "HUIYIN_DATA": str(self.folder / f"data{number}"),
            "HUIYIN_DATABASE_URL": self.url,
            "HUIYIN_COMMUNITIES": str(self.folder / "community.toml"),
            "HUIYIN_HTTP__HOST": NODES[number],
            "HUIYIN_HTTP__PORT": str(PORT),
            "TELEGRAM_TOKEN": TOKEN,
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
        log = (self.folder / f"node{number}.log").open("wb")
        self.processes[number] = subprocess.Popen(
            ["ip", "netns", "exec", f"huiyin-{number}", sys.executable, "-m", "bot", "run"],
            cwd=ROOT,
            env=clean | mine,
            stdout=log,
            stderr=log,
        )

    def ask(self, number: int, path: str, body: Any = None, token: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{NODES[number]}:{PORT}{path}", data)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())

    def ready(self, number: int) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.ask(number, "/healthz"))
        return False

    def post_inside(self, number: int, token: str, text: str) -> float:
        """Somebody on the island itself writes; seconds until the 202."""
        self.posted += 1
        url = f"http://{NODES[number]}:{PORT}/api/chat/web/messages"
        begun = time.monotonic()
        words = [sys.executable, "-c", POST, url, token, f"inside{self.posted}", text]
        done = subprocess.run(
            ["ip", "netns", "exec", f"huiyin-{number}", *words], capture_output=True, check=True
        )
        assert done.stdout.strip() == b"202", done.stdout
        return time.monotonic() - begun

    def keep_writing(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY):
            number = len(self.wrote) + 1
            chat = {"id": 5000 + number, "type": "private", "first_name": "王"}
            self.wrote[number] = time.monotonic()
            self.double.updates.append(message(number, "楼道灯坏了", 5000 + number, chat=chat))

    def answered(self) -> set[int]:
        return {int(body["chat_id"]) - 5000 for body in self.double.said("sendMessage")}

    def sender(self, at: psycopg.Connection[Any]) -> int:
        """The node that sends on Telegram, by the address it asks the database from."""
        row = at.execute("SELECT holder FROM lease WHERE name = 'send:tg'").fetchone()
        assert row is not None
        pid = int(row[0].split(":")[1])
        # `ip netns exec` becomes the program itself.
        return next(n for n, one in self.processes.items() if one.pid == pid)


def until(look: Any, seconds: float = 60) -> float:
    """Seconds until something is so."""
    begun = time.monotonic()
    while not look():
        if time.monotonic() - begun > seconds:
            raise SystemExit(f"not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - begun


def play(island: Island, at: psycopg.Connection[Any], seconds: float) -> None:
    for number in NODES:
        island.start(number)
    until(lambda: all(island.ready(number) for number in NODES))
    stop = threading.Event()
    writing = threading.Thread(target=island.keep_writing, args=(stop,))
    writing.start()
    until(lambda: len(island.answered()) > 20)
    lost = island.sender(at)
    token = island.ask(lost, "/api/chat/web/sessions", {"name": "岛上的人"})["token"]
    island.post_inside(lost, token, "你好")

    ip("link", "set", f"huiyin-{lost}", "down")
    cut, first = time.monotonic(), len(island.wrote)
    inside = [island.post_inside(lost, token, f"断网了，第{n}句") for n in range(3)]
    until(lambda: any(number > first for number in island.answered()))
    gap = time.monotonic() - cut
    until(lambda: time.monotonic() - cut > seconds, seconds + 5)
    print(f"node {lost}, which was sending, was cut off for {seconds:.0f} s")
    print(f"  others went on after                 {gap:5.1f} s")
    print(f"  written inside it meanwhile, 202 in  {max(inside):5.1f} s at most")
    ip("link", "set", f"huiyin-{lost}", "up")
    healed = time.monotonic()
    inside_done = "external_id LIKE '%:inside%' AND handled_at IS NOT NULL"
    until(lambda: number_of(at, "inbound", inside_done) == island.posted)
    print(f"  after it was back, that was answered {time.monotonic() - healed:5.1f} s later")
    stop.set()
    writing.join()
    until(lambda: len(island.answered()) == len(island.wrote), 60)
    report(island, at)


def report(island: Island, at: psycopg.Connection[Any]) -> None:
    until(lambda: number_of(at, "outbound", "status IN ('queued', 'sending')") == 0)
    kept, handled = number_of(at, "inbound"), number_of(at, "inbound", "handled_at IS NOT NULL")
    failed = number_of(at, "inbound", "error IS NOT NULL")
    rows = at.execute(
        "SELECT c.external_id, o.text, o.status, o.perhaps FROM outbound o "
        "JOIN chat c ON c.id = o.chat_id WHERE o.channel_id = 'tg'"
    ).fetchall()
    accepted = len(island.wrote) + island.posted
    meant = Counter((row[0], row[1]) for row in rows)
    said = Counter(
        (str(body["chat_id"]), str(body["text"])) for body in island.double.said("sendMessage")
    )
    doubt = {(row[0], row[1]) for row in rows if row[3] or row[2] == "unknown"}
    never, twice = meant - said, said - meant
    print(
        f"  messages received     {accepted}: lost {accepted - handled}, failed {failed}, ", end=""
    )
    print(f"handled twice {max(0, kept - accepted)}")
    print(f"  answers to be sent    {len(rows)}: marked as in doubt {len(doubt)}; ", end="")
    print(f"never arrived {never.total()}, arrived twice {twice.total()},")
    print(f"  of these not marked   {len((never + twice).keys() - doubt)}")


def number_of(at: psycopg.Connection[Any], table: str, which: str = "true") -> int:
    row = at.execute(f"SELECT count(*) FROM {table} WHERE {which}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long the node is cut off")
    seconds = parser.parse_args().seconds
    if os.geteuid() != 0 or shutil.which("ip") is None:
        print("SKIPPED: needs root and iproute2")
        return 0
    try:
        with network(), serving(listen_addresses=HUB) as server, platform() as double:
            url = open_to_network(server)
            with (
                tempfile.TemporaryDirectory() as folder,
                psycopg.connect(server.url, autocommit=True) as at,
            ):
                island = Island(Path(folder), url, double)
                try:
                    play(island, at, seconds)
                finally:
                    for process in island.processes.values():
                        process.send_signal(signal.SIGTERM)
                    for process in island.processes.values():
                        process.wait(20)
                    if os.environ.get("ISLANDS_LOGS"):
                        for log in sorted(Path(folder).glob("*.log")):
                            print(log.name, log.read_text(encoding="utf-8"), sep="\n")
    except subprocess.CalledProcessError as error:
        print(f"SKIPPED: no network namespaces here: {(error.stderr or b'').decode().strip()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

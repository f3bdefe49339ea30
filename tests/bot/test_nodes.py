"""Three processes on one PostgreSQL, and what happens to them: added, ended, killed, frozen."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.leases import LASTS
from storage import Database
from storage.models import Appeal, Chat, Inbound, Lease, Outbound, Sending
from tests.bot import telegram_double
from tests.bot.program import EXAMPLE, Program, free_port, running
from tests.bot.telegram_double import TOKEN, TelegramDouble
from tests.bot.test_telegram_end_to_end import message
from tests.postgres import Postgres

WITHIN = 20.0  # seconds; the promise is 10, on a machine that does nothing else
A_SECOND = 30  # messages a claim of Telegram's pace may hold
REPORT = "3栋2单元楼道灯坏了"


class City:
    """Processes by name, and people who write to whichever of them listens."""

    def __init__(self, stack: ExitStack, folder: Path, url: str, telegram: TelegramDouble) -> None:
        self._stack, self._folder, self.telegram = stack, folder, telegram
        example = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false")
        first = example + (
            '\n[[channels]]\nid = "tg"\nplatform = "telegram"\ntoken = "env:TELEGRAM_TOKEN"\n'
            f'api_base = "{telegram.url}"\n'
        )
        second = example.replace("xingfuli", "other").replace('id = "web"', 'id = "web2"')
        files = []
        for name, text in (("first", first), ("second", second)):
            files.append(folder / f"{name}.toml")
            files[-1].write_text(text, encoding="utf-8")
        self._env = {
            "HUIYIN_DATABASE_URL": url,
            "HUIYIN_COMMUNITIES": ",".join(map(str, files)),
            "TELEGRAM_TOKEN": TOKEN,
        }
        self.nodes: dict[str, Program] = {}
        self.database = Database(url)
        self._numbers = itertools.count(1)
        self.filed: list[str] = []  # residents who were told a number
        self.wrote = 0  # messages to Telegram
        self.took: dict[str, float] = {}  # seconds, by what happened before

    def start(self, name: str) -> None:
        folder = self._folder / name
        env = self._env | {"HUIYIN_DATA": str(folder)}
        self.nodes[name] = self._stack.enter_context(running(folder, port=free_port(), **env))

    def holder(self, lease: str) -> str:
        """The name of the process that has a lease."""
        with self.database.read() as session:
            held = session.scalars(select(Lease).where(Lease.name == lease)).one()
            pid = int(held.holder.split(":")[1])
        (name,) = [name for name, one in self.nodes.items() if one.process.pid == pid]
        return name

    def _ask(self, ask: Callable[[Program], Any]) -> Any:
        """Of any process that listens: what one of them does not answer, the next is asked."""
        end = time.monotonic() + 2 * WITHIN
        for node in itertools.cycle(list(self.nodes.values())):
            try:
                return ask(node)
            except (OSError, AssertionError):
                assert time.monotonic() < end, "nobody answers"
                threading.Event().wait(0.05)
        raise AssertionError

    def report(self, channel: str) -> None:
        """Somebody new reports something, confirms it, and is told its number."""
        name = f"居民{next(self._numbers)}"
        token = self._ask(lambda node: node.session(name, channel))
        seen = 0
        for ident, text, answer in (("m1", REPORT, "我这样报"), ("m2", "1", "编号")):
            self._ask(lambda node, i=ident, t=text: self._post(node, channel, token, i, t))
            seen = self._hear(channel, token, seen, answer)
        self.filed.append(name)

    def _post(self, node: Program, channel: str, token: str, ident: str, text: str) -> None:
        said = {"id": ident, "text": text}
        status, _ = node.post(f"/api/chat/{channel}/messages", said, token)
        assert status == 202

    def _hear(self, channel: str, token: str, seen: int, answer: str) -> int:
        end = time.monotonic() + 2 * WITHIN
        while time.monotonic() < end:
            path = f"/api/chat/{channel}/messages?after={seen}&wait=2"
            found = self._ask(lambda node, path=path: _messages(node, path, token))
            seen = max([seen, *(one["seq"] for one in found)])
            if any(answer in one["text"] for one in found):
                return seen
        raise AssertionError(f"never heard {answer}")

    def write(self, count: int) -> None:
        """Strangers on Telegram each write a line."""
        for _ in range(count):
            self.wrote += 1
            user = 5000 + self.wrote
            chat = {"id": user, "type": "private", "first_name": "王"}
            self.telegram.updates.append(message(self.wrote, "楼道灯坏了", user, chat=chat))

    def answered(self) -> int:
        """Chats on Telegram that have heard something."""
        return len({body["chat_id"] for body in self.telegram.said("sendMessage")})

    def life_goes_on(self, after: str) -> None:
        """Everybody who writes now is answered, on every channel."""
        begun = time.monotonic()
        self.write(6)
        people = [
            threading.Thread(target=self.report, args=(channel,)) for channel in ("web", "web2")
        ]
        for one in people:
            one.start()
        while self.answered() < self.wrote or any(one.is_alive() for one in people):
            assert time.monotonic() - begun < 2 * WITHIN, f"after {after}: nobody answers"
            threading.Event().wait(0.02)
        self.took[after] = time.monotonic() - begun


def _messages(node: Program, path: str, token: str) -> list[dict[str, Any]]:
    status, body = node.get(path, token)
    assert status == 200
    found: list[dict[str, Any]] = json.loads(body)["messages"]
    return found


@pytest.fixture
def city(postgres: Postgres, tmp_path: Path) -> Iterator[City]:
    url = postgres.create()
    with telegram_double.serving() as telegram, ExitStack() as stack:
        made = City(stack, tmp_path, url, telegram)
        yield made
        made.database.close()
    postgres.drop(url)


def test_nodes_come_and_go_and_nothing_is_lost_or_done_twice(city: City) -> None:
    starting = [threading.Thread(target=city.start, args=(name,)) for name in "ab"]
    for one in starting:  # at once, on an empty database
        one.start()
    for one in starting:
        one.join(60)
    assert sorted(city.nodes) == ["a", "b"]
    city.life_goes_on("two were started")

    city.start("c")
    city.life_goes_on("one was added")

    gone = city.holder("send:tg")
    city.telegram.takes = 0.3  # so that something is just being sent
    city.write(10)
    city.nodes.pop(gone).process.send_signal(signal.SIGTERM)
    city.life_goes_on("the sender was ended")

    killed = city.holder("send:tg")
    city.write(10)
    _until(lambda: _sending(city))
    city.nodes.pop(killed).process.kill()
    city.life_goes_on("the sender was killed")

    city.start("d")
    frozen = city.holder("send:tg")
    city.write(10)
    _until(lambda: _sending(city))
    city.nodes[frozen].process.send_signal(signal.SIGSTOP)
    asleep = time.monotonic()
    cold = city.nodes.pop(frozen)
    try:
        city.life_goes_on("the sender was frozen")
        while time.monotonic() - asleep < LASTS + 1:
            threading.Event().wait(0.1)
    finally:
        cold.process.send_signal(signal.SIGCONT)
    city.nodes[frozen] = cold
    city.life_goes_on("it woke up")

    print({what: round(seconds, 1) for what, seconds in city.took.items()})
    assert max(city.took.values()) < WITHIN, city.took
    _until(lambda: not _unfinished(city))
    for node in city.nodes.values():
        assert node.process.poll() is None, node.words
        assert "Traceback" not in node.words, node.words
        node.end(within=15)
    _nothing_lost(city)
    _nothing_twice(city)


def _until(look: Callable[[], Any]) -> None:
    end = time.monotonic() + 2 * WITHIN
    while not look():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def _sending(city: City) -> bool:
    with city.database.read() as session:
        query = select(Outbound.id).where(Outbound.status == Sending.SENDING)
        return session.scalars(query).first() is not None


def _unfinished(city: City) -> bool:
    with city.database.read() as session:
        heard = select(Inbound.id).where(Inbound.handled_at.is_(None))
        said = select(Outbound.id).where(Outbound.status.in_((Sending.QUEUED, Sending.SENDING)))
        return any(session.scalars(query).first() is not None for query in (heard, said))


def _nothing_lost(city: City) -> None:
    with city.database.read() as session:
        rows = session.execute(select(Inbound.channel_id, Inbound.error)).all()
        assert [row.error for row in rows if row.error] == []
        kept = Counter(row.channel_id for row in rows)
    assert kept["tg"] == city.wrote
    assert kept["web"] + kept["web2"] == 2 * len(city.filed)


def _nothing_twice(city: City) -> None:
    """What may have been sent as a process died is known by its mark, and is one claim at most."""
    with city.database.read() as session:
        assert len(session.scalars(select(Appeal.id)).all()) == len(city.filed)
        query = (
            select(Chat.external_id, Outbound.text, Outbound.status, Outbound.perhaps)
            .join(Chat, Chat.id == Outbound.chat_id)
            .where(Outbound.channel_id == "tg")
        )
        rows = session.execute(query).all()
    assert {row.status for row in rows} <= {Sending.SENT, Sending.UNKNOWN}
    meant = Counter((row.external_id, row.text) for row in rows)
    marked = Counter(
        (row.external_id, row.text) for row in rows if row.perhaps or row.status is Sending.UNKNOWN
    )
    said = Counter(
        (str(body["chat_id"]), body["text"]) for body in city.telegram.said("sendMessage")
    )
    assert set(said) <= set(meant)
    for what, times in meant.items():
        if what not in marked:
            assert said[what] == times, f"said {said[what]} times, meant {times}"
    again = sum((said - meant).values())
    print(f"{len(rows)} sent, {sum(marked.values())} in doubt, {again} said again")
    assert sum(marked.values()) <= 2 * A_SECOND, "a claim each for the killed and the frozen one"

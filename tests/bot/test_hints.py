"""Hints between processes: what one committed another hears of, and nothing depends on it."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bot import locks
from bot.hints import Hint, Hints, read
from bot.node import open_spool, taken_part
from storage import Database, hints
from tests.bot.program import huiyin, running
from tests.bot.test_spool import row
from tests.town import MONDAY

FULL = Hint(True, True, frozenset({1, 2}), frozenset({("gzh", "m1")}))


@given(
    chats=st.frozensets(st.integers(1, 2**62), max_size=900),
    held=st.frozensets(st.tuples(st.text(max_size=8), st.text(max_size=40)), max_size=90),
)
def test_a_hint_arrives_whole_in_lines_that_fit(
    chats: frozenset[int], held: frozenset[tuple[str, str]]
) -> None:
    said = Hint(True, False, chats, held)
    lines = said.lines("me")
    assert all(len(line.encode()) <= hints.MOST for line in lines)
    heard = Hint()
    for line in lines:
        one = read(line, "you")
        assert one is not None
        heard |= one
    assert heard == said


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", "nonsense", '{"from":"you","chats":["x"]}', '{"from":"you","held":1}']
)
def test_nonsense_is_no_hint(line: str) -> None:
    assert read(line, "me") is None


def test_ones_own_words_are_no_news() -> None:
    (line,) = FULL.lines("me")
    assert read(line, "me") is None
    assert read(line, "you") == FULL
    assert "chats" in json.loads(line)


class Two:
    """Two processes' hints; what the second hears."""

    def __init__(self, database: Database) -> None:
        self.heard: queue.Queue[Hint] = queue.Queue()
        self.one = Hints(database, "one", lambda hint: None)
        self.two = Hints(database, "two", self.heard.put)

    def until_heard(self) -> Hint:
        """A hint may be lost while the other is not there yet: said until it is heard."""
        for _ in range(100):
            self.one.tell(FULL)
            try:
                return self.heard.get(timeout=0.2)
            except queue.Empty:
                continue
        raise AssertionError("nothing came")


@pytest.fixture
def two(on_postgres: Database) -> Iterator[Two]:
    made = Two(on_postgres)
    made.one.start()
    made.two.start()
    yield made
    made.one.close()
    made.two.close()


def test_the_other_process_hears(two: Two) -> None:
    assert two.until_heard() == FULL


def test_it_hears_again_after_its_connection_died(two: Two, on_postgres: Database) -> None:
    two.until_heard()
    with on_postgres.write() as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    while not two.heard.empty():
        two.heard.get()
    assert two.until_heard() == FULL


def test_without_a_database_telling_costs_nothing() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    deaf = Hints(nowhere, "one", lambda hint: None)
    deaf.start()
    deaf.tell(FULL)
    deaf.close()
    assert threading.active_count() < 50
    nowhere.close()


# One process on SQLite


def test_a_second_program_on_the_same_data_says_so_and_ends(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        second = huiyin("run", data=data, HUIYIN_HTTP__PORT="0")
        assert second.returncode != 0
        assert "同一个数据目录" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
    with running(data):  # the first has ended, however: its locks went with it
        pass


def test_other_parts_may_run_beside_each_other(tmp_path: Path) -> None:
    assert taken_part(tmp_path, ["web", "turns"]) == ""
    assert taken_part(tmp_path, ["outbox"]) == ""
    assert taken_part(tmp_path, ["duties", "turns"]) == "turns"


def test_each_process_has_a_spool_of_its_own_and_takes_up_a_dead_ones(tmp_path: Path) -> None:
    (tmp_path / "spool-3.jsonl").write_bytes(b"")
    first, second = open_spool(tmp_path), open_spool(tmp_path)
    first.add(MONDAY, [row("k")])
    assert (tmp_path / "spool-3.jsonl").stat().st_size > 0, "what is left goes first"
    second.add(MONDAY, [row("k")])
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == [
        "spool-0.jsonl",
        "spool-3.jsonl",
    ]
    assert not locks.take(tmp_path / "spool-3.lock")

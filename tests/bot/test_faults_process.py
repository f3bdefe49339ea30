"""The running program is stopped for a while, and copied while people write."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.program import EXAMPLE, Program, huiyin, running
from tests.bot.test_run import texts, until

BEFORE = 30  # messages accepted before the backup begins
WRITERS = 3


@pytest.fixture
def quiet(tmp_path: Path) -> str:
    """A community without sample records."""
    path = tmp_path / "quiet.toml"
    words = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false")
    path.write_text(words, encoding="utf-8")
    return str(path)


def try_for_a_second(program: Program, token: str, ident: str, text: str) -> bool:
    """Whether a client that has one second of patience heard anything."""
    request = urllib.request.Request(
        f"{program.url}/api/chat/web/messages",
        json.dumps({"id": ident, "text": text}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=1) as answer:
            return int(answer.status) == 202
    except (TimeoutError, urllib.error.URLError):
        return False


def test_stopped_until_3_clients_gave_up_and_each_is_answered_once(
    quiet: str, tmp_path: Path
) -> None:
    with running(tmp_path / "data", HUIYIN_COMMUNITIES=quiet) as program:
        tokens = [program.session(f"居民{n}") for n in range(3)]
        program.process.send_signal(signal.SIGSTOP)
        try:
            heard = [try_for_a_second(program, token, "m1", "3栋楼道灯坏了") for token in tokens]
        finally:
            program.process.send_signal(signal.SIGCONT)
        assert heard == [False] * 3
        for token in tokens:
            body = {"id": "m1", "text": "3栋楼道灯坏了"}
            status, said = program.post("/api/chat/web/messages", body, token)
            assert (status, said["accepted"]) == (202, True)
            found = until(program, token, "我这样报")
            assert texts(found).count("我这样报") == 1
        assert program.end() == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "huiyin.db")) as raw:
        assert raw.execute("SELECT count(*) FROM inbound").fetchone() == (3,)


@contextlib.contextmanager
def writing(program: Program, tokens: list[str]) -> Iterator[list[tuple[int, str]]]:
    """People who write all the time; gives what was accepted, as (who, id), while it grows."""
    accepted: list[tuple[int, str]] = []
    stop = threading.Event()

    def write(who: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            body = {"id": f"m{count}", "text": f"物业电话多少？{count}"}
            if program.post("/api/chat/web/messages", body, tokens[who])[0] == 202:
                accepted.append((who, f"m{count}"))
            stop.wait(0.01)  # a person, not a flood

    writers = [threading.Thread(target=write, args=(who,)) for who in range(len(tokens))]
    for writer in writers:
        writer.start()
    try:
        yield accepted
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_a_backup_under_load_is_restored_with_all_that_was_accepted_before_it(
    quiet: str, tmp_path: Path
) -> None:
    data, copy, new = tmp_path / "data", tmp_path / "copy.db", tmp_path / "new"
    limits = {"HUIYIN_LIMITS__MESSAGES_PER_MINUTE": "100000", "HUIYIN_COMMUNITIES": quiet}
    with running(data, **limits) as program:
        users: list[str] = []
        tokens: list[str] = []
        for number in range(WRITERS):
            _, made = program.post("/api/chat/web/sessions", {"name": f"居民{number}"})
            users.append(made["user"])
            tokens.append(made["token"])
        with writing(program, tokens) as accepted:
            while len(accepted) < BEFORE:
                assert program.get("/healthz")[0] == 200
            before = list(accepted)
            done = huiyin("backup", copy, data=data)
            assert done.returncode == 0, done.stderr
            assert len(accepted) > len(before), "people wrote while it was copied"
        program.process.kill()
    new.mkdir()
    shutil.copyfile(copy, new / "huiyin.db")
    shutil.copyfile(data / "secret.key", new / "secret.key")
    with contextlib.closing(sqlite3.connect(new / "huiyin.db")) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = {row[0] for row in raw.execute("SELECT external_id FROM inbound")}
    assert {f"{users[who]}:{ident}" for who, ident in before} <= kept
    with running(new, **limits) as restored:
        seq = 0
        while found := restored.heard(tokens[0], seq, wait=0):
            seq = found[-1]["seq"]
        status, said = restored.post(
            "/api/chat/web/messages", {"id": "m1", "text": "物业电话多少？1"}, tokens[0]
        )
        assert (status, said["duplicate"]) == (202, True)
        assert restored.talk(tokens[0], "after", "居委会几点上班？", after=seq)
        assert restored.end() == 0
    with contextlib.closing(sqlite3.connect(new / "huiyin.db")) as raw:
        # A backlog may wait for the next start.
        left = "SELECT count(*) FROM inbound WHERE error IS NOT NULL"
        assert raw.execute(left).fetchone() == (0,)

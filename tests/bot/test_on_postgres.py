"""The program on PostgreSQL: it starts, answers, examines itself, and says how to make a backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bot.program import Program, huiyin, running
from tests.postgres import Postgres, serving


@pytest.fixture
def url(postgres: Postgres) -> object:
    """A database without any table, as a new installation has it."""
    made = postgres.create()
    yield made
    postgres.drop(made)


def test_it_starts_on_an_empty_database_and_answers(url: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, HUIYIN_DATABASE_URL=url) as program:
        token = program.session("王阿姨")
        heard = program.talk(token, "m1", "你好")
        assert heard
        assert program.get("/readyz")[0] == 200
        assert program.get("/metrics")[0] == 200
    assert "Traceback" not in program.words
    assert not (data / "huiyin.db").exists()
    # What was said is there for the next one that starts, and the demo is not played twice.
    with running(data, HUIYIN_DATABASE_URL=url) as program:
        assert program.heard(token, 0, 0)[-1]["text"] == heard[-1]["text"]
    found = huiyin("doctor", "--json", data=data, HUIYIN_DATABASE_URL=url)
    fine = {row["what"]: row["ok"] for row in json.loads(found.stdout)}
    assert fine["数据库"], found.stdout
    assert fine["社区"]
    assert fine["存在旁边的消息"]
    (data / "spool-5.jsonl").touch()
    found = huiyin("doctor", data=data, HUIYIN_DATABASE_URL=url)
    assert found.returncode == 1
    assert "spool-5.jsonl 里还有" in found.stdout


def test_a_backup_is_pg_dumps_matter(url: str, tmp_path: Path) -> None:
    found = huiyin("backup", tmp_path / "copy", data=tmp_path / "data", HUIYIN_DATABASE_URL=url)
    assert found.returncode != 0
    assert "pg_dump" in found.stderr
    assert not (tmp_path / "copy").exists()


def test_a_database_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    wrong = "postgresql://huiyin:geheim@127.0.0.1:1/huiyin"
    for command in ("run", "doctor", "migrate"):
        found = huiyin(command, data=tmp_path / "data", HUIYIN_DATABASE_URL=wrong)
        words = found.stdout + found.stderr
        assert found.returncode != 0, command
        assert "数据库" in words
        assert "Traceback" not in words, words
        assert "geheim" not in words


def test_while_the_database_is_away_messages_are_received_and_answered_afterwards(
    tmp_path: Path,
) -> None:
    """It is killed and comes back; who wrote meanwhile was told 202, and hears in the end."""
    data = tmp_path / "data"
    with serving() as server, running(data, HUIYIN_DATABASE_URL=server.url) as program:
        token = program.session("王阿姨")
        seen = program.talk(token, "m1", "你好")[-1]["seq"]
        server.stop()
        for n in range(3):
            said = {"id": f"away{n}", "text": f"楼道灯坏了，第{n}盏"}
            status, _ = program.post("/api/chat/web/messages", said, token)
            assert status == 202
        assert program.get("/readyz")[0] == 503
        assert list(data.glob("spool-*.jsonl"))
        server.start()
        heard = until_heard(program, token, seen)
        assert heard
        # Repeated by a client that did not trust us: known, and no second answer.
        status, body = program.post("/api/chat/web/messages", said, token)
        assert (status, body["duplicate"]) == (202, True)
        assert not list(data.glob("spool-*.jsonl"))
    assert "Traceback" not in program.words
    assert "楼道" not in program.words


def until_heard(program: Program, token: str, seen: int) -> list[dict[str, object]]:
    """A long poll that begins while the database comes back may be refused once or twice."""
    for _ in range(20):
        status, body = program.get(f"/api/chat/web/messages?after={seen}&wait=5", token)
        found: list[dict[str, object]] = json.loads(body).get("messages", [])
        if status == 200 and found:
            return found
    raise AssertionError("nothing came")

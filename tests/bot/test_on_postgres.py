"""The program on PostgreSQL: it starts, answers, examines itself, and says how to make a backup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bot.program import huiyin, running
from tests.postgres import Postgres


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

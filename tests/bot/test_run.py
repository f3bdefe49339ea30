"""The running program: start, second instance, Ctrl-C with readers, restart, invite, demo."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.program import EXAMPLE, Program, huiyin, running, until_ready

PEOPLE = ("王阿姨", "李大爷", "小李", "张主任")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "data"


@pytest.fixture(scope="module")
def program(data: Path) -> Iterator[Program]:
    """One program for the tests that leave it running."""
    with running(data) as made:
        yield made


def links(program: Program) -> dict[str, str]:
    found = {}
    for line in program.lines:
        name, _, link = line.strip().partition("\t")
        if link:
            found[name] = link
    return found


def texts(messages: list[dict[str, Any]]) -> str:
    return "\n".join(m["text"] for m in messages)


def until(program: Program, token: str, words: str) -> list[dict[str, Any]]:
    """Reads a chat by long polls until something contains `words`."""
    found: list[dict[str, Any]] = []
    for _ in range(6):
        found += program.heard(token, found[-1]["seq"] if found else 0)
        if words in texts(found):
            return found
    raise AssertionError(f"never heard {words}: {texts(found)}")


def test_it_says_what_one_can_do_now(program: Program) -> None:
    found = links(program)
    assert tuple(found) == PEOPLE
    assert all(link.startswith(program.url + "/") for link in found.values())
    assert len(set(found.values())) == len(PEOPLE)
    assert "幸福里社区" in program.words
    assert "Traceback" not in program.words
    status, body = program.get("/readyz")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert program.get("/")[0] == 200
    for link in found.values():
        assert program.get(link.removeprefix(program.url))[0] == 200


def test_a_second_one_on_the_same_port_says_so(program: Program, data: Path) -> None:
    done = huiyin("run", data=data, HUIYIN_HTTP__PORT=str(program.port))
    assert done.returncode == 2
    assert str(program.port) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert program.get("/healthz")[0] == 200  # the first one does not mind


def test_a_message_is_answered_and_a_repetition_is_not(program: Program) -> None:
    token = program.session("路人")
    first = program.talk(token, "m1", "3栋2单元楼道灯坏了")
    assert "灯坏了" in texts(first)
    status, body = program.post("/api/chat/web/messages", {"id": "m1", "text": "x"}, token)
    assert (status, body) == (202, {"accepted": True, "duplicate": True})
    last = first[-1]["seq"]
    program.talk(token, "m2", "谢谢", after=last)
    assert "x" not in texts(program.heard(token, 0, wait=0))


def test_a_name_never_gives_a_role_and_a_code_does_once(program: Program, data: Path) -> None:
    impostor = program.session("张主任")
    program.talk(impostor, "m1", "待办")
    assert "诉求" not in texts(program.heard(impostor, 0, 0)).split("待办")[0]
    assert not any(word in texts(program.heard(impostor)) for word in ("办结", "受理"))
    done = huiyin("community", "invite", "张主任", data=data)  # while the program runs
    assert done.returncode == 0, done.stderr
    code = next(word for word in done.stdout.split() if "HY-" in word).partition("HY-")[2][:9]
    chief = program.session("谁也不是")
    assert "张主任" in texts(program.talk(chief, "m1", f"hy-{code.lower()}"))
    until(program, chief, "待办")
    seq = program.heard(chief)[-1]["seq"]
    said = texts(program.talk(chief, "m2", "待办", after=seq))
    assert "号" in said or "没有" in said
    thief = program.session("又一个")
    said = texts(program.talk(thief, "m1", f"HY-{code}"))
    assert "张主任" not in said
    seq = program.heard(thief)[-1]["seq"]
    assert "号：" not in texts(program.talk(thief, "m2", "待办", after=seq))


def test_a_backup_while_it_runs(program: Program, data: Path, tmp_path: Path) -> None:
    token = program.session("写信人")
    program.talk(token, "m1", "居委会几点上班？")
    copy = tmp_path / "copy.db"
    done = huiyin("backup", copy, data=data)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = raw.execute("SELECT count(*) FROM inbound WHERE text LIKE '居委会几点上班%'")
        assert found.fetchone()[0] >= 1
    token = program.session("之后")
    assert program.talk(token, "m1", "你好")


def test_ctrl_c_ends_it_with_readers_waiting_and_it_starts_again(tmp_path: Path) -> None:
    """Contract: ends within 3 s, open streams or not. What was said before is still there."""
    data = tmp_path / "data"
    with running(data) as first:
        token = first.session("王老师")
        before = first.talk(token, "m1", "3栋2单元楼道灯坏了")
        ended: list[str] = []

        def poll() -> None:
            with contextlib.suppress(OSError):
                first.get(f"/api/chat/web/messages?after={before[-1]['seq']}&wait=25", token)
            ended.append("poll")

        request = urllib.request.Request(f"{first.url}/api/chat/web/stream")
        request.add_header("Authorization", f"Bearer {token}")
        stream = urllib.request.urlopen(request, timeout=10)
        assert stream.status == 200
        poller = threading.Thread(target=poll)
        poller.start()
        began = time.monotonic()
        assert first.end(within=3.0) == 0
        print(f"ended after {time.monotonic() - began:.2f} s")
        poller.join(5)
        stream.close()
        assert ended == ["poll"]
        assert "Traceback" not in first.words
    with running(data, port=first.port) as second:  # the port is free again at once
        print(f"ready again after {time.monotonic() - second.started:.2f} s")
        assert texts(second.heard(token, 0, 0)) == texts(before)
        assert second.talk(token, "m2", "1", after=before[-1]["seq"])
        assert links(second).keys() == links(first).keys()
        assert second.end() == 0


def test_what_was_received_before_a_crash_is_answered_after_it(tmp_path: Path) -> None:
    """A 202 is a promise: killed before any answer, the next start gives it."""
    data = tmp_path / "data"
    quiet = tmp_path / "quiet.toml"
    text = EXAMPLE.read_text(encoding="utf-8").replace("demo = true", "demo = false")
    quiet.write_text(text, encoding="utf-8")
    with running(data, "--only", "web", HUIYIN_COMMUNITIES=str(quiet)) as deaf:
        token = deaf.session("王老师")
        status, body = deaf.post(
            "/api/chat/web/messages", {"id": "m1", "text": "3栋楼道灯坏了"}, token
        )
        assert (status, body["accepted"]) == (202, True)
        assert deaf.heard(token, 0, wait=0) == []
        deaf.process.kill()
    with running(data, HUIYIN_COMMUNITIES=str(quiet)) as program:
        assert "灯坏了" in texts(until(program, token, "灯坏了"))
        assert links(program) == {}  # nothing is made up for a real community


def test_the_demo_is_removed_for_good_and_people_and_settings_stay(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def count(table: str) -> int:
        with contextlib.closing(sqlite3.connect(data / "huiyin.db")) as raw:
            return int(raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    with running(data) as program:
        assert count("appeal") > 3
        people = count("resident")
        assert program.end() == 0
    done = huiyin("demo", "remove", data=data)
    assert done.returncode == 0
    for table in ("appeal", "inbound", "outbound", "clock", "question", "help_request", "notice"):
        assert count(table) == 0, table
    assert count("resident") == people
    with running(data) as program:
        assert count("appeal") == 0  # it is not filled a second time
        assert set(links(program)) == set(PEOPLE)
        token = program.session("新邻居")
        program.talk(token, "m1", "3栋2单元楼道灯坏了")
        assert "编号 1" in texts(
            program.talk(token, "m2", "1", after=program.heard(token)[-1]["seq"])
        )
        until_ready(program)

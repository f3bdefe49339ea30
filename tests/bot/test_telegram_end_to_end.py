"""A resident on Telegram and a worker on the web, through the whole running program."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot import telegram_double
from tests.bot.telegram_double import TOKEN, TelegramDouble

ROOT = Path(__file__).parents[2]
PATIENCE = 200  # looks of 50 ms each


def until(look: Callable[[], Any]) -> Any:
    """The first true thing a look gives; fails after ten seconds."""
    pause = threading.Event()
    for _ in range(PATIENCE):
        found = look()
        if found:
            return found
        pause.wait(0.05)
    raise AssertionError("nothing came")


@pytest.fixture
def telegram() -> Iterator[TelegramDouble]:
    with telegram_double.serving() as double:
        yield double


@pytest.fixture
def program(telegram: TelegramDouble, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    example = (ROOT / "communities" / "example.toml").read_text(encoding="utf-8")
    community = example.replace("demo = true", "demo = false") + (
        f'\n[[channels]]\nid = "tg"\nplatform = "telegram"\ntoken = "env:TELEGRAM_TOKEN"\n'
        f'api_base = "{telegram.url}"\n'
    )
    (tmp_path / "community.toml").write_text(community, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = os.environ | {
        "HUIYIN_DATA": str(tmp_path / "data"),
        "HUIYIN_HTTP__PORT": str(port),
        "HUIYIN_COMMUNITIES": str(tmp_path / "community.toml"),
        "TELEGRAM_TOKEN": TOKEN,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=ROOT,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
        assert TOKEN not in out
        assert "楼道" not in out
        assert "Traceback" not in out


def message(update: int, text: str, user: int = 42, **more: Any) -> dict[str, Any]:
    person = {"id": user, "is_bot": False, "first_name": "王阿姨"}
    chat = more.pop("chat", {"id": user, "type": "private", "first_name": "王阿姨"})
    return {
        "update_id": update,
        "message": {
            "message_id": update,
            "date": 1795000000,
            "chat": chat,
            "from": person,
            "text": text,
            **more,
        },
    }


def press(update: int, data: str) -> dict[str, Any]:
    return {
        "update_id": update,
        "callback_query": {
            "id": str(update),
            "chat_instance": "x",
            "data": data,
            "from": {"id": 42, "is_bot": False, "first_name": "王阿姨"},
            "message": message(2, "")["message"],
        },
    }


def said(telegram: TelegramDouble, part: str) -> list[dict[str, Any]]:
    return [body for body in telegram.said("sendMessage") if part in str(body.get("text"))]


def test_a_report_by_telegram_is_answered(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    until(lambda: telegram.said("getUpdates"))
    telegram.updates.append(message(1, "楼道灯坏了"))
    until(lambda: said(telegram, "在哪里"))
    assert said(telegram, "我的资料"), "a stranger hears what is kept, first"
    telegram.updates.append(message(2, "3栋2单元"))
    asked = until(lambda: said(telegram, "我这样报"))[0]
    buttons = asked["reply_markup"]["inline_keyboard"]
    assert buttons[0][0]["text"].startswith("1")
    telegram.updates.append(press(3, buttons[0][0]["callback_data"]))
    filed = until(lambda: said(telegram, "编号 1"))
    assert len(filed) == 1
    # The same button once more: nothing is filed twice, and it says so.
    telegram.updates.append(press(4, buttons[0][0]["callback_data"]))
    until(lambda: said(telegram, "已经用过了"))
    assert len(said(telegram, "编号")) == 1
    offsets = [int(body["offset"]) for body in telegram.said("getUpdates") if "offset" in body]
    assert max(offsets) == 5, "the offset moves past what is committed"


def test_a_group_is_listened_to_and_danger_is_passed_on(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    group = {"id": -100, "type": "supergroup", "title": "3栋群"}
    until(lambda: telegram.said("getUpdates"))
    telegram.updates.append(message(1, "物业电话多少", chat=group))
    mention = [{"type": "mention", "offset": 0, "length": 11}]
    telegram.updates.append(message(2, "@huiyin_bot 物业电话多少", chat=group, entities=mention))
    answer = until(lambda: said(telegram, "我记下了"))
    assert [body["chat_id"] for body in answer] == [-100]
    telegram.updates.append(message(3, "着火了！3栋501冒烟，快来人", chat=group))
    warned = until(lambda: said(telegram, "119"))
    assert all("501" not in body["text"] for body in warned if body["chat_id"] == -100)


def command(update: int, text: str, user: int = 42) -> dict[str, Any]:
    found = message(update, text, user)
    found["message"]["entities"] = [{"type": "bot_command", "offset": 0, "length": 6}]
    return found


def test_a_private_matter_leaves_the_group_by_a_button(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    group = {"id": -100, "type": "supergroup", "title": "3栋群"}
    mention = [{"type": "mention", "offset": 0, "length": 11}]
    until(lambda: telegram.said("getUpdates"))
    words = "@huiyin_bot 我家3栋501漏水了"
    telegram.updates.append(message(1, words, chat=group, entities=mention))
    answer = until(lambda: said(telegram, "私下写给我"))[0]
    assert answer["chat_id"] == -100
    [[button]] = answer["reply_markup"]["inline_keyboard"]
    link, _, payload = button["url"].partition("?start=")
    assert link == "https://t.me/huiyin_bot"
    telegram.updates.append(command(2, f"/start {payload}", 43))  # somebody else is curious
    until(lambda: said(telegram, "您要办什么"))
    telegram.updates.append(command(3, f"/start {payload}"))
    asked = until(lambda: said(telegram, "我这样报"))
    assert [body["chat_id"] for body in asked] == [42]
    assert "漏水" in asked[0]["text"]
    # An edit before it is filed: the last wording counts; one that changes nothing is silent.
    edited = message(4, "3栋501漏水，流到楼下了")
    telegram.updates.append(
        {"update_id": 4, "edited_message": {**edited["message"], "edit_date": 1}}
    )
    assert until(lambda: said(telegram, "流到楼下"))


def test_a_topic_is_answered_in_its_thread(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    group = {"id": -100, "type": "supergroup", "title": "3栋群", "is_forum": True}
    mention = [{"type": "mention", "offset": 0, "length": 11}]
    thread = {"is_topic_message": True, "message_thread_id": 7}
    until(lambda: telegram.said("getUpdates"))
    words = "@huiyin_bot 物业电话多少"
    telegram.updates.append(message(9, words, chat=group, entities=mention, **thread))
    [answer] = until(lambda: said(telegram, "我记下了"))
    assert (answer["chat_id"], answer["message_thread_id"]) == (-100, 7)


def test_a_group_that_moved_is_found(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    """Told by the refusal of a send, before the group says so itself."""
    group = {"id": -5, "type": "group", "title": "3栋群"}
    mention = [{"type": "mention", "offset": 0, "length": 11}]
    until(lambda: telegram.said("getUpdates"))
    telegram.refuse("sendMessage", 400, {"migrate_to_chat_id": -1005})
    words = "@huiyin_bot 物业电话多少"
    telegram.updates.append(message(1, words, chat=group, entities=mention))
    answer = until(lambda: len(said(telegram, "我记下了")) > 1 and said(telegram, "我记下了"))
    assert [body["chat_id"] for body in answer] == [-5, -1005]


def test_a_throttled_chat_holds_up_no_other(
    telegram: TelegramDouble, program: subprocess.Popen[str]
) -> None:
    until(lambda: telegram.said("getUpdates"))
    telegram.refuse("sendMessage", 429, {"retry_after": 3})
    telegram.updates += [message(1, "楼道灯坏了", 42), message(2, "楼道灯坏了", 43)]

    def asked() -> list[int]:
        return [int(body["chat_id"]) for body in telegram.said("sendMessage")]

    until(lambda: {42, 43} <= {int(body["chat_id"]) for body in said(telegram, "在哪里")})
    throttled, *others = asked()
    other = 85 - throttled
    assert others.index(other) < others.index(throttled), "the other did not wait"
    assert others.count(other) == others.count(throttled), "and nothing was lost"

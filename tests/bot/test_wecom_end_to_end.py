"""A resident by 微信客服 and a member by the app, through the whole running program."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.adapters.base import Request
from tests.bot import wecom_double
from tests.bot.test_telegram_end_to_end import ROOT, until
from tests.bot.test_wecom_events import row, told
from tests.bot.wecom_double import (
    AES_KEY,
    AGENT,
    CORP,
    KFID,
    ROBOT_KEY,
    SECRET,
    TOKEN,
    WeComDouble,
    handshake,
    sealed,
    xml,
)

CHANNEL = f"""
[[channels]]
id = "qw"
platform = "wecom"
corp_id = "{CORP}"
agent_id = {AGENT}
secret = "env:WECOM_SECRET"
token = "env:WECOM_TOKEN"
aes_key = "env:WECOM_KEY"
open_kfid = "{KFID}"
robots = [{{ name = "工作群", key = "env:WECOM_ROBOT" }}]
senders = [{{ name = "小李", userid = "xiaoli" }}]
"""


class Program:
    """`huiyin run` with one WeCom channel."""

    def __init__(self, folder: Path, double: WeComDouble) -> None:
        self.double = double
        example = (ROOT / "communities" / "example.toml").read_text(encoding="utf-8")
        file = folder / "community.toml"
        text = example.replace("demo = true", "demo = false") + CHANNEL
        file.write_text(f'{text}api_base = "{double.url}"\n', encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/wecom/qw"
        environ = os.environ | {
            "HUIYIN_DATA": str(folder / "data"),
            "HUIYIN_HTTP__PORT": str(port),
            "HUIYIN_COMMUNITIES": str(file),
            "WECOM_SECRET": SECRET,
            "WECOM_TOKEN": TOKEN,
            "WECOM_KEY": AES_KEY,
            "WECOM_ROBOT": ROBOT_KEY,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            cwd=ROOT,
            env=environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        until(lambda: double.said("kf/sync_msg"))

    def call(self, request: Request) -> httpx.Response:
        return httpx.request(
            request.method,
            self.url,
            params=dict(request.query),
            content=request.body,
            trust_env=False,
        )

    def writes(self, **fields: object) -> None:
        """A member, by the app."""
        inside = xml(FromUserName="xiaoli", CreateTime=int(time.time()), **fields)
        answer = self.call(sealed(inside))
        assert (answer.status_code, answer.text) == (200, "")

    def comes(self, one: dict[str, Any]) -> None:
        """A row for 微信客服, and the event that tells of it."""
        ident = f"k{len(self.double.customers)}"
        self.double.customers.append({**one, "msgid": ident, "send_time": int(time.time())})
        inside = xml(
            CreateTime=int(time.time()),
            MsgType="event",
            Event="kf_msg_or_event",
            Token="ENC",
            OpenKfId=KFID,
        )
        assert self.call(sealed(inside)).status_code == 200

    def said(self, path: str, part: str) -> list[dict[str, Any]]:
        return [body for body in self.double.said(path) if part in str(body)]

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=10)[0]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with wecom_double.serving() as double:
        made = Program(tmp_path, double)
        try:
            yield made
        finally:
            out = made.end()
        for secret in (SECRET, TOKEN, AES_KEY, ROBOT_KEY, "access_token", "楼道", "Traceback"):
            assert secret not in out


def test_both_are_answered_where_they_wrote(program: Program) -> None:
    assert program.call(handshake("4931283749")).text == "4931283749"
    assert program.call(handshake(msg_signature="0" * 40)).status_code == 403

    # Who enters is welcomed by the event's own code.
    program.comes(told("enter_session", welcome_code="WELCOME"))
    [welcome] = until(lambda: program.said("kf/send_msg_on_event", "WELCOME"))
    assert welcome["msgid"]

    # A report, up to its number, by tapping what the menu offers.
    program.comes(row("text", {"content": "楼道灯坏了"}))
    until(lambda: program.said("kf/send_msg", "在哪里"))
    program.comes(row("text", {"content": "3栋2单元"}))
    [asked] = until(lambda: program.said("kf/send_msg", "我这样报"))
    assert asked["touser"] == "wmWang"
    first = asked["msgmenu"]["list"][0]["click"]
    assert first["content"].startswith("1. ")
    program.comes(row("text", {"content": first["content"], "menu_id": first["id"]}))
    until(lambda: program.said("kf/send_msg", "编号 1"))

    # A member is answered in the app.
    program.writes(MsgType="text", Content="菜单", MsgId="1")
    menu = until(lambda: program.said("message/send", "xiaoli"))
    program.writes(MsgType="text", Content="菜单", MsgId="1")  # the platform says it again
    program.writes(MsgType="text", Content="谢谢", MsgId="2")
    until(lambda: len(program.said("message/send", "xiaoli")) > len(menu))
    contents = [body["text"]["content"] for body in program.said("message/send", "xiaoli")]
    assert len(contents) == len(set(contents)), "nothing is said twice"

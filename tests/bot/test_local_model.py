"""The second ear behind an address: what it makes of answers, and what a bad server costs."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.local_model import FAILURES, LONGEST, PROMPT, REST, LocalModel, opinion_of, shown
from nlp.intents import Intent
from nlp.second import SecondEar
from tests.bot.model_server import ModelServer, model_server

SOON = 0.3  # seconds the tests wait where nothing comes
PATIENT = 10.0  # and where something does, however busy the machine


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as told:
        yield told


@dataclass
class Asked:
    """A model and the clock it goes by."""

    url: str
    wait: float = PATIENT
    key: str = ""
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.model = LocalModel(self.url, "small", self.key, wait=self.wait, clock=self.clock)

    def chances(self, text: str = "楼道灯坏了") -> dict[Intent, float] | None:
        return self.model.chances(text)


def test_a_good_answer(server: ModelServer) -> None:
    second: SecondEar = LocalModel(f"{server.url}/", "small", "secret", wait=PATIENT)
    chances = second.chances("楼道灯坏了")
    assert second.name == "small"
    assert chances is not None
    assert set(chances) == set(Intent)
    assert chances[Intent.APPEAL] == pytest.approx(0.9)
    assert chances[Intent.CHAT] == pytest.approx(0.1 / 8)
    assert sum(chances.values()) == pytest.approx(1)
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == "Bearer secret"
    (asked,) = server.seen
    assert (asked["model"], asked["temperature"]) == ("small", 0)
    assert [part["role"] for part in asked["messages"]] == ["system", "user"]
    assert asked["messages"][0]["content"] == PROMPT
    assert server.text == "楼道灯坏了"


def test_without_a_key_none_is_sent(server: ModelServer) -> None:
    assert Asked(server.url).chances()
    assert "Authorization" not in server.headers[0]


def test_the_prompt_names_every_intent_in_a_line_of_its_own() -> None:
    lines = PROMPT.splitlines()
    for intent in Intent:
        assert len([line for line in lines if line.startswith(f"{intent.value}：")]) == 1


# What leaves the process


def test_the_server_sees_no_phone_room_or_name(server: ModelServer) -> None:
    Asked(server.url).chances(
        "我叫王秀英，3栋2单元501，五号楼，电话13812345678，信箱 wang@example.org，灯坏了"
    )
    sent = json.dumps(server.seen, ensure_ascii=False).replace(PROMPT, "")
    for private in ("王秀英", "501", "3栋", "2单元", "五号楼", "138", "5678", "wang", "example"):
        assert private not in sent
    assert "灯坏了" in sent
    assert list(server.seen[0]) == ["model", "temperature", "messages"]


def test_a_long_text_is_cut_after_it_is_masked(server: ModelServer) -> None:
    text = "坏" * (LONGEST - 4) + "我叫王秀英，灯坏了" + "坏" * 50_000
    Asked(server.url).chances(text)
    assert len(server.text) == LONGEST
    assert server.text.endswith("我叫某人")


@given(st.text())
@example("half a sign \ud83d")
def test_any_text_can_be_sent(text: str) -> None:
    sent = shown(text)
    assert len(sent.encode().decode()) <= LONGEST
    assert not set(sent) & set("123456789")


def test_nothing_is_sent_elsewhere(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a proxy of the environment nor by a redirect."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    asked = Asked(server.url)
    assert asked.chances()
    server.status = 307
    assert asked.chances() is None
    assert server.paths == ["/v1/chat/completions"] * 2


def test_no_word_is_logged(server: ModelServer, caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(server.url, key="hunter2")
    with caplog.at_level(logging.DEBUG):
        asked.chances("厨房漏水了")
        server.raw = "厨房漏水了".encode()
        for _ in range(FAILURES):
            asked.chances("厨房漏水了")
    assert "60" in caplog.text  # that it rests is said
    assert "厨房" not in caplog.text
    assert "hunter2" not in caplog.text


# What comes back


@pytest.mark.parametrize(
    ("said", "intent", "chance"),
    [
        ('{"intent": "appeal", "sure": 0.9}', Intent.APPEAL, 0.9),
        ('```json\n{"intent": "check_in",\n "sure": 0.75}\n```', Intent.CHECK_IN, 0.75),
        ('好的，我想是：{"sure": 0.5, "intent": "RUMOUR"}。希望有用！', Intent.RUMOUR, 0.5),
        ("{'intent': 'chat', 'sure': '0.8'}", Intent.CHAT, 0.8),
        (
            '<think>{"intent": "…", "sure": …} 像 {"intent": "chat", "sure": 0.4}</think>'
            '{"intent": "human", "sure": 0.6}',
            Intent.HUMAN,
            0.6,
        ),
        ('{"intent": "emergency", "sure": 1}', Intent.EMERGENCY, 0.99),
        ('{"intent": "chat", "sure": 0}', Intent.CHAT, 0.0),
    ],
)
def test_an_answer_is_read_whatever_stands_around_it(
    said: str, intent: Intent, chance: float
) -> None:
    found = opinion_of(said)
    assert found is not None
    assert found[intent] == pytest.approx(chance)
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= 0


@pytest.mark.parametrize(
    "said",
    [
        "",
        "appeal",
        '{"intent": "appeal"}',
        '{"intent": "weather", "sure": 0.9}',
        '{"intent": "appeal", "sure": 90}',
        '{"intent": "appeal", "sure": -0.9}',
        '{"intent": "appeal", "sure": "very"}',
        '{"intent": "…", "sure": …}',
    ],
)
def test_what_is_no_opinion(said: str) -> None:
    assert opinion_of(said) is None


@given(st.text(alphabet='{}"intesurapl: .0123456789'))
def test_any_words_are_an_opinion_or_none(said: str) -> None:
    found = opinion_of(said)
    assert found is None or sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("status", "raw"),
    [
        (500, None),
        (401, None),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": null}}]}'),
        (200, b"\xff\xfe"),
        (200, b"[" * 60_000),
        (200, b" " * 200_000),
    ],
)
def test_a_broken_server_has_no_opinion(
    server: ModelServer, status: int, raw: bytes | None
) -> None:
    server.status, server.raw = status, raw
    assert Asked(server.url).chances() is None
    assert len(server.seen) == 1


# What it costs


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_a_slow_server_is_not_waited_for(server: ModelServer, how: str) -> None:
    """Dripping, every byte comes in time, and the answer never."""
    setattr(server, how, True)
    begun = time.perf_counter()
    assert Asked(server.url, wait=SOON).chances() is None
    assert time.perf_counter() - begun < 10 * SOON
    assert server.seen  # it was asked


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        asked = Asked(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        assert asked.chances() is None


@pytest.mark.parametrize("url", ["http://[", "nonsense", "http://nobody.invalid:99999", ""])
def test_an_address_that_is_none(url: str) -> None:
    assert Asked(url).chances() is None


def test_after_failures_in_a_row_it_is_left_alone_for_a_while(server: ModelServer) -> None:
    server.status = 500
    asked = Asked(server.url)
    for _ in range(FAILURES + 5):
        assert asked.chances() is None
    assert len(server.seen) == FAILURES
    asked.clock.now += REST - 1
    assert asked.chances() is None
    assert len(server.seen) == FAILURES
    asked.clock.now += 1  # one try; it fails, and the rest begins anew
    assert asked.chances() is None
    assert asked.chances() is None
    assert len(server.seen) == FAILURES + 1
    server.status = 200
    asked.clock.now += REST
    assert asked.chances()
    server.status = 500  # well again, it may fail as often as before
    for _ in range(FAILURES + 5):
        assert asked.chances() is None
    assert len(server.seen) == FAILURES + 2 + FAILURES


def test_failures_apart_are_none_in_a_row(server: ModelServer) -> None:
    asked = Asked(server.url)
    for _ in range(FAILURES):
        server.status = 500
        assert asked.chances() is None
        server.status = 200
        assert asked.chances()
    assert len(server.seen) == 2 * FAILURES

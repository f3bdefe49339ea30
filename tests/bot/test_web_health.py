"""Health, readiness, counters and the platforms' webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.adapters.base import Event, Forbidden, Malformed, Opened, Request
from bot.web import make_app
from storage.models import Inbound
from tests.bot.office import MONDAY, Made, close_office, make_office

TG = {"id": "tg", "platform": "telegram", "token": "x"}


class Phone:
    """An adapter whose calls say in their body what they want to be."""

    channel_id = "tg"

    def __init__(self) -> None:
        self.calls: list[Request] = []

    async def open(self, request: Request) -> Opened:
        self.calls.append(request)
        if request.headers.get("x-secret") != "good":
            raise Forbidden
        if request.body == b"rubbish":
            raise Malformed("?")
        event = Event(key=request.body.decode(), chat="7", user="7", at=MONDAY, text="在吗")
        return Opened([event], 200, "<ok/>", "text/xml")


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, adapters={"tg": Phone()}, more_channels=[TG])
    made.parrot.deaf = True
    made.office.hub.start()
    yield made
    close_office(made)


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(made.office))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def test_we_live(web: httpx.AsyncClient) -> None:
    answer = await web.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_we_are_ready_when_everything_is_there(made: Made, web: httpx.AsyncClient) -> None:
    assert (await web.get("/readyz")).status_code == 200
    made.office.adapters = {}
    answer = await web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["channels.tg"]


async def test_without_a_database_we_are_not_ready(
    made: Made, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made.office.database, "alive", lambda: False)
    answer = await web.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == ["database"]


async def test_counters_count(web: httpx.AsyncClient) -> None:
    await web.post("/telegram/tg", content=b"1", headers={"X-Secret": "good"})
    answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'huiyin_inbound_total{channel="tg"} 1' in lines
    assert "huiyin_inbound_unhandled 1" in lines
    assert "huiyin_appeals_open 0" in lines
    assert "huiyin_clocks_running 0" in lines
    for line in lines:
        assert line.startswith("#") or line.rpartition(" ")[2].isdigit()


async def test_a_webhook_is_stored_before_it_is_answered(
    made: Made, web: httpx.AsyncClient
) -> None:
    for _ in range(2):
        answer = await web.post(
            "/telegram/tg?a=1", content=b"77", headers={"X-Secret": "good", "X-Other": "1"}
        )
        assert (answer.status_code, answer.text) == (200, "<ok/>")
        assert answer.headers["content-type"].startswith("text/xml")
    call = made.office.adapters["tg"].calls[0]
    assert (call.method, call.query, call.headers["x-other"]) == ("POST", {"a": "1"}, "1")
    assert made.read(lambda s: s.query(Inbound).count()) == 1


@pytest.mark.parametrize(
    ("path", "body", "secret", "status"),
    [
        ("/telegram/tg", b"1", "bad", 403),
        ("/telegram/tg", b"rubbish", "good", 400),
        ("/telegram/nowhere", b"1", "good", 404),
        ("/wechat/tg", b"1", "good", 404),
        ("/wecom/tg", b"1", "good", 404),
        ("/telegram/web", b"1", "good", 404),
        ("/telegram/tg", b"x" * (1 << 20) + b"x", "good", 413),
    ],
)
async def test_other_calls_store_nothing(
    made: Made, web: httpx.AsyncClient, path: str, body: bytes, secret: str, status: int
) -> None:
    answer = await web.post(path, content=body, headers={"X-Secret": secret})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert made.read(lambda s: s.query(Inbound).count()) == 0


async def test_webhooks_are_never_told_to_slow_down(web: httpx.AsyncClient) -> None:
    answers: list[Any] = [
        await web.post("/telegram/tg", content=str(n).encode(), headers={"X-Secret": "good"})
        for n in range(320)
    ]
    assert {answer.status_code for answer in answers} == {200}

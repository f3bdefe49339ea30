"""The page of codes for the buildings: each leads to its channel and names its building."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.adapters.base import Adapter, Caps, Fail, Out, Refused, Sent
from bot.web.console.codes import PAGE, picture
from storage import Store
from tests.bot.console_client import HOME, browser, enter, move_in
from tests.bot.office import Made, close_office, make_office

TG = {"id": "tg", "platform": "telegram", "token": "x"}


class Linked(Adapter):
    channel_id = "tg"
    caps = Caps()

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = False

    async def send(self, out: Out) -> Sent:
        return Sent(ids=["1"])

    async def scene(self, name: str) -> str | None:
        if self.silent:
            raise Refused(Sent(fail=Fail.RETRY))
        self.asked.append(name)
        return f"https://t.me/bot?start={name}"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, adapters={"tg": Linked()}, more_channels=[TG])
    move_in(made)
    yield made
    close_office(made)


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(made) as opened:
        await enter(opened, made, "小李")
        yield opened


async def test_every_building_has_a_code_that_names_it(made: Made, web: httpx.AsyncClient) -> None:
    page = (await web.get("/console/codes")).text
    buildings = made.read(lambda session: Store(session, HOME).people.buildings())
    assert len(buildings) <= PAGE
    for place in buildings:
        assert f"<h2>{place.name}</h2>" in page
        assert str(picture(f"https://t.me/bot?start=p{place.id}")) in page
    assert str(picture("http://127.0.0.1:8080/chat/web")) in page
    await web.get("/console/codes")
    adapter = made.office.adapters["tg"]
    assert len(adapter.asked) == len(buildings)  # the platform is asked once


async def test_a_platform_that_does_not_answer_is_named(made: Made, web: httpx.AsyncClient) -> None:
    made.office.adapters["tg"].silent = True
    page = (await web.get("/console/codes")).text
    assert "Telegram（tg） 现在没有回应" in page
    made.office.adapters["tg"].silent = False
    assert "现在没有回应" not in (await web.get("/console/codes")).text


async def test_only_staff_see_them(made: Made) -> None:
    async with browser(made) as stranger:
        answer = await stranger.get("/console/codes")
    assert answer.status_code == 401
    assert "<svg" not in re.sub(r"(?s)<header.*?</header>", "", answer.text).partition("codes")[2]


def test_a_picture_is_the_link_and_nothing_else() -> None:
    drawn = str(picture('https://x.example/?a=1&b="<script>'))
    assert "<script" not in drawn
    assert drawn.startswith("<svg")

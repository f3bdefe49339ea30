"""渠道: each group is shown with its place, or that it has none yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from storage import Session
from storage.models import Chat
from tests.bot.console_client import browser, enter, move_in, words
from tests.bot.office import Made, close_office, make_office


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True)
    made.office.hub.start()
    move_in(made)
    yield made
    close_office(made)


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(made) as opened:
        await enter(opened, made)
        yield opened


async def test_a_group_is_shown_with_its_place(made: Made, web: httpx.AsyncClient) -> None:
    def groups(session: Session) -> list[Chat]:
        return list(session.scalars(select(Chat).where(Chat.group)))

    everywhere = made.read(groups)
    bound = [chat for chat in everywhere if chat.place_id is not None]
    assert 0 < len(bound) < len(everywhere), "the example has groups of both kinds"
    page = words(await web.get("/console/channels"))
    assert page.count("还没绑定") == len(everywhere) - len(bound)
    assert page.count("绑到") == len(bound)

    def unbind(session: Session) -> None:
        for chat in groups(session):
            chat.place_id = None

    made.write(unbind)
    page = words(await web.get("/console/channels"))
    assert page.count("还没绑定") == len(everywhere)
    assert "绑到" not in page

"""Small reads that share a transaction: each gets its own answer, or its own error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.web.glances import Glances
from bot.web.rates import Rate
from bot.web.site import REMEMBERED, Memory
from storage import Session, Unavailable
from storage.models import Community
from tests.bot.office import MONDAY, Made, close_office, make_office


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path)
    yield made
    close_office(made)


async def test_a_crowd_is_answered_each_its_own(made: Made) -> None:
    glances = Glances(made.office.database)
    sessions: set[int] = set()

    def look(number: int) -> Any:
        def work(session: Session) -> int:
            sessions.add(id(session))
            return number * session.query(Community).count()

        return work

    found = await asyncio.gather(*(glances.read(look(n)) for n in range(50)))
    assert found == list(range(50))
    assert len(sessions) == 1


async def test_only_the_one_that_fails_hears_of_it(made: Made) -> None:
    glances = Glances(made.office.database)

    def broken(_session: Session) -> int:
        raise Unavailable("gone")

    answers = await asyncio.gather(
        glances.read(lambda _: 1),
        glances.read(broken),
        glances.read(lambda _: 3),
        return_exceptions=True,
    )
    assert answers[0] == 1
    assert isinstance(answers[1], Unavailable)
    assert answers[2] == 3


async def test_who_gives_up_waiting_harms_nobody(made: Made) -> None:
    glances = Glances(made.office.database)
    impatient = asyncio.create_task(glances.read(lambda _: 1))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await glances.read(lambda _: 2) == 2


def test_a_rate_is_a_sliding_minute() -> None:
    rate = Rate(2)
    assert rate.spend("a", MONDAY) == 0
    assert rate.spend("a", MONDAY + timedelta(seconds=30)) == 0
    assert rate.spend("a", MONDAY + timedelta(seconds=40)) == pytest.approx(20)
    assert rate.spend("b", MONDAY + timedelta(seconds=40)) == 0
    assert rate.spend("a", MONDAY + timedelta(seconds=61)) == 0
    assert rate.spend("a", MONDAY + timedelta(seconds=62)) > 0
    # A clock set back by an hour locks nobody out.
    assert rate.spend("a", MONDAY - timedelta(hours=1)) == 0


def test_a_memory_forgets() -> None:
    memory: Memory[str, int] = Memory(2)
    for n, key in enumerate("abc"):
        memory.put(key, n, MONDAY)
    assert memory.get("a", MONDAY) is None
    assert memory.get("c", MONDAY) == 2
    assert memory.get("c", MONDAY + REMEMBERED + timedelta(seconds=1)) is None
    assert memory.get("c", MONDAY - timedelta(hours=1)) is None

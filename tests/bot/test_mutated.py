"""A few thousand mutated webhook bodies a platform; benchmarks/mutate.py does a hundred thousand.

No 5xx, nothing stored that was not signed; what is signed is read (200) or not (400).
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bot.adapters.base import Adapter, Event, Opened, Request
from bot.platforms import PLATFORMS, Tools
from tests.bot.doors import DOORS
from tests.bot.knocking import Tally, fault, knock
from tests.bot.mutating import in_json, in_xml, mutate
from tests.bot.office import MONDAY

BODIES = 3000
EVENT = Event("1", "c", "u", MONDAY)


@pytest.mark.parametrize("name", DOORS)
async def test_mutated_bodies(name: str, tmp_path: Path) -> None:
    tally = await knock(name, BODIES, tmp_path)
    assert tally.wrong == []
    assert tally.held
    assert tally.bodies == BODIES
    # The parser behind the signature was reached, by what it reads and by what it does not.
    assert tally.kept > BODIES / 30
    assert tally.unread > BODIES / 30
    assert tally.refused == BODIES / 2


@pytest.mark.parametrize("name", DOORS)
async def test_a_sample_that_is_left_alone_is_taken(name: str) -> None:
    """Else all would be refused for a reason of the test's own."""
    door, dice = DOORS[name], Random(1)
    adapter = door.adapter(door.row, Tools(lambda: MONDAY, str))
    for payload in door.payloads:
        assert (await adapter.open(door.sign(payload, dice))).status == 200
    await adapter.close()


# The test's own eyes


class Careless(Adapter):
    """Lets everybody in, and stumbles over whatever is not as it should be."""

    channel_id = "tg"

    async def open(self, request: Request) -> Opened:
        found: Any = json.loads(request.body)
        message = found.get("message") or {}
        return Opened([replace(EVENT, text=message["text"])] if "text" in message else [])

    async def close(self) -> None: ...


async def test_a_careless_adapter_is_seen(monkeypatch: Any, tmp_path: Path) -> None:
    careless = replace(DOORS["telegram"], adapter=lambda _row, _tools: Careless())
    monkeypatch.setitem(DOORS, "telegram", careless)
    tally = await knock("telegram", 600, tmp_path)
    assert not tally.held
    assert tally.broken > 50
    assert tally.let_in > 50
    assert any("text is" in wrong for wrong in tally.wrong)
    assert any("JSONDecodeError" in wrong for wrong in tally.wrong)


UNSTORABLE = [
    replace(EVENT, key=""),
    replace(EVENT, chat=7),
    replace(EVENT, text=None),
    replace(EVENT, user_name={}),
    replace(EVENT, at=None),
    replace(EVENT, at=datetime(2026, 11, 23)),
    replace(EVENT, group=1),
    replace(EVENT, leaves=["x"]),
    replace(EVENT, extra={"lat": float("nan")}),
    replace(EVENT, extra={"name": {"a": "\ud800"}}),
    replace(EVENT, extra={"name": ["\x00"]}),
    replace(EVENT, extra={"name": b"x"}),
]


@pytest.mark.parametrize("event", UNSTORABLE)
def test_what_no_database_takes(event: Event) -> None:
    assert fault(event)


def test_what_every_database_takes() -> None:
    fine = replace(EVENT, text="坏\ud83d", extra={"name": "\x00", "lat": 31.2, "size": 10**30})
    assert fault(fine) == ""


def test_a_signed_one_must_be_read_or_not() -> None:
    tally, request = Tally("x"), Request("POST", {}, {}, b"")
    for status, signed in [(200, True), (400, True), (403, False), (400, False)]:
        tally.note(status, signed, request)
        assert tally.held
    for status, signed in [(403, True), (200, False), (500, False)]:
        one = Tally("x")
        one.note(status, signed, request)
        assert not one.held


@pytest.mark.parametrize("structure", [in_json, in_xml])
def test_mutations_change_and_repeat(structure: Any) -> None:
    body = b'{"a": {"b": [1, "x"]}}' if structure is in_json else b"<xml><A>1</A><B>2</B></xml>"
    made = [mutate(body, structure, Random(seed)) for seed in range(300)]
    assert made == [mutate(body, structure, Random(seed)) for seed in range(300)]
    assert len(set(made)) > 150
    assert 1 < made.count(body) < 60


def test_every_platform_that_takes_calls_has_a_door() -> None:
    missing = set(PLATFORMS) - {str(door.row["platform"]) for door in DOORS.values()}
    assert missing == set()

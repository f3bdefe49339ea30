"""What the API refuses, and how: by the field's name, and never with a 500."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.models import Inbound, Resident
from tests.bot.office import Made, close_office, make_office
from tests.bot.web_client import API, client, heard, joined, said


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with client(made) as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "1"}, "text"),
        ({"id": "1", "text": ""}, "text"),
        ({"id": "1", "text": " \n\u200b\u3000"}, "text"),
        ({"id": "1", "text": "\x00\x07"}, "text"),
        ({"id": "1", "text": 7}, "text"),
        ({"id": "1", "text": "好" * 20_001}, "text"),
        ({"text": "在吗"}, "id"),
        ({"id": "", "text": "在吗"}, "id"),
        ({"id": 1, "text": "在吗"}, "id"),
        ({"id": "x" * 201, "text": "在吗"}, "id"),
        ({"id": "a\x00b", "text": "在吗"}, "id"),
        ({"id": "\ud800", "text": "在吗"}, "id"),
        ({"id": "1", "text": "在吗", "group": 3}, "group"),
    ],
)
async def test_bad_input_names_its_field(
    web: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    who = await joined(web)
    answer = await web.post(f"{API}/messages", content=json.dumps(body), headers=who)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{field}：")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b"1" * 5000]
)
async def test_broken_json_is_400(web: httpx.AsyncClient, raw: bytes) -> None:
    who = await joined(web)
    answer = await web.post(f"{API}/messages", content=raw, headers=who)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]


@pytest.mark.parametrize(
    "text",
    [
        "好" * 10_000,
        "👍🏽",
        "🔥❤️",
        "a\x00b\x1bc",
        "\ud83d",
        "\u202e反的",
        "第一行\r\n第二行",
        "'; DROP TABLE",
    ],
)
async def test_odd_texts_are_taken(web: httpx.AsyncClient, text: str) -> None:
    who = await joined(web)
    body = json.dumps({"id": "1", "text": f"x{text}"})
    answer = await web.post(f"{API}/messages", content=body, headers=who)
    assert answer.status_code == 202, answer.text
    [message] = await heard(web, who)
    assert "\x00" not in message["text"]
    assert "\r" not in message["text"]


@pytest.mark.parametrize(
    "name", [None, 5, "", " ", "\x00", "bot", "Ｂｏｔ", "机器人", "回音", "x" * 41, "\u200b"]
)
async def test_a_name_must_be_one(web: httpx.AsyncClient, name: Any) -> None:
    answer = await web.post(f"{API}/sessions", json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("name：")


async def test_a_name_cannot_wear_a_role(made: Made, web: httpx.AsyncClient) -> None:
    await joined(web, "小李（社区工作者）\u202e")
    name = made.read(lambda s: s.query(Resident).order_by(Resident.id.desc()).first().name)
    assert name == "小李 社区工作者"


@pytest.mark.parametrize("group", ["没有的群", "\x00", "x" * 500])
async def test_an_unknown_group_is_404(web: httpx.AsyncClient, group: str) -> None:
    who = await joined(web)
    assert (await said(web, who, "在吗", group=group)).status_code == 404
    params = {"group": group}
    assert (await web.get(f"{API}/messages", params=params, headers=who)).status_code == 404
    assert (await web.get(f"{API}/stream", params=params, headers=who)).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["after=x", "after=-1", "after=1e9", "after=" + "9" * 30, "wait=x", "wait=-1", "wait=nan"],
)
async def test_bad_numbers_are_400(web: httpx.AsyncClient, query: str) -> None:
    who = await joined(web)
    answer = await web.get(f"{API}/messages?{query}", headers=who)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(query.partition("=")[0])


async def test_a_body_over_a_mebibyte_is_413(web: httpx.AsyncClient) -> None:
    who = await joined(web)
    body = json.dumps({"id": "1", "text": "x" * (1 << 20)}).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    for content in (body, chunks()):
        answer = await web.post(f"{API}/messages", content=content, headers=who)
        assert answer.status_code == 413
        assert answer.json()["error"]


async def test_sessions_are_limited_by_address(tmp_path: Path) -> None:
    made = make_office(tmp_path, sessions_per_minute=3)
    async with client(made) as web:
        for _ in range(3):
            await joined(web)
        answer = await web.post(f"{API}/sessions", json={"name": "第四个"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        made.time.now += timedelta(seconds=61)
        await joined(web)
    close_office(made)


async def test_a_flood_is_stopped_but_danger_is_not(tmp_path: Path) -> None:
    made = make_office(tmp_path, messages_per_minute=1)
    made.parrot.deaf = True
    async with client(made) as web:
        who, other = await joined(web), await joined(web)
        for n in range(10):
            assert (await said(web, who, "在吗", str(n))).status_code == 202
        answer = await said(web, who, "在吗", "11")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert (await said(web, who, "我家着火了", "12")).status_code == 202
        assert (await said(web, other, "在吗", "1")).status_code == 202
        made.time.now += timedelta(seconds=61)
        assert (await said(web, who, "在吗", "13")).status_code == 202
    assert made.read(lambda s: s.query(Inbound).count()) == 13
    close_office(made)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "text", "group", "name", "choice"), ANYTHING)
)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, Made]]:
    made = make_office(tmp_path, sessions_per_minute=10_000, messages_per_minute=10_000)
    with asyncio.Runner() as runner:
        yield runner, made
    close_office(made)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES, raw=st.binary(max_size=200), query=st.text(max_size=20))
def test_no_body_makes_a_500(
    runner: tuple[asyncio.Runner, Made], body: Any, raw: bytes, query: str
) -> None:
    made = runner[1]

    async def run() -> None:
        made.office.hub.start()
        async with client(made) as web:
            who = await joined(web)
            params = {"after": query, "group": query, "as": query}
            for content in (json.dumps(body).encode(), raw):
                for answer in (
                    await web.post(f"{API}/sessions", content=content),
                    await web.post(f"{API}/messages", content=content, headers=who),
                    await web.get(f"{API}/messages", params=params, headers=who),
                    await web.get("/chat/web", params=params),
                    await web.post("/chat/web/send", content=content),
                    await web.post("/chat/web/start", content=content),
                ):
                    assert answer.status_code < 500, answer.text

    runner[0].run(run())

"""The web channel's API, as contract.md section 2 says it."""

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

from bot.web import make_app
from storage import Unavailable
from storage.models import Identity, Inbound, Resident, Role
from tests.bot.office import Made, close_office, make_office

API = "/api/chat/web"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path)
    made.office.hub.start()
    yield made
    close_office(made)


def client(made: Made, **extra: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(made.office), raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://test", **extra)


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with client(made) as opened:
        yield opened


async def joined(web: httpx.AsyncClient, name: str = "王阿姨") -> dict[str, str]:
    """Opens a session; gives its headers."""
    answer = await web.post(f"{API}/sessions", json={"name": name})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def said(
    web: httpx.AsyncClient, who: dict[str, str], text: str, ident: str = "1", **extra: Any
) -> httpx.Response:
    return await web.post(f"{API}/messages", json={"id": ident, "text": text, **extra}, headers=who)


async def heard(
    web: httpx.AsyncClient, who: dict[str, str], after: int = 0, wait: float = 5, group: str = ""
) -> list[dict[str, Any]]:
    params = {"after": after, "wait": wait, "group": group}
    answer = await web.get(f"{API}/messages", params=params, headers=who)
    assert answer.status_code == 200, answer.text
    return answer.json()["messages"]


async def test_a_session_claims_a_name_and_no_role(made: Made, web: httpx.AsyncClient) -> None:
    answer = await web.post(f"{API}/sessions", json={"name": "张主任"})
    assert answer.status_code == 201
    assert set(answer.json()) == {"user", "token"}

    def look(session: Any) -> Any:
        identity = session.query(Identity).filter_by(external_id=answer.json()["user"]).one()
        return identity, session.query(Resident).filter_by(id=identity.resident_id).one()

    identity, resident = made.read(look)
    assert resident.role is Role.RESIDENT
    assert not resident.in_file
    assert resident.language is None
    assert answer.json()["token"] not in (identity.token_hash, identity.external_id)


async def test_a_message_is_answered(web: httpx.AsyncClient) -> None:
    who = await joined(web)
    answer = await said(web, who, "楼道灯坏了")
    assert answer.status_code == 202
    assert answer.json() == {"accepted": True, "duplicate": False}
    [message] = await heard(web, who)
    assert message["text"] == "您说：楼道灯坏了"
    assert message["from"] == "bot"
    assert message["choices"] == []
    assert message["at"].endswith("Z")
    assert isinstance(message["seq"], int)
    assert isinstance(message["id"], str)
    assert await heard(web, who, after=message["seq"], wait=0) == []


async def test_the_same_id_again_has_no_second_effect(made: Made, web: httpx.AsyncClient) -> None:
    who = await joined(web)
    assert (await said(web, who, "灯坏了")).json()["duplicate"] is False
    again = await said(web, who, "灯坏了")
    assert (again.status_code, again.json()) == (202, {"accepted": True, "duplicate": True})
    other = await joined(web, "李大爷")
    assert (await said(web, other, "灯坏了")).json()["duplicate"] is False
    assert made.read(lambda s: s.query(Inbound).count()) == 2


async def test_a_crowd_with_the_same_id_is_one_message(made: Made, web: httpx.AsyncClient) -> None:
    who = await joined(web)
    answers = await asyncio.gather(*(said(web, who, "灯坏了") for _ in range(20)))
    assert [a.json()["duplicate"] for a in answers].count(False) == 1
    assert made.read(lambda s: s.query(Inbound).count()) == 1


async def test_choices_are_digits_and_labels(web: httpx.AsyncClient) -> None:
    who = await joined(web)
    await said(web, who, "选一个")
    [message] = await heard(web, who)
    assert message["choices"] == [["1", "对，就是这里"], ["2", "不对，我再说一次"]]


async def test_a_group_is_heard_by_everybody(web: httpx.AsyncClient) -> None:
    wang, li = await joined(web, "王阿姨"), await joined(web, "李大爷")
    waiting = asyncio.create_task(heard(web, li, group="3栋群", wait=30))
    await said(web, wang, "今晚停水吗", group="3栋群")
    [message] = await waiting
    assert (message["from"], message["text"]) == ("王阿姨", "今晚停水吗")
    assert await heard(web, wang, wait=0) == []


@pytest.mark.parametrize(
    ("text", "addressed"), [("@bot 电话多少", True), ("＠回音 在吗", True), ("吃了吗", False)]
)
async def test_in_a_group_the_bot_is_addressed_by_name(
    made: Made, web: httpx.AsyncClient, text: str, addressed: bool
) -> None:
    await said(web, await joined(web), text, group="3栋群")
    row = made.read(lambda s: s.query(Inbound).one())
    assert (row.group, row.addressed, row.chat_key) == (True, addressed, "group:3栋群")


async def test_a_waiting_reader_is_woken(made: Made, web: httpx.AsyncClient) -> None:
    who = await joined(web)
    waiting = asyncio.create_task(heard(web, who, wait=60))
    async with asyncio.timeout(10):
        await said(web, who, "在吗")
        assert (await waiting)[0]["text"] == "您说：在吗"


async def test_a_waiting_reader_goes_when_we_close(made: Made, web: httpx.AsyncClient) -> None:
    who = await joined(web)
    waiting = asyncio.create_task(heard(web, who, wait=60))
    await asyncio.sleep(0)
    made.office.hub.close()
    async with asyncio.timeout(3):
        assert await waiting == []


async def test_nobody_reads_anothers_words(web: httpx.AsyncClient) -> None:
    wang, li = await joined(web, "王阿姨"), await joined(web, "李大爷")
    await said(web, wang, "我的秘密")
    assert await heard(web, wang)
    assert await heard(web, li, wait=0) == []


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "a" * 9000])
async def test_without_a_token_nothing(web: httpx.AsyncClient, token: str) -> None:
    who = {"Authorization": token}
    for answer in (
        await said(web, who, "在吗"),
        await web.get(f"{API}/messages", headers=who),
        await web.get(f"{API}/stream", headers=who),
        await web.get(f"{API}/stream", params={"token": token}),
    ):
        assert answer.status_code == 401
        assert answer.json()["error"]


async def test_a_token_is_good_on_its_channel_only(tmp_path: Path) -> None:
    made = make_office(tmp_path, more_channels=[{"id": "web2", "platform": "web"}])
    async with client(made) as web:
        who = await joined(web)
        answer = await web.get("/api/chat/web2/messages", headers=who)
        assert answer.status_code == 401
    close_office(made)


@pytest.mark.parametrize("channel", ["nowhere", "%00", "a%2Fb", "web%20", "群", "x" * 300])
async def test_an_unknown_channel_is_404(web: httpx.AsyncClient, channel: str) -> None:
    answer = await web.post(f"/api/chat/{channel}/sessions", json={"name": "王阿姨"})
    assert answer.status_code == 404
    assert "error" in answer.json()


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


async def test_a_busy_database_is_503(
    made: Made, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await joined(web)

    def full(*_: Any) -> Any:
        raise Unavailable("full")

    monkeypatch.setattr("bot.inbox.receive", full)
    answer = await said(web, who, "在吗")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]


async def test_our_own_defects_show_no_trace(
    made: Made, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    who = await joined(web)

    def broken(*_: Any) -> Any:
        raise RuntimeError("王阿姨的秘密")

    monkeypatch.setattr("bot.inbox.receive", broken)
    answer = await said(web, who, "在吗")
    assert answer.status_code == 500
    assert answer.json().keys() == {"error"}
    assert "秘密" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


async def test_errors_speak_english_to_who_prefers_it(web: httpx.AsyncClient) -> None:
    answer = await web.get(
        f"{API}/messages", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.1"}
    )
    assert answer.json()["error"] == "Please open a session first and send its token."


async def test_pages_carry_safe_headers(web: httpx.AsyncClient) -> None:
    for path in ("/healthz", f"{API}/messages", "/nowhere"):
        headers = (await web.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


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

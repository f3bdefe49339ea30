"""The web channel's API, as contract.md section 2 says it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage import Unavailable
from storage.models import Identity, Inbound, Resident, Role
from tests.bot.office import Made, close_office, make_office
from tests.bot.web_client import API, client, heard, joined, said


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with client(made) as opened:
        yield opened


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
    made: Made,
    web: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
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

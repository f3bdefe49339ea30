"""The fence: nothing of another community is seen or touched, whatever stands in the address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage import Session, Store
from storage.models import Chat, Inbound, Incident, Outbound, Resident, Sending
from tests.bot.console_client import (
    browser,
    enter,
    hidden,
    later,
    move_in,
    neighbour,
    person,
    reply_of,
    tell,
)
from tests.bot.office import Made, close_office, make_office

STRANGE = ["0", "-1", "999999", "9" * 9, "9" * 30, "x", "1.0", "1;", "%00", "١", "１", "1%20"]


@dataclass
class There:
    """What exists next door, by id."""

    rollcall: int
    notice: int
    clock: int
    resident: int
    identity: int
    incident: int
    inbound: int
    outbound: int
    chat: int


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True)
    made.office.hub.start()
    move_in(made)
    yield made
    close_office(made)


def next_door(made: Made) -> There:
    """A neighbouring community with one of everything."""
    other = neighbour(made)
    for name, text in (
        ("周姐", "老年食堂几点开饭？"),
        ("小李", "点名 3栋 燃气泄漏"),
        ("小李", "发通知 隔壁的秘密通知"),
        ("小李", "1"),
        ("小李", "1"),
        ("小李", "1"),
        ("吴婶", "隔壁4栋门口的垃圾桶满了没人收"),
        ("吴婶", "1"),
        ("王阿姨", "隔壁厨房着火了"),
    ):
        tell(made, name, text, channel="web2")

    def look(session: Session) -> There:
        store = Store(session, other)
        clock = next(c for c in store.channels.running() if "食堂" in c.text)
        row = session.query(Outbound).filter_by(community_id=other).first()
        failed = session.query(Inbound).filter_by(community_id=other).first()
        incident = session.query(Incident).filter_by(community_id=other).first()
        who = store.people.in_file("王阿姨")
        chat = session.query(Chat).filter_by(community_id=other).first()
        assert row and failed and incident and who and chat
        failed.error, row.status = "隔壁的错", Sending.FAILED
        return There(
            store.rollcalls.listed()[0].id,
            store.notices.listed()[0].id,
            clock.id,
            who.id,
            store.people.identities_of(who)[0].id,
            incident.id,
            failed.id,
            row.id,
            chat.id,
        )

    found = made.write(look)
    assert isinstance(found, There)
    return found


def pages(there: There) -> list[str]:
    return [
        f"/console/rollcalls/{there.rollcall}",
        f"/console/rollcalls/{there.rollcall}/doors",
        f"/console/notices/{there.notice}",
        f"/console/roster/{there.resident}",
        "/console/appeals/1",
    ]


def actions(there: There) -> list[str]:
    return [
        f"/console/rollcalls/{there.rollcall}/end",
        f"/console/notices/{there.notice}/stop",
        f"/console/questions/{there.clock}/reply",
        f"/console/questions/{there.clock}/settled",
        f"/console/roster/{there.resident}/vouch",
        f"/console/roster/{there.resident}/code",
        f"/console/roster/{there.resident}/part",
        f"/console/roster/{there.resident}/same",
        f"/console/untold/{there.resident}/told",
        f"/console/incidents/{there.incident}/take",
        f"/console/incidents/{there.incident}/close",
        "/console/appeals/1/accept",
        "/console/appeals/1/reply",
        "/console/appeals/1/done",
        "/console/appeals/1/handon",
        f"/console/troubles/in/{there.inbound}/again",
        f"/console/troubles/in/{there.inbound}/leave",
        f"/console/troubles/out/{there.outbound}",
    ]


async def test_nothing_of_next_door_is_shown(made: Made) -> None:
    there = next_door(made)
    async with browser(made) as web:
        await enter(web, made, "张主任")
        for path in pages(there):
            assert (await web.get(path)).status_code == 404, path
        for path in (
            "/console/",
            "/console/appeals?stage=all",
            "/console/rollcalls",
            "/console/notices",
            "/console/notices/new",
            "/console/channels",
            "/console/roster",
            "/console/troubles",
            "/console/untold",
            f"/console/roster?q=王&place={there.chat}",
        ):
            page = await web.get(path)
            assert page.status_code == 200
            for secret in ("隔壁", "食堂", "web2"):
                assert secret not in page.text, (path, secret)


async def test_nothing_of_next_door_is_touched(made: Made) -> None:
    there = next_door(made)
    async with browser(made) as web:
        page = await enter(web, made, "张主任")
        fields = {**hidden(page, "/console/logout"), "text": "x", "to": "小陈"}
        for action in actions(there):
            assert (await web.post(action, data=fields)).status_code == 404, action
        mine = person(made, "王阿姨").id  # ours, together with somebody or something of theirs
        for one, two in ((mine, there.resident), (there.resident, mine)):
            assert (await web.get(f"/console/roster/{one}/same/{two}")).status_code == 404
            both = {**fields, "other": str(two), "identity": str(there.identity)}
            for verb in ("same", "part"):
                answer = await web.post(f"/console/roster/{one}/{verb}", data=both)
                assert answer.status_code == 404, (one, verb)
        told = {**fields, "rows": str(there.outbound)}
        assert (await web.post(f"/console/untold/{mine}/told", data=told)).status_code == 404
        for audience in (f"chat:{there.chat}", "place:999", "role:chief", "x", "", "chat:x"):
            draft = {**fields, "audience": audience, "repeat": "once", "at": ""}
            assert (await web.post("/console/notices/send", data=draft)).status_code == 400
        last_place = made.read(lambda s: max(p.id for p in Store(s, 2).people.places))
        start = {**fields, "place": str(last_place), "reason": "x"}
        assert (await web.post("/console/rollcalls", data=start)).status_code == 400
    assert made.read(lambda s: s.query(Inbound).filter_by(kind="console").count()) == 0


async def test_the_other_side_sees_its_own(made: Made) -> None:
    there = next_door(made)
    async with browser(made) as web:
        await enter(web, made, "小李", community=2)
        for path in pages(there):
            assert (await web.get(path)).status_code == 200, path
        page = await web.get(f"/console/rollcalls/{there.rollcall}")
        ended = await web.post(
            f"/console/rollcalls/{there.rollcall}/end", data=hidden(page, "/console/logout")
        )
        assert "点名结束" in reply_of(ended)


@pytest.mark.parametrize("ident", STRANGE)
async def test_strange_ids_are_no_pages(made: Made, ident: str) -> None:
    async with browser(made) as web:
        page = await enter(web, made, "张主任")
        fields = {**hidden(page, "/console/logout"), "text": "x"}
        for what in ("appeals", "rollcalls", "notices", "roster", "roster/1/same"):
            assert (await web.get(f"/console/{what}/{ident}")).status_code == 404
        for action in (
            "appeals/{}/accept",
            "rollcalls/{}/end",
            "notices/{}/stop",
            "questions/{}/settled",
            "roster/{}/vouch",
            "roster/{}/code",
            "roster/{}/part",
            "roster/{}/same",
            "untold/{}/told",
            "incidents/{}/take",
            "troubles/in/{}/again",
            "troubles/in/{}/leave",
            "troubles/out/{}",
        ):
            answer = await web.post(f"/console/{action.format(ident)}", data=fields)
            assert answer.status_code == 404, action


@pytest.mark.parametrize(
    "path",
    [
        "appeals/1/destroy",
        "incidents/1/x",
        "questions/1/x",
        "troubles/x/1",
        "troubles/in/1",
        "troubles/in/1/x",
        "roster/1/x",
        "untold/1/x",
        "nonsense",
        "appeals/1/accept/x",
        "../chat/web",
    ],
)
async def test_there_are_no_other_actions(made: Made, path: str) -> None:
    tell(made, "王阿姨", "3栋2单元楼道灯坏了")
    tell(made, "王阿姨", "1")
    async with browser(made) as web:
        page = await enter(web, made, "张主任")
        fields = hidden(page, "/console/logout")
        assert (await web.post(f"/console/{path}", data=fields)).status_code in (404, 405)


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=" + "x" * 5000, "place=%F0%9F%92%A3", "said=9" * 40, "from=-1", "from=x", "day=%"],
)
async def test_strange_queries_break_nothing(made: Made, query: str) -> None:
    async with browser(made) as web:
        await enter(web, made, "张主任")
        for page in (
            "",
            "appeals",
            "rollcalls",
            "notices",
            "channels",
            "roster",
            "roster/1",
            "troubles",
            "untold",
        ):
            answer = await web.get(f"/console/{page}?{query}")
            assert answer.status_code == 200, page


async def test_only_the_chief_sees_what_failed(made: Made) -> None:
    async with browser(made) as web:
        page = await enter(web, made, "小李")
        assert (await web.get("/console/troubles")).status_code == 403
        fields = hidden(page, "/console/logout")
        for path in ("in/1/again", "in/1/leave", "out/1"):
            answer = await web.post(f"/console/troubles/{path}", data=fields)
            assert answer.status_code == 403, path


async def test_a_deleted_resident_leaves_no_trace_in_the_roster(made: Made) -> None:
    ident = person(made, "王阿姨").id

    def work(session: Session) -> None:
        session.get_one(Resident, ident).deleted_at = made.time()

    async with browser(made) as web:
        await enter(web, made)
        assert "王阿姨" in (await web.get("/console/roster")).text
        made.write(work)
        later(made, seconds=1)
        assert "王阿姨" not in (await web.get("/console/roster")).text


async def test_no_page_carries_code_or_style_of_its_own(made: Made) -> None:
    async with browser(made) as web:
        await enter(web, made, "张主任")
        for path in ("", "appeals", "rollcalls", "notices", "notices/new", "channels", "roster"):
            text = (await web.get(f"/console/{path}")).text
            assert not re.search(r"<script|style=|<style|\son\w+=|//cdn|https?://(?!test)", text)


async def test_the_chat_page_never_gets_the_console_cookie(made: Made) -> None:
    async with browser(made) as web:
        await enter(web, made)
        request = web.build_request("GET", "/chat/web")
        assert "console=" not in request.headers.get("cookie", "")

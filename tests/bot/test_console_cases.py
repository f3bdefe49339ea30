"""Cases at the console: lists and filters, one case, and actions that are Turns like any other."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from storage import Session, Store
from storage.models import Chat, Inbound, Stage
from tests.bot.console_client import (
    HOME,
    browser,
    case,
    enter,
    file_case,
    hidden,
    later,
    move_in,
    person,
    press,
    reply_of,
    tell,
    words,
)
from tests.bot.office import Made, close_office, make_office

CASE = "/console/appeals/1"


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


def heard(made: Made, name: str) -> list[str]:
    """Everything somebody was told in private."""

    def look(session: Session) -> list[str]:
        store = Store(session, HOME)
        who = store.people.in_file(name)
        assert who is not None
        chats = {chat.id for chat in store.messages.chats_of(who)}
        return [row.text for row in store.messages.said_after(0) if row.chat_id in chats]

    return list(made.read(look))


async def test_taking_a_case_is_a_turn(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    page = await press(web, await web.get(CASE), f"{CASE}/accept")
    row = case(made)
    assert (row.stage, row.handler_id) == (Stage.ACCEPTED, person(made, "小李").id)
    assert "1号归您了" in reply_of(page)
    assert any("小李" in text and "接了" in text for text in heard(made, "王阿姨"))
    inbound = made.read(lambda s: s.query(Inbound).order_by(Inbound.id.desc()).first())
    assert (inbound.kind, inbound.text, inbound.error) == ("console", "受理 1", None)


async def test_a_reply_reaches_the_resident_word_for_word(
    made: Made, web: httpx.AsyncClient
) -> None:
    file_case(made)
    text = "12号师傅明天来，请留门。\n带好钥匙！"
    page = await press(web, await web.get(CASE), f"{CASE}/reply", text=text)
    assert "1号已转给王阿姨" in reply_of(page)
    assert any(text in said for said in heard(made, "王阿姨"))
    assert case(made).answered_at is not None
    assert "12号师傅明天来，请留门。" in words(page)


async def test_reporting_done_asks_the_resident(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    page = await press(web, await web.get(CASE), f"{CASE}/done", text="灯换好了")
    assert case(made).stage is Stage.ACTED
    assert "居民确认了才算完" in reply_of(page)
    assert any("灯换好了" in said and "解决了吗" in said for said in heard(made, "王阿姨"))
    assert "/accept" not in page.text
    tell(made, "王阿姨", "1")
    assert "居民说解决了" in words(await web.get(CASE))


async def test_handing_on_asks_the_other(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    page = await press(web, await web.get(CASE), f"{CASE}/handon", to="小陈")
    assert "已问小陈" in reply_of(page)
    assert any("小李想请您办 1号" in said for said in heard(made, "小陈"))
    tell(made, "小陈", "1")
    assert case(made).handler_id == person(made, "小陈").id


@pytest.mark.parametrize("to", ["", "王阿姨", "谁也不是", "小陈 x"])
async def test_nobody_outside_the_staff_is_handed_a_case(
    made: Made, web: httpx.AsyncClient, to: str
) -> None:
    file_case(made)
    page = await press(web, await web.get(CASE), f"{CASE}/handon", to=to)
    assert page.status_code == 400
    assert made.read(lambda s: s.query(Inbound).filter_by(kind="console").count()) == 0


async def test_a_double_submit_is_once(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    fields = {**hidden(await web.get(CASE), f"{CASE}/reply"), "text": "明天来"}
    first = await web.post(f"{CASE}/reply", data=fields)
    second = await web.post(f"{CASE}/reply", data=fields)
    assert reply_of(first) == reply_of(second) != ""
    assert sum("明天来" in said for said in heard(made, "王阿姨")) == 1
    # The same page, other words: that is another reply.
    await web.post(f"{CASE}/reply", data={**fields, "text": "改到后天"})
    assert sum("改到后天" in said for said in heard(made, "王阿姨")) == 1


async def test_empty_words_are_not_sent(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    for text in ("", "  \n", "\u200b"):
        page = await press(web, await web.get(CASE), f"{CASE}/reply", text=text)
        assert page.status_code == 400
    assert case(made).answered_at is None


async def test_staff_without_a_web_chat_still_act_and_read_where_they_did(made: Made) -> None:
    """The console makes them a chat, and it never becomes the one they are reached in."""
    ident = person(made, "小李").id

    def elsewhere(session: Session) -> None:
        store = Store(session, HOME)
        who = store.people.resident(ident)
        assert who is not None
        for row in [*store.messages.chats_of(who), *store.people.identities_of(who)]:
            row.external_id, row.channel_id = f"tg-{row.external_id}", "tg"

    made.write(lambda s: s.execute(_channel()))
    made.write(elsewhere)
    file_case(made)
    async with browser(made) as web:
        await enter(web, made)
        await press(web, await web.get(CASE), f"{CASE}/accept")
        page = await press(web, await web.get(CASE), f"{CASE}/reply", text="来了")
        assert "1号已转给王阿姨" in reply_of(page)

    def chats(session: Session) -> list[Chat]:
        store = Store(session, HOME)
        who = store.people.resident(ident)
        assert who is not None
        return store.messages.chats_of(who)

    assert [chat.channel_id for chat in made.read(chats)] == ["tg", "web"]


def _channel():  # type: ignore[no-untyped-def]
    from sqlalchemy import insert

    from storage.models import Channel
    from tests.bot.office import MONDAY

    return insert(Channel).values(
        id="tg", community_id=HOME, platform="telegram", warned=0, created_at=MONDAY
    )


async def test_the_list_goes_by_due_time(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made, "王阿姨", "3栋2单元楼道灯坏了")
    later(made, minutes=30)
    file_case(made, "吴婶", "4栋门口的垃圾桶满了")
    page = await web.get("/console/appeals")
    assert re.findall(r'href="/console/appeals/(\d+)"', page.text) == ["1", "2"]
    assert "还剩 89 分钟" in words(page)
    await press(web, await web.get(CASE), f"{CASE}/accept")
    page = await web.get("/console/appeals")
    assert re.findall(r'href="/console/appeals/(\d+)"', page.text) == ["2", "1"]


async def test_lateness_is_said_in_words(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    later(made, hours=6)
    assert "超时 4 小时" in words(await web.get("/console/appeals"))
    home = words(await web.get("/console/"))
    assert "1 件超时" in home
    assert "1号 3栋2单元楼道灯坏了" in home


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2]),
        ("mine=1", [1]),
        ("q=垃圾", [2]),
        ("q=%25", []),
        ("category=sanitation", [2]),
        ("stage=open", [1, 2]),
        ("stage=confirmed", []),
        ("stage=all", [2, 1]),
        ("late=1", []),
        ("day=2026-11-23", [1, 2]),
        ("day=2026-11-22", []),
        ("days=1&answer=waiting", [1, 2]),
        ("answer=kept", []),
        ("place=none", []),
        ("place=999999", []),
        ("stage=nonsense&day=nonsense&days=x&place=x&answer=x", [1, 2]),
        ("day=0001-01-01&days=0", [1, 2]),
    ],
)
async def test_filters_live_in_the_address(
    made: Made, web: httpx.AsyncClient, query: str, found: list[int]
) -> None:
    file_case(made, "王阿姨", "3栋2单元楼道灯坏了")
    file_case(made, "吴婶", "4栋门口的垃圾桶满了没人收")
    page = await web.get(f"/console/appeals?{query}")
    shown = [int(n) for n in re.findall(r'href="/console/appeals/(\d+)"', page.text)]
    assert sorted(shown) == sorted(found)


async def test_every_bar_leads_to_the_cases_it_counts(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made, "王阿姨", "3栋2单元楼道灯坏了")
    await press(web, await web.get(CASE), f"{CASE}/reply", text="明天来")
    file_case(made, "吴婶", "4栋门口的垃圾桶满了没人收")
    file_case(made, "郑大哥", "5栋楼下晚上音响太吵")
    later(made, hours=10)
    page = await web.get("/console/")
    assert page.text.count('<figure class="chart">') == 4
    bars = re.findall(r'<td><a href="([^"]+)">(\d+)</a></td>', page.text)
    assert len(bars) > 6
    for href, count in bars:
        found = await web.get(href.replace("&amp;", "&"))
        shown = re.findall(r'href="/console/appeals/(\d+)"', found.text)
        assert len(shown) == int(count), href
    svg = "".join(re.findall(r"<svg.*?</svg>", page.text, re.S))
    assert re.findall(r'<a href="([^"]+)"', svg)


async def test_a_case_tells_its_whole_way(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    later(made, hours=6)
    await press(web, await web.get(CASE), f"{CASE}/accept")
    page = words(await web.get(CASE))
    for part in (
        "3栋2单元楼道灯坏了",
        "王阿姨（3栋2单元501）",
        "报了",
        "超时，告诉了",
        "小李 受理",
        "有人回",
        "超过了",
        "办好",
    ):
        assert part in page, part


async def test_what_people_write_is_never_markup(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made, "王阿姨", "3栋<script>alert(1)</script><img src=x onerror=x>坏了")
    for path in (CASE, "/console/appeals", "/console/", "/console/channels"):
        page = await web.get(path)
        assert "<script>alert" not in page.text
        assert "<img" not in page.text


async def test_somebody_elses_answer_is_not_shown(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    page = await press(web, await web.get(CASE), f"{CASE}/accept")
    async with browser(made) as other:
        await enter(other, made, "张主任")
        assert reply_of(await other.get(str(page.url.copy_with(fragment="")))) == ""
    for said in ("0", "999999", "x", "1' or 1"):
        assert reply_of(await web.get(CASE, params={"said": said})) == ""


async def test_a_late_answer_says_so_and_is_not_lost(made: Made, web: httpx.AsyncClient) -> None:
    """Where turns are answered by another process that is slow, the page still comes back."""
    from bot.web.console import acting

    file_case(made)
    page = await web.get(CASE)
    made.parrot.deaf = True
    waited, acting.WAIT = acting.WAIT, 0.05
    try:
        page = await press(web, page, f"{CASE}/accept")
    finally:
        acting.WAIT = waited
    assert "马上就办" in reply_of(page)
    assert case(made).stage is Stage.OPEN
    later(made, seconds=1)
    assert "1号归您了" in reply_of(await web.get(str(page.url.copy_with(fragment=""))))
    assert case(made).stage is Stage.ACCEPTED

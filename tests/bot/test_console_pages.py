"""The console's other pages: overview, roll calls, notices, channels, roster, what failed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from bot.web.console.channels import state
from bot.web.console.notices import RATE
from bot.web.words import page_words
from storage import Session, Store
from storage.models import (
    Chat,
    CheckInStage,
    Inbound,
    IncidentStage,
    Notice,
    NoticeStage,
    Outbound,
    Receipt,
    RollCall,
    Sending,
)
from storage.store.health import Health
from tests.bot.console_client import (
    HOME,
    browser,
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
from tests.bot.office import MONDAY, Made, close_office, make_office


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


# Overview


async def test_an_empty_day_says_what_will_stand_here(web: httpx.AsyncClient) -> None:
    for path, said in (
        ("", "现在没有等您的事"),
        ("appeals", "按时限排在这里"),
        ("rollcalls", "现在没有点名"),
        ("notices", "还没有发过通知"),
        ("channels", "问题都有人回了"),
        ("roster?q=没有这个人", "没有符合的人"),
    ):
        assert said in words(await web.get(f"/console/{path}")), path


async def test_a_danger_comes_first_and_is_taken_there(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made, "吴婶", "4栋门口的垃圾桶满了没人收")
    tell(made, "王阿姨", "我家厨房着火了")
    page = await web.get("/console/")
    said = words(page)
    assert said.index("着火") < said.index("最近怎么样")
    assert "还没有人去" in said
    page = await press(web, page, "/console/incidents/1/take")
    incident = made.read(lambda s: Store(s, HOME).incidents.get(1))
    assert incident.stage is IncidentStage.TAKEN
    assert incident.taken_by_id == person(made, "小李").id
    assert "小李去了" in words(page)
    page = await press(web, page, "/console/incidents/1/close")
    assert made.read(lambda s: Store(s, HOME).incidents.get(1)).stage is IncidentStage.CLOSED
    assert "着火" not in words(page)


async def test_every_need_is_a_sentence_with_its_way(made: Made, web: httpx.AsyncClient) -> None:
    file_case(made)
    tell(made, "周姐", "老年食堂几点开饭？")
    tell(made, "小李", "点名 3栋 燃气泄漏")
    tell(made, "王阿姨", "平安")
    later(made, hours=4)
    page = await web.get("/console/")
    said = words(page)
    for part in ("1 件超时", "1 个问题没人回", "3栋点名：1 平安，0 需帮助，3 未回"):
        assert part in said, part
    for href in re.findall(r'<a class="(?:late|soon|calm)" href="([^"]+)"', page.text):
        assert (await web.get(href.replace("&amp;", "&"))).status_code == 200


# Roll calls


async def test_a_roll_call_is_started_watched_and_ended(made: Made, web: httpx.AsyncClient) -> None:
    page = await web.get("/console/rollcalls")
    value = re.search(r'<option value="(\d+)">东苑›1片区›3栋', page.text)
    assert value is not None
    page = await press(web, page, "/console/rollcalls", place=value[1], reason="燃气泄漏")
    assert "点名开始：3栋，燃气泄漏，共 4 人" in reply_of(page)
    later(made, seconds=1)
    tell(made, "王阿姨", "平安")
    tell(made, "李大爷", "2")
    said = words(await web.get("/console/rollcalls/1"))
    assert "1 平安 1 需要帮助 2 未回" in said
    assert "李大爷 3栋1单元101 老人" in said
    assert "2 人还没回 3栋 刘姐" in said
    page = await web.get("/console/rollcalls/1")
    page = await press(web, page, "/console/rollcalls/1/end")
    assert "点名结束" in reply_of(page)
    assert made.read(lambda s: s.query(RollCall).one()).closed_at is not None
    assert 'action="/console/rollcalls/1/end"' not in page.text


async def test_the_named_roll_call_is_ended_not_the_newest(
    made: Made, web: httpx.AsyncClient
) -> None:
    tell(made, "小李", "点名 3栋 燃气泄漏")
    tell(made, "小李", "点名 6栋 停电")
    await press(web, await web.get("/console/rollcalls/1"), "/console/rollcalls/1/end")
    closed = made.read(lambda s: [r.closed_at is not None for r in s.query(RollCall)])
    assert closed == [True, False]


async def test_a_drill_is_marked(made: Made, web: httpx.AsyncClient) -> None:
    page = await web.get("/console/rollcalls")
    value = re.search(r'<option value="(\d+)">东苑›1片区›3栋', page.text)
    assert value is not None
    page = await press(web, page, "/console/rollcalls", place=value[1], reason="消防", drill="1")
    assert made.read(lambda s: s.query(RollCall).one()).drill
    assert "演练" in words(page)


@pytest.mark.parametrize(("place", "reason"), [("", "x"), ("99999", "x"), ("x", "x"), ("1", " ")])
async def test_no_roll_call_without_place_and_reason(
    made: Made, web: httpx.AsyncClient, place: str, reason: str
) -> None:
    page = await web.get("/console/rollcalls")
    page = await press(web, page, "/console/rollcalls", place=place, reason=reason)
    assert page.status_code == 400
    assert made.read(lambda s: s.query(RollCall).count()) == 0


async def test_the_door_list_prints(made: Made, web: httpx.AsyncClient) -> None:
    tell(made, "小李", "点名 3栋 燃气泄漏")
    tell(made, "王阿姨", "平安")
    tell(made, "小马", "2")
    later(made, minutes=31)
    page = await web.get("/console/rollcalls/1/doors")
    rows = re.findall(r'<tr><td class="box"></td>(.*?)</tr>', page.text)
    assert [re.sub("<[^>]+>", " ", row).split()[1] for row in rows] == ["小马", "李大爷", "刘姐"]
    assert "需要帮助" in rows[0]
    assert "王阿姨" not in words(page)
    assert "<form" not in page.text.partition('<main id="main">')[2]
    sheet = (await web.get("/static/console.css")).text
    assert "@media print" in sheet
    assert "size: A4" in sheet


# Notices


async def write(web: httpx.AsyncClient, **draft: str) -> httpx.Response:
    page = await web.get("/console/notices/new")
    data = {"audience": "everyone", "repeat": "once", "at": "", **draft}
    return await press(web, page, "/console/notices/new", **data)


async def test_a_notice_is_looked_at_then_sent(made: Made, web: httpx.AsyncClient) -> None:
    page = await write(web, text="周三停水，\n请接水。")
    assert "发给：全社区，14 人" in words(page)
    assert made.read(lambda s: s.query(Notice).count()) == 0
    back = await press(web, page, "/console/notices/new", change="1")
    assert "周三停水，\n请接水。</textarea>" in back.text
    page = await press(web, page, "/console/notices/send")
    assert "30秒后发给 14 人" in reply_of(page)
    notice = made.read(lambda s: s.query(Notice).one())
    assert (notice.text, notice.stage) == ("周三停水，\n请接水。", NoticeStage.SCHEDULED)
    later(made, seconds=31)
    tell(made, "王阿姨", "收到")
    assert "已送达 14 / 14" in words(await web.get("/console/notices"))
    said = words(await web.get("/console/notices/1"))
    assert "1 人回了收到，0 人没送到" in said
    assert "王阿姨" not in said.partition("还没回收到的")[2]
    assert "吴婶" in said.partition("还没回收到的")[2]


async def test_a_notice_is_taken_back(made: Made, web: httpx.AsyncClient) -> None:
    page = await write(web, text="写错了的通知")
    await press(web, page, "/console/notices/send")
    page = await web.get("/console/notices/1")
    page = await press(web, page, "/console/notices/1/stop")
    assert "谁也没收到" in reply_of(page)
    later(made, minutes=2)
    assert made.read(lambda s: s.query(Outbound).filter_by(kind="notice").count()) == 0
    assert "撤回了" in words(await web.get("/console/notices/1"))


async def test_sending_a_notice_twice_is_once(made: Made, web: httpx.AsyncClient) -> None:
    page = await write(web, text="只发一次")
    fields = hidden(page, "/console/notices/send")
    for _ in range(3):
        await web.post("/console/notices/send", data=fields)
    assert made.read(lambda s: s.query(Notice).count()) == 1


async def test_a_post_to_all_followers_shows_what_is_left(tmp_path: Path) -> None:
    row = {"id": "gzh", "platform": "wechat", "app_id": "wx1", "token": "t", "verified": True}
    made = make_office(tmp_path, real=True, more_channels=[{**row, "account": "subscription"}])
    move_in(made)
    chat = made.read(lambda s: s.query(Chat).filter_by(post_only=True).one())
    async with browser(made) as web:
        await enter(web, made)
        form = await web.get("/console/notices/new")
        assert "群：公众号全体（今天还能发 1 次）" in words(form)
        page = await write(web, text="周三停水", audience=f"chat:{chat.id}")
        assert "发到：公众号全体" in words(page)
        page = await press(web, page, "/console/notices/send")
        assert "30秒后发到公众号全体" in reply_of(page)
        page = await write(web, text="周四停水", audience=f"chat:{chat.id}")
        assert page.status_code == 400
        assert "公众号全体能发的次数用完了（一天 1 次）" in page.text
        channels = words(await web.get("/console/channels"))
        assert "公众号全体" not in channels
    close_office(made)


async def test_a_notice_waits_for_its_time_and_repeats(made: Made, web: httpx.AsyncClient) -> None:
    page = await write(web, text="每天量血压", at="2026-11-24T09:00", repeat="daily")
    assert "明天上午9点，以后每天" in words(page)
    await press(web, page, "/console/notices/send")
    notice = made.read(lambda s: s.query(Notice).one())
    assert notice.publish_at == MONDAY + timedelta(days=1)
    later(made, days=2)
    assert made.read(lambda s: s.query(Notice).count()) == 3


@pytest.mark.parametrize(
    "draft",
    [
        {"text": ""},
        {"text": " "},
        {"text": "x" * 1001},
        {"at": "gestern"},
        {"at": "2026-11-23T08:00"},
        {"at": "2990-01-01T00:00"},
        {"at": "0001-01-01T00:00"},
        {"repeat": "hourly"},
        {"audience": "role:chief"},
        {"audience": "place:1"},
    ],
)
async def test_half_a_notice_is_refused(
    made: Made, web: httpx.AsyncClient, draft: dict[str, str]
) -> None:
    assert (await write(web, **{"text": "x", **draft})).status_code == 400
    fields = {**hidden(await web.get("/console/notices/new"), "/console/notices/new")}
    data = {**fields, "text": "x", "audience": "everyone", "repeat": "once", "at": "", **draft}
    assert (await web.post("/console/notices/send", data=data)).status_code == 400
    assert made.read(lambda s: s.query(Notice).count()) == 0


async def test_long_work_shows_how_far_it_is(made: Made, web: httpx.AsyncClient) -> None:
    """A broadcast in the middle: 3 sent, 1 failed, many queued at the channel's pace."""

    def work(session: Session) -> None:
        store = Store(session, HOME)
        chat = store.messages.groups()[0]
        who = store.people.in_file("小李")
        assert who is not None
        notice = store.add(
            Notice(
                community_id=HOME,
                author_id=who.id,
                text="停水",
                audience="everyone",
                repeat="once",
                stage=NoticeStage.SENDING,
                written_at=MONDAY,
                publish_at=MONDAY,
                planned_up_to=0,
            )
        )
        states = [Sending.SENT] * 3 + [Sending.FAILED] + [Sending.QUEUED] * int(RATE * 120)
        for n, status in enumerate(states):
            row = Outbound(
                community_id=HOME,
                channel_id="web",
                chat_id=chat.id,
                text="停水",
                kind="notice",
                about=f"notice:{notice.id}",
                status=status,
                created_at=MONDAY,
            )
            session.add(row)
            if n < 5:
                resident = store.people.everyone()[n]
                session.add(Receipt(notice_id=notice.id, resident_id=resident.id))

    made.write(work)
    said = words(await web.get("/console/notices"))
    assert "已送达 3 / 14" in said
    assert "1 人没送到" in said
    assert "还要约 2 分钟" in said


# Channels


async def test_a_question_is_answered_where_it_was_asked(
    made: Made, web: httpx.AsyncClient
) -> None:
    tell(made, "周姐", "老年食堂几点开饭？")
    page = await web.get("/console/channels")
    assert "1 个问题没人回" in words(page)
    page = await press(web, page, "/console/questions/1/reply", text="十一点和五点。")
    assert "已转给周姐" in reply_of(page)
    assert "问题都有人回了" in words(page)

    def last(session: Session) -> Any:
        store = Store(session, HOME)
        who = store.people.in_file("周姐")
        assert who is not None
        chat = store.messages.chats_of(who)[0]
        return [row for row in store.messages.heard_since(chat, 0) if row.sender != "bot"][-1]

    row = made.read(last)
    assert (row.text, row.sender) == ("十一点和五点。", "小李（社区工作者）")


async def test_a_question_settled_elsewhere(made: Made, web: httpx.AsyncClient) -> None:
    tell(made, "周姐", "老年食堂几点开饭？")
    page = await web.get("/console/channels")
    page = await press(web, page, "/console/questions/1/settled")
    assert "问题都有人回了" in words(page)
    clock = made.read(lambda s: Store(s, HOME).channels.clock(1))
    assert (clock.stopped, clock.stopped_by_id) == ("person", person(made, "小李").id)


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "正常"), (6, "正常"), (7, "7天提醒"), (10, "10天提醒"), (13, "10天提醒"), (14, "红")],
)
def test_silence_has_a_word(days: int, said: str) -> None:
    view: Any = SimpleNamespace(now=MONDAY + timedelta(days=days), say=page_words("zh-CN").say)
    one = Health("3栋群", "web", 1, True, 0, None, None, None, 0, MONDAY, None, MONDAY)
    assert state(one, view)[0].startswith(said)
    deaf = Health("3栋群", "web", 1, False, 0, None, None, None, 0, MONDAY, None, MONDAY)
    assert state(deaf, view)[0] == "听不到"


async def test_a_silent_group_is_red_on_the_page(made: Made, web: httpx.AsyncClient) -> None:
    later(made, days=15)
    async with browser(made) as fresh:
        await enter(fresh, made)
        said = words(await fresh.get("/console/channels"))
    assert "红：安静 15 天" in said
    assert "国办秘函〔2019〕19号" in said


# Roster


async def test_an_address_is_vouched_for(made: Made, web: httpx.AsyncClient) -> None:
    ident = person(made, "王阿姨").id

    def work(session: Session) -> None:
        who = Store(session, HOME).people.resident(ident)
        assert who is not None
        who.confirmed = False

    made.write(work)
    assert "1 个住处等您核对" in words(await web.get("/console/"))
    page = await web.get("/console/roster?claims=1")
    assert words(page).count("自己填的") == 1
    page = await press(web, page, f"/console/roster/{ident}/vouch")
    assert person(made, "王阿姨").confirmed
    assert "核对过了" in reply_of(page)


async def test_the_roster_is_sifted(made: Made, web: httpx.AsyncClient) -> None:
    page = await web.get("/console/roster")
    value = re.search(r'<option value="(\d+)">东苑›1片区›3栋', page.text)
    assert value is not None
    said = words(await web.get(f"/console/roster?place={value[1]}"))
    assert "4 人" in said
    assert "王阿姨" in said
    assert "吴婶 4栋" not in said
    assert "陈奶奶 老人 6栋1单元203" in words(await web.get("/console/roster?q=陈"))


# What failed


async def test_what_failed_is_shown_to_the_chief_and_tried_again(made: Made) -> None:
    tell(made, "王阿姨", "你好")

    def spoil(session: Session) -> None:
        row = session.query(Inbound).order_by(Inbound.id.desc()).first()
        sent = session.query(Outbound).order_by(Outbound.id.desc()).first()
        assert row is not None
        assert sent is not None
        row.error, sent.status, sent.error = "KeyError < talk.py:1 chat", Sending.FAILED, "gone"

    made.write(spoil)
    async with browser(made) as web:
        page = await enter(web, made, "张主任")
        assert "2 条消息没办好" in words(page)
        page = await web.get("/console/troubles")
        assert "KeyError" in words(page)
        assert "talk.py" not in words(page)
        ident = made.read(lambda s: s.query(Inbound).filter_by(kind="text").one().id)
        await press(web, page, f"/console/troubles/in/{ident}/again")
        later(made, seconds=1)
        row = made.read(lambda s: s.query(Inbound).filter_by(kind="text").one())
        assert (row.error, row.handled_at is not None) == (None, True)
        out = made.read(lambda s: s.query(Outbound).filter_by(status=Sending.FAILED).one().id)
        await press(web, page, f"/console/troubles/out/{out}")
        queued = made.read(lambda s: s.get(Outbound, out))
        assert (queued.status, queued.attempts) == (Sending.QUEUED, 0)


def test_who_is_silent_counts_whoever_was_not_reached() -> None:
    from bot.web.console.rollcalls import OF

    assert {OF[stage] for stage in CheckInStage} == {"safe", "help", "silent"}

"""The console's page of a person, who is the same person, and what must be told in person."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage import Session, Store
from storage.models import AppealStep, Outbound, Resident, Sending
from storage.store.loading import settle_in
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
from tests.bot.office import Made, close_office, make_office

WECHAT = {"id": "gzh", "platform": "wechat"}


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True, more_channels=[WECHAT])
    made.office.hub.start()
    move_in(made)
    yield made
    close_office(made)


def on_wechat(made: Made, name: str = "王阿姨") -> None:
    """She is there too, and wrote there last."""

    def work(session: Session) -> None:
        store = Store(session, HOME)
        who = store.people.in_file(name)
        assert who is not None
        settle_in(store, who, "gzh", f"o-{name}", made.time())

    made.write(work)


def unsaid(made: Made) -> None:
    """王阿姨's case is answered while her 公众号 lets us say nothing."""
    on_wechat(made)
    file_case(made)
    made.write(lambda s: s.query(Outbound).update({"status": Sending.SENT}) and None)

    def last(session: Session) -> None:
        chat = Store(session, HOME).messages.chat_at("gzh", "o-王阿姨")
        assert chat is not None
        chat.seen_at = made.time()

    made.write(last)
    tell(made, "小李", "回复 1 明天上午来修")
    later(made, days=3)

    def wait(session: Session) -> None:
        session.query(Outbound).filter_by(status=Sending.QUEUED).update({"status": Sending.WAITING})

    made.write(wait)


async def test_from_the_roster_to_a_person(made: Made) -> None:
    on_wechat(made)
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        assert f'href="/console/roster/{ident}"' in (await web.get("/console/roster")).text
        page = words(await web.get(f"/console/roster/{ident}"))
        for said in (
            "王阿姨",
            "3栋2单元501",
            "核对过",
            "网页",
            "微信公众号",
            "上次说话",
            "给关联码",
        ):
            assert said in page, said


async def test_a_code_is_shown_once_to_the_worker(made: Made) -> None:
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get(f"/console/roster/{ident}")
        page = await press(web, page, f"/console/roster/{ident}/code")
        code = re.search(r"HY-\w{4}-\w{4}", reply_of(page))
        assert code
        assert code[0] not in (await web.get(f"/console/roster/{ident}")).text
    tell(made, "新号", code[0])

    def look(session: Session) -> int:
        found = Store(session, HOME).people.identity("web", "web-新号")
        assert found is not None
        return found.resident_id

    assert made.read(look) == ident


async def test_parting_a_channel(made: Made) -> None:
    on_wechat(made)
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get(f"/console/roster/{ident}")
        page = await press(web, page, f"/console/roster/{ident}/part")  # the last form's: 公众号
        assert "王阿姨的微信公众号解除关联了" in reply_of(page)
        assert "/part" not in page.text, "the last one stays"


async def test_the_same_person_after_a_look_at_both(made: Made) -> None:
    tell(made, "新号", "你好")

    def rename(session: Session) -> int:
        store = Store(session, HOME)
        found = store.people.identity("web", "web-新号")
        assert found is not None
        session.get_one(Resident, found.resident_id).name = "王阿姨"
        return found.resident_id

    other, ident = made.write(rename), person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get(f"/console/roster/{other}")
        assert f'href="/console/roster/{other}/same/{ident}"' in page.text
        page = await web.get(f"/console/roster/{other}/same/{ident}")
        assert "这两位是同一个人吗" in words(page)
        page = await press(web, page, f"/console/roster/{other}/same")
        assert "王阿姨和王阿姨连成一个人了" in reply_of(page)
        assert page.url.path == f"/console/roster/{ident}", "whoever is in the file stays"
        assert (await web.get(f"/console/roster/{other}")).status_code == 404


async def test_staff_have_a_page_and_nothing_to_press(made: Made) -> None:
    ident = person(made, "张主任").id
    async with browser(made) as web:
        start = await enter(web, made)
        page = await web.get(f"/console/roster/{ident}")
        assert "邀请码" in words(page)
        assert f"/console/roster/{ident}/" not in page.text
        fields = {**hidden(start, "/console/logout"), "other": str(person(made, "王阿姨").id)}
        for verb in ("code", "same"):
            answer = await web.post(f"/console/roster/{ident}/{verb}", data=fields)
            assert "不能这样改" in reply_of(answer)
        other = person(made, "王阿姨").id
        assert (await web.get(f"/console/roster/{ident}/same/{other}")).status_code == 404


async def test_what_must_be_told_in_person(made: Made) -> None:
    unsaid(made)
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        start = await enter(web, made)
        assert "1 位居民有话没说到，要当面说" in words(start)
        page = await web.get("/console/untold")
        for said in ("3栋2单元501", "王阿姨", "明天上午来修", "他在微信公众号3 天没说过话"):
            assert said in words(page), said
        page = await press(web, page, f"/console/untold/{ident}/told")
        assert "您当面跟王阿姨说了" in reply_of(page)
        assert "明天上午来修" not in words(page)
        assert "当面告诉了居民" in words(await web.get("/console/appeals/1"))
        assert "要当面说" not in words(await web.get("/console/"))
    tell(made, "小李", "错了")
    states = made.read(lambda s: {r.status for r in s.query(Outbound).filter_by(channel_id="gzh")})
    assert Sending.WAITING in states
    assert Sending.TOLD not in states
    assert made.read(lambda s: s.query(AppealStep).filter_by(verb="told").count()) == 0


async def test_only_what_stood_on_the_page_is_marked(made: Made) -> None:
    unsaid(made)
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get("/console/untold")
        tell(made, "张主任", "回复 1 改到后天")
        made.write(
            lambda s: (
                s.query(Outbound)
                .filter_by(status=Sending.QUEUED)
                .update({"status": Sending.WAITING})
                and None
            )
        )
        page = await press(web, page, f"/console/untold/{ident}/told")
        assert "改到后天" in words(page)
        fields = hidden(page, f"/console/untold/{ident}/told")
        for rows in ("", "x", "0", "999999", "1,2", "１"):
            answer = await web.post(f"/console/untold/{ident}/told", data={**fields, "rows": rows})
            assert answer.status_code == 404, rows


async def test_a_worker_of_another_place_neither_sees_nor_marks_it(made: Made) -> None:
    unsaid(made)
    ident = person(made, "王阿姨").id
    async with browser(made) as web:
        await enter(web, made)
        fields = hidden(await web.get("/console/untold"), f"/console/untold/{ident}/told")
    async with browser(made) as web:
        start = await enter(web, made, "小陈")
        assert "要当面说" not in words(start)
        assert "王阿姨" not in words(await web.get("/console/untold"))
        mine = {**fields, **hidden(start, "/console/logout")}
        answer = await web.post(f"/console/untold/{ident}/told", data=mine)
        assert answer.status_code == 404


async def test_a_notice_lists_whom_it_does_not_reach(made: Made) -> None:
    def leave(session: Session) -> None:
        chat = Store(session, HOME).messages.chat_at("web", "web-李大爷")
        assert chat is not None
        chat.gone = True

    made.write(leave)
    for text in ("发通知 周三停水", "1", "1", "1"):
        tell(made, "小李", text)
    later(made, minutes=2)
    async with browser(made) as web:
        await enter(web, made)
        page = words(await web.get("/console/notices/1"))
        assert "现在说不到，请当面说" in page
        assert "1单元101 李大爷" in page
        assert "李大爷" in words(await web.get("/console/untold"))

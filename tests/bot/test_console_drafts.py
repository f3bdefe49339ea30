"""A notice that waits for a person of ours: the console says for whom, and tells that person."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from storage import Session, Store, community_file
from storage.models import Chat, Outbound, Sending
from storage.store.loading import load_community
from tests.bot.console_client import HOME, browser, enter, later, move_in, neighbour, tell, words
from tests.bot.office import EXAMPLE, MONDAY, Made, close_office, make_office
from tests.storage.test_loading import QW

WAITS = "等小李在企业微信里点确认"
YOURS = "有 1 条群发等您在企业微信里点确认"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True)
    made.office.hub.start()
    raw = copy.deepcopy(community_file.read(EXAMPLE).raw)
    raw["channels"].append(QW)
    made.write(lambda session: load_community(session, community_file.parse(raw), MONDAY))
    move_in(made)
    yield made
    close_office(made)


def compose(made: Made, name: str = "张主任") -> None:
    """A notice to 小李's customer groups, through the bot."""
    tell(made, name, "发通知 明早8点停水")
    tell(made, name, "4")  # to a group
    groups = made.read(lambda s: [chat.name for chat in Store(s, HOME).messages.groups()])
    tell(made, name, str(groups.index("小李的客户群") + 1))
    tell(made, name, "1")  # now
    tell(made, name, "1")  # send
    later(made, minutes=1)


def stands(made: Made, status: Sending) -> None:
    """What the outbox writes down of it."""

    def work(session: Session) -> None:
        rows = session.scalars(
            select(Outbound)
            .join(Chat, Chat.id == Outbound.chat_id)
            .where(Chat.external_id == "draft:xiaoli")
        ).all()
        assert rows
        for row in rows:
            row.status = status

    made.write(work)


async def page(made: Made, name: str, path: str) -> tuple[str, httpx.Response]:
    async with browser(made) as web:
        await enter(web, made, name)
        found = await web.get(path)
        assert found.status_code == 200
        return words(found), found


async def test_it_says_for_whom_a_notice_waits(made: Made) -> None:
    compose(made)
    stands(made, Sending.HANDED)
    for path in ("/console/notices", "/console/notices/1"):
        said, _ = await page(made, "张主任", path)
        assert WAITS in said
        assert "已送达 0 / 1" in said, "it is not said to be delivered"
        assert "发完了" not in said
    told = made.read(lambda s: s.scalars(select(Outbound.text).order_by(Outbound.id.desc())).all())
    assert any("要群的主人在企业微信里点一下确认" in text for text in told)
    assert not any("通知发到" in text for text in told)


async def test_whom_it_waits_for_finds_it_on_the_first_page(made: Made) -> None:
    compose(made)
    stands(made, Sending.HANDED)
    said, found = await page(made, "小李", "/console/")
    assert YOURS in said
    assert 'href="/console/notices/1"' in found.text
    said, _ = await page(made, "张主任", "/console/")
    assert "点确认" not in said, "nobody else can do it"
    later(made, days=1)  # a group takes one a day
    compose(made)
    stands(made, Sending.HANDED)
    said, found = await page(made, "小李", "/console/")
    assert YOURS.replace("1", "2") in said
    assert 'href="/console/notices"><span>有 2 条' in found.text


@pytest.mark.parametrize("status", [Sending.SENT, Sending.FAILED])
async def test_what_was_let_go_or_failed_waits_no_more(made: Made, status: Sending) -> None:
    compose(made)
    stands(made, status)
    for path in ("/console/", "/console/notices", "/console/notices/1"):
        said, _ = await page(made, "小李", path)
        assert "点确认" not in said


async def test_next_door_sees_nothing_of_it(made: Made) -> None:
    other = neighbour(made)
    compose(made)
    stands(made, Sending.HANDED)
    assert made.read(lambda s: Store(s, other).messages.handed()) == []
    assert len(made.read(lambda s: Store(s, HOME).messages.handed())) == 1

"""A message whose handler failed is handled again, once, when the chief says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from bot.doctor import examine
from handlers import CONTENTS
from handlers.turn import Turn
from handlers.words import book
from storage import Session, Store
from storage.models import Appeal, Chat, Inbound, Outbound
from tests.bot.console_client import (
    HOME,
    browser,
    enter,
    hidden,
    later,
    move_in,
    press,
    reply_of,
    tell,
    words,
)
from tests.bot.office import Made, close_office, make_office

SAID = "3栋2单元楼道灯坏了"
SORRY = book("zh-CN")["talk.failed"]
TROUBLES = "/console/troubles"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True)
    made.office.hub.start()
    move_in(made)
    yield made
    close_office(made)


@dataclass
class Appeals:
    """The matter of appeals, with a fault in the program until somebody mends it."""

    broken: bool = True

    def __call__(self, turn: Turn) -> None:
        if self.broken:
            turn.person.name = "不该留下"
            raise LookupError(turn.text)
        CONTENTS.matters["appeal"](turn)


def breaking(made: Made) -> Appeals:
    appeals = Appeals()
    made.office.dispatcher.contents = replace(
        CONTENTS, matters={**CONTENTS.matters, "appeal": appeals}
    )
    return appeals


def row_of(made: Made, text: str = SAID) -> Inbound:
    found = made.read(lambda s: s.query(Inbound).filter_by(text=text).first())
    assert isinstance(found, Inbound)
    return found


def said_to(made: Made, name: str) -> list[str]:
    def look(session: Session) -> list[str]:
        query = session.query(Outbound).join(Chat, Chat.id == Outbound.chat_id)
        mine = query.filter(Chat.external_id == f"web-{name}").order_by(Outbound.id)
        return [row.text for row in mine]

    return list(made.read(look))


async def try_again(web: httpx.AsyncClient, ident: int) -> httpx.Response:
    page = await web.get(TROUBLES)
    return await press(web, page, f"{TROUBLES}/in/{ident}/again")


async def test_what_failed_once_is_answered_when_it_is_tried_again(made: Made) -> None:
    appeals = breaking(made)
    tell(made, "王阿姨", SAID)
    failed = row_of(made)
    assert failed.error and SAID not in failed.error
    assert said_to(made, "王阿姨")[-1] == SORRY
    async with browser(made) as web:
        page = await enter(web, made, "张主任")
        assert "1 条消息没办好" in words(page)
        page = await web.get(TROUBLES)
        assert SAID in words(page) and "王阿姨" in words(page) and "免得办两次" in words(page)
        appeals.broken = False
        page = await try_again(web, failed.id)
        assert "正在替他重新办" in reply_of(page)
        later(made, seconds=1)
        assert "没有。" in words(await web.get(TROUBLES))
    row = row_of(made)
    assert row.error is None and row.handled_at is not None
    assert row.handled_at > failed.handled_at  # type: ignore[operator]
    said = said_to(made, "王阿姨")
    assert said.count(SORRY) == 1
    assert "楼道灯坏了" in said[-1]
    tell(made, "王阿姨", "1")  # the conversation goes on where the failed words belong
    assert made.read(lambda s: s.query(Appeal).one().text) == SAID


async def test_what_fails_again_comes_back_and_is_apologised_for_again(made: Made) -> None:
    appeals = breaking(made)
    tell(made, "王阿姨", SAID)
    first = row_of(made)
    async with browser(made) as web:
        await enter(web, made, "张主任")
        await try_again(web, first.id)
        later(made, seconds=1)
        page = await web.get(TROUBLES)
        assert SAID in words(page)
        appeals.broken = False
        await try_again(web, first.id)
        later(made, seconds=1)
        assert SAID not in words(await web.get(TROUBLES))
    said = said_to(made, "王阿姨")
    assert said.count(SORRY) == 2
    assert "楼道灯坏了" in said[-1]


async def test_a_button_pressed_twice_tries_once(made: Made) -> None:
    """Twice the same form, and one of a page drawn before: even if it has failed again."""
    breaking(made)
    tell(made, "王阿姨", SAID)
    where = f"{TROUBLES}/in/{row_of(made).id}/again"
    async with browser(made) as web:
        await enter(web, made, "张主任")
        page, other = await web.get(TROUBLES), await web.get(TROUBLES)
        for _ in range(2):
            await web.post(where, data=hidden(page, where))
            later(made, seconds=1)
        late = await web.post(where, data=hidden(other, where))
        later(made, seconds=1)
        assert "已经处理过" in reply_of(late)
        assert said_to(made, "王阿姨").count(SORRY) == 2
        await try_again(web, row_of(made).id)  # a fresh page is a new decision
        later(made, seconds=1)
    assert said_to(made, "王阿姨").count(SORRY) == 3


async def test_the_page_shows_what_was_written_since(made: Made) -> None:
    appeals = breaking(made)
    tell(made, "王阿姨", SAID)
    appeals.broken = False
    tell(made, "李大爷", "你好")
    later(made, minutes=3)
    tell(made, "王阿姨", "谢谢")
    async with browser(made) as web:
        await enter(web, made, "张主任")
        page = words(await web.get(TROUBLES))
        assert "后来又写了 1 句，最后一句：谢谢" in page
        await try_again(web, row_of(made).id)
        later(made, seconds=1)
    assert "楼道灯坏了" in said_to(made, "王阿姨")[-1]


async def test_nothing_is_tried_again_over_an_open_question(made: Made) -> None:
    """ "1" to what failed must not become the "1" to what was asked later."""
    appeals = breaking(made)
    tell(made, "王阿姨", SAID)
    appeals.broken = False
    failed, where = row_of(made).handled_at, f"{TROUBLES}/in/{row_of(made).id}/again"
    async with browser(made) as web:
        await enter(web, made, "张主任")
        before = await web.get(TROUBLES)
        later(made, minutes=1)
        tell(made, "小李", "点名 3栋 燃气泄漏")
        later(made, minutes=1)
        page = await web.get(TROUBLES)
        assert "请直接找他" in words(page)
        assert where not in page.text
        answer = await web.post(where, data=hidden(before, where))  # drawn before it was asked
        assert "没有再试" in reply_of(answer)
        later(made, seconds=1)
        assert row_of(made).error and said_to(made, "王阿姨").count(SORRY) == 1
        left = await press(web, page, where.replace("again", "leave"))
        assert "不再试了" in reply_of(left)
        assert SAID not in words(await web.get(TROUBLES))
    assert row_of(made).error is None and row_of(made).handled_at == failed


async def test_an_old_message_is_not_slowed_down_by_what_was_written_since(made: Made) -> None:
    appeals = breaking(made)
    tell(made, "王阿姨", SAID)
    appeals.broken = False
    for _ in range(40):
        later(made, minutes=1)
        tell(made, "王阿姨", "谢谢")
    seen = made.read(lambda s: s.query(Chat).filter_by(external_id="web-王阿姨").one().seen_at)
    later(made, hours=1)
    async with browser(made) as web:
        await enter(web, made, "张主任")
        await try_again(web, row_of(made).id)
        later(made, seconds=1)
    assert "楼道灯坏了" in said_to(made, "王阿姨")[-1]
    chat = made.read(lambda s: s.query(Chat).filter_by(external_id="web-王阿姨").one())
    assert chat.seen_at == seen  # they have not been here since


async def test_erased_words_are_not_tried_again(made: Made) -> None:
    breaking(made)
    tell(made, "王阿姨", SAID)

    def forget(session: Session) -> None:
        messages = Store(session, HOME).messages
        chat = messages.chat_at("web", "web-王阿姨")
        assert chat is not None
        messages.forget(chat, keep=0)

    made.write(forget)
    async with browser(made) as web:
        await enter(web, made, "张主任")
        assert "没有。" in words(await web.get(TROUBLES))


def test_the_doctor_says_where_to_try_again(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    breaking(made)
    tell(made, "王阿姨", SAID)
    database = made.office.database.url.render_as_string(hide_password=False)
    examine(replace(made.office.settings, database_url=database), as_json=False)
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "没办好的消息" in one]
    assert "LookupError" in line and "再试一次" in line and SAID not in line

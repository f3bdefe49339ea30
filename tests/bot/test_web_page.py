"""The resident's page as a browser without JavaScript gets it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from bot.web import make_app, personal_link
from bot.web.view import callable_numbers, ladder, read_cursor
from bot.web.words import page_words
from storage.models import Appeal, Chat, Identity, Inbound, Resident, Stage
from tests.bot.office import SECRET, Made

HTML = {"Accept": "text/html", "Accept-Language": "zh-CN"}


@pytest.fixture
async def browser(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with open_browser(made) as opened:
        yield opened


def open_browser(made: Made) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(make_app(made.office)),
        base_url="http://test",
        headers=HTML,
        follow_redirects=True,
    )


def resident(made: Made, name: str) -> int:
    return made.read(lambda s: s.query(Resident).filter_by(name=name, in_file=True).one().id)


async def enter(browser: httpx.AsyncClient, made: Made, name: str = "王阿姨") -> httpx.Response:
    page = await browser.get(personal_link(SECRET, "web", resident(made, name)))
    assert page.status_code == 200
    return page


def fields(page: httpx.Response, form: str = "write") -> dict[str, str]:
    """The hidden fields of one of the page's forms."""
    body = re.search(rf'<form[^>]* id="{form}".*?</form>', page.text, re.S)
    assert body is not None
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', body[0]))


def rows(page: httpx.Response) -> list[tuple[str, str]]:
    """(side, words) of each message shown."""
    found = re.findall(r'<li class="row (\w+)[^>]*>.*?<p class="text">(.*?)</p>', page.text, re.S)
    return [(side, re.sub("<[^>]+>", "", words)) for side, words in found]


async def post(browser: httpx.AsyncClient, page: httpx.Response, **extra: str) -> httpx.Response:
    return await browser.post("/chat/web/send", data={**fields(page), **extra})


async def test_a_stranger_finds_one_form(browser: httpx.AsyncClient, made: Made) -> None:
    page = await browser.get("/chat/web")
    assert page.text.count("<form") == 1
    assert "开始说话" in page.text
    assert "我们只保存" in page.text
    token = re.search(r'name="token" value="(\w+)"', page.text)
    assert token is not None
    data = {"name": "周奶奶", "token": token[1]}
    page = await browser.post("/chat/web/start", data=data)
    assert page.status_code == 200
    assert "直接写您的事就行" in page.text
    cookie = next(c for c in browser.cookies.jar if c.name.startswith("huiyin_"))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite").lower() == "lax"
    assert cookie.value not in str(page.url)
    assert cookie.value not in page.text
    again = await browser.get("/chat/web")
    assert again.url == page.url


async def test_a_name_may_be_left_out(browser: httpx.AsyncClient, made: Made) -> None:
    page = await browser.get("/chat/web")
    token = re.search(r'name="token" value="(\w+)"', page.text)
    assert token is not None
    await browser.post("/chat/web/start", data={"name": " ", "token": token[1]})
    assert made.read(lambda s: s.query(Resident).filter_by(name="邻居").count()) == 1


async def test_writing_and_reading(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    page = await post(browser, page, text="楼道灯坏了")
    assert rows(page) == [("mine", "楼道灯坏了"), ("bot", "您说：楼道灯坏了")]
    assert "刷新" in page.text
    assert "机器人" in page.text


async def test_a_double_click_is_one_message(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    await post(browser, page, text="楼道灯坏了")
    await post(browser, page, text="楼道灯坏了")
    assert made.read(lambda s: s.query(Inbound).count()) == 1
    await post(browser, page, text="门也坏了")
    assert made.read(lambda s: s.query(Inbound).count()) == 2


async def test_choices_are_buttons_until_they_are_answered(
    browser: httpx.AsyncClient, made: Made
) -> None:
    page = await post(browser, await enter(browser, made), text="选一个")
    assert '<button form="answer" name="choice" value="q1=1"' in page.text
    data = {**fields(page, "answer"), "choice": "q1=2"}
    answered = await browser.post("/chat/web/send", data=data)
    assert ("mine", "2 不对，我再说一次") in rows(answered)
    assert ("bot", "您选了 q1=2") in rows(answered)
    inbound = made.read(lambda s: s.query(Inbound).order_by(Inbound.id.desc()).first())
    assert (inbound.kind, inbound.choice, inbound.text) == ("choice", "q1=2", "2")

    def close(session: Any) -> None:
        from storage.models import Question

        session.query(Question).one().closed_at = made.time()

    made.write(close)
    page = await browser.get(str(page.url))
    assert 'name="choice"' not in page.text
    assert "1. 对，就是这里" in page.text


@pytest.mark.parametrize("choice", ["q1", "=1", "q1=1=1", "x" * 300, "<b>", "q1=1\x00"])
async def test_a_made_up_choice_is_refused(
    browser: httpx.AsyncClient, made: Made, choice: str
) -> None:
    answer = await post(browser, await enter(browser, made), choice=choice)
    assert answer.status_code == 400
    assert made.read(lambda s: s.query(Inbound).count()) == 0


async def test_the_menu_is_a_button(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    assert fields(page, "menu")["text"] == "菜单"
    page = await browser.post("/chat/web/send", data=fields(page, "menu"))
    assert ("mine", "菜单") in rows(page)


async def test_people_do_not_look_like_the_bot(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    chat = made.read(lambda s: s.query(Chat).filter(Chat.resident_id.isnot(None)).one().id)
    made.say(chat, "我下午来换灯", sender="小李（社区工作者）")
    page = await browser.get(str(page.url))
    assert rows(page) == [("person", "我下午来换灯")]
    assert "<b>小李（社区工作者）</b>" in page.text


async def test_what_people_write_is_never_markup(browser: httpx.AsyncClient, made: Made) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    page = await post(browser, await enter(browser, made), text=evil)
    assert "<script>alert" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_danger_can_be_called(browser: httpx.AsyncClient, made: Made) -> None:
    page = await post(browser, await enter(browser, made), text="厨房火了")
    assert 'role="alert"' in page.text
    for number in ("119", "120", "110"):
        assert f'href="tel:{number}"' in page.text


async def test_groups_are_tabs(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    assert re.findall(r'group=([^"&]+)"', page.text) == [
        "3%E6%A0%8B%E7%BE%A4",
        "%E5%B9%B8%E7%A6%8F%E9%87%8C%E5%A4%A7%E7%BE%A4",
    ]
    group = await browser.get(str(page.url), params={**page.url.params, "group": "3栋群"})
    assert "@回音" in group.text
    group = await post(browser, group, text="今晚停水吗")
    assert "group=" in str(group.url)
    assert rows(group) == [("mine", "今晚停水吗")]
    async with open_browser(made) as other:
        page = await enter(other, made, "李大爷")
        page = await other.get(str(page.url), params={**page.url.params, "group": "3栋群"})
        assert rows(page) == [("person", "今晚停水吗")]
        assert "<b>王阿姨</b>" in page.text


async def test_several_people_share_a_browser(browser: httpx.AsyncClient, made: Made) -> None:
    wang = await enter(browser, made, "王阿姨")
    li = await enter(browser, made, "李大爷")
    await post(browser, wang, text="我是王阿姨")
    assert rows(await browser.get(str(li.url))) == []
    choose = await browser.get("/chat/web")
    assert "您要以谁的身份说话" in choose.text
    for name in ("王阿姨", "李大爷"):
        assert name in choose.text
    assert '<html lang="zh-CN" class="elder">' in li.text
    assert "elder" not in wang.text


async def test_without_its_cookie_an_id_opens_nothing(
    browser: httpx.AsyncClient, made: Made
) -> None:
    page = await post(browser, await enter(browser, made), text="我的秘密")
    async with open_browser(made) as thief:
        stolen = await thief.get(str(page.url))
        assert "我的秘密" not in stolen.text
        assert (await thief.get(f"{page.url.path}/live", params=page.url.params)).status_code == 401
        answer = await thief.post("/chat/web/send", data={**fields(page), "text": "x"})
        assert answer.status_code == 401
        # One's own cookie does not open another's page either.
        await enter(thief, made, "李大爷")
        stolen = await thief.get(str(page.url))
        assert "我的秘密" not in stolen.text


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "é"])
async def test_a_form_without_its_token_is_refused(
    browser: httpx.AsyncClient, made: Made, token: str
) -> None:
    answer = await post(browser, await enter(browser, made), text="在吗", token=token)
    assert answer.status_code == 403
    assert "刷新" in answer.text
    assert made.read(lambda s: s.query(Inbound).count()) == 0
    assert (await browser.post("/chat/web/start", data={"token": token})).status_code == 403


async def test_another_sites_form_is_refused(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    answer = await browser.post(
        "/chat/web/send",
        data={**fields(page), "text": "x"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


async def test_a_personal_link_makes_one_identity(browser: httpx.AsyncClient, made: Made) -> None:
    await enter(browser, made)
    async with open_browser(made) as other:
        await enter(other, made)
    assert made.read(lambda s: s.query(Identity).count()) == 1
    assert made.read(lambda s: s.query(Chat).filter_by(group=False).count()) == 1


async def test_a_personal_link_cannot_be_made_up(browser: httpx.AsyncClient, made: Made) -> None:
    link = personal_link(SECRET, "web", resident(made, "王阿姨"))
    chief = resident(made, "张主任")
    for path in (
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        re.sub(r"/\d+-", f"/{chief}-", link),
        personal_link(b"other", "web", chief),
        personal_link(SECRET, "web", 999),
        "/chat/web/me/x",
        "/chat/web/me/0-",
    ):
        assert (await browser.get(path)).status_code == 404
    assert made.read(lambda s: s.query(Identity).count()) == 0


async def test_a_personal_link_is_for_demo_residents_only(
    browser: httpx.AsyncClient, made: Made
) -> None:
    ident = resident(made, "王阿姨")

    def real(session: Any) -> None:
        session.get_one(Resident, ident).demo = False

    made.write(real)
    assert (await browser.get(personal_link(SECRET, "web", ident))).status_code == 404


@pytest.mark.parametrize(
    ("at", "name", "line"),
    [
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "王阿姨", "小李在岗，2 小时内有人回复"),
        (datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "陈奶奶", "上班时间，2 小时内有人回复"),
        (datetime(2026, 11, 23, 5, 0, tzinfo=UTC), "王阿姨", "小李值班；今天下午2点上班"),
        (datetime(2026, 11, 23, 13, 0, tzinfo=UTC), "王阿姨", "张主任值班；明早8:30上班"),
        (datetime(2026, 11, 28, 2, 0, tzinfo=UTC), "王阿姨", "现在无人值班，后天早上8:30上班"),
    ],
)
async def test_one_honest_line_says_who_is_there(
    browser: httpx.AsyncClient, made: Made, at: datetime, name: str, line: str
) -> None:
    made.time.now = at
    page = await enter(browser, made, name)
    shown = re.search(r'<p class="duty">(.*?)</p>', page.text)
    assert shown is not None
    assert line in shown[1]
    assert ('href="tel:119"' in shown[1]) is ("无人" in line)


async def test_a_cookie_reads_streams_but_posts_nothing(
    browser: httpx.AsyncClient, made: Made
) -> None:
    page = await enter(browser, made)
    made.office.hub.close()  # so that the stream ends
    params = page.url.params
    assert (await browser.get("/api/chat/web/stream", params=params)).status_code == 200
    body = {"id": "1", "text": "x"}
    answer = await browser.post("/api/chat/web/messages", params=params, json=body)
    assert answer.status_code == 401


async def test_an_error_is_a_page_with_a_way_back(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/chat/web/me/x")
    assert page.status_code == 404
    assert "这个链接不能用" in page.text
    assert 'href="/chat/web"' in page.text


async def test_empty_words_bring_the_page_back(browser: httpx.AsyncClient, made: Made) -> None:
    page = await post(browser, await enter(browser, made), text="  ")
    assert page.status_code == 200
    assert rows(page) == []


async def test_earlier_messages_are_a_link_away(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    chat = made.read(lambda s: s.query(Chat).filter(Chat.resident_id.isnot(None)).one().id)
    for n in range(70):
        made.say(chat, f"第{n}条")
    page = await browser.get(str(page.url))
    assert len(rows(page)) == 60
    assert rows(page)[-1] == ("bot", "第69条")
    more = re.search(r'href="([^"]+more=1[^"]*)"', page.text)
    assert more is not None
    assert len(rows(await browser.get(more[1].replace("&amp;", "&")))) == 70


async def test_a_case_shows_its_ladder_once(browser: httpx.AsyncClient, made: Made) -> None:
    page = await enter(browser, made)
    chat = made.read(lambda s: s.query(Chat).filter(Chat.resident_id.isnot(None)).one())
    li = resident(made, "小李")

    def file(session: Any) -> str:
        appeal = Appeal(
            community_id=chat.community_id,
            number=12,
            resident_id=chat.resident_id,
            chat_id=chat.id,
            text="灯坏了",
            category="power",
            level="default",
            where="3栋",
            stage=Stage.ACCEPTED,
            handler_id=li,
            filed_at=made.time(),
            respond_by=made.time(),
            resolve_by=made.time(),
        )
        session.add(appeal)
        session.flush()
        return f"appeal:{appeal.id}"

    about = made.write(file)
    made.say(chat.id, "编号 12", about=about)
    made.say(chat.id, "小李受理了", about=about)
    page = await browser.get(str(page.url))
    assert page.text.count('class="ladder"') == 1
    assert '<li class="done">小李受理</li>' in page.text


@pytest.mark.parametrize(
    ("stage", "now"),
    [
        ("open", ["等人受理"]),
        ("accepted", ["办理"]),
        ("acted", ["您确认"]),
        ("confirmed", []),
        ("withdrawn", []),
    ],
)
def test_the_ladder_says_how_far_a_case_is(stage: str, now: list[str]) -> None:
    steps = ladder(Appeal(stage=Stage(stage)), None, page_words("zh-CN"))
    assert [words for words, place in steps if place == "now"] == now
    assert len(steps) == (0 if stage == "withdrawn" else 4)


def test_numbers_to_call() -> None:
    text = str(callable_numbers("打119或13800000000，<b>，编号 1190，8:110"))
    assert text.count("tel:") == 2
    assert "<b>" not in text


@pytest.mark.parametrize("raw", ["", "x", "1", "1.", "-1.2", "1.2.3", "9" * 40 + ".1"])
def test_a_broken_cursor_is_the_beginning(raw: str) -> None:
    assert read_cursor(raw) == (0, 0)

"""The resident's page in a real Chromium: live, without JavaScript, large, narrow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bot.web import personal_link
from storage.models import Chat, Inbound, Question, Resident
from tests.bot.office import SECRET, Made
from tests.bot.serving import Served

PHONE = {"width": 390, "height": 844}


@contextmanager
def page_of(
    chromium: Any, server: Served, name: str = "王阿姨", *, errors: bool = True, **context: Any
) -> Iterator[Any]:
    """Somebody's page on a phone; no script error and no refused file goes unseen."""
    ident = server.made.read(
        lambda s: s.query(Resident).filter_by(name=name, in_file=True).one().id
    )
    opened = chromium.new_context(**{"viewport": PHONE, "locale": "zh-CN", **context})
    page = opened.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.goto(server.url + personal_link(SECRET, "web", ident))
    try:
        yield page
        if errors:
            assert not faults
    finally:
        opened.close()


def write(page: Any, text: str) -> None:
    page.locator("#text").fill(text)
    page.get_by_role("button", name="发送").click()


def chat_of(made: Made) -> int:
    return made.read(lambda s: s.query(Chat).filter(Chat.group.is_(False)).one().id)


@pytest.mark.parametrize("script", [True, False])
def test_writing_brings_an_answer(chromium: Any, server: Served, script: bool) -> None:
    with page_of(chromium, server, java_script_enabled=script) as page:
        write(page, "楼道灯坏了")
        page.locator(".row.mine", has_text="楼道灯坏了").wait_for()
        page.locator(".row.bot", has_text="您说：楼道灯坏了").wait_for()
        assert page.locator(".row").count() == 2
        assert page.locator("#text").input_value() == ""
        assert page.locator(".refresh").is_visible() is not script


@pytest.mark.parametrize("script", [True, False])
def test_a_choice_is_a_button(chromium: Any, server: Served, made: Made, script: bool) -> None:
    with page_of(chromium, server, java_script_enabled=script) as page:
        write(page, "选一个")
        button = page.get_by_role("button", name="1 对，就是这里")
        button.wait_for()
        assert button.bounding_box()["height"] >= 48
        button.click()
        page.locator(".row.bot", has_text="您选了 q1=1").wait_for()
        page.locator(".row.mine", has_text="1 对，就是这里").wait_for()
    assert made.read(lambda s: s.query(Inbound).filter_by(choice="q1=1").count()) == 1


def test_an_answered_question_loses_its_buttons(chromium: Any, server: Served, made: Made) -> None:
    with page_of(chromium, server) as page:
        write(page, "选一个")
        page.get_by_role("button", name="2 不对").wait_for()

        def close(session: Any) -> None:
            session.query(Question).one().closed_at = made.time()

        made.write(close)
        made.office.hub.notify([chat_of(made)])
        page.locator("p.choice", has_text="2. 不对，我再说一次").wait_for()
        assert page.locator(".choices button").count() == 0


def test_a_word_from_somebody_else_appears_by_itself(
    chromium: Any, server: Served, made: Made
) -> None:
    with page_of(chromium, server) as page:
        page.wait_for_function("document.documentElement.classList.contains('js')")
        made.say(chat_of(made), "我下午来换灯", sender="小李（社区工作者）")
        page.locator(".row.person", has_text="我下午来换灯").wait_for()
        assert page.locator("#log").get_attribute("aria-live") == "polite"


def test_danger_is_announced_at_once(chromium: Any, server: Served) -> None:
    with page_of(chromium, server) as page:
        write(page, "厨房火了")
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert alert.get_by_role("link").first.get_attribute("href") == "tel:119"


def test_two_people_side_by_side(chromium: Any, server: Served) -> None:
    with page_of(chromium, server, "王阿姨") as wang:
        link = server.made.read(lambda s: s.query(Resident).filter_by(name="李大爷").one().id)
        li = wang.context.new_page()
        li.goto(server.url + personal_link(SECRET, "web", link))
        for page in (wang, li):
            page.get_by_role("link", name="3栋群").click()
        write(wang, "今晚停水吗")
        li.locator(".row.person", has_text="今晚停水吗").wait_for()
        write(li, "不停")
        wang.locator(".row.person", has_text="不停").wait_for()
        assert wang.locator(".row.mine").count() == 1


def test_what_could_not_be_sent_stays_in_the_field(
    chromium: Any, server: Served, made: Made
) -> None:
    with page_of(chromium, server, errors=False) as page:
        page.route("**/send", lambda route: route.abort())
        write(page, "很要紧的话")
        page.get_by_role("status").filter(has_text="没有发出去").wait_for()
        assert page.locator("#text").input_value() == "很要紧的话"
        page.unroute("**/send")
        page.get_by_role("button", name="发送").click()
        page.locator(".row.mine", has_text="很要紧的话").wait_for()
    assert made.read(lambda s: s.query(Inbound).count()) == 1


def test_enter_sends_but_not_while_composing(chromium: Any, server: Served) -> None:
    with page_of(chromium, server, viewport={"width": 1280, "height": 800}) as page:
        field = page.locator("#text")
        field.fill("灯坏了")
        field.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
        field.press("Shift+Enter")
        assert page.locator(".row").count() == 0
        field.fill("灯坏了")
        field.press("Enter")
        page.locator(".row.mine", has_text="灯坏了").wait_for()


@pytest.mark.parametrize("width", [160, 320, 390, 1280])
@pytest.mark.parametrize("name", ["王阿姨", "李大爷"])
def test_nothing_scrolls_sideways(
    chromium: Any, server: Served, made: Made, width: int, name: str
) -> None:
    """160 CSS pixels are 320 at 200 %."""
    with page_of(chromium, server, name, viewport={"width": width, "height": 640}) as page:
        for text in ("选一个", "厨房火了", "w" * 60):
            count = page.locator(".row").count()
            write(page, text)
            page.locator(".row").nth(count + 1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("name", "size", "touch"), [("王阿姨", 18, 48), ("李大爷", 22, 60)])
def test_letters_and_targets_are_large(
    chromium: Any, server: Served, name: str, size: int, touch: int
) -> None:
    with page_of(chromium, server, name) as page:
        write(page, "选一个")
        page.locator(".choices button").first.wait_for()
        letters = page.locator(".bubble .text").first.evaluate(
            "one => parseFloat(getComputedStyle(one).fontSize)"
        )
        assert letters >= size
        for target in page.locator("button:visible, textarea:visible, .tabs a").all():
            assert target.bounding_box()["height"] >= touch


def test_a_stranger_begins_with_one_button(chromium: Any, server: Served) -> None:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{server.url}/chat/web")
    page.get_by_label("怎么称呼您").fill("周奶奶")
    page.get_by_role("button", name="开始说话").click()
    write(page, "在吗")
    page.locator(".row.bot", has_text="您说：在吗").wait_for()
    context.close()

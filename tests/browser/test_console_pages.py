"""The console in a real Chromium: on a phone, in both schemes, by keyboard, on paper."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import compress, crc32

import pytest

from storage.models import Keeping, Outbound, Sending
from tests.bot.console_client import file_case, later, login_path, move_in, tell
from tests.bot.console_media import arrive, change, send
from tests.bot.office import Made, close_office, make_office
from tests.bot.serving import Served, served

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
PAGES = (
    "",
    "appeals",
    "appeals?stage=all&mine=1",
    "appeals/1",
    "rollcalls",
    "rollcalls/1",
    "rollcalls/1/doors",
    "notices",
    "notices/1",
    "notices/new",
    "channels",
    "roster",
    "troubles",
    "roster/8",
    "roster/8/same/9",
    "untold",
)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A community in the middle of its day, with something on every page."""
    made = make_office(tmp_path, real=True)
    move_in(made)
    file_case(made, "王阿姨", "3栋2单元的灯不亮了" + "，晚上看不见台阶" * 20)
    arrive(made, send(made, text="就是这盏"), "image/png", png(1600, 900))
    arrive(made, send(made, "voice"), "audio/wav", wav())
    arrive(made, send(made, "voice"), "audio/amr", b"#!AMR\n")
    change(made, send(made, "video"), state=Keeping.REFUSED, why="large")
    tell(made, "周姐", "https://example.org/" + "x" * 200 + " 老年食堂几点开饭？")
    tell(made, "小李", "发通知 周三停水" + "通知" * 80)
    for _ in range(3):
        tell(made, "小李", "1")
    tell(made, "小李", "点名 东苑 暴雨")
    later(made, minutes=1)
    tell(made, "王阿姨", "平安")
    tell(made, "李大爷", "2")
    later(made, hours=3)
    made.write(lambda session: session.query(Outbound).update({"status": Sending.FAILED}) and None)
    yield made
    close_office(made)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\0" + b"\x80" * width) * height
    body = chunk(b"IHDR", head) + chunk(b"IDAT", compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def wav() -> bytes:
    """Two seconds of silence."""
    held = io.BytesIO()
    with wave.open(held, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * 16000)
    return held.getvalue()


@pytest.fixture
def server(made: Made) -> Iterator[Served]:
    with served(made) as running:
        yield running


def enter(page: Any, server: Served, name: str = "张主任") -> None:
    page.goto(server.url + login_path(server.made, name))
    page.get_by_role("button", name="进去").click()
    page.get_by_role("heading", name=f"{name}，现在").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", [PHONE, DESK])
def test_every_page_fits_and_nothing_is_refused(
    chromium: Any, server: Served, scheme: str, view: dict[str, int]
) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=view, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("response", lambda r: faults.append(r.url) if r.status >= 400 else None)
    enter(page, server)
    for path in PAGES:
        page.goto(f"{server.url}/console/{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= view["width"], path
        outside = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => !e.closest('.aside, .skip')"
            " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML)"
        )
        assert not outside, path
    assert not faults
    context.close()


@pytest.mark.parametrize("view", [PHONE, DESK])
def test_what_residents_sent_is_seen_and_heard(
    chromium: Any, server: Served, view: dict[str, int]
) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=view)
    page = context.new_page()
    enter(page, server)
    page.goto(f"{server.url}/console/appeals/1")
    photo, sound = page.locator("img"), page.locator("audio")
    before = page.evaluate("document.documentElement.scrollHeight")
    photo.scroll_into_view_if_needed()
    page.wait_for_function(
        "document.images[0].complete && document.images[0].naturalWidth === 1600"
    )
    assert page.evaluate("document.documentElement.scrollHeight") == before, "nothing shifts"
    assert 200 < photo.bounding_box()["width"] <= view["width"]
    assert sound.bounding_box()["width"] > 200
    length = sound.evaluate(
        "e => new Promise(done => { e.onloadedmetadata = () => done(e.duration);"
        " e.onerror = () => done(e.error.message); e.preload = 'auto'; e.load(); })"
    )
    assert length == 2
    with page.expect_download() as saved:
        page.get_by_role("link", name="下载语音").click()
    assert saved.value.suggested_filename.endswith(".amr")
    assert page.get_by_text("视频太大，没有留下").is_visible()
    context.close()


def test_text_may_be_twice_as_large(chromium: Any, server: Served) -> None:
    context = chromium.new_context(
        locale="zh-CN", viewport={"width": 640, "height": 800}, device_scale_factor=2
    )
    page = context.new_page()
    enter(page, server)
    page.set_viewport_size({"width": 320, "height": 480})
    for path in PAGES:
        page.goto(f"{server.url}/console/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()


def test_what_can_be_pressed_is_large_enough(chromium: Any, server: Served) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=PHONE)
    page = context.new_page()
    enter(page, server)
    for path in PAGES:
        page.goto(f"{server.url}/console/{path}")
        small = page.evaluate(
            "[...document.querySelectorAll('button, .five a, .stages a, .needs a, .lines a,"
            " select, textarea, summary')].filter(e => e.getClientRects().length"
            " && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
        )
        assert not small, path
    context.close()


def test_the_keyboard_reaches_and_does_everything(chromium: Any, server: Served) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=DESK)
    page = context.new_page()
    enter(page, server, "小李")
    page.goto(f"{server.url}/console/appeals")
    page.keyboard.press("Tab")
    assert "跳到正文" in page.evaluate("document.activeElement.textContent")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim().slice(0, 2)"))
    assert {"诉求", "点名", "通知", "渠道", "名册", "退出", "全部", "1号"} <= reached
    page.goto(f"{server.url}/console/appeals/1")
    page.locator("#reply").focus()
    page.keyboard.type("明天来修")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("1号已转给王阿姨").wait_for()
    context.close()


def test_the_door_list_on_paper(chromium: Any, server: Served) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=DESK, color_scheme="dark")
    page = context.new_page()
    enter(page, server)
    page.goto(f"{server.url}/console/rollcalls/1/doors")
    page.emulate_media(media="print")
    assert not page.locator(".side").is_visible()
    assert not page.locator(".no-print").is_visible()
    assert page.locator("table.doors").is_visible()
    assert page.locator("td.box").first.bounding_box()["width"] > 50
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()


def test_a_bar_is_a_link(chromium: Any, server: Served) -> None:
    context = chromium.new_context(locale="zh-CN", viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    enter(page, server)
    page.locator("figure.chart svg a").first.click()
    page.wait_for_url("**/console/appeals?*")
    assert page.locator(".lines li").count() == 1
    context.close()

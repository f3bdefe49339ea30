"""The look, as far as numbers can say it: sizes, contrast, no inline code, both languages."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from bot.web import make_app
from bot.web.words import book
from tests.bot.office import ROOT, close_office, make_office

STATIC = ROOT / "bot" / "web" / "static"


def test_both_languages_say_the_same_things() -> None:
    words = book()
    assert words["zh-CN"].keys() == words["en"].keys()
    for key, text in words["zh-CN"].items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", words["en"][key]))


def test_the_sheet_and_the_script_are_small() -> None:
    assert (STATIC / "huiyin.css").stat().st_size < 15_000
    assert (STATIC / "chat.js").stat().st_size < 6_000
    for path in (ROOT / "bot" / "web" / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"style=|<style|onclick|<script(?! src=\"/static/)", text), path


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("ink", "paper"),
        ("ink", "ground"),
        ("quiet", "paper"),
        ("quiet", "ground"),
        ("accent", "paper"),
        ("accent", "ground"),
        ("on-accent", "accent"),
        ("ink", "mine"),
        ("person", "ground"),
        ("person", "person-soft"),
        ("ink", "person-soft"),
        ("paper", "person"),
        ("danger", "danger-soft"),
        ("danger", "paper"),
        ("on-danger", "danger"),
        ("ink", "danger-soft"),
        ("warn", "paper"),
        ("warn", "warn-soft"),
        ("accent", "accent-soft"),
        ("accent", "person-soft"),
        ("quiet", "person-soft"),
    ],
)
def test_colours_can_be_read(scheme: int, front: str, back: str) -> None:
    css = (STATIC / "huiyin.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css.split("@media")[0]))
    dark = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css.split("@media")[1]))
    colours = (light, dark)[scheme]
    high, low = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


async def test_the_static_files_are_served(tmp_path: Path) -> None:
    made = make_office(tmp_path)
    transport = httpx.ASGITransport(make_app(made.office))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as browser:
        await _all_served(browser)
    close_office(made)


async def _all_served(browser: httpx.AsyncClient) -> None:
    for path in ("huiyin.css", "chat.js", "sign.svg"):
        assert (await browser.get(f"/static/{path}")).status_code == 200
    assert (await browser.get("/static/../page.py")).status_code == 404
    home = await browser.get("/")
    assert 'href="/chat/web"' in home.text

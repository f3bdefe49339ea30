"""The console's look and words, as far as numbers can say it."""

from __future__ import annotations

import re

import pytest

from bot.web.words import book
from tests.bot.office import ROOT

STATIC = ROOT / "bot" / "web" / "static"
CONSOLE = ROOT / "bot" / "web" / "console"
TEMPLATES = ROOT / "bot" / "web" / "templates" / "console"
GROUPS = (
    "attached",
    "console",
    "overview",
    "cases",
    "steps",
    "figures",
    "rolls",
    "notices",
    "lines",
    "roster",
    "troubles",
)


def test_both_sheets_together_are_small() -> None:
    assert sum(path.stat().st_size for path in STATIC.glob("*.css")) < 15_000


def test_templates_carry_neither_code_nor_style() -> None:
    found = list(TEMPLATES.glob("*.html"))
    assert len(found) > 10
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"style=|<style|<script|\son\w+=|\|safe", text), path
        assert not re.search(r"[\u4e00-\u9fff]", text.replace("（", "").replace("）", "")), path


def test_every_form_carries_its_token() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.S):
            assert re.search(r"parts\.hidden|kept\(\)|form_token", form), (path, form)


def test_every_phrase_is_known_and_used() -> None:
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in [*CONSOLE.glob("*.py"), *TEMPLATES.glob("*.html")]
    )
    known = {key for key in book()["zh-CN"] if key.partition(".")[0] in GROUPS}
    said = set(re.findall(rf'"((?:{"|".join(GROUPS)})\.(?!html")[a-z0-9_]+)"', text))
    begun = set(re.findall(rf'"((?:{"|".join(GROUPS)})\.[a-z_]*)(?:\{{|" ~)', text))
    assert {key for key in said if key not in known and key not in begun} == set()
    unused = {key for key in known - said if not any(key.startswith(one) for one in begun)}
    assert unused == set()


@pytest.mark.parametrize("word", ["系统", "工单", "提交成功", "！", "!"])
def test_words_nobody_says(word: str) -> None:
    for key, text in book()["zh-CN"].items():
        assert word not in text, key


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("front", "back"),
    [("danger", "ground"), ("warn", "ground"), ("person", "paper"), ("ink", "danger-soft")],
)
def test_colours_can_be_read(scheme: int, front: str, back: str) -> None:
    css = (STATIC / "huiyin.css").read_text(encoding="utf-8").split("@media")[scheme]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))
    high, low = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5

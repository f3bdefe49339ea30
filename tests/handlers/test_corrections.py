"""What is read as a correction of a case's kind, and what must go on to the resident as it is."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from handlers.corrections import Correction, read_correction
from handlers.words import Words
from nlp import Intent

ZH = Words("zh-CN", ZoneInfo("Asia/Shanghai"), {"category": {"parking": "车棚车位"}})
EN = Words("en", ZoneInfo("Asia/Shanghai"), {})
HELP, APPEAL, QUESTION = Intent.HELP_ASK, Intent.APPEAL, Intent.QUESTION
DANGER, CHAT = Intent.EMERGENCY, Intent.CHAT


@pytest.mark.parametrize(
    ("text", "number", "intent", "besides", "category"),
    [
        ("这是求助不是诉求", None, HELP, APPEAL, None),
        ("这是求助，不是诉求。", None, HELP, APPEAL, None),
        ("12 这是求助", 12, HELP, None, None),
        ("12号，这是求助", 12, HELP, None, None),
        ("#12 是求助", 12, HELP, None, None),
        ("１２ 是求助", 12, HELP, None, None),
        ("12 不是诉求，是求助", 12, HELP, APPEAL, None),
        ("不是诉求而是求助", None, HELP, APPEAL, None),
        ("12 应该是请邻居帮忙", 12, HELP, None, None),
        ("12 是咨询", 12, QUESTION, None, None),
        ("这其实是咨询", None, QUESTION, None, None),
        ("这就是闲聊", None, CHAT, None, None),
        ("这不是险情", None, None, DANGER, None),
        ("这不是险情，是报修", None, APPEAL, DANGER, None),
        ("12 不是诉求", 12, None, APPEAL, None),
        ("12 改成 停车", 12, APPEAL, None, "parking"),
        ("12 改成车棚车位", 12, APPEAL, None, "parking"),
        ("12 类别 停车", 12, APPEAL, None, "parking"),
        ("类别：停车", None, APPEAL, None, "parking"),
        ("12 类别改成 卫生", 12, APPEAL, None, "sanitation"),
        ("12 分类是燃气暖气", 12, APPEAL, None, "gas_heat"),
        ("12 改成求助", 12, HELP, None, None),
    ],
)
@pytest.mark.parametrize("words", [ZH, EN], ids=["zh", "en"])
def test_a_correction_is_read(
    words: Words,
    text: str,
    number: int | None,
    intent: Intent | None,
    besides: Intent | None,
    category: str | None,
) -> None:
    if words is EN and "车棚" in text:
        pytest.skip("that community words it in Chinese only")
    assert read_correction(text, words) == Correction(number, intent, besides, category)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "这是物业的事",
        "这是求助热线，您打这个",
        "这是求助还是诉求？",
        "这不是诉求能解决的",
        "改成明天下午",
        "12 改成 明天",
        "12 改成",
        "12 类别 没有这一类",
        "12 这是险情",
        "不是求助，是险情",
        "改成险情",
        "12 是求助，不是求助",
        "12 回复 好的",
        "是",
        "求助",
        "1234567890123 是求助",
    ],
)
def test_other_words_are_none(text: str) -> None:
    assert read_correction(text, ZH) is None

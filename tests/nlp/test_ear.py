"""What must hold for any message whatever."""

# ruff: noqa: E501, SIM905 (tables)

import json
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp import Ear, Guess, Intent
from nlp.intents import Where
from nlp.lexicon import load, parse

KEYS = [
    "text",
    "intent",
    "score",
    "category",
    "urgency",
    "place",
    "phone",
    "when",
    "people",
    "lang",
    "why",
    "parts",
]
EAR = Ear()

anything = st.text(st.characters(exclude_categories=()), max_size=300)
spoken = st.lists(
    st.sampled_from(
        "着火 救命 电梯 坏了 没水 3号楼 501 。 ， ？ 还有 明晚八点 我们三个人 13800138000 # - 平安 谁能帮我 \ud800 \0 １".split(
            " "
        )
    ),
    max_size=30,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(anything | spoken, st.booleans())
def test_hears_anything_and_keeps_it(text: str, told: bool) -> None:
    guess = EAR.hear(
        text, now=datetime(2025, 1, 31, 23, 59, tzinfo=UTC) if told else None, names=["", "广场"]
    )
    assert guess.text == text
    assert 0 <= guess.score <= 1
    assert guess.readings[0] == (guess.intent, guess.score)
    assert guess.score >= 0.6 or len(guess.readings) > 1
    assert (guess.category is not None) or guess.intent is not Intent.APPEAL
    assert (guess.danger is None) == (guess.intent is not Intent.EMERGENCY)
    assert guess.why
    assert len(guess.parts) != 1
    assert Guess.from_json(guess.to_json()) == guess
    assert list(guess.as_dict()) == KEYS


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "着",
        "1",
        " ",
        "第一二三",
        "3-",
        "电梯",
        "怎么",
        "明天",
        "\ud83d",
        "#",
        "【",
        "!",
        "十",
        "没水",
        "没有着火",
    ],
)
def test_a_megabyte_costs_no_more_than_a_page(ear: Ear, piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begun = process_time()
    assert ear.hear(text).text == text
    assert process_time() - begun < 5


def test_empty_and_stickers_are_chat(ear: Ear) -> None:
    for text in ("", "   ", "。。。", "😂", "👍👍👍", "[强]"):
        guess = ear.hear(text)
        assert guess.intent is Intent.CHAT
        assert guess.score >= 0.9


def test_why_quotes_what_decided(ear: Ear) -> None:
    assert "灯坏" in ear.hear("楼道灯坏了").why
    assert "谁能帮" in ear.hear("谁能帮我买菜").why


def test_a_place_without_anything_is_false() -> None:
    assert not Where()
    assert Where(spot="东门口")


def test_a_broken_entry_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[fire]\nsays = ["(着|起火"]\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.toml:2 \[fire\] says '\(着\|起火'"):
        load(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        "[fire]\nsays = [3]",
        "[fire]\nsays = ['']",
        "[fire]\nsays = ['…火']",
        "[fire]\nsays = ['(|a)']",
        "[fire]\nsays = ['a)']",
        "[fire]\nsay = ['着火']",
        "[fire]\nsays = '着火'",
        "fire = 1",
        "[fire",
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, body: str) -> None:
    (tmp_path / "bad.toml").write_text(body, encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.toml"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("written", "text", "found"),
    [
        ("着火", "着火了", True),
        ("(水|电)没了", "电没了", True),
        ("怎么喊…没反应", "怎么喊他都没反应", True),
        ("怎么喊…没反应", "怎么喊。没反应", False),
        ("#天没水", "三天没水", True),
        ("坏了$", "坏了啊！", True),
        ("坏了$", "坏了两个", False),
        ("fire", "fire!", True),
        ("fire", "fired", False),
    ],
)
def test_how_entries_are_written(written: str, text: str, found: bool) -> None:
    assert bool(parse("x", "y", "says", written).pattern.match(text)) is found


def test_a_pasted_list_is_heard_row_by_row(ear: Ear) -> None:
    text = "3栋着火了，大家报平安\n#接龙\n1. 张三 501 平安\n2. 李四 502 漏水"
    guess = ear.hear(text)
    assert (guess.intent, guess.text) == (Intent.EMERGENCY, text)  # as its title says
    assert [row.intent for row in guess.rows] == [Intent.CHECK_IN, Intent.APPEAL]
    assert Guess.from_json(guess.to_json()) == guess
    assert ear.hear("家里没水\n三天了").rows == ()


def test_a_guess_kept_before_there_were_rows_is_still_read(ear: Ear) -> None:
    kept = json.loads(ear.hear("家里没水").to_json())
    del kept["rows"]
    assert Guess.from_json(json.dumps(kept)).rows == ()

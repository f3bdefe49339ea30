"""Digits, yes, no, and acknowledgements."""

# ruff: noqa: E501, SIM905 (tables)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp import choice, is_ack, yes_no
from nlp.numerals import to_int

ONE = "1 １ 一 壹 1。 １． 第一个 第1个 按1 选1 回1 回复1 ① 1️⃣ 我选1 1、 (1) 1！ 按１ 要1".split()


@pytest.mark.parametrize("text", [*ONE, " 1 ", "\t1\n", "\u30001", "选 1"])
def test_one_in_all_its_forms(text: str) -> None:
    assert choice(text) == 1


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("十二", 12), ("0", 0), ("二", 2), ("两", 2), ("第三个", 3)]
)
def test_other_numbers(text: str, number: int) -> None:
    assert choice(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1号",
        "1号楼",
        "1栋",
        "123",
        "1个人",
        "一楼",
        "1点",
        "灯坏了",
        "1 2",
        "一下",
        "3-2-501",
        "1元",
    ],
)
def test_more_than_a_number_chooses_nothing(text: str) -> None:
    assert choice(text) is None


@given(st.integers(0, 99), st.sampled_from(["", " ", "。", "!", "　", "、"]), st.booleans())
def test_any_two_digits_choose_themselves(number: int, tail: str, wide: bool) -> None:
    written = str(number)
    if wide:
        written = written.translate({0x30 + digit: 0xFF10 + digit for digit in range(10)})
    assert choice(f" {written}{tail}") == number


@given(st.text())
def test_choice_never_raises(text: str) -> None:
    found = choice(text)
    assert found is None or 0 <= found <= 999


@pytest.mark.parametrize(
    ("numeral", "number"),
    [
        ("三", 3),
        ("十", 10),
        ("十五", 15),
        ("二十", 20),
        ("一百零三", 103),
        ("五零一", 501),
        ("一百五", 150),
        ("一八零四", 1804),
        ("一千二百零一", 1201),
        ("１２", 12),
        ("百", 100),
        ("", None),
        ("楼", None),
    ],
)
def test_to_int(numeral: str, number: int | None) -> None:
    assert to_int(numeral) == number


@pytest.mark.parametrize(
    "text",
    "对 是 是的 好 嗯 可以 行 没错 OK ok。 yes YES! 好的 嗯嗯 对对对 ＯＫ 👌 👍🏻 好滴 要得".split(),
)
def test_yes(text: str) -> None:
    assert yes_no(text) is True


@pytest.mark.parametrize(
    "text", "不 不是 不对 没有 算了 no NO. 不是的 不用了 不要 没 不行 还没 ❌".split()
)
def test_no(text: str) -> None:
    assert yes_no(text) is False


@pytest.mark.parametrize(
    "text", ["", "灯坏了", "好吗？", "是吗?", "不知道", "1", "好的，但是灯还是不亮", "不过"]
)
def test_neither(text: str) -> None:
    assert yes_no(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "收到",
        "收到！",
        "好的",
        "好的，谢谢",
        "知道了",
        "谢谢",
        "嗯嗯",
        "👌",
        "👍👍",
        "[强]",
        "thank you",
        "Got it",
        "辛苦了",
    ],
)
def test_acknowledgement(text: str) -> None:
    assert is_ack(text)


@pytest.mark.parametrize("text", ["", "收到了吗？", "谢谢，但是灯还是坏的", "灯坏了", "不是", "1"])
def test_no_acknowledgement(text: str) -> None:
    assert not is_ack(text)


@given(st.text())
def test_short_answers_never_raise(text: str) -> None:
    assert yes_no(text) in (True, False, None)
    assert is_ack(text) in (True, False)

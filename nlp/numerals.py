"""Numbers as people write them: 1 １ 一 壹 ① 第一个 按1 十二 一百零三 五零一."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = {"〇": 0, "○": 0, "两": 2, "俩": 2, "仨": 3}
_DIGITS |= {char: value for value, char in enumerate("零一二三四五六七八九")}
_DIGITS |= {char: value for value, char in enumerate("壹贰叁肆伍陆柒捌玖", 1)}
_DIGITS |= {"幺": 1, "貳": 2, "參": 3, "陸": 6, "兩": 2, "廿": 20}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}

NUMERAL = r"(?:\d{1,6}+|[零〇一二三四五六七八九十百千两壹贰叁肆伍陆柒捌玖拾幺廿]{1,6}+)"
"""A run of digits, western or Chinese, for patterns; bounded, so that long runs cost little."""

_CHOICE = re.compile(
    r"(?:我?(?:选择?|按|回复?|要|点|发送?)\s*)?(?:第|no\.?\s*)?"
    r"([0-9]{1,2}|[零〇一二三四五六七八九十两壹贰叁肆伍陆柒捌玖拾]{1,3})"
    r"\s*(?:个|项|条|种)?(?:吧|啊|呀|哈|呢|的)?"
)
_EDGES = (
    " \t\r\n\f\v\u3000\u200b\u200c\u200d\ufeff\ufe0e\ufe0f\u20e3"
    "。.．,，、!！~～…;；:：)）(（]】[【\"“”'‘’》《」「"
)


def to_int(numeral: str) -> int | None:
    """`三` → 3, `一百零三` → 103, `五零一` → 501, `１２` → 12; None if it is no number."""
    if not numeral or len(numeral) > 12:
        return None
    if numeral.isdecimal():
        return int(numeral)
    if all(char in _DIGITS for char in numeral):
        if len(numeral) == 1:
            return _DIGITS[numeral]
        if any(_DIGITS[char] > 9 for char in numeral):
            return None if len(numeral) > 2 or numeral[0] != "廿" else 20 + _DIGITS[numeral[1]]
        return int("".join(str(_DIGITS[char]) for char in numeral))
    total, held, unit = 0, None, 0
    for char in numeral:
        if char in _TENS:
            unit = _TENS[char]
            total += (1 if held is None else held) * unit
            held = None
        elif char in _DIGITS and held in (None, 0):
            held = _DIGITS[char]
            if held == 0:
                unit = 10
        else:
            return None
    if held is None:
        return total
    # 一百五 is 150, 一百零五 is 105, 十五 is 15
    return total + held * (unit // 10 if unit > 10 else 1)


def choice(text: str) -> int | None:
    """The number an answer chooses, or None if it says anything else. `1号` chooses nothing."""
    if len(text) > 40:
        return None
    folded = unicodedata.normalize("NFKC", text.strip(_EDGES)).strip(_EDGES).lower()
    found = _CHOICE.fullmatch(folded)
    return to_int(found[1]) if found else None

"""One form for what is written in many: width, case, blanks, traditional characters, repeats."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

LIMIT = 4000
"""How many characters of a message are looked at; no resident's message is longer."""

_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
_WIDTH |= str.maketrans("﹟﹣－–—−·", "#------")
_DROPPED = re.compile(
    "[\u200b-\u200f\u2060\ufeff\ufe0f\x00-\x08\u0300-\u036f]+"
    "|(?<=[\u4e00-\u9fff])[ \t]+(?=[\u4e00-\u9fff])"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ZHE = re.compile("著(?![名作书称者])(?<![显土编名原专论巨合遗][著])")
_REPEATED = re.compile(r"([^\d\s.\-])\1{2,}")


def fold(text: str) -> str:
    """The first `LIMIT` characters of a text: half width, lower, simplified, unspaced.

    3 or more of one sign in a row become 2. Lone surrogates become U+FFFD; OpenCC takes none.
    """
    head = text[:LIMIT].translate(_WIDTH)
    head = "".join(c if len(c.lower()) > 1 else c.lower() for c in head)
    head = _SURROGATE.sub("\ufffd", _DROPPED.sub("", head))
    return _REPEATED.sub(r"\1\1", _ZHE.sub("着", _simplifier().convert(head)))


@cache
def _simplifier() -> Any:
    """OpenCC's traditional → simplified, phrases before characters (著 it keeps: see `_ZHE`)."""
    import opencc

    return opencc.OpenCC("t2s")

"""A text without personal details: phones, rooms, numbers, names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(r"https?://\S+|www\.\S+")
_DIGITS = re.compile(r"[0-9０-９]+")
_CALLED = re.compile(
    r"(?:我叫|我是|姓名[:：]?|联系人[:：]?|名字[:：]?|患者[:：]?)([\u4e00-\u9fff]{2,3})(?=[，,。.;；、\s住电1]|$)"
)
_NUMERALS = re.compile(
    r"[零〇一二三四五六七八九十百两幺]+(?=号楼|栋|幢|单元|门洞|号房|室|弄)|"
    r"(?<=单元)[零〇一二三四五六七八九十百两幺]{3,}|(?<=栋)[零〇一二三四五六七八九十百两幺]{3,}"
)


def mask(text: str, names: Iterable[str] = ()) -> str:
    """Names become 某人, every run of digits as many zeros, numerals of buildings and rooms 几.

    `names` are those the caller knows; a name said with 我叫, 联系人 and the like is found too.
    """
    text = _LINK.sub("某网址", _MAIL.sub("某邮箱", text))
    for name in sorted(set(names), key=len, reverse=True):
        if len(name) > 1:
            text = text.replace(name, "某人")
    text = _CALLED.sub(lambda found: found[0].replace(found[1], "某人"), text)
    return _NUMERALS.sub("几", _DIGITS.sub(lambda found: "0" * len(found[0]), text))

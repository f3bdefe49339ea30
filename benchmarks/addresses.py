"""Places in addresses that couriers were given, alone and in the middle of a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from nlp import Ear
from nlp.folding import fold
from nlp.numerals import to_int

NAMES = {"houseno": "building", "cellno": "unit", "roomno": "room"}
_VALUE = re.compile(
    r"(?:[a-z]-?)?\d+(?:[a-z]\d*)?|[零〇一二三四五六七八九十百两幺]+|[a-z]|[东西南北中](?=[单座])"
)
_BUILDING = re.compile("[栋幢座#]|号楼")
_UNIT = re.compile("单元|[门洞]")
_ROOM = re.compile("室|号房")
CARRIERS = (
    "你好，昨晚8点20给12345打过电话了，我住{}，家里漏水3天，修一次要350元，请回13800138000",
    "3号下午停电的通知我看到了，{}的电表跳闸，5路车站旁边那家电工要价120块，能派人来吗",
    "师傅，{}门锁坏了，502胶水粘的，孩子6岁一个人在里面，明天9:30之前能修好吗",
    "这个月物业费涨到260了，我家在{}，面积89平米，10月15号交的，收据号没给我",
    "快递放错了，应该送到{}，不是驿站，里面是2箱牛奶和1双43码的鞋，谢谢",
)


def truth(row: dict[str, Any]) -> tuple[dict[str, str], bool]:
    """What an address holds, and whether it is clear.

    The first span of each kind counts: its digits with the letter beside them, its Chinese numeral,
    its lone letter, or its 东 as in 东单元. A span without any of these counts as none.

    Clear is judged by the spans alone. The building's holds 栋, 幢, 座, # or 号楼; the unit's holds
    单元, 门 or 洞; the room's holds 室 or 号房, or is nothing but 3 or 4 digits and stands after a
    clear building or unit.
    """
    place: dict[str, str] = {}
    clear = True
    for begin, end, kind in row["spans"]:
        name, span = NAMES.get(kind), fold(row["text"][begin:end])
        value = _VALUE.search(span)
        if name is None or name in place or value is None:
            continue
        number = to_int(value[0])
        if name == "room":
            after = clear and bool(place)
            clear &= bool(_ROOM.search(span)) or (after and bool(re.fullmatch(r"\d{3,4}", span)))
        else:
            clear &= bool((_BUILDING if name == "building" else _UNIT).search(span))
        place[name] = value[0].upper().replace("-", "") if number is None else str(number)
    return place, clear


def score(ear: Ear, part: str, rows: Sequence[dict[str, Any]], misses: bool) -> None:
    """Prints the share of addresses whose building, unit and room are all three found exactly.

    (a) of all that have any of the three; (b) of the clear ones, in which whatever there is stands
    with its own mark (`truth` says which, from the spans and not from what we find); (c) of the
    clear ones set into a message with times, prices and telephone numbers around them.
    """
    held = [(row["text"], *truth(row)) for row in rows]
    every = [(text, place) for text, place, _ in held if place]
    clear = [(text, place) for text, place, marked in held if place and marked]
    carried = [
        (carrier.format(text), place)
        for (text, place), carrier in zip(clear, cycle(CARRIERS), strict=False)
    ]
    for name, chosen in (
        ("all addresses", every),
        ("clear addresses", clear),
        ("clear, in a message", carried),
    ):
        wrong = []
        for text, place in chosen:
            found = ear.hear(text).place.as_dict()
            found.pop("spot", None)
            if found != place:
                wrong.append((text, place, found))
        right = 1 - len(wrong) / len(chosen)
        print(f"  {name + ', ' + part:<32}{right:.3f} of {len(chosen)}")
        if misses:
            for text, place, found in wrong:
                print(f"      {place} {found} {text!r}")

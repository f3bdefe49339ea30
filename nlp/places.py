"""Places in running text: 3号楼2单元501, 三栋二单元五零一, 3#2-501, 12号楼1804, 东门口."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlp.intents import Where
from nlp.numerals import to_int

_CN = "[零〇一二三四五六七八九十百两壹贰叁肆伍陆柒捌玖拾幺]"
_N = rf"(?:\d{{1,3}}|{_CN}{{1,4}})"
_ROOM = rf"(?:\d{{3,5}}|{_CN}{{3,5}}|\d{{1,5}}(?=[室房户])|{_CN}{{1,5}}(?=[室房户]))"
_BLOCK = r"(?:号楼|#楼|栋楼|幢楼|座楼|号栋|#栋|栋|幢|棟|#|座|号门楼)"
_UNIT = r"(?:单元|门洞|号门|门(?![口卫诊禁外前]))"
_SEP = r"[\s,，、的\-/]{0,2}"
_FLOOR = rf"(?:{_N}(?:楼|层|f)(?!道|梯|下|上|顶))"
_FULL = re.compile(
    rf"(?<![\d.:/])第?(?P<b>{_N}|[a-h]\d?|[甲乙丙丁东西南北中])\s?{_BLOCK}"
    rf"(?:{_SEP}(?P<u>{_N}|[a-h甲乙丙丁])\s?{_UNIT}|{_SEP}(?P<u2>\d{{1,2}})-(?=\d{{3,4}}(?!\d)))?"
    rf"(?:{_SEP}{_FLOOR})?"
    rf"(?:{_SEP}(?P<r>{_ROOM})(?!\d|[元块点年月天分钟个斤米]))?"
)
_LOU = re.compile(
    rf"(?<![\d.:/第])(?P<b>\d{{1,3}}|{_CN}{{1,3}})楼{_SEP}(?P<u>{_N})单元"
    rf"(?:{_SEP}(?P<r>{_ROOM})(?!\d|[元块点年月天分钟个斤米]))?"
)
_UNIT_ONLY = re.compile(
    rf"(?<![\d第])(?P<u>{_N})单元(?:{_SEP}(?P<r>{_ROOM})(?!\d|[元块点年月天]))?"
)
_DASHED = re.compile(
    r"(?<![\d\-.:/a-z])(?P<b>\d{1,3})-(?:(?P<u>[1-9]\d?)-)?(?P<r>\d{3,4})(?![\d\-.:/%a-z]|[元块年月日号])"
)
_TRIPLE = re.compile(
    r"(?<![\d\-.:/a-z])(?P<b>\d{1,3})-(?P<u>\d{1,2})-(?P<r>\d{1,4})(?![\d\-.:/%a-z]|[元块年月日])"
)
_LANE = re.compile(r"\d弄(?P<b>\d{1,3})号(?:楼)?(?:[\s,]{0,2}(?P<r>\d{3,4})(?:室)?)?")
_ROOM_ONLY = re.compile(
    rf"(?<![\d.\-])(?P<r>\d{{3,4}}|{_CN}{{3,4}})(?:室|房间|号房|户(?!主|口|外|籍|型))"
)
_ENGLISH = re.compile(
    r"\b(?:building|bldg\.?|block|tower)\s*(?:no\.?\s*)?(?P<b>\d{1,3}|[a-h])\b"
    r"(?:[\s,]*(?:unit|entrance)\s*(?P<u>\d{1,2})\b)?(?:[\s,]*(?:room|rm\.?|apt\.?|apartment|flat)\s*(?P<r>\d{1,5})\b)?"
)
_ENGLISH_ROOM = re.compile(r"\b(?:room|rm\.?|apt\.?|apartment|flat)\s*(?P<r>\d{2,5})\b")
_GATE = "(?:(?:东|西|南|北|正|后|侧|大|小)(?:南|北)?(?:大)?门(?:口|岗|外|里|旁)?)"
_SPOT = re.compile(
    rf"(?:小区|社区)?{_GATE}(?![派见风诊])|小区(?:大)?门口|单元门口|"
    r"地(?:下)?(?:车库|停车场)(?:[负b]?[一二三四1-4]层?|b\d区?|[a-h]\d{0,3}区?)?|"
    r"(?:中心|健身|小|大|文化|休闲|儿童)?(?:花园|广场(?!舞)|游乐场|活动室|活动中心|凉亭|喷泉|水池|人工湖|篮球场|快递柜|驿站|垃圾站|垃圾房|岗亭|门卫室|配电房|泵房|幼儿园门口|菜市场门口)"
)


def find_place(text: str, names: Sequence[str] = ()) -> Where:
    """The place a folded text names; the community's own place names come before general ones."""
    spot = _spot(text, names)
    for pattern in (
        _FULL,
        _LOU,
        _DASHED,
        _TRIPLE,
        _LANE,
        _ENGLISH,
        _UNIT_ONLY,
        _ROOM_ONLY,
        _ENGLISH_ROOM,
    ):
        for found in pattern.finditer(text):
            groups = found.groupdict()
            building = _number(groups.get("b"))
            unit = _number(groups.get("u") or groups.get("u2"))
            room = _number(groups.get("r"))
            if building or unit or room:
                return Where(building, unit, room, spot)
    return Where(spot=spot)


def _number(written: str | None) -> str | None:
    if not written:
        return None
    if re.fullmatch(r"[a-z甲乙丙丁东西南北中]\d?", written):
        return written.upper()
    number = to_int(written)
    return str(number) if number else None


def _spot(text: str, names: Sequence[str]) -> str | None:
    known = [name for name in names if name and name.lower() in text]
    if known:
        return max(known, key=len)
    found = _SPOT.search(text)
    return found[0].upper() if found else None

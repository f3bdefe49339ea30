"""Places in running text: 3号楼2单元501, 三栋二单元五零一, 3#2-501, 12号楼1804, 东门口.

A message is full of numbers that are no place: times, prices, scores, bus lines. So a number counts
by the mark beside it (栋, 单元, 室), by what it follows (家在, 楼上, a floor), or by its form: 501
looks like a room without any mark, 500 and 650 do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from nlp.intents import Where
from nlp.numerals import to_int

_CN = "[零〇一二三四五六七八九十百千壹贰叁肆伍陆柒捌玖拾幺廿]"
_SAID = "[零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]"
_N = rf"(?:\d{{1,3}}|{_CN}{{1,4}})"
_FEW = rf"(?:\d{{1,2}}|{_CN}{{1,3}})"
_SIDE = "[东西南北中]"
_DASH = "(?:--?|杠)"
_GAP = r"[\s,，、.。;；:：/()（）\[\]\-的]{0,3}"
_FRESH = rf"(?<![\da-z])(?<!\d[.:/\-])(?<!{_CN})(?<![两几])"
"""No number goes on here from before: there is no 12 in 2012, 3.12 or 3-12."""

_UNMEASURED = (
    r"(?![\d.:%]|\s?(?:[元块角毛年月天日点时分秒个斤两米人名只次度吨升瓦伏兆级岁页平条件份万"
    r"多余来届票盒瓶包箱辆袋本周克层路k￥]|小时|公[里斤分]|号[楼线上下早晚中停前后之以到开]"
    r"|楼(?![上下])|[赢输胜负]|cm|mm|ml|rmb))"
)
_NO_SERVICE = (
    r"(?!(?:1(?:10|12|14|19|20|22)(?=[来到警救火的,，。]|$)|123\d\d|100[018]\d)(?![\d室]))"
)
_MARKED = (
    rf"([a-z]?\d{{1,5}}(?:[a-z]\d{{0,4}})?|[a-z](?=室)|{_CN}{{2,5}})[\s”']?"
    r"(?:(?:办公)?室(?![内外温友])|窒|号?房(?!间?[租价贷产东源款子])|号(?:店|商?铺))"
    rf"|(\d{{1,2}}0[1-9]|{_SAID}{{1,2}}[零〇]{_SAID})户(?![主口外籍型])"
)
_LIKELY = (
    r"(?:(?:\d{1,2}(?:0[1-9]|1\d|2[0-4])(?!\d)"
    rf"|(?:{_SAID}{{1,2}}[零〇]|{_SAID}[一幺]){_SAID}(?!{_CN})){_UNMEASURED}"
    rf"|{_CN}{{0,2}}十{_SAID}?[零〇]{_SAID}(?!{_CN}))"
)
"""The form of a room: a floor, then a door from 01 to 24."""

_BARE = (
    rf"(?:\d{{1,2}}[a-z]\d\d|[a-z]?\d{{3,5}}(?:[a-z](?![a-z]))?|{_SAID}{{3,4}}(?!{_CN}))"
    rf"{_UNMEASURED}"
)

_BUILDING = re.compile(
    rf"{_FRESH}(?<![这那哪每共另整有])第?"
    rf"([a-z]-?\d{{1,3}}|[甲乙丙丁]\d{{1,3}}|\d{{1,4}}[a-z]?|{_CN}{{1,4}}|[a-z甲乙丙丁]|{_SIDE})"
    r"(?:(?<=\d)-\d{1,2}(?=#|号楼|栋|幢))?\s?"
    r"(?:号[楼搂喽栋幢]|号门楼|#[楼栋]|[栋幢座]楼(?![都全])|[栋幢棟撞]|#(?![键汽柴电a-z])"
    r"|(?<=[a-z])座(?![位椅])|座(?![位椅谈机垫套商车的桥山大小城房塔亭雕假庙公]))(?!房|别墅|高层|楼[都全])"
    rf"|{_FRESH}([a-h甲乙丙丁东西南北])楼(?![道梯下上层市])"
    r"|(?:楼栋|[楼栋]号)号?\s?[:：]?\s?(\d{1,3})(?!\d)"
    r"|\d弄(\d{1,3})号楼?"
    rf"|{_FRESH}(\d{{1,3}})-(?=\d{{1,2}}单元)|{_FRESH}({_N})楼(?={_GAP}{_N}单元)"
    rf"|{_FRESH}(?<![路街道巷第月])(\d{{1,3}})号(?=\d{{3,4}}室|{_LIKELY})"
    r"|\b(\d{1,3})(?:st|nd|rd|th)?\sbuilding\b"
    r"|\b(?:building|bldg\.?|block|tower)\s*(?:no\.?\s*)?(\d{1,3}|[a-h])\b"
)
_UNIT = re.compile(
    rf"{_FRESH}(?<![文学语书课])(?<![文学语书课]第)第?(?:({_N}|[a-h甲乙丙丁]|{_SIDE})\s?单[元兀]"
    r"(?!测|考|试|课|作|单词|听写|复习|练习|预习|卷)"
    rf"|({_FEW}(?=号)|{_FEW}|{_SIDE})号?门(?={_GAP}{_LIKELY}))"
    r"|\b(?:unit|entrance)\s*(\d{1,2})\b"
)
_DOORWAY = re.compile("[单门]|unit|entrance")
_UNIT_AFTER = re.compile(
    rf"{_GAP}第?(?:({_N}|[a-h甲乙丙丁]|{_SIDE})\s?(?:单[元兀]|单(?=\d))"
    rf"|({_FEW})(?:号?门洞?|号?洞|梯)(?![卫诊禁外前岗户])"
    rf"|({_SIDE})门(?={_GAP}{_BARE})"
    r"|单元号?\s?[:：]?\s?(\d{1,2})(?!\d))"
    rf"|\s?-?(\d{{1,2}}){_DASH}(?=\d{{1,5}}(?!\d){_UNMEASURED})"
    r"|(\d{1,2})号(?=\d{3,4}|\d?\d楼|[\s,，。]|$)"
    r"|[\s,]*\b(?:unit|entrance)\s*(\d{1,2})\b"
)
_FLOOR_AFTER = re.compile(
    rf"{_GAP}第?{_N}(?:楼|层|f)(?![道梯上下顶])(?:[a-z][区座])?|[a-z]座|-?\d{{1,2}}-(?=\d{{3,4}})"
)
_ROOM_AFTER = re.compile(
    rf"[\s\-/(（的]{{0,2}}{_NO_SERVICE}(?:{_MARKED}|({_BARE}))"
    rf"|{_GAP}(?:我家|我住|住户|那家|门牌号?|房间?号|房)?[:：\s(（]{{0,2}}{_NO_SERVICE}"
    rf"(?:{_MARKED}|({_LIKELY}))"
    r"|-(\d{1,2})(?=[号室]|$)"
    r"|(\d{3,4})号(?![楼线院])"
    r"|[\s,]*(?:\b(?:room|rm\.?|apt\.?|apartment|flat)\s*|#)?(\d{3,5}\b)"
)
_ROOM = re.compile(
    rf"{_FRESH}(?:{_MARKED})"
    rf"|(?:门牌号?|房间?号|室号)[:：是\s]{{0,2}}(\d{{3,4}}(?!\d)|{_LIKELY})"
    rf"|(?:住在?|家在?|家是|(?:楼[上下]|隔壁|对门)的?|我是?|我们楼?)\s?{_NO_SERVICE}({_LIKELY})"
    rf"|^\W{{0,3}}{_NO_SERVICE}({_LIKELY})(?=[\s,，。:：和的水家业漏报]|$)"
    rf"|{_FRESH}{_NO_SERVICE}({_LIKELY})(?=的?(?:业主|住户|租户|租客|邻居|那户|那家|两?家(?![具电长庭])|门口))"
    r"|\b(?:room|rm\.?|apt\.?|apartment|flat)\s*(\d{2,5})\b|\bunit\s(\d{3,4})\b"
)
_FLOOR_ROOM = re.compile(
    rf"{_FRESH}({_N})(?:楼|层)(?:[a-z]区)?(?:{_GAP}(?:那家|我家)?{_GAP}({_LIKELY})|(\d{{3,5}}){_UNMEASURED})"
)
_ESTATE = "[村苑园寓庭庄湾府坊墅邸郡]"
_DASHED = re.compile(
    rf"(?<![\d\-.:/a-z]){_NO_SERVICE}(?:(?:[a-h]?(?:0?[1-9]\d?|[1-9]\d\d)|[a-h]){_DASH}(?:\d{{1,2}}{_DASH}\d{{3,5}}|\d{{2,3}}[1-9]|\d{{1,2}}10|\d{{4,5}}室)"
    rf"|\d{{1,2}}/\d{{1,2}}/(?!20[12])\d{{3,4}}"
    rf"|(?<=[区城厦岸港都家号])\d{{1,3}}-\d{{3,5}}"
    rf"|(?<={_ESTATE})\d{{1,3}}-(?:\d{{1,4}}-)?\d{{1,4}}"
    rf"|{_CN}{{1,3}}杠(?:{_CN}{{1,3}}杠)?{_SAID}{{3,4}})"
    rf"(?![\d\-.:/%a-z]){_UNMEASURED}(?![月日])"
)
_PLOT = re.compile(
    rf"(?<={_ESTATE})(\d{{1,3}})号(?![楼线上下早晚中停前后之以到开院])(\d{{3,4}}{_UNMEASURED})?"
)
_STREET = re.compile(
    r"[路街道巷弄]\d{1,5}(?:号院?|-)(?:(\d{1,3})(?:号(?!楼)|-(?=\d)|(?<=-\d)(?![\d-])))?(\d{3,4})?"
)
_TOWER = re.compile(
    rf"(?:[厦寓]|中心|[商新]城|广场|大楼|写字楼|酒店|{_ESTATE})(?:[a-z]区)?([a-z]?\d{{3,4}})(?:室|(?![-号栋幢楼弄街a-z]){_UNMEASURED})"
)
_GATE = "(?:(?:东|西|南|北|正|后|侧|大|小)(?:南|北)?(?:大)?门(?:口|岗|外|里|旁)?)"
_SPOT = re.compile(
    rf"(?:小区|社区)?{_GATE}(?![派见风诊])|小区(?:大)?门口|单元门口|"
    r"地(?:下)?(?:车库|停车场)(?:[负b]?[一二三四1-4]层?|b\d区?|[a-h]\d{0,3}区?)?|"
    r"(?:中心|健身|小|大|文化|休闲|儿童)?(?:花园|广场(?!舞)|游乐场|活动室|活动中心|凉亭|喷泉|水池|人工湖|篮球场|快递柜|驿站|垃圾站|垃圾房|岗亭|门卫室|配电房|泵房|幼儿园门口|菜市场门口)"
)
_ALONE = re.compile(rf"(?<![a-z])[\s,，。;；]{_NO_SERVICE}({_LIKELY})(?=[\s,，。;；]|$)")
_CODE = re.compile("[码号]")
_SPACED = re.compile(r"(?<!\d)(?<!\d )\d(?: \d){2,3}(?! ?\d)")
_Parts = tuple[str | None, str | None, str | None]


def find_place(text: str, names: Sequence[str] = ()) -> Where:
    """The place a folded text names; the community's own place names come before general ones.

    Of several buildings the one told most fully, then the first. What stands apart from it is
    added: 我是五栋的，姓崔，… 506室.
    """
    spot = _spot(text, names)
    text = _SPACED.sub(lambda found: found[0].replace(" ", ""), text)
    chains = [_read_on(text, found) for found in _BUILDING.finditer(text)]
    building, unit, room = max(chains, key=_fullness) if chains else _unmarked(text)
    if unit is None and _DOORWAY.search(text) and (found := _UNIT.search(text)):
        _, unit, its_room = _read_on(text, found, unit=True)
        room = room or its_room
    room = room or _room(text)
    if room is None and (building or unit) and (found := _ALONE.search(text)):
        room = _told(found)
    return Where(building, unit, room, spot)


def _fullness(parts: _Parts) -> int:
    return sum(part is not None for part in parts)


def _read_on(text: str, found: re.Match[str], unit: bool = False) -> _Parts:
    """What follows a building's mark, or a unit's: unit, floor, room, as far as they are there."""
    told, at = [_told(found)], found.end()
    if unit:
        told.insert(0, None)
    elif after := _UNIT_AFTER.match(text, at):
        told.append(_told(after))
        at = after.end()
    else:
        told.append(None)
    if floor := _FLOOR_AFTER.match(text, at):
        at = floor.end()
    after = _ROOM_AFTER.match(text, at)
    return told[0], told[1], _told(after) if after else None


def _unmarked(text: str) -> _Parts:
    """5-1202, 3-2-501; 人民路18号3-501."""
    found = _DASHED.search(text)
    if found and not _CODE.search(text, max(0, found.start() - 5), found.start()):
        told = [_number(part) for part in re.split("-+|杠|/", found[0])]
        return told[0], told[1] if len(told) > 2 else None, told[-1]
    if found := _PLOT.search(text) or _STREET.search(text):
        return _number(found[1]), None, _number(found[2])
    return None, None, None


def _room(text: str) -> str | None:
    """A room told apart from its building, or without any: 1102室, 住1102, 五楼503, …大厦1804."""
    if found := _ROOM.search(text) or _TOWER.search(text):
        return _told(found)
    for found in _FLOOR_ROOM.finditer(text):
        floor, apart, beside = (_number(part) for part in found.groups())
        if beside or (apart and apart[:-2] == floor):
            return beside or apart
    return None


def _told(found: re.Match[str]) -> str | None:
    """The one group of a pattern that matched."""
    return _number(found[found.lastindex]) if found.lastindex else None


def _number(written: str | None) -> str | None:
    """`零` and 000 are no number of anything."""
    if not written:
        return None
    number = to_int(written)
    if number is None and "零" in written:  # 十二零三, floor and door
        floor, door = (to_int(part) for part in written.rsplit("零", 1))
        number = floor * 100 + door if floor and door else None
    return written.upper().replace("-", "") if number is None else str(number) if number else None


def _spot(text: str, names: Sequence[str]) -> str | None:
    known = [name for name in names if name and name.lower() in text]
    if known:
        return max(known, key=len)
    found = _SPOT.search(text)
    return found[0].upper() if found else None

"""接龙: a numbered list that goes round a group; everybody adds a line, and breaks it a little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nlp.intents import Where
from nlp.numerals import to_int
from nlp.pasted.people import SEPARATORS, Head, find_room, head, looks_like_a_year
from nlp.pasted.record import is_noise, is_stamp
from nlp.pasted.rows import Pasted, Row
from nlp.wellbeing import how_they_are

_LETTER = "\u3400-\u9fffA-Za-z\U0001f000-\U0001faff\u2600-\u27bf"
_COUNTED = (
    "[栋幢座楼单#室层弄年月日点时分元块个人岁斤克户口间公两瓶袋箱盒天次度级号位名只条种样件台辆"
    "把根勺片滴遍]"
)
_NUMBER = re.compile(
    rf"[^\w\s(【\[#<〔]{{0,3}}\s{{0,4}}(?:"
    r"[(【\[<〔]\s?第?(?P<a>\d{1,3})\s?[)】\]>〕][.、,，:]?"
    r"|第\s?(?P<b>\d{1,3}|[一二三四五六七八九十]{1,3})\s?(?:个|位|名|户|家"
    r"|号(?![楼栋院门库线]))[.、,，:)]?"
    r"|(?P<c>\d{1,3})\s?(?:[.、)】\],，:;；。]{1,3}(?!\d{1,2}(?!\d))"
    r"|号(?![楼院门库线房栋])[.、,，:]?|位[.、,，:]?)"
    rf"|(?P<d>\d{{1,3}})(?:-?\s{{0,4}}(?=[{_LETTER}])|\s{{1,4}}(?=[\d(【]))"
    r"|(?P<e>[一二三四五六七八九十]{1,3})[、.,，)]"
    r")\s*"
)
_FURTHER = re.compile(
    r"(?<![\dA-Za-z.\-/:])(?:第\s?)?(?:[(【\[]\s?)?(?P<n>\d{1,3})"
    r"(?:\s?(?:个|位|号(?![楼院门库线房栋])))?"
    rf"(?P<mark>[.、)】\],，:]{{1,2}}(?!\d{{1,2}}(?!\d))\s?|\s{{1,4}}|(?=[{_LETTER}]))"
)
_HEADER = re.compile(
    r"\s*[【\[(*]{0,2}\s*#\s*接龙|\s*[^\n。，,?？!！]{0,24}接龙[】\])*]{0,2}[\s:。!！#]*$"
)
_GAME = re.compile("(?:成语|诗词|诗句|古诗|歌词|歌名|故事|词语|词汇|单词|飞花|数字)接龙")
_LISTING = re.compile("接龙|登记|报名|统计|点名|签到|汇总|名单|报平安|情况|排查|摸排|征集")
_EXAMPLE = re.compile(
    r"\W{0,3}(?:例(?!外|会|行|假)如?|示例|样例|范例|格式|模板|比如|填写?格式)[\s:.,，、]*(?P<more>.*)"
)
_FOOTER = re.compile(
    r"\W{0,3}(?:以上|合计|共计?\s?\d|总计|统计|截[止至]|谢谢|感谢|辛苦|接龙(?:结束|到|截)"
    r"|继续接|未接龙|麻烦大家|温馨提示|注[:意]"
    r"|备注:|转发|复制|请(?:大家|各位|还?没有?[报填接]|未|继续|尽快|接着|邻居|业主|住户|家人"
    r"|按|在|及时|勿)"
    r"|大家(?:请|快|接着|继续)|@|(?:还|尚)?[没未]有?(?:报|接龙|登记|填)|[-=—_*~]{3,})"
)
_APART = 5  # how much higher than the last a number within a line may be
_REMARK = 60  # characters; a longer line after a blank one is nobody's remark


@dataclass(slots=True)
class _Entry:
    """A row while it is being read: where its words stand in the text."""

    number: int | None
    head: Head
    end: int
    line: int


def read_relay(text: str) -> Pasted | None:
    """Rows of a 接龙, or None. `text` is normalised."""
    lines = list(_lines(text))
    called = any(_HEADER.match(line) for _, line in lines) and not _GAME.search(text)
    reading = _Reading(text, called)
    reading.numbered = any(_number(line, None) is not None for _, line in lines)
    if not (called or reading.numbered or len(lines) > 2):
        return None
    for n, (at, line) in enumerate(lines):
        reading.take(n, at, line)
    rows = [_row(text, entry, reading.where) for entry in reading.entries]
    title = " ".join(filter(None, reading.title))[:200]
    if not _is_relay(rows, reading, called, title):
        return None
    kept, replaced = _last_wording(rows)
    return Pasted("relay", title, tuple(kept), tuple(replaced), tuple(reading.rest))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in text.split("\n"):
        yield at, line
        at += len(line) + 1


class _Reading:
    """Goes down the lines and collects entries."""

    def __init__(self, text: str, called: bool) -> None:
        self.text = text
        self.called = called
        self.numbered = False
        self.entries: list[_Entry] = []
        self.title: list[str] = []
        self.rest: list[str] = []
        self.where = Where()
        self._blank = False
        self._open = False  # the last line belongs to the last entry
        self._example = False

    def take(self, n: int, at: int, line: str) -> None:
        if not line.strip():
            self._blank = True
            return
        blank, self._blank = self._blank, False
        if is_noise(line) or (self.called and is_stamp(line)):
            self._open = False
            return
        example, self._example = self._example, False
        if found := _EXAMPLE.match(line):
            self._example, self._open = not found["more"].strip(), False
            return
        if example and not self.entries and _number(line, None) is not None:
            return
        if self._begins(n, at, line) or self._header_line(n, at, line):
            return
        if not self.entries:
            self.title.append(_bare_title(line))
        elif _FOOTER.match(line):
            self._open = False
        elif self._open and not (blank and len(line) > _REMARK):
            self.entries[-1].end = at + len(line)
        else:
            self.rest.append(line.strip())

    def _begins(self, n: int, at: int, line: str) -> bool:
        """A line with a number of its own, or with somebody at its beginning."""
        last = self.entries[-1].number if self.entries else None
        found = _number(line, last)
        if found is not None:
            self._add(n, at, line, *found)
            return True
        if self.numbered and not self.entries:
            return False
        begun = head(line)
        if begun.room.room is None and not (self.called and self.entries and begun.named):
            return False
        if begun.room.room is None and not line[begun.end :].strip():
            return False  # a name alone under a row signs it
        listed = self.called or self.numbered or _LISTING.search("".join(self.title))
        if not (listed or begun.named or how_they_are(line) is not None):
            return False
        if not self.entries and _HEADER.match(line):
            return False
        self._add(n, at, line, None, 0)
        return True

    def _header_line(self, n: int, at: int, line: str) -> bool:
        """#接龙 3栋平安 1.张三501平安 2.李四502平安, all in one line."""
        if self.entries or not self.called or "接龙" not in line:
            return False
        for found in _FURTHER.finditer(line, line.index("接龙")):
            if found["n"] == "1" and head(line, found.end()).somebody:
                self.title.append(_bare_title(line[: found.start()]))
                self._add(n, at, line, 1, found.end())
                return True
        return False

    def _add(self, n: int, at: int, line: str, number: int | None, begin: int) -> None:
        """The entry that begins here, and those that follow it in the same line."""
        self._open = True
        first = self._entry(number, at + begin, n)
        for found in _FURTHER.finditer(line, first.head.end - at):
            last = self.entries[-1]
            after = int(found["n"])
            if last.number is None or not last.number <= after <= last.number + _APART:
                continue
            if at + found.start() < last.head.end:
                continue
            further = head(self.text, at + found.end())
            if further.end > at + len(line) or not _fits(last, after, found, further):
                continue
            last.end = at + found.start()
            self._entry(after, at + found.end(), n)
        self.entries[-1].end = at + len(line)

    def _entry(self, number: int | None, begin: int, line: int) -> _Entry:
        self.entries.append(_Entry(number, head(self.text, begin), begin, line))
        return self.entries[-1]


def _fits(last: _Entry, number: int, found: re.Match[str], further: Head) -> bool:
    """Whether a number within a line begins a row: who stands before it, who behind."""
    if not last.head.somebody:
        return False
    both = bool(further.name) and further.room.room is not None
    if both or number == last.number:
        return both
    marked = bool(found["mark"].strip())
    return (marked and further.somebody) or (further.named and not last.head.room)


def _number(line: str, last: int | None) -> tuple[int, int] | None:
    """The number a line begins with, and where the rest begins; None where it counts things."""
    found = _NUMBER.match(line, len(line) - len(line.lstrip()))
    if found is None or found.end() >= len(line):
        return None
    number = to_int(next(group for group in found.groups() if group))
    if not number:
        return None
    if number > 99 and (last is None or not last < number <= last + 10):
        return None  # 101 张三: a room
    if found["d"]:
        if re.match(_COUNTED, line[found.end() :]) and not found[0].rstrip().endswith("-"):
            return None
        if not head(line, found.end()).somebody:
            return None
    return number, found.end()


def _row(text: str, entry: _Entry, where: Where) -> Row:
    """An entry as a row: what is left between its head and its end are the words."""
    room, end = entry.head.room, entry.end
    begin = min(entry.head.end, end)
    if room.room is None:
        found, end = find_room(text, begin, end)
        room = room if not found else replace(found, building=found.building or room.building)
    return Row(entry.number, entry.head.name, room, _words(text[begin:end]), None, entry.line)


_BEFORE = re.compile(rf"[{SEPARATORS}]*")
_BEHIND = " ,，、;；:-—+/|·_*~(\n"
_DONE = re.compile("[\u2705\u2713\u221a\U0001f44c\U0001f44d]")


def _words(piece: str) -> str:
    """The words without what sets them apart; signs alone (✅) are words."""
    begun = _BEFORE.match(piece)
    bare = piece[begun.end() if begun else 0 :].rstrip(_BEHIND)
    if bare.endswith(")") and "(" not in bare:
        bare = bare[:-1].rstrip(_BEHIND)
    done = None if bare else _DONE.search(piece)
    return done[0] if done else bare


_TITLE_MARK = re.compile(r"[\s【\[(*]{0,4}#?\s*(?:接龙)?[】\])*\s:]*")


def _bare_title(line: str) -> str:
    begun = _TITLE_MARK.match(line)
    return line[begun.end() if begun else 0 :].rstrip(" 】])*")


def _is_relay(rows: list[Row], reading: _Reading, called: bool, title: str) -> bool:
    """Whether these rows are different people's; without a header only plain ones are believed."""
    count = len(rows)
    if not count:
        return False
    people = sum(entry.head.somebody or bool(row.room.room) for entry, row in _pairs(reading, rows))
    if called:
        return 2 * people >= count or (count > 1 and "#" in reading.text)
    rooms = [row.room for row in rows if row.room.room and not looks_like_a_year(row.room)]
    apart = len({(room.building, room.unit, room.room) for room in rooms})
    listed = _LISTING.search(title) is not None and not _GAME.search(title)
    if listed and count > 1 and 10 * people >= 6 * count and len(title) < 120:
        return True
    if len(title) > 60:
        return False
    telling = sum(len(r.what) <= _REMARK and how_they_are(r.what) is not None for r in rows)
    worded = sum(bool(re.search("[^\\W\\d_]", row.what)) for row in rows)
    if not reading.numbered:
        return count > 2 and apart > 2 and 10 * telling >= 6 * count
    if apart > 1 and 10 * len(rooms) >= 6 * count and 2 * worded >= count:
        return True
    return count > 2 and 10 * people >= 8 * count and 10 * telling >= 6 * count


def _pairs(reading: _Reading, rows: list[Row]) -> Iterator[tuple[_Entry, Row]]:
    return zip(reading.entries, rows, strict=True)


def _last_wording(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The same room by the same or no name again: the later wording counts, at its own place.

    Two names in one room are two people, and both are kept.
    """
    seen: dict[tuple[str, ...], dict[str, Row]] = {}
    gone: set[int] = set()
    for row in rows:
        if row.room.room is None and not row.name:
            continue
        where = (row.room.building, row.room.unit, row.room.room or row.name)
        key = tuple(part or "" for part in where)
        there = seen.setdefault(key, {})
        for name in (row.name, "") if row.name else tuple(there):
            if (earlier := there.pop(name, None)) is not None:
                gone.add(id(earlier))
        there[row.name] = row
    return [r for r in rows if id(r) not in gone], [r for r in rows if id(r) in gone]

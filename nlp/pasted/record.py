"""Chat records as people copy and forward them: who, sometimes when, and what they said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nlp.intents import Where
from nlp.pasted.people import head, is_name
from nlp.pasted.rows import Pasted, Row
from nlp.places import find_place

_DATE = (
    r"(?:\d{4}[-/年.]\d{1,2}[-/月.]\d{1,2}日?|\d{1,2}[-/月.]\d{1,2}日?|昨天|前天|今天"
    r"|星期[一二三四五六日天]|周[一二三四五六日])"
)
_PART = r"(?:(?:凌晨|清晨|早上|上午|中午|下午|傍晚|晚上|[AP]M)\s?)?"
_TIME = rf"{_PART}\d{{1,2}}:\d{{2}}(?::\d{{2}})?(?:\s?[AP]M)?"
_STAMP = rf"(?:{_DATE}[\s,，]{{0,3}})?{_TIME}"
_NAME = r"[^\s:\[\]「」。,，!！?？;；][^:\[\]「」。,，!！?？;；\n]{0,23}?"
_AFTER = re.compile(
    rf"\[?(?P<name>{_NAME})\]?[,，]?\s{{1,4}}[\[(]?(?P<at>{_STAMP})[\])]?\s?:?", re.I
)
_BEFORE = re.compile(
    rf"[\[(]?(?P<at>{_STAMP})[\])]?\s{{0,4}}(?P<name>{_NAME})(?:\(\d{{5,11}}\))?\s?:?", re.I
)
_FULL = re.compile(rf"[\[(]|\d{{4}}|{_DATE}|.*\d:\d\d:\d\d")
_BEFORE_WORDS = re.compile(
    rf"[\[(]?(?P<at>{_STAMP})[\])]?\s{{0,4}}(?P<name>{_NAME})\s?:\s?(?P<what>\S.*)", re.I
)
_AFTER_WORDS = re.compile(
    rf"(?P<name>{_NAME})\s{{1,4}}(?P<at>{_STAMP})\s?:?\s{{1,4}}(?P<what>\S.*)", re.I
)
_COLON = re.compile(rf"(?:\[(?P<in>[^\[\]\n]{{1,24}})\]|(?P<name>{_NAME}))\s?:\s?(?P<what>.*)")
_BRACKETS = re.compile(r"\[(?P<in>[^\[\]\n]{1,24})\]\s?(?P<what>\S.*)")
_DAY = re.compile(
    r"[\s—\-–_=─~]*(?P<day>\d{4}[-/年.]\d{1,2}[-/月.]\d{1,2}日?)(?:\s*(?:星期|周).)?[\s—\-–_=─~]*"
)
_FORWARDED = re.compile(
    r"\W{0,4}(?P<title>.{0,30}?)(?:的|\s)?(?:聊天记录|群消息|合并转发)[\])】:\s]*"
)
_THINGS = (
    "图片|照片|语音|视频|文件|动画表情|表情|位置|链接|名片|红包|转账|小程序|音乐|卡片|聊天记录"
    "|视频号|接龙"
)
_PLACEHOLDER = re.compile(
    rf"(?:[\[(<](?:{_THINGS})[^\])>\n]{{0,20}}[\])>]"
    r"\s*+(?:\d{1,3}[\"'秒]{1,2}|[^\s\[(<]{1,40}\.[A-Za-z0-9]{2,5})?+\s*+)++"
)
_SYSTEM = re.compile(
    r"撤回了一条消息|(?:加入|退出|离开)了?(?:本)?群聊?|邀请.{1,40}加入|移出了?群聊?|修改群名"
    r"|拍了拍"
    r"|开启了朋友验证|领取了.{0,20}红包|以下(?:为|是)新消息|与群里其他人都不是"
    r"|通过扫描.{0,30}二维码|置顶了一条|成为新群主"
)
_QUOTE = re.compile(r"「[^「」\n]{1,30}:")
_DASHES = re.compile(r"(?:[-—–_=─]\s?){4,}")
_WORTHLESS = re.compile(r"[\d\s+\-.,，()/%元]*")
_RULES = "-—–_=─~0123456789"
_TOLD = 70  # characters of a line in which the messenger says something
_TITLE = 40  # characters; a longer beginning is the sender's own message


def is_noise(line: str) -> bool:
    """What the messenger put there: placeholders, who came and went, rules across the page."""
    bare = line.strip()
    if bare[:1] in _RULES and (_DASHES.fullmatch(bare) or _DAY.fullmatch(bare)):
        return True
    if bare[:1] in "[(<" and _PLACEHOLDER.fullmatch(bare):
        return True
    return len(bare) <= _TOLD and _SYSTEM.search(bare) is not None


def is_stamp(line: str) -> bool:
    """张三 10:21, alone in its line."""
    bare = line.strip()
    return _AFTER.fullmatch(bare) is not None or _BEFORE.fullmatch(bare) is not None


@dataclass(slots=True)
class _Entry:
    """One message while it is being read."""

    name: str
    at: str | None
    begin: int
    end: int
    line: int
    stamped: bool  # its name and time stood alone in a line


def read_record(text: str, names: Sequence[str] = ()) -> Pasted | None:
    """Rows of a chat record, or None. `text` is normalised."""
    entries: list[_Entry] = []
    title: list[str] = []
    forwarded, quoting, at = False, False, 0
    open_entry: _Entry | None = None
    for n, line in enumerate(text.split("\n")):
        bare, begin = line.strip(), at + len(line) - len(line.lstrip())
        at += len(line) + 1
        if quoting or _QUOTE.match(bare):
            quoting = "」" not in bare  # the words somebody replies to, not new ones
            continue
        if not entries and (found := _FORWARDED.fullmatch(bare)):
            forwarded, title = True, [*title, found["title"]]
        elif bare[:1] in _RULES and _DAY.fullmatch(bare):
            forwarded, open_entry = True, None
        elif not bare or _DASHES.fullmatch(bare):
            continue
        elif is_noise(bare):
            open_entry = open_entry if _PLACEHOLDER.fullmatch(bare) else None
        elif entry := _opened(bare, begin, n):
            if _QUOTE.match(text, entry.begin):  # a reply: its own words come below
                quoting, entry.begin = "」" not in bare, entry.end
            open_entry = entry
            entries.append(entry)
        elif open_entry is not None:
            if open_entry.begin == open_entry.end:
                open_entry.begin = begin
            open_entry.end = begin + len(bare)
        elif not entries:
            title.append(bare)
    said = [e for e in entries if _worded(text[e.begin : e.end])]
    if not _is_record(text, entries, said, forwarded, "".join(title)):
        return None
    rows = tuple(_row(text, entry, names) for entry in said)
    return Pasted("record", " ".join(title)[:200].strip(), rows)


def _opened(line: str, begin: int, n: int) -> _Entry | None:
    """The message that a line opens: name and time, or name and words, or all three."""
    if ":" not in line and line[0] != "[":
        return None
    for pattern in (_AFTER, _BEFORE):
        if found := pattern.fullmatch(line):
            sure = pattern is _AFTER or _FULL.match(line) or is_name(found["name"])
            if not sure:
                return None
            end = begin + len(line)
            return _Entry(found["name"].strip(), found["at"], end, end, n, True)
    for pattern in (_BEFORE_WORDS, _AFTER_WORDS):
        if found := pattern.fullmatch(line):
            if pattern is _AFTER_WORDS and not is_name(found["name"]):
                continue
            words = begin + found.start("what")
            return _Entry(found["name"].strip(), found["at"], words, begin + len(line), n, False)
    if (found := _COLON.fullmatch(line) or _BRACKETS.fullmatch(line)) is None:
        return None
    name = found["in"] or found["name"]
    if re.search("https?$", name) or re.fullmatch(_THINGS, name):
        return None
    words = begin + found.start("what")
    return _Entry(name.strip(), None, words, begin + len(line), n, False)


def _worded(words: str) -> bool:
    return bool(words.strip()) and _PLACEHOLDER.fullmatch(words.strip()) is None


def _is_record(
    text: str, entries: list[_Entry], said: list[_Entry], forwarded: bool, title: str
) -> bool:
    """Whether several people speak here; a form (姓名: … 电话: …) and a letter are none."""
    if not said:
        return False
    if forwarded:
        return True
    if len(title) > _TITLE:
        return False
    times = Counter(entry.name for entry in said)
    names = {name for name in times if is_name(name)}
    called = sum(times[name] for name in names)
    again = len(times) > 1 and max(times.values()) > 1 and bool(names)
    stamped = [entry for entry in said if entry.at is not None]
    if 2 * len(stamped) >= len(said):
        if 2 * len(said) < len(entries):
            return False  # a timetable: hours and what happens then
        dated = sum(_FULL.match(entry.at or "") is not None for entry in stamped)
        return 2 * called >= len(said) or (len(said) > 1 and (again or 2 * dated >= len(said)))
    if len(said) < 2 or (len(times) < 2 and len(said) < 3):
        return False
    numbers = sum(_WORTHLESS.fullmatch(text[e.begin : e.end]) is not None for e in said)
    return 2 * numbers < len(said) and (
        10 * called >= 6 * len(said) or (again and 2 * called >= len(said))
    )


def _row(text: str, entry: _Entry, names: Sequence[str]) -> Row:
    """One message; the room is the one in the speaker's name, else the one they write of."""
    what = text[entry.begin : entry.end].strip()
    who = head(entry.name)
    room = who.room or _room(what, names)
    return Row(None, who.name or entry.name, room, what, entry.at, entry.line)


def _room(words: str, names: Sequence[str]) -> Where:
    begun = head(words).room
    return begun if begun.room else find_place(words[:60].lower(), names)

"""Every word the bot says comes from phrases/*.toml; times are put as people say them."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parent / "phrases"
LANGUAGES = {"zh-CN": "zh_CN", "en": "en"}
_WEEKDAYS = "一二三四五六日"
_CATEGORY = "category"


@lru_cache(maxsize=8)
def book(language: str) -> Mapping[str, str]:
    """All phrases of a language, "matter.name" → text."""
    path = FOLDER / f"{LANGUAGES.get(language, 'zh_CN')}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {f"{m}.{name}": text for m, table in tables.items() for name, text in table.items()}


class Words:
    """One language's phrases, with a community's own wording over ours."""

    def __init__(self, language: str, zone: ZoneInfo, overrides: Mapping[str, Any]) -> None:
        self.language = language if language in LANGUAGES else "zh-CN"
        self.zone = zone
        self._own = {
            f"{matter}.{name}": str(text)
            for matter, table in overrides.items()
            if isinstance(table, dict)
            for name, text in table.items()
        }

    def say(self, phrase: str, **values: object) -> str:
        """A phrase with its values filled in. Raises KeyError for a phrase that is nowhere."""
        own = self._own.get(phrase)
        if own:
            try:
                return own.format_map(values).strip() if values else own.strip()
            except (LookupError, ValueError, AttributeError):
                pass  # a community's slip in its own wording must not silence us
        text = book(self.language)[phrase]
        return text.format_map(values).strip() if values else text.strip()

    def address(self, parts: Sequence[str]) -> str:
        """Building, unit, room in a row, as the language puts them."""
        return ("" if self.language.startswith("zh") else " ").join(part for part in parts if part)

    def category(self, name: str | None) -> str:
        return self.say(f"{_CATEGORY}.{name or 'other'}")

    def platform(self, name: str) -> str:
        """网页, 微信公众号; a platform nobody has named goes by its id."""
        try:
            return self.say(f"channel.platform_{name}")
        except KeyError:
            return name

    def moment(self, at: datetime, now: datetime) -> str:
        """今天下午3点, 明早8:30, 周五上午10点, 12月3日下午2点."""
        at, now = at.astimezone(self.zone), now.astimezone(self.zone)
        days = (at.date() - now.date()).days
        clock = f"{at.hour}:{at.minute:02d}"
        if self.language == "en":
            if days in (0, 1, -1):
                day = {0: "today", 1: "tomorrow", -1: "yesterday"}[days]
            else:
                day = f"{at:%A}" if 0 < days < 7 else f"{at.day} {at:%B}"
            return f"{day} {clock}"
        if days == 1 and 5 <= at.hour < 9:
            return f"明早{_hour(at)}"
        part = next(
            name
            for end, name in (
                (5, "凌晨"),
                (9, "早上"),
                (12, "上午"),
                (14, "中午"),
                (18, "下午"),
                (24, "晚上"),
            )
            if at.hour < end
        )
        if days in (0, 1, 2, -1):
            day = {0: "今天", 1: "明天", 2: "后天", -1: "昨天"}[days]
        elif 0 < days < 7:
            day = f"周{_WEEKDAYS[at.weekday()]}"
        else:
            day = f"{at.month}月{at.day}日"
        return f"{day}{part}{_hour(at)}"

    def span(self, length: timedelta) -> str:
        """40 分钟, 3 小时, 2 天: the largest unit that says it, rounded down."""
        minutes = max(0, int(length.total_seconds() // 60))
        for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
            if minutes >= size and (size == 1 or minutes >= 2 * size or minutes == size):
                return self.say(f"time.{name}", n=minutes // size)
        return self.say("time.minute", n=minutes) if minutes else self.say("time.moment")


def fold(text: str) -> str:
    """Text as commands and labels are compared: width, case, blanks, closing marks aside."""
    text = unicodedata.normalize("NFKC", text).strip().casefold()
    return text.strip(" \t\r\n。.!！?？~～,，、")


def brief(text: str, limit: int = 18) -> str:
    """The beginning of a text, for naming it."""
    text = " ".join(text.split()).strip("，,。.；;")
    return text if len(text) <= limit else text[:limit] + "…"


def _hour(at: datetime) -> str:
    hour = at.hour if at.hour <= 12 else at.hour - 12
    return f"{hour}:{at.minute:02d}" if at.minute else f"{hour}点"

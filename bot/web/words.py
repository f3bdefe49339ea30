"""The words of the pages themselves: buttons, labels, errors. What the bot says is elsewhere."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).parent / "words.toml"


@lru_cache(maxsize=1)
def book() -> Mapping[str, Mapping[str, str]]:
    """language → "group.name" → text."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        language: {
            f"{g}.{name}": text for g, table in groups.items() for name, text in table.items()
        }
        for language, groups in tables.items()
    }


@dataclass(frozen=True)
class PageWords:
    language: str

    def say(self, phrase: str, **values: object) -> str:
        return book()[self.language][phrase].format_map(values)

    def span(self, length: timedelta) -> str:
        """A promise's length as people say it: 30分钟, 2小时, 7天."""
        minutes = max(1, int(length.total_seconds() // 60))
        for size, name in ((1440, "days"), (60, "hours"), (1, "minutes")):
            if minutes % size == 0 or minutes > 3 * size:
                return self.say(f"span.{name}", n=minutes // size)
        return self.say("span.minutes", n=minutes)


def page_words(language: str | None) -> PageWords:
    return PageWords(language if language is not None and language in book() else "zh-CN")

"""Other people's words: dialects, slips of dictation and signs, in the words the ear knows."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from nlp.folding import fold

_FILE = Path(__file__).with_name("wording.toml")


def plain(text: str) -> str:
    """A folded text with every word of `wording.toml` replaced by what it stands for."""
    words, pattern = _wording()
    return pattern.sub(lambda found: words[found[0]], text)


@cache
def _wording() -> tuple[dict[str, str], re.Pattern[str]]:
    words: dict[str, str] = {}
    for name, table in tomllib.loads(_FILE.read_text(encoding="utf-8")).items():
        if not isinstance(table, dict):
            raise ValueError(f"{_FILE.name}: {name} stands outside any table")
        words |= {fold(said): meant for said, meant in table.items()}
    longest = sorted(words, key=len, reverse=True)
    return words, re.compile("|".join(re.escape(said) for said in longest))

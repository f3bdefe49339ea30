"""One pass over a text finds every lexicon entry in it; jieba is asked only about word edges."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import jieba

from nlp.lexicon import Entry, Lexicon

_MANY = 200
"""Hiding places heeded in one text."""
_ASKED = 40
"""Questions put to jieba about one text."""
_WINDOW = 24
"""Characters on each side of an entry that jieba is shown."""


class Hit(NamedTuple):
    """An entry found at `start:end`."""

    start: int
    end: int
    entry: Entry
    words: str


class Scanner:
    """Finds entries. Holds a tokenizer of its own, so that no other user's words leak in."""

    def __init__(self, lexicon: Lexicon, cache_dir: Path | None = None) -> None:
        self._by_start = lexicon.by_start
        jieba.setLogLevel(logging.ERROR)
        self._tokenizer = jieba.Tokenizer()
        if cache_dir is not None:
            cache_dir.mkdir(parents=True, exist_ok=True)
            self._tokenizer.tmp_dir = str(cache_dir)
        self._tokenizer.initialize()

    def scan(self, text: str) -> list[Hit]:
        """All entries in a folded text that no `not` entry of their subject covers, by place."""
        found: list[Hit] = []
        hidden: list[tuple[int, int, str]] = []
        by_start, asked = self._by_start, 0
        for start in range(len(text)):
            pair = text[start : start + 2]
            for key in (pair, pair[0]) if len(pair) == 2 else (pair,):
                for entry in by_start.get(key, ()):
                    match = entry.pattern.match(text, start)
                    if match is None:
                        continue
                    if entry.word_start or entry.word_end:
                        asked += 1
                        if asked <= _ASKED and not self._is_word(text, start, match.end(), entry):
                            continue
                    if entry.role == "not":
                        hidden.append((start, match.end(), entry.subject))
                    else:
                        found.append(Hit(start, match.end(), entry, match[0]))
        if not hidden:
            return found
        hidden = hidden[:_MANY]
        return [hit for hit in found if not any(_hides(span, hit) for span in hidden)]

    def _is_word(self, text: str, start: int, end: int, entry: Entry) -> bool:
        offset = max(0, start - _WINDOW)
        edges = {offset}
        for word in self._tokenizer.cut(text[offset : end + _WINDOW]):
            offset += len(word)
            edges.add(offset)
        return not (
            (entry.word_start and start not in edges) or (entry.word_end and end not in edges)
        )


def _hides(span: tuple[int, int, str], hit: Hit) -> bool:
    """`not` hides what it covers of its own subject."""
    start, end, subject = span
    return start <= hit.start and hit.end <= end and subject == hit.entry.subject

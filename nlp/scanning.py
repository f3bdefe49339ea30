"""One pass over a text finds every lexicon entry in it; jieba is asked only about word edges."""

from __future__ import annotations

from typing import NamedTuple

from nlp.lexicon import Entry, Lexicon
from nlp.tokens import Tokenizer

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
    """Finds entries."""

    def __init__(self, lexicon: Lexicon, tokenizer: Tokenizer) -> None:
        self._by_start = lexicon.by_start
        self._tokenizer = tokenizer

    def scan(self, text: str) -> list[Hit]:
        """All entries in a folded text by place; those that a `not` entry of their subject covers
        are left out, and the `not` entry stands for them."""
        found: list[Hit] = []
        hidden: list[Hit] = []
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
                    hit = Hit(start, match.end(), entry, match[0])
                    (hidden if entry.role == "not" else found).append(hit)
        if not hidden:
            return found
        hidden = hidden[:_MANY]
        return [*(hit for hit in found if not any(_hides(over, hit) for over in hidden)), *hidden]

    def _is_word(self, text: str, start: int, end: int, entry: Entry) -> bool:
        offset = max(0, start - _WINDOW)
        edges = self._tokenizer.edges(text[offset : end + _WINDOW])
        return not (
            (entry.word_start and start - offset not in edges)
            or (entry.word_end and end - offset not in edges)
        )


def _hides(over: Hit, hit: Hit) -> bool:
    """`not` hides what it covers of its own subject."""
    covered = over.start <= hit.start and hit.end <= over.end
    return covered and over.entry.subject == hit.entry.subject

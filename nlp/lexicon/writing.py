"""How an entry is written, made into a pattern and the characters it may begin with."""

from __future__ import annotations

import re

from nlp.folding import fold
from nlp.numerals import NUMERAL

GAP = r"[^。!?;\n]{0,8}?"
ENGLISH_GAP = r"[^.!?;\n]{0,30}?"
CLAUSE_START = r"(?:(?<=[^\w\s])|(?<![\s\S])|(?<=[^\w\s]\s))"
CLAUSE_END = r"(?=[的了啊呀呢吧嘛哈啦\s]{0,2}(?:[^\w\s:]|$))"
_DIGITS = "0123456789零〇一二三四五六七八九十百千两壹贰叁肆伍陆柒捌玖拾幺廿"
_TOKEN = re.compile(r"[()|…#^$]|[^()|…#^$]+")


class Writing:
    """Reads one entry by recursive descent; `pattern` and `starts` are what comes of it."""

    def __init__(self, written: str) -> None:
        self._tokens = _TOKEN.findall(fold(written))
        self._next = 0
        self._english = written.replace("…", "").isascii()
        self.pattern, heads = self._choices()
        if self._next < len(self._tokens):
            raise ValueError(") without its (")
        if any(not head for head, _ in heads):
            raise ValueError("may begin with nothing firm")
        self.starts = frozenset(head for head, _ in heads)

    def _choices(self) -> tuple[str, set[tuple[str, bool]]]:
        """`a|b|c`. Heads are (first two characters, whether more may follow into them)."""
        patterns, heads = [], set()
        while True:
            pattern, begun = self._sequence()
            patterns.append(pattern)
            heads |= begun
            if self._peek() != "|":
                break
            self._next += 1
        return "|".join(patterns), heads

    def _sequence(self) -> tuple[str, set[tuple[str, bool]]]:
        pattern, heads = "", {("", True)}
        while (token := self._peek()) not in ("", ")", "|"):
            self._next += 1
            more: set[tuple[str, bool]] = set()
            if token == "(":
                inner, more = self._choices()
                if self._peek() != ")":
                    raise ValueError("( without its )")
                self._next += 1
                pattern += f"(?:{inner})"
            elif token == "…":
                gap = ENGLISH_GAP if self._english else GAP
                pattern, more = pattern + gap, {("", False)}
            elif token == "#":
                pattern, more = pattern + NUMERAL, {(digit, False) for digit in _DIGITS}
            elif token == "^":
                pattern, more = pattern + CLAUSE_START, {("", True)}
            elif token == "$":
                pattern, more = pattern + CLAUSE_END, {("", False)}
            else:
                pattern += r"\s+".join(re.escape(word) for word in token.split(" "))
                more = {(token[:2], True)}
            heads = {
                ((head + tail)[:2], open_ and goes_on and len(head + tail) < 2)
                if open_ and len(head) < 2
                else (head, False)
                for head, open_ in heads
                for tail, goes_on in more
            }
        return pattern, heads

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

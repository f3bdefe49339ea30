"""The ear itself: hears a message and guesses what it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from nlp.answers import is_ack
from nlp.folding import LIMIT, fold
from nlp.intents import Guess, Intent, Urgency
from nlp.lexicon import load
from nlp.places import find_place
from nlp.rules import Rules, Verdict
from nlp.scanning import Scanner
from nlp.slots import find_language, find_people, find_phone
from nlp.times import find_when

_ORDER = tuple(Intent)
_FITS = 0.6
_CLAUSE = re.compile(r"(?<=[。！？!?；;\n])|(?=还有|另外|对了|顺便)")
_LETTERS = re.compile(r"[^\W\d_]")
_SAYS = {
    Intent.EMERGENCY: "像是险情",
    Intent.CHECK_IN: "像是报平安",
    Intent.HELP_ASK: "像是求助",
    Intent.HELP_OFFER: "像是愿意帮忙",
    Intent.RUMOUR: "像是问消息真假",
    Intent.HUMAN: "像是想找人",
    Intent.APPEAL: "像是诉求",
    Intent.QUESTION: "像是提问",
    Intent.CHAT: "像是闲聊",
}


class Ear:
    """Loads once; then `hear` is pure and quick. Safe to share between threads."""

    def __init__(self, cache_dir: Path | None = None) -> None:
        lexicon = load()
        self._scanner = Scanner(lexicon, cache_dir)
        self._rules = Rules(lexicon)

    def hear(self, text: str, *, now: datetime | None = None, names: Sequence[str] = ()) -> Guess:
        """What a message means. `names` are the community's own place names. Never raises."""
        whole = self._hear(text, now, names)
        parts = self._parts(text[:LIMIT], now, names)
        if not parts:
            return whole
        first = min(parts, key=lambda part: _ORDER.index(part.intent))
        return Guess(
            text,
            first.intent,
            first.score,
            first.category,
            first.urgency,
            first.place or whole.place,
            first.phone or whole.phone,
            first.when,
            first.people,
            whole.lang,
            first.why,
            first.danger,
            first.readings,
            tuple(parts),
        )

    def _parts(self, text: str, now: datetime | None, names: Sequence[str]) -> list[Guess]:
        clauses = [clause for clause in _CLAUSE.split(text) if len(clause.strip()) > 3]
        if not 1 < len(clauses) < 20:
            return []
        parts: list[Guess] = []
        for clause in clauses:
            heard = self._hear(clause.strip(), now, names)
            if heard.intent is Intent.CHAT or heard.score < 0.7:
                continue
            if all((heard.intent, heard.category) != (p.intent, p.category) for p in parts):
                parts.append(heard)
        return parts if len(parts) > 1 else []

    def _hear(self, text: str, now: datetime | None, names: Sequence[str]) -> Guess:
        folded = fold(text)
        verdict = self._rules.weigh(folded, self._scanner.scan(folded))
        intent, score, readings = _decide(folded, verdict)
        category = _category(intent, verdict)
        urgency = verdict.urgency if intent is Intent.EMERGENCY else Urgency.NORMAL
        hazard = verdict.hazard or verdict.score(Intent.EMERGENCY) > 0.5
        if intent is Intent.APPEAL and hazard:
            urgency = Urgency.URGENT
        evidence = verdict.intents.get(intent)
        words = f"“{evidence.words}”" if evidence and evidence.words else "没有别的意思，"
        return Guess(
            text=text,
            intent=intent,
            score=score,
            category=category,
            urgency=urgency,
            place=find_place(folded, names),
            phone=find_phone(folded),
            when=find_when(folded, now),
            people=find_people(folded),
            lang=find_language(folded),
            why=words + _SAYS[intent],
            danger=verdict.danger if intent is Intent.EMERGENCY else None,
            readings=readings,
        )


def _decide(text: str, verdict: Verdict) -> tuple[Intent, float, tuple[tuple[Intent, float], ...]]:
    """The first intent that fits, else the likeliest; all readings, best first."""
    scores = {intent: verdict.score(intent) for intent in _ORDER}
    other = max(score for intent, score in scores.items() if intent is not Intent.CHAT)
    if is_ack(text) or not _LETTERS.search(text):
        scores = dict.fromkeys(scores, 0.0)
        scores[Intent.CHAT] = 0.97
    else:
        scores[Intent.CHAT] = max(
            scores[Intent.CHAT] * (1 - other if other >= _FITS else 0.9), 0.9 - 0.9 * other
        )
    best = next((i for i in _ORDER if scores[i] >= _FITS), max(_ORDER, key=lambda i: scores[i]))
    ranked = sorted(_ORDER, key=lambda i: (i is not best, -scores[i]))
    readings = tuple((i, round(scores[i], 3)) for i in ranked if i is best or scores[i] >= 0.2)
    return best, round(scores[best], 3), readings[:4]


def _category(intent: Intent, verdict: Verdict) -> str | None:
    if verdict.categories and intent in (Intent.APPEAL, Intent.EMERGENCY, Intent.QUESTION):
        return max(verdict.categories, key=lambda name: verdict.categories[name])
    return "other" if intent is Intent.APPEAL else None

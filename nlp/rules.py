"""What the entries found in a text add up to: evidence for each intent, guards weighed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from nlp.intents import Intent, Urgency
from nlp.lexicon import Lexicon
from nlp.scanning import Hit

SURE, PROBABLE, WEAK = 0.94, 0.72, 0.4
_SENTENCE = re.compile(r"[。!?;\n]+")
_PAUSE = re.compile(r"[,，、:]")
_IF = ("万一", "如果", "要是", "假如", "倘若", "假设", "若是", "一旦", "if ", "in case")
_MANY = 60
"""Entries of one sort that are weighed; a message with more repeats itself."""

_TO_A_FRIEND = re.compile(
    r"你(?!们)|咱|亲爱的|老公|老婆|宝贝|哥们|嘿嘿|哈哈|呵呵|^[嗯恩哦噢哎唉]|~|。。"
)
_NEAR = 12
"""Characters between a thing and its trouble."""


@dataclass(slots=True)
class Evidence:
    """How strong one reading is, and the words it rests on."""

    score: float = 0.0
    words: str = ""

    def add(self, score: float, words: str) -> None:
        if score > self.score:
            self.score, self.words = 1 - (1 - score) * (1 - 0.3 * self.score), words
        elif words != self.words:
            self.score = 1 - (1 - self.score) * (1 - 0.3 * score)


@dataclass(slots=True)
class Verdict:
    """Evidence for each intent; category and danger with theirs."""

    intents: dict[Intent, Evidence] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=dict)
    danger: str | None = None
    urgency: Urgency = Urgency.NORMAL
    hazard: bool = False
    denied: set[Intent] = field(default_factory=set)
    """What the words seem to say and, by a guard or a `not` entry, do not: 火锅 is no fire."""

    def add(self, intent: Intent, score: float, words: str) -> None:
        self.intents.setdefault(intent, Evidence()).add(score, words)

    def score(self, intent: Intent) -> float:
        found = self.intents.get(intent)
        return found.score if found else 0.0


_PUBLIC = re.compile(
    r"[\da-z一-龥](?:市|县|镇|乡|村|小区|社区|街道|花园|家园|公寓|苑)|\d(?:号楼|栋|幢|单元|区|路)"
)
"""A place as one names it to an office, not to a friend."""

_OFFERS = re.compile(
    r"(?:我|我们|我家|本人|我这里|我这边)(?:可以|能|来|愿意|有|会|这有|免费)(?!.{0,12}[吗?])|免费|无偿|需要的?联系|有需要"
)
"""Who writes so gives, whatever else the sentence holds."""

_REMOTE = ("education_health", "welfare", "commerce", "property", "traffic", "sanitation")
"""Categories whose things friends speak of too."""

_SIMPLE = {
    ("checkin", "safe"): Intent.CHECK_IN,
    ("help", "ask"): Intent.HELP_ASK,
    ("help", "offer"): Intent.HELP_OFFER,
    ("talk", "rumour"): Intent.RUMOUR,
    ("talk", "human"): Intent.HUMAN,
    ("talk", "question"): Intent.QUESTION,
    ("talk", "chat"): Intent.CHAT,
}


class Rules:
    """Weighs hits. Holds only the lexicon's settings."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._settings = lexicon.settings

    def urgency(self, danger: str) -> Urgency:
        """What a kind of danger means when nothing else is known."""
        return Urgency(self._settings.get(("danger", danger), {}).get("urgency", "life"))

    def weigh(self, text: str, hits: list[Hit]) -> Verdict:
        """The evidence in one text."""
        verdict = Verdict()
        everything, hits = hits, [hit for hit in hits if hit.entry.role != "not"]
        guards = [hit for hit in hits if hit.entry.subject == "guards"][:_MANY]
        sentences = _sentences(text)
        self._danger(text, hits, guards, sentences, verdict)
        for hit in hits:
            if (intent := _SIMPLE.get((hit.entry.subject, hit.entry.kind))) is not None:
                verdict.add(intent, SURE if hit.entry.role == "says" else 0.5, hit.words)
        self._appeal(text, hits, guards, sentences, verdict)
        self._settle(text, guards, verdict)
        for intent, seemed in self._seeming(everything, guards):
            if seemed and verdict.score(intent) < WEAK:
                verdict.denied.add(intent)
        return verdict

    def _seeming(self, hits: list[Hit], guards: list[Hit]) -> Iterator[tuple[Intent, bool]]:
        yield Intent.EMERGENCY, any(hit.entry.subject == "danger" for hit in hits)
        solved = any(guard.entry.kind in ("solved", "negation") for guard in guards)
        roles = {hit.entry.role for hit in hits if hit.entry.subject == "appeal"}
        yield Intent.APPEAL, "not" in roles or (bool(roles) and solved)

    def _danger(
        self, text: str, hits: list[Hit], guards: list[Hit], sentences: list[int], verdict: Verdict
    ) -> None:
        best = 0.0
        for hit in [hit for hit in hits if hit.entry.subject == "danger"][:_MANY]:
            score, guard = self._guarded(text, hit, guards, sentences)
            verdict.add(Intent.EMERGENCY, score, hit.words)
            if guard == "hypothetical":
                verdict.hazard = True
                verdict.add(Intent.APPEAL, 0.5, hit.words)
                _raise(verdict.categories, "safety", 0.6)
            usual = self.urgency(hit.entry.kind)
            if hit.entry.kind == "rescue":
                score -= 0.001  # a cry says less than a kind
            if score > best:
                best, verdict.danger = score, hit.entry.kind
            if score >= 0.5:
                verdict.urgency = (
                    Urgency.LIFE if Urgency.LIFE in (usual, verdict.urgency) else usual
                )

    def _guarded(
        self, text: str, hit: Hit, guards: list[Hit], sentences: list[int]
    ) -> tuple[float, str]:
        """How much of an alarm is left of a danger word, and what weakened it."""
        score = SURE if hit.entry.role == "says" else 0.58
        here = _sentence_of(hit.start, sentences)
        kinds = {guard.entry.kind for guard in guards}
        mine = "mine" in kinds
        notices = sum(guard.entry.kind == "notice" for guard in guards)
        if "drill" in kinds or "laughing" in kinds:
            return 0.05, "drill"
        if notices >= 3 or ((notices == 2 or (notices and len(text) > 40)) and not mine):
            return 0.2, "notice"
        for guard in guards:
            kind = guard.entry.kind
            if kind == "asking" and not mine and "!" not in text and len(text) < 40:
                return 0.35, kind
            if kind == "hearsay" and guard.start < hit.start:
                return 0.35, kind
            if _sentence_of(guard.start, sentences) != here:
                continue
            between = text[guard.end : hit.start]
            if kind == "negation" and guard.end <= hit.start and len(between) <= 2:
                if not _PAUSE.search(between):
                    return 0.05, kind
            elif kind == "story":
                return (0.5 if mine and "梦" not in guard.words else 0.08), kind
            elif kind == "hypothetical" and guard.start < hit.end:
                if guard.words in _IF or not _PAUSE.search(between):
                    return 0.2, kind
            elif kind == "cause" and guard.end <= hit.start and text[hit.end : hit.end + 1] != "了":
                return 0.2, "hypothetical"
            elif kind == "past" and "still" not in kinds:
                return 0.25, kind
            elif kind == "hearsay":
                return 0.35, kind
        return min(score, 0.6) if notices else score, ""

    def _appeal(
        self, text: str, hits: list[Hit], guards: list[Hit], sentences: list[int], verdict: Verdict
    ) -> None:
        mine = [hit for hit in hits if hit.entry.subject == "appeal"][: 3 * _MANY]
        if not mine:
            return
        denied = [guard for guard in guards if guard.entry.kind == "negation"]
        things = [hit for hit in mine if hit.entry.role == "things"]
        troubles = [hit for hit in mine if hit.entry.role == "troubles"]
        demand = 0.0
        for hit in mine:
            kind, role = hit.entry.kind, hit.entry.role
            if role in ("says", "likely"):
                if any(0 <= hit.start - guard.end <= 1 for guard in denied):
                    continue
                score = SURE if role == "says" else 0.5
                if kind == "demand":
                    demand = max(demand, score)
                    score = 0.85 if role == "says" else WEAK
                else:
                    _raise(verdict.categories, kind, 1.0)
                verdict.add(Intent.APPEAL, score, hit.words)
        used = False
        for thing in things:
            _raise(verdict.categories, thing.entry.kind, 0.3)
            for trouble in troubles:
                own = trouble.entry.kind == thing.entry.kind
                if not own and trouble.entry.kind != "common":
                    continue
                gap = max(thing.start, trouble.start) - min(thing.end, trouble.end)
                near = _NEAR * 3 if thing.words.isascii() else _NEAR
                if not 0 <= gap <= near:
                    continue
                if _sentence_of(thing.start, sentences) != _sentence_of(trouble.start, sentences):
                    continue
                if any(0 <= trouble.start - guard.end <= 1 for guard in denied):
                    continue
                used = True
                strength = (0.9 if own else 0.86) - 0.02 * max(gap, 0)
                if thing.entry.kind in _REMOTE and _TO_A_FRIEND.search(text):
                    strength *= 0.6
                first = min(thing.start, trouble.start)
                verdict.add(Intent.APPEAL, strength, text[first : max(thing.end, trouble.end)])
                _raise(verdict.categories, thing.entry.kind, strength if own else strength - 0.2)
        if things and demand:
            private = _TO_A_FRIEND.search(text) is not None
            score = 0.9 if demand == SURE else 0.45 if private else 0.74
            verdict.add(Intent.APPEAL, score, things[0].words)
        public = _PUBLIC.search(text) and not _TO_A_FRIEND.search(text)
        asked = verdict.score(Intent.QUESTION) > 0.45
        telling = [hit for hit in mine if len(hit.words) > 1]
        if public and not asked and telling:
            verdict.add(Intent.APPEAL, 0.64, telling[0].words)
        if troubles and not used:
            verdict.add(Intent.APPEAL, WEAK, troubles[0].words)

    def _settle(self, text: str, guards: list[Hit], verdict: Verdict) -> None:
        kinds = {guard.entry.kind for guard in guards}
        appeal = verdict.intents.get(Intent.APPEAL)
        if appeal and "solved" in kinds:
            appeal.score *= 0.3
        ask = verdict.intents.get(Intent.HELP_ASK)
        if ask and verdict.score(Intent.HELP_OFFER) > ask.score * 0.9 and _OFFERS.search(text):
            ask.score *= 0.5
        notices = sum(guard.entry.kind == "notice" for guard in guards)
        if notices >= 2 or (notices and len(text) > 60):
            for intent in (Intent.APPEAL, Intent.QUESTION, Intent.CHECK_IN):
                if found := verdict.intents.get(intent):
                    found.score *= 0.5


def _raise(scores: dict[str, float], name: str, score: float) -> None:
    scores[name] = max(scores.get(name, 0.0), score)


def _sentences(text: str) -> list[int]:
    """Where each sentence ends."""
    return [found.end() for found in _SENTENCE.finditer(text)]


def _sentence_of(place: int, ends: list[int]) -> int:
    return bisect_right(ends, place)

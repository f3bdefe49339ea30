"""Rules and model together: which reading of a message is taken, and how sure it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nlp.answers import is_ack
from nlp.intents import Intent
from nlp.model import Features, Model
from nlp.reader import Reading
from nlp.rules import Verdict
from nlp.second import SecondEar

ALARM = 0.5
"""A danger this likely, with a rule to name it, is taken for one."""
LONE_ALARM, DENIED_ALARM = 0.8, 0.97
"""… with no rule to name it: short private messages often sound like one; and where rules say that
it only seems so: 如果着火了怎么办."""
HEED = 0.25
"""A danger the rules are sure of is taken for one unless the model all but rules it out: where they
disagree, danger wins and a person decides."""
NAMED = 0.5
"""Rules name a thing from here on."""
_SURE = 0.9
_PLAIN = 0.85
DOUBT, POSSIBLE = 0.8, 0.05
"""The second ear is asked below this chance of the best reading, or above this of danger."""
SECOND = 0.5
_FITS = 0.6
_ORDER = tuple(Intent)
_LETTERS = re.compile(r"[^\W\d_]")
_PLACE_WORDS = re.compile(
    r"[零〇一二三四五六七八九十百两]|号楼|栋|幢|单元|楼|室|号|层|座|门|户|第|"
    r"\b(?:building|unit|room|block|flat|floor|apt|apartment|no)\b"
)
"""A message of these and digits only says where, and no more."""


@dataclass(slots=True)
class Decision:
    """One reading, the words it rests on, and what else was thought of, best first."""

    intent: Intent
    score: float
    readings: tuple[tuple[Intent, float], ...]
    words: tuple[str, ...] = ()
    category: str | None = None
    danger: str | None = None


def decide(
    reading: Reading, model: Model | None, second: SecondEar | None = None, text: str = ""
) -> Decision:
    """What a text means. Without a model the rules decide alone.

    The second ear is asked about `text` where the first doubts or danger is possible, and never
    where danger is found: that is acted on at once.
    """
    if is_ack(reading.folded) or not _LETTERS.search(_PLACE_WORDS.sub("", reading.folded)):
        return Decision(Intent.CHAT, 0.97, ((Intent.CHAT, 0.97),))
    if model is None:
        return _by_rules(reading.verdict)
    evidence = reading.evidence
    features = model.read(reading.masked, reading.words)
    chances = model.chances("intent", features, evidence)
    scores = {intent: chances.get(intent.value, 0.0) for intent in _ORDER}
    best = _best(scores, reading.verdict)
    doubt = scores[best] < DOUBT or scores[Intent.EMERGENCY] > POSSIBLE
    if second is not None and doubt and best is not Intent.EMERGENCY:
        opinion = second.chances(text)
        if opinion is not None:
            scores = _together(scores, opinion)
            best = _best(scores, reading.verdict)
    decision = _ranked(best, scores)
    intent = decision.intent
    rule = reading.verdict.intents.get(intent)
    if rule is not None and rule.score >= 0.4 and rule.words:
        decision.words = (rule.words,)
    elif intent is not Intent.CHAT:
        decision.words = tuple(model.telling("intent", intent.value, reading.words))
    if intent is Intent.EMERGENCY:
        decision.danger = _likeliest(model.chances("danger", features, evidence))
        if decision.danger == "rescue" and reading.verdict.score(intent) >= NAMED:
            decision.danger = reading.verdict.danger
    if intent is Intent.APPEAL or (
        intent in (Intent.EMERGENCY, Intent.QUESTION) and reading.verdict.categories
    ):
        decision.category = _category(reading.verdict, model, features, evidence)
    return decision


def _category(
    verdict: Verdict, model: Model, features: Features, evidence: dict[str, float]
) -> str:
    """The rules' where they name one thing, since people may edit them; else the model's."""
    named = [name for name, score in verdict.categories.items() if score >= _PLAIN]
    if len(named) == 1:
        return named[0]
    return _likeliest(model.chances("category", features, evidence))


def _together(scores: dict[Intent, float], opinion: dict[Intent, float]) -> dict[Intent, float]:
    """Both ears' chances multiplied, the second's counting `SECOND` as much; together 1."""
    both = {i: scores[i] * max(opinion.get(i, 0.0), 1e-3) ** SECOND for i in _ORDER}
    whole = sum(both.values())
    return {intent: chance / whole for intent, chance in both.items()}


def _best(scores: dict[Intent, float], verdict: Verdict) -> Intent:
    danger, named = scores[Intent.EMERGENCY], verdict.score(Intent.EMERGENCY)
    denied = Intent.EMERGENCY in verdict.denied
    if danger >= (ALARM if named >= NAMED else DENIED_ALARM if denied else LONE_ALARM):
        return Intent.EMERGENCY
    if named >= _SURE and danger >= HEED:
        return Intent.EMERGENCY
    return max((i for i in _ORDER if i is not Intent.EMERGENCY), key=lambda i: scores[i])


def _by_rules(verdict: Verdict) -> Decision:
    """The first intent that fits, else the likeliest."""
    scores = {intent: verdict.score(intent) for intent in _ORDER}
    other = max(score for intent, score in scores.items() if intent is not Intent.CHAT)
    scores[Intent.CHAT] = max(
        scores[Intent.CHAT] * (1 - other if other >= _FITS else 0.9), 0.9 - 0.9 * other
    )
    best = next((i for i in _ORDER if scores[i] >= _FITS), max(_ORDER, key=lambda i: scores[i]))
    decision = _ranked(best, scores)
    if (found := verdict.intents.get(best)) and found.words:
        decision.words = (found.words,)
    if best is Intent.EMERGENCY:
        decision.danger = verdict.danger
    if verdict.categories and best in (Intent.APPEAL, Intent.EMERGENCY, Intent.QUESTION):
        decision.category = _likeliest(verdict.categories)
    elif best is Intent.APPEAL:
        decision.category = "other"
    return decision


def _ranked(best: Intent, scores: dict[Intent, float]) -> Decision:
    ranked = sorted(_ORDER, key=lambda i: (i is not best, -scores[i]))
    readings = [(i, round(scores[i], 3)) for i in ranked if i is best or scores[i] >= 0.1]
    if scores[best] < _FITS and len(readings) < 2:
        readings.append((ranked[1], round(scores[ranked[1]], 3)))
    return Decision(best, round(scores[best], 3), tuple(readings[:4]))


def _likeliest(chances: dict[str, float]) -> str:
    return max(chances, key=lambda name: chances[name])

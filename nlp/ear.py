"""The ear itself: hears a message and guesses what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from nlp.clauses import clauses
from nlp.deciding import NAMED, Decision, decide
from nlp.folding import LIMIT
from nlp.intents import Guess, Intent, Urgency
from nlp.model import Model, ModelError, load
from nlp.pasted import may_be_pasted, read
from nlp.places import find_place
from nlp.reader import Reader, Reading
from nlp.second import SecondEar
from nlp.slots import find_people, find_phone
from nlp.times import find_when

SHIPPED = Path(__file__).with_name("ear.model")
PART = 0.75
"""How sure a clause that rules name must be to count as a matter of its own."""
PLAIN_CHAT = 0.9
"""A message so surely chat holds no matters; most messages are, and are heard once."""
SURE_DANGER = 0.9
"""How sure a danger in one clause must be to speak for a message that seems to mean another."""
ROWS = 200
"""Rows of a pasted text that are heard; the others are told by their words alone."""
LEARNT = ("zh", "en", "other")
"""Languages of the samples (other: Latin letters, pinyin too); of the rest only rules may speak."""
_ORDER = tuple(Intent)
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
    """Loads once; then `hear` is pure and quick. Safe to share between threads.

    With a model that cannot be read the rules hear alone, and `fault` says why.
    """

    def __init__(
        self, cache_dir: Path | None = None, model: Path = SHIPPED, second: SecondEar | None = None
    ) -> None:
        self._reader = Reader(cache_dir)
        self.second = second
        self._model: Model | None = None
        self.fault: str | None = None
        try:
            self._model = load(model)
            if not {"intent", "category", "danger"} <= self._model.heads.keys():
                raise ModelError(f"{model}: a model, but not one of an ear")
        except ModelError as error:
            self._model, self.fault = None, str(error)

    def hear(
        self,
        text: str,
        *,
        now: datetime | None = None,
        names: Sequence[str] = (),
        alone: bool = False,
    ) -> Guess:
        """What a message means. `names` are the community's own place names. Never raises.

        `alone` asks no second ear, whose opinion may take its time. A pasted 接龙 or record is
        also heard row by row.
        """
        heard = self._message(text, now, names, alone)
        if not may_be_pasted(text) or (pasted := read(text, names)) is None:
            return heard
        title = self._message(pasted.title, now, names, True)
        if title.intent is Intent.EMERGENCY and title.score > SURE_DANGER:
            heard = replace(title, text=text)  # 3栋着火了，大家接龙报平安
        said = (row.words for row in pasted.rows[:ROWS])
        return replace(heard, rows=tuple(self._message(words, now, names, True) for words in said))

    def _message(self, text: str, now: datetime | None, names: Sequence[str], alone: bool) -> Guess:
        whole = self._hear(text, now, names, None if alone else self.second)
        if whole.intent is Intent.CHAT and whole.score >= PLAIN_CHAT:
            return whole
        parts = self._parts(text[:LIMIT], now, names)
        if not parts or (len(parts) == 1 and whole.score >= PART):
            return whole
        several = tuple(parts) if len(parts) > 1 else ()
        first = min(parts, key=lambda part: _ORDER.index(part.intent))
        danger = first.intent is Intent.EMERGENCY and first.score > SURE_DANGER
        if whole.intent is first.intent or (whole.score >= PART and not danger):
            return replace(whole, parts=several)
        return replace(
            first,
            text=text,
            place=first.place or whole.place,
            phone=first.phone or whole.phone,
            lang=whole.lang,
            when=first.when or whole.when,
            people=first.people or whole.people,
            parts=several,
        )

    def _parts(self, text: str, now: datetime | None, names: Sequence[str]) -> list[Guess]:
        """The clauses that are matters of their own by rule, one Guess a matter."""
        parts: list[Guess] = []
        for clause in clauses(text):
            reading = self._reader.read(clause, names)
            heard = decide(reading, self._model)
            named = reading.verdict.score(heard.intent) >= NAMED
            if heard.intent is Intent.CHAT or heard.score < PART or not named:
                continue  # out of its message, a clause sounds like much that it is not
            if heard.intent is Intent.APPEAL and not reading.verdict.categories:
                continue  # 三天了都没人修 goes on with what was said before
            if all((heard.intent, heard.category) != (p.intent, p.category) for p in parts):
                parts.append(self._guess(clause, reading, heard, now, names))
        return parts

    def _hear(
        self, text: str, now: datetime | None, names: Sequence[str], second: SecondEar | None
    ) -> Guess:
        reading = self._reader.read(text, names)
        known = reading.lang in LEARNT
        heard = decide(reading, self._model if known else None, second if known else None, text)
        return self._guess(text, reading, heard, now, names)

    def _guess(
        self,
        text: str,
        reading: Reading,
        decision: Decision,
        now: datetime | None,
        names: Sequence[str],
    ) -> Guess:
        return Guess(
            text=text,
            intent=decision.intent,
            score=decision.score,
            category=decision.category,
            urgency=self._urgency(decision, reading),
            place=find_place(reading.folded, names),
            phone=find_phone(reading.folded),
            when=find_when(reading.folded, now),
            people=find_people(reading.folded),
            lang=reading.lang,
            why=_why(decision),
            danger=decision.danger,
            readings=decision.readings,
        )

    def _urgency(self, decision: Decision, reading: Reading) -> Urgency:
        if decision.danger is not None:
            usual = self._reader.rules.urgency(decision.danger)
            return usual if reading.verdict.danger is None else reading.verdict.urgency
        hazard = reading.verdict.hazard or reading.verdict.score(Intent.EMERGENCY) > 0.5
        if decision.intent is Intent.APPEAL and hazard:
            return Urgency.URGENT
        return Urgency.NORMAL


def _why(decision: Decision) -> str:
    plainly = "没有别的意思，" if decision.intent is Intent.CHAT else "整句听下来"
    words = f"“{'…'.join(decision.words)}”" if decision.words else plainly
    return words + _SAYS[decision.intent]

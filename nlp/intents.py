"""What a message may mean, and what the ear makes of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Intent(StrEnum):
    """What is wanted, in order of precedence: where two fit, the earlier wins."""

    EMERGENCY = "emergency"
    CHECK_IN = "check_in"
    HELP_ASK = "help_ask"
    HELP_OFFER = "help_offer"
    RUMOUR = "rumour"
    HUMAN = "human"
    APPEAL = "appeal"
    QUESTION = "question"
    CHAT = "chat"


class Urgency(StrEnum):
    LIFE = "life"
    URGENT = "urgent"
    NORMAL = "normal"


CATEGORIES: tuple[str, ...] = (
    "water",
    "power",
    "gas_heat",
    "lift",
    "building",
    "sanitation",
    "greening",
    "noise",
    "parking",
    "traffic",
    "safety",
    "pets",
    "property",
    "dispute",
    "welfare",
    "education_health",
    "commerce",
    "other",
)


DANGERS: tuple[str, ...] = (
    "fire",
    "gas",
    "shock",
    "trapped",
    "collapsed",
    "missing",
    "violence",
    "self_harm",
    "flood",
    "falling",
    "rescue",
)


@dataclass(frozen=True, slots=True)
class Where:
    """A place named in a message; numbers as plain digits. `spot` is a place with a name."""

    building: str | None = None
    unit: str | None = None
    room: str | None = None
    spot: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Only what is known."""
        pairs = (
            ("building", self.building),
            ("unit", self.unit),
            ("room", self.room),
            ("spot", self.spot),
        )
        return {key: value for key, value in pairs if value is not None}

    def __bool__(self) -> bool:
        return bool(self.as_dict())


@dataclass(frozen=True, slots=True)
class Guess:
    """What the ear makes of one text. `score` is the chance that `intent` is right.

    `when` is ISO 8601 if the ear was told the time, else the words themselves. `danger` is the kind
    of danger (fire, gas, …) or None. `readings` holds the intents thought of, best first. `parts`
    holds one Guess per matter where a message has several, else nothing; `rows` one per row of a
    pasted 接龙 or chat record (nlp/pasted), as far as they were heard.
    """

    text: str
    intent: Intent
    score: float
    category: str | None = None
    urgency: Urgency = Urgency.NORMAL
    place: Where = Where()
    phone: str | None = None
    when: str | None = None
    people: int | None = None
    lang: str = "zh"
    why: str = ""
    danger: str | None = None
    readings: tuple[tuple[Intent, float], ...] = ()
    parts: tuple[Guess, ...] = ()
    rows: tuple[Guess, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """What `classify` prints."""
        return {
            "text": self.text,
            "intent": self.intent.value,
            "score": self.score,
            "category": self.category,
            "urgency": self.urgency.value,
            "place": self.place.as_dict(),
            "phone": self.phone,
            "when": self.when,
            "people": self.people,
            "lang": self.lang,
            "why": self.why,
            "parts": [part.as_dict() for part in self.parts],
        }

    def to_json(self) -> str:
        """Everything, in ASCII, so that broken characters survive too."""
        return json.dumps(_pack(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: str) -> Guess:
        return _unpack(json.loads(stored))


def _pack(guess: Guess) -> dict[str, Any]:
    packed = {field.name: getattr(guess, field.name) for field in fields(guess)}
    packed["place"] = guess.place.as_dict()
    for several in ("parts", "rows"):
        packed[several] = [_pack(one) for one in packed[several]]
    return packed


def _unpack(packed: Mapping[str, Any]) -> Guess:
    values = dict(packed)
    values["intent"] = Intent(values["intent"])
    values["urgency"] = Urgency(values["urgency"])
    values["place"] = Where(**values["place"])
    values["readings"] = tuple((Intent(name), score) for name, score in values["readings"])
    for several in ("parts", "rows"):  # a guess kept by an older version has no rows
        values[several] = tuple(_unpack(one) for one in values.get(several, ()))
    return Guess(**values)

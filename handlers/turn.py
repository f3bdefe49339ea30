"""A Turn: one inbound message and all that is needed to answer it. Handlers see nothing else.

A conversation is one function, replayed: `turn.ask` gives the answer if there is one, and else
raises Pause; what the function did so far is then undone, so asking never has side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.codes import OWN, find_code, make_code, read_code
from handlers.corrections import read_correction
from handlers.crowds import check_in, crowd_of, next_part, put_to, tell_all, withdraw_from
from handlers.desk import KEEP_QUESTION, Choice, Desk, about
from handlers.words import LANGUAGES, Words, brief
from nlp import Guess, Intent, Where
from nlp.places import find_place
from storage.models import Chat, Inbound, Outbound, Place, Question, Resident

__all__ = [
    "KEEP_QUESTION",
    "LANGUAGES",
    "OWN",
    "Ask",
    "Choice",
    "Contents",
    "Desk",
    "Matter",
    "NeedsSavepoint",
    "Pause",
    "Turn",
    "Words",
    "about",
    "brief",
    "check_in",
    "crowd_of",
    "find_code",
    "make_code",
    "next_part",
    "put_to",
    "read_code",
    "read_correction",
    "tell_all",
    "withdraw_from",
]


@dataclass(frozen=True)
class Ask:
    """What a conversation waits for. `takes`: choice | text | place."""

    key: str
    text: str
    choices: list[list[str]]
    takes: str = "choice"
    inline: bool = False
    weak: bool = False  # a menu: anything else displaces it without a word

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


class Pause(BaseException):
    """The conversation cannot go on without an answer. No handler may swallow it."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask.key)
        self.ask = ask


class NeedsSavepoint(BaseException):
    """A matter changed something and then asked. Only a savepoint undoes that: see Desk.careful."""


Matter = Callable[["Turn"], None]
Answer = Callable[["Turn", Question, str], None]
Undo = Callable[["Turn", str], None]
Reply = Callable[["Turn", str, str], bool]
DutyFunction = Callable[[Desk], datetime | None]


@dataclass(frozen=True)
class Contents:
    """The table of contents: which function answers what."""

    matters: Mapping[str, Matter]  # intents and matters of our own, by name
    commands: Mapping[str, str]  # words that always work → matter
    staff_commands: Mapping[str, str]  # first word → matter
    answers: Mapping[str, Answer]  # a Question's name → what its answer does
    undos: Mapping[str, Undo]  # what "错了" takes back
    replies: Mapping[str, Reply]  # kind of thing → staff words to its resident
    duties: Mapping[str, DutyFunction]
    menu: Callable[[Words], Ask]  # what stands under every answer an elder gets


@dataclass
class Turn(Desk):
    """A Desk with somebody in front of it."""

    inbound: Inbound = field(kw_only=True)
    chat: Chat = field(kw_only=True)
    person: Resident = field(kw_only=True)
    heard: Guess = field(kw_only=True)  # this message
    guess: Guess = field(kw_only=True)  # the message the conversation opened with
    opening: dict[str, Any] = field(default_factory=dict, kw_only=True)
    answers: dict[str, Any] = field(default_factory=dict, kw_only=True)
    conversation_id: int | None = field(default=None, kw_only=True)
    names: Sequence[str] = field(default=(), kw_only=True)  # the community's own places
    started: list[tuple[str, dict[str, Any]]] = field(default_factory=list, kw_only=True)

    @property
    def text(self) -> str:
        return self.heard.text

    @property
    def speech(self) -> Words:
        """The words for whoever is in front of us."""
        return self.words(self.person)

    def say(
        self,
        phrase: str,
        *choices: Choice,
        about: str | None = None,
        chat: Chat | None = None,
        inline: bool = False,
        **values: Any,
    ) -> Outbound:
        """Answers in this chat."""
        text = self.speech.say(phrase, **values)
        return self.write(chat or self.chat, text, choices=choices, about=about, inline=inline)

    def ask(
        self,
        phrase: str,
        *choices: Choice,
        key: str | None = None,
        takes: str = "choice",
        inline: bool = False,
        weak: bool = False,
        **values: Any,
    ) -> str:
        """The answer to a question of this conversation, as the value it stood for when asked."""
        key = key or phrase
        if key in self.answers:
            return str(self.answers[key])
        text = self.speech.say(phrase, **values)
        raise Pause(Ask(key, text, [c.as_list() for c in choices], takes, inline, weak))

    def heard_at(self, key: str) -> Guess | None:
        """What the ear made of an answer given in words."""
        kept = self.answers.get(f"{key}#")
        return Guess.from_json(kept) if kept else None

    def start(self, matter: str | Intent, **opening: object) -> None:
        """Hands on to another matter of the table of contents, after this one has ended."""
        self.started.append((str(matter), dict(opening)))

    def can_undo(self, what: str, of: str) -> None:
        """Remembers what 错了 would take back."""
        self.chat.undo = {"what": what, "about": of}

    def private(self) -> Chat | None:
        """The chat for matters that do not belong into a group."""
        if not self.chat.group:
            return self.chat
        return self.chat_with(self.person)

    def place_in(self, words: str) -> Place | None:
        """A place of ours that words name: 3栋, 三号楼, 东苑."""
        people = self.store.people
        found = people.place_named(words) if words.strip() else None
        return found or people.building(find_place(words, self.names).building)

    def where_words(self, where: Where) -> str:
        """A place as people say it: 3栋2单元501, 东门口."""
        parts: list[str] = []
        if where.building:
            building = self.store.people.building(where.building)
            parts.append(
                building.name if building else self.speech.say("place.building", n=where.building)
            )
        if where.unit:
            parts.append(self.speech.say("place.unit", n=where.unit))
        if where.room:
            parts.append(where.room)
        if where.spot and where.spot not in "".join(parts):
            parts.append(where.spot)
        return self.speech.address(parts)

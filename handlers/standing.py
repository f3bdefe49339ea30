"""Questions that stand in a chat, and which of them a message answers."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from handlers.conversing import converse, proceed, repeat
from handlers.turn import Turn
from handlers.words import fold
from nlp import choice, yes_no
from storage.models import Conversation, Question

NEAR = timedelta(seconds=30)  # two questions delivered this close together: ask which is meant
PATTERN_ANSWER = 30  # characters; a longer text says more than yes or no

Standing = Question | Conversation


def standing(turn: Turn) -> list[tuple[Standing, list[list[str]]]]:
    """What waits for an answer in this chat, the last delivered first, each with its choices."""
    found: list[tuple[Standing, list[list[str]]]] = [
        (q, q.choices) for q in turn.store.messages.standing(turn.chat, turn.now)
    ]
    conversations = turn.store.messages.conversations(turn.chat)
    if conversations:
        found.append((conversations[0], conversations[0].asking["choices"]))
    return sorted(found, key=lambda pair: delivered(pair[0]), reverse=True)


def delivered(one: Standing) -> tuple[datetime, int, bool]:
    """When a question came: by the clock, by the person's messages since, a menu before all."""
    if isinstance(one, Question):
        return one.delivered_at or one.asked_at, one.after, True
    return one.asked_at, one.after, not _weak(one)


def find_standing_answer(turn: Turn) -> tuple[Standing, str] | str | None:
    """What a message answers and with which value; "which" when two are meant equally."""
    waiting = standing(turn)
    if turn.inbound.reply_to:
        row = turn.store.messages.replied_to(turn.chat, turn.inbound.reply_to)
        mine = [
            w for w in waiting if row and isinstance(w[0], Question) and w[0].outbound_id == row.id
        ]
        waiting = mine or waiting
    digit = choice(turn.text)
    if digit is not None:
        fitting = [(one, c) for one, c in waiting if 1 <= digit <= len(c)]
        if not fitting:
            return None
        one, choices = fitting[0]
        strong = [other for other, _ in fitting if not _weak(other)]
        if not _weak(one) and len(strong) > 1 and _near(strong[0], strong[1]):
            return "which"
        return one, choices[digit - 1][0]
    words = fold(turn.text)
    agreed = yes_no(turn.text)
    for one, choices in waiting:
        for value, *labels in choices:
            if words and any(_means(words, label) for label in labels):
                return one, value
        for value, _, *others in choices:
            if agreed is not None and ("+" if agreed else "-") in others:
                return one, value
    return None


def _means(words: str, label: str) -> bool:
    """没解决，还是没水: the label, alone or before a comma; a label "/…" is a pattern."""
    if label.startswith("/"):
        return len(words) <= PATTERN_ANSWER and re.match(label[1:], words) is not None
    label = fold(label)
    if words == label:
        return True
    return len(label) > 1 and words.startswith(label) and words[len(label)] in " ,，。.!！;；、"


def _weak(one: Standing) -> bool:
    return isinstance(one, Conversation) and bool(one.asking.get("weak"))


def _near(one: Standing, other: Standing) -> bool:
    """Delivered close together, and with no word of the person's own in between."""
    if one.after != other.after:
        return False
    first, second = delivered(one)[0], delivered(other)[0]
    return abs(first - second) <= NEAR


def give(turn: Turn, to: Standing, value: str) -> None:
    """Hands an answer to its question; the older question that was waiting is asked again."""
    if isinstance(to, Question):
        to.answer, to.closed_at = value, turn.now
        turn.contents.answers[to.name](turn, to, value)
        for name, opening in turn.started[:1]:
            turn.started.clear()
            converse(turn, name, opening)
            return
        conversations = turn.store.messages.conversations(turn.chat)
        if conversations and not conversations[0].asking.get("weak"):
            repeat(turn, conversations[0])
    else:
        proceed(turn, to, value)


def answer_chosen(turn: Turn) -> None:
    """The matter behind "which question did you mean?": hands the digit on."""
    kind, ident = str(turn.opening["kind"]), int(turn.opening["ident"])
    for one, choices in standing(turn):
        if isinstance(one, Question) == (kind == "q") and one.id == ident:
            give(turn, one, choices[int(turn.opening["digit"]) - 1][0])
            return
    turn.say("talk.button_spent")


def press(turn: Turn) -> None:
    """A button answers its own question, even an older one; a spent one says so."""
    found = re.fullmatch(r"([qc])(\d+)(?:\.(\d+))?=(\d{1,3})", turn.inbound.choice or "")
    if found:
        kind, ident, step, digit = found[1], int(found[2]), found[3], int(found[4])
        for one, choices in standing(turn):
            same = isinstance(one, Question) == (kind == "q") and one.id == ident
            if same and isinstance(one, Conversation) and step != str(one.step):
                same = False
            if same and 1 <= digit <= len(choices):
                return give(turn, one, choices[digit - 1][0])
    turn.say("talk.button_spent")
    return None

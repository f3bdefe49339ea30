"""An edited message: its last wording counts until it is filed."""

from __future__ import annotations

import re
from typing import Any

from handlers.conversing import converse
from handlers.turn import Turn
from nlp import Intent
from storage.models import Appeal, Conversation, Inbound
from storage.store.receipts import wordings

ROUND = re.compile(r"\.\d+(?=#?$)")  # of a question asked again in a loop
WORDED = ("guess", "command", "what", "text", "category")  # what an opening has from old words


def unchanged(turn: Turn) -> bool:
    """Platforms call it an edit too when they add a preview to a link."""
    before = _before(turn)
    return bool(before) and before[-1].text.strip() == turn.inbound.text.strip()


def reword_clocks(turn: Turn) -> None:
    """In a group: a question that waits for a person is shown in its last wording."""
    idents = {row.id for row in _before(turn)}
    for clock in turn.store.channels.running(chat=turn.chat):
        if clock.inbound_id in idents:
            clock.text = turn.text[:200]


def drop_begun(turn: Turn) -> None:
    """Ends what the old words began."""
    for conversation in _begun(turn, _before(turn)):
        turn.store.session.delete(conversation)


def reword(turn: Turn, *, sure: bool, command: bool) -> bool:
    """Puts new words in the place of the old. False: they are to be taken as a new message.

    `sure`: the ear knows what the new words mean; `command`: they are one.
    """
    before = _before(turn)
    case = _filed(turn, before)
    if case is not None and not command:
        converse(turn, "case_words", {"appeal": case.id, "text": turn.text})
        return True
    begun = _begun(turn, before)
    if not begun:
        return not command and _reword_answer(turn, before)
    top = begun[0]
    for conversation in begun:
        turn.store.session.delete(conversation)
    if command:
        return False
    turn.say("talk.reworded")
    same = str(turn.heard.intent) == top.matter or not sure
    if top.matter not in set(Intent) or not same or len(turn.heard.parts) > 1:
        return False
    opening = {key: value for key, value in top.opening.items() if key not in WORDED}
    converse(turn, top.matter, opening, answers=_still_fitting(top.answers))
    return True


def _before(turn: Turn) -> list[Inbound]:
    return wordings(turn.store.session, turn.inbound)


def _begun(turn: Turn, before: list[Inbound]) -> list[Conversation]:
    idents = {row.id for row in before}
    return [
        one
        for one in turn.store.messages.conversations(turn.chat)
        if one.opening.get("inbound") in idents
    ]


def _filed(turn: Turn, before: list[Inbound]) -> Appeal | None:
    """The case that was filed from the old words, while somebody works on it."""
    for row in before:
        case = turn.store.appeals.get(int((row.extra or {}).get("appeal") or 0))
        if case is not None and case.is_live and case.resident_id == turn.person.id:
            return case
    return None


def _reword_answer(turn: Turn, before: list[Inbound]) -> bool:
    """The old words answered an open conversation: the new ones do so instead."""
    old, new = {row.text.strip() for row in before}, turn.text.strip()
    for one in turn.store.messages.conversations(turn.chat):
        for key in reversed(one.answers):
            worded = f"{key}#" in one.answers and str(one.answers[key]).removeprefix("text:")
            if worded and worded in old:
                value = str(one.answers[key]).replace(worded, new)
                one.answers = {**one.answers, key: value, f"{key}#": turn.heard.to_json()}
                turn.say("talk.reworded")
                converse(turn, one.matter, {}, on=one)
                return True
    return False


def _still_fitting(answers: dict[str, Any]) -> dict[str, Any]:
    """What was asked once, in its last wording; changes to the old words go with them."""
    kept: dict[str, Any] = {}
    for key, value in answers.items():
        kept[ROUND.sub("", key)] = value
    return kept

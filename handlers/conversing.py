"""Runs matters: replays a conversation, keeps what it asks, lays aside what interrupts it."""

from __future__ import annotations

from typing import Any

from handlers.turn import Ask, Choice, NeedsSavepoint, Pause, Turn, brief
from nlp import Guess
from storage import Store
from storage.models import Conversation

HELD_MATTERS = 4  # further matters of one message that are remembered


def converse(
    turn: Turn,
    matter: str,
    opening: dict[str, Any],
    *,
    guess: Guess | None = None,
    waiting: list[str] | None = None,
    answers: dict[str, Any] | None = None,
    on: Conversation | None = None,
) -> None:
    """Opens a matter, or goes on with `on`; afterwards takes up whatever it left waiting."""
    session = turn.store.session
    if on is None:
        _lay_menus_aside(turn)
    opening = dict(on.opening) if on else {"inbound": turn.inbound.id, **opening}
    answers = dict(on.answers) if on else dict(answers or {})
    waiting = list(on.waiting) if on else list(waiting or [])
    turn.opening, turn.answers = opening, answers
    turn.guess = Guess.from_json(opening["guess"]) if "guess" in opening else (guess or turn.heard)
    turn.conversation_id = on.id if on else None
    mark, begun = len(turn.said), len(turn.started)
    undoing = session.begin_nested() if turn.careful else Unchanged(turn.store)
    try:
        turn.contents.matters[matter](turn)
    except Pause as pause:
        undoing.rollback()
        del turn.said[mark:]
        del turn.started[begun:]
        _keep(turn, matter, opening, answers, waiting, pause.ask, on)
        return
    except BaseException:
        if turn.careful:
            undoing.rollback()
        raise
    undoing.commit()
    if on is not None:
        session.delete(on)
    of = {"inbound": opening.get("inbound")}  # the message all this began with
    follow = [(name, {**of, **extra}) for name, extra in turn.started[begun:]]
    del turn.started[begun:]
    if follow:
        *first, last = follow
        guess = turn.guess
        for name, extra in first:
            converse(turn, name, extra, guess=guess)
        converse(turn, last[0], last[1], guess=guess, waiting=waiting)
    elif waiting:
        _take_up(turn, waiting)
    else:
        _go_back(turn)


class Unchanged:
    """In a savepoint's place: most matters change nothing before they ask, so nothing is undone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mark = store.changes

    def rollback(self) -> None:
        """Raises NeedsSavepoint if there is something to undo."""
        if self._store.changes != self._mark:
            raise NeedsSavepoint

    def commit(self) -> None:
        """There is nothing to release."""


def _keep(
    turn: Turn,
    matter: str,
    opening: dict[str, Any],
    answers: dict[str, Any],
    waiting: list[str],
    ask: Ask,
    on: Conversation | None,
) -> None:
    """Stores what is asked, and says it."""
    kept = {**opening, "guess": turn.guess.to_json()}
    if on is None:
        on = turn.store.messages.open(
            Conversation(
                community_id=turn.store.community_id,
                chat_id=turn.chat.id,
                resident_id=turn.person.id,
                matter=matter,
                opening=kept,
                answers=answers,
                asking=ask.as_dict(),
                waiting=waiting,
                step=0,
                asked_at=turn.now,
                opened_at=turn.now,
            )
        )
    else:
        on.opening, on.answers, on.waiting = kept, answers, waiting
        on.asking, on.step, on.repeated = ask.as_dict(), on.step + 1, False
    speak(turn, on)


def speak(turn: Turn, conversation: Conversation) -> None:
    """Says what a conversation asks, with its buttons."""
    ask = Ask(**conversation.asking)
    turn.write(
        turn.chat,
        ask.text,
        choices=[Choice(c[0], c[1]) for c in ask.choices],
        callback=callback(conversation),
        inline=ask.inline,
    )
    conversation.asked_at, conversation.after = turn.now, turn.chat.turns


def callback(conversation: Conversation) -> str:
    """What a button of this very question carries; an older question's buttons carry another."""
    return f"c{conversation.id}.{conversation.step}"


def proceed(turn: Turn, conversation: Conversation, value: str) -> None:
    """Puts an answer in and replays."""
    key = conversation.asking["key"]
    conversation.answers = {**conversation.answers, key: value}
    if conversation.asking.get("takes") != "choice":
        conversation.answers[f"{key}#"] = turn.heard.to_json()
    converse(turn, conversation.matter, {}, on=conversation)


def repeat(turn: Turn, conversation: Conversation) -> None:
    """Asks again, once."""
    if not conversation.repeated:
        speak(turn, conversation)
        conversation.repeated = True


def close_all(turn: Turn) -> int:
    """Ends every open conversation of this chat; says how many were not mere menus."""
    count = 0
    for conversation in turn.store.messages.conversations(turn.chat):
        count += not conversation.asking.get("weak")
        turn.store.session.delete(conversation)
    return count


def _lay_menus_aside(turn: Turn) -> None:
    for conversation in turn.store.messages.conversations(turn.chat):
        if conversation.asking.get("weak"):
            turn.store.session.delete(conversation)


def _take_up(turn: Turn, waiting: list[str]) -> None:
    """The second matter of a message, now that the first has been served."""
    guess = Guess.from_json(waiting[0])
    turn.say("talk.second_matter", what=brief(guess.text))
    converse(turn, str(guess.intent), {"guess": waiting[0]}, guess=guess, waiting=waiting[1:])


def _go_back(turn: Turn) -> None:
    """To the question that was interrupted, if there is one."""
    beneath = turn.store.messages.conversations(turn.chat)
    if beneath and not beneath[0].asking.get("weak"):
        repeat(turn, beneath[0])

"""控制台: a one-time link into the staff's pages, and what failed there taken up again."""

from __future__ import annotations

from datetime import timedelta

from handlers.turn import Desk, Turn
from storage.models import Inbound, Role

LINK_LIFE = timedelta(minutes=10)


def console_link(turn: Turn) -> None:
    """Only in private, only to staff; valid 10 minutes, once."""
    if turn.chat.group:
        turn.say("group.write_to_me")
        return
    code = turn.code()
    turn.store.people.give_credential("login", code, turn.person, turn.now + LINK_LIFE)
    turn.say("console.link", link=f"{turn.public_url}/console/login/{code}")


def try_again(turn: Turn) -> None:
    """再试一次: a message whose handler failed waits anew, in its old place.

    Not once something else was put to its writer: it would be heard as the answer to that.
    """
    row = _failed(turn)
    if row is None:
        turn.say("console.already")
    elif asked_since(turn, row):
        turn.say("console.asked_since")
    else:
        row.handled_at = row.error = None
        turn.say("console.trying")


def let_be(turn: Turn) -> None:
    """不用再试: somebody has seen to it; off the list."""
    row = _failed(turn)
    if row is None:
        turn.say("console.already")
    else:
        row.error = None
        turn.say("console.let_be")


def _failed(turn: Turn) -> Inbound | None:
    """The message of the page, if it still stands as it did when the page was drawn."""
    row = turn.store.messages.inbound(turn.opening["inbound"])
    if turn.person.role is not Role.CHIEF or row is None or row.error is None:
        return None
    same = row.handled_at is not None and row.handled_at.isoformat() == turn.opening["failed"]
    return row if same else None


def asked_since(desk: Desk, row: Inbound) -> bool:
    """Whether something asked in its chat since it failed is still open."""
    chat = desk.store.messages.chat_at(row.channel_id, row.chat_key)
    if chat is None or row.handled_at is None:
        return False
    asked = [one.asked_at for one in desk.store.messages.conversations(chat)]
    asked += [one.asked_at for one in desk.store.messages.standing(chat, desk.now)]
    return any(at >= row.handled_at for at in asked)

"""控制台: a one-time link into the staff's pages."""

from __future__ import annotations

from datetime import timedelta

from handlers.turn import Turn

LINK_LIFE = timedelta(minutes=10)


def console_link(turn: Turn) -> None:
    """Only in private, only to staff; valid 10 minutes, once."""
    if turn.chat.group:
        turn.say("group.write_to_me")
        return
    code = turn.code()
    turn.store.people.give_credential("login", code, turn.person, turn.now + LINK_LIFE)
    turn.say("console.link", link=f"{turn.public_url}/console/login/{code}")

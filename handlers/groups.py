"""In groups the bot listens; it speaks when addressed, and on near-certain danger."""

from __future__ import annotations

import re
from collections.abc import Callable

from handlers.conversing import converse
from handlers.turn import Turn, about
from nlp import Intent
from storage.models import Chat, Stopped
from storage.store.sending import move_chat

NEAR_CERTAIN = 0.9
HEARD = (Intent.APPEAL, Intent.HELP_ASK, Intent.QUESTION)  # what opens a clock in a group
HEARD_FROM = 0.6
SETTLED = re.compile(r"(好了|解决了|修好了|不用了|知道了|谢谢.*|已经有人.*|来水了|来电了)[。!！~]*")


def listen(turn: Turn, too_fast: bool) -> None:
    """One message in a group."""
    _relay(turn)
    _stop_clocks(turn)
    heard = turn.heard
    if (
        heard.intent is Intent.EMERGENCY
        and heard.score >= NEAR_CERTAIN
        and not turn.person.is_staff
    ):
        converse(turn, "emergency", {})
        return
    if turn.inbound.addressed and not too_fast:
        _addressed(turn)
    elif not turn.person.is_staff and heard.intent in HEARD and heard.score >= HEARD_FROM:
        place = turn.store.people.place(turn.chat.place_id or turn.person.home_id)
        handler = turn.handler(place, heard.category)
        level = turn.file.level("default")
        turn.open_clock(
            turn.chat,
            turn.person,
            str(heard.intent),
            heard.text,
            inbound_id=turn.inbound.id,
            handler=handler,
            due_at=turn.file.hours.add(turn.now, level.first_response),
        )


def _relay(turn: Turn) -> None:
    """On the web we are the platform: a message to a group is shown to all by us."""
    if turn.store.messages.platform(turn.chat.channel_id) == "web":
        staff = {person.name for person in turn.store.people.staff()}
        named_like = turn.person.is_staff or turn.person.name in staff  # nobody borrows a role
        name = turn.title(turn.person) if named_like else turn.person.name
        turn.write(
            turn.chat, turn.inbound.text, sender=name, kind="relay", about=about(turn.inbound)
        )


def _stop_clocks(turn: Turn) -> None:
    """Staff answer for everybody; anybody else only who they reply to or name."""
    running = turn.store.channels.running(chat=turn.chat)
    if not running:
        return
    if SETTLED.fullmatch(turn.text.strip()):
        for clock in running:
            if clock.resident_id == turn.person.id:
                turn.stop_clock(clock, Stopped.ASKER)
        return
    people = turn.store.people.residents(clock.resident_id for clock in running)
    for clock in running:
        if clock.resident_id == turn.person.id:
            continue
        asked = turn.store.messages.inbound(clock.inbound_id)
        replied = asked is not None and turn.inbound.reply_to == _message_id(asked.extra)
        named = f"@{people[clock.resident_id].name}" in turn.inbound.text
        if turn.person.is_staff or named or (turn.inbound.reply_to is not None and replied):
            turn.stop_clock(clock, Stopped.PERSON, turn.person)


def _message_id(extra: object) -> str | None:
    return str(extra["message_id"]) if isinstance(extra, dict) and "message_id" in extra else None


def _addressed(turn: Turn) -> None:
    """To the bot, in front of everybody: answers that anybody may read; the rest in private."""
    heard = turn.heard
    if heard.intent in (Intent.QUESTION, Intent.RUMOUR):
        converse(turn, "group_question", {})
        return
    if heard.intent is Intent.CHAT:
        turn.say("group.hello")
        return
    private = turn.chat_with(turn.person)
    if private is None:
        turn.say("group.write_to_me")
        return
    turn.say("group.in_private", name=turn.person.name)
    _move(turn, private, lambda: converse(turn, str(heard.intent), {}))


def _move(turn: Turn, private: Chat, go_on: Callable[[], None]) -> None:
    group, turn.chat = turn.chat, private
    try:
        go_on()
    finally:
        turn.chat = group


def lifecycle(turn: Turn) -> None:
    """Somebody joined, left, blocked us, or a group changed its id."""
    kind, extra = turn.inbound.kind, turn.inbound.extra or {}
    if kind == "left":
        turn.chat.gone = True
    elif kind == "moved" and extra.get("to"):
        move_chat(turn.store.session, turn.chat.id, str(extra["to"]))
    elif kind == "joined":
        turn.chat.gone = False
        if turn.chat.group:
            turn.say("group.joined", community=turn.file.name)
        elif not turn.chat.greeted:
            turn.chat.greeted = True
            converse(turn, "welcome", {})
    if "heard" in extra:
        turn.chat.heard = bool(extra["heard"])
    if extra.get("name"):
        turn.chat.name = str(extra["name"])

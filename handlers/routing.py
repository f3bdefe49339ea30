"""Whose words are these? danger → command → standing Question → open conversation → guess."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, replace
from datetime import timedelta

from handlers import edits, groups
from handlers.codes import read_code
from handlers.conversing import HELD_MATTERS, close_all, converse, proceed, repeat
from handlers.corrections import read_correction
from handlers.desk import Desk
from handlers.front import Front, meet
from handlers.menus import stand_menu
from handlers.standing import find_standing_answer, give, press, standing
from handlers.turn import Turn
from handlers.words import fold
from nlp import Guess, Intent, choice, is_ack, yes_no
from nlp.places import find_place
from storage.models import Conversation, Outbound
from storage.store.receipts import CARRIED, carried

__all__ = ["Front", "answer", "apologise", "meet"]

OF_A_DESK = tuple(field.name for field in fields(Desk))
SURE = 0.6  # at or above it a guess is acted on; below it the bot asks
OURS = ("zh", "en")  # whoever writes in another language gets the menu in it, and in English
LIFECYCLE = ("joined", "left", "moved", "group")
JOINED = re.compile(r"^(另外|还有(?!谁)|对了|顺便(问一下|说一下)?|再就是)[，,、 ]*")
GREETING = 6  # characters; whatever a stranger says beyond that has a matter in it
STILL_HAPPENING = timedelta(minutes=30)  # after an alarm, further words belong to it
PLACE_ANSWER = 24  # characters; a longer text is more than the answer to "where?"


def answer(front: Front, heard: Guess, names: tuple[str, ...]) -> list[Outbound]:
    """Everything that is said because of one message."""
    desk = front.desk
    shared = {name: getattr(desk, name) for name in OF_A_DESK}
    turn = Turn(
        **shared,
        inbound=front.row,
        chat=front.chat,
        person=front.person,
        heard=heard,
        guess=heard,
        names=names,
    )
    if front.row.kind in LIFECYCLE:
        groups.lifecycle(turn)
    elif front.chat.group:
        groups.listen(turn, front.too_fast)
    else:
        in_private(turn, front.too_fast)
    stand_menu(turn)
    return turn.said


def apologise(front: Front) -> list[Outbound]:
    """When a handler failed: own it, say that a person will look."""
    if front.chat.group:
        return []
    text = front.desk.words(front.person).say("talk.failed")
    front.desk.write(front.chat, text)
    return front.desk.said


def more_to_come(desk: Desk) -> str:
    """What ends a reply that had no room for all, where only their next message brings the rest."""
    return desk.words().say("talk.more")


def in_private(turn: Turn, too_fast: bool = False) -> None:
    """One message in a private chat."""
    if turn.inbound.kind == "choice":
        return press(turn)
    if turn.inbound.kind == "console":
        return from_console(turn)
    edit = turn.inbound.kind == "edit"
    if edit and edits.unchanged(turn):
        return None
    command = find_command(turn)
    if is_danger(turn, command):
        if edit:
            edits.drop_begun(turn)
        converse(turn, "emergency", {})
        return with_attachment(turn)
    if too_fast:
        return slow_down(turn)
    worded = turn.inbound.kind in ("text", "edit")
    if turn.inbound.kind == "start":
        worded = _take_along(turn)
        if not worded:
            return converse(turn, "arrive", {"scene": (turn.inbound.extra or {}).get("scene", "")})
    if told_more(turn):
        return converse(turn, "emergency", {})
    if not turn.chat.greeted and command is None and find_standing_answer(turn) is None:
        turn.chat.greeted = True
        only_a_greeting = len(turn.text.strip()) <= GREETING or is_ack(turn.text)
        if not worded or (turn.heard.intent is Intent.CHAT and only_a_greeting):
            converse(turn, "welcome", {})
            if worded:
                return None
        else:
            turn.say("welcome.first")
    if not worded:
        return converse(turn, "media", {})
    if edit and _reworded(turn, command is not None):
        return None
    if command is not None:
        return run_command(turn, *command)
    found = find_standing_answer(turn)
    if found == "which":
        return converse(turn, "which", {"digit": choice(turn.text)})
    if found is not None and not isinstance(found, str):
        return give(turn, *found)
    return in_words(turn)


def _reworded(turn: Turn, command: bool) -> bool:
    """New words in place of old ones; what now answers a question is an answer."""
    certain = sure(turn.heard)
    if not certain and not command and find_standing_answer(turn) is not None:
        return False
    return edits.reword(turn, sure=certain, command=command)


def _take_along(turn: Turn) -> bool:
    """A matter that somebody began in a group goes on here, as if it had been written here."""
    original = carried(turn.store.session, turn.inbound)
    if original is None:
        return False
    original.extra = {**(original.extra or {}), CARRIED: True}
    return True


def with_attachment(turn: Turn) -> None:
    """The photo under whose words a danger was told goes the way of any other."""
    if turn.inbound.kind in ("photo", "video", "voice", "file"):
        converse(turn, "media", {})


def from_console(turn: Turn) -> None:
    """What staff do on the console's pages: the matter and its opening come ready-made."""
    if not turn.person.is_staff:
        return converse(turn, "not_staff", {"command": turn.text})
    extra = turn.inbound.extra or {}
    return converse(turn, str(extra["matter"]), dict(extra["opening"]))


def slow_down(turn: Turn) -> None:
    """Over the limit everything is still stored; it is answered once a minute."""
    last = turn.chat.slowed_at
    if last is None or turn.now - last >= timedelta(minutes=1):
        turn.chat.slowed_at = turn.now
        turn.say("talk.slow_down")


def is_danger(turn: Turn, command: tuple[str, dict[str, str]] | None) -> bool:
    """Whether this must alarm before anything else.

    A staff command, a reply to a case, words a staff member is being asked for, or a record that
    staff paste, only speak of a danger. What a resident pastes may be theirs: in doubt it alarms.
    """
    rows = turn.heard.rows  # others' words: staff are shown them and asked, at once
    if turn.person.is_staff and rows:
        return False
    if turn.heard.intent is not Intent.EMERGENCY and not any(
        row.intent is Intent.EMERGENCY and sure(row) for row in rows
    ):
        return False
    if not turn.person.is_staff:
        # "点名 3栋 燃气泄漏" from somebody who may not start one reports no danger.
        return command is None or command[0] != "not_staff"
    writing = any(
        c.asking.get("takes") == "text" for c in turn.store.messages.conversations(turn.chat)[:1]
    )
    return command is None and not writing and turn.inbound.reply_to is None


# Commands


def find_command(turn: Turn) -> tuple[str, dict[str, str]] | None:
    """The matter and opening of a command that is the whole message."""
    words = fold(turn.text)
    if words in turn.contents.commands:
        return turn.contents.commands[words], {"command": words}
    code = read_code(words)
    if code is not None:
        return "bind", {"code": code}
    return _staff_command(turn, words) or _correction(turn)


def _staff_command(turn: Turn, words: str) -> tuple[str, dict[str, str]] | None:
    spoken = turn.text.strip()
    whole = unicodedata.normalize("NFKC", spoken)
    as_spoken = spoken if len(spoken) == len(whole) else whole
    for word in sorted(turn.contents.staff_commands, key=len, reverse=True):
        if words == word:
            rest = ""
        elif whole.startswith(word) and re.match(r"[\s\d,,::#]", whole[len(word) :]):
            rest = as_spoken[len(word) :].lstrip(" ,，:：")
            if not turn.person.is_staff and not re.match(r"#?\d", rest):
                continue  # a resident's sentence that happens to begin so
        else:
            continue
        if not turn.person.is_staff:
            return "not_staff", {"command": word}
        return turn.contents.staff_commands[word], {"command": word, "rest": rest}
    return None


def _correction(turn: Turn) -> tuple[str, dict[str, str]] | None:
    """Staff saying what a case really is, in reply to its message or with its number."""
    if not turn.person.is_staff or turn.inbound.kind != "text":
        return None
    found = read_correction(turn.text, turn.speech)
    if found is None:
        return None
    if found.number is not None:
        return "correct", found.opening()
    of = turn.inbound.reply_to
    row = turn.store.messages.replied_to(turn.chat, of) if of else None
    if row is None or not found.fits(row.about or ""):
        return None
    return "correct", {"about": str(row.about), **found.opening()}


def run_command(turn: Turn, matter: str, opening: dict[str, str]) -> None:
    if matter == "cancel":
        if close_all(turn):
            turn.say("talk.cancelled")
        elif turn.chat.undo:
            converse(turn, "undo", {})
        else:
            turn.say("talk.nothing_to_cancel")
        return
    converse(turn, matter, dict(opening))


# Words


def in_words(turn: Turn) -> None:
    """Words that are neither command nor choice: an answer in words, or something new."""
    if not fold(turn.text) and not turn.text.strip():
        turn.say("talk.empty")
        return None
    conversations = turn.store.messages.conversations(turn.chat)
    top = conversations[0] if conversations else None
    if turn.person.is_staff and not (top and top.asking.get("takes") == "text"):
        row = (
            turn.store.messages.replied_to(turn.chat, turn.inbound.reply_to)
            if turn.inbound.reply_to
            else None
        )
        if row is not None and row.about:
            kind, _, ident = row.about.partition(":")
            reply = turn.contents.replies.get(kind)
            if reply is not None and reply(turn, ident, turn.text):
                return None
    value = taken(turn, top) if top is not None else None
    if top is not None and value is not None:
        return proceed(turn, top, value)
    if turn.heard.rows:
        for asked in conversations:
            if asked.matter == "pasted":  # pasted again: only the newer one is asked about
                turn.store.session.delete(asked)
        return converse(turn, "pasted", {})
    if top is not None and not top.asking.get("weak"):
        if not sure(turn.heard):
            if choice(turn.text) is not None and top.asking["choices"]:
                choose(turn, len(top.asking["choices"]))
            elif not top.repeated:
                turn.say("talk.not_understood_here")
            else:
                turn.say("talk.way_out")
            repeat(turn, top)
            return None
    elif choice(turn.text) is not None:
        return _digit_without_question(turn)
    return by_guess(turn, turn.heard)


def _digit_without_question(turn: Turn) -> None:
    """A digit nobody asked for: the menu, where digits mean something."""
    waiting = standing(turn)
    if waiting and waiting[0][1]:
        choose(turn, len(waiting[0][1]))
    else:
        converse(turn, "menu", {"surprised": True})


def choose(turn: Turn, count: int) -> None:
    """Which digits there are."""
    turn.say("talk.choose" if count > 1 else "talk.choose_one", n=count)


def taken(turn: Turn, conversation: Conversation) -> str | None:
    """The words as the answer a conversation waits for; None if it cannot take them."""
    takes = conversation.asking.get("takes")
    text = turn.text.strip()
    if takes == "text":
        return text
    where = find_place(text, turn.names)
    if takes == "place":
        if where and (len(text) <= PLACE_ANSWER or not sure(turn.heard)):
            return text
        if conversation.asking.get("weak"):
            return None
        no_place = (
            yes_no(text) is not None or is_ack(text) or re.match("不是|没|不要|别|什么", text)
        )
        return text if 1 < len(text) <= 12 and turn.heard.score < 0.8 and not no_place else None
    if takes == "amend" and (
        (where and len(text) <= PLACE_ANSWER) or re.match("不对|不是|改|说错|错了|应该", text)
    ):
        return f"text:{text}"
    return None


def told_more(turn: Turn) -> bool:
    """Words of somebody whose alarm runs that are no answer, command or matter of their own."""
    text = turn.text
    if turn.inbound.kind != "text" or sure(turn.heard) or is_ack(text) or yes_no(text) is not None:
        return False
    if turn.person.is_staff and turn.heard.rows:
        return False
    lately = turn.now - STILL_HAPPENING
    if turn.store.incidents.running_of(turn.person, lately) is None:
        return False
    answers = find_standing_answer(turn) is not None or find_command(turn) is not None
    return not answers and not turn.store.messages.conversations(turn.chat)


def sure(guess: Guess) -> bool:
    return guess.intent is not Intent.CHAT and guess.score >= SURE


def by_guess(turn: Turn, heard: Guess) -> None:
    """What the ear makes of it; doubt asks, several matters are taken one after another."""
    if turn.person.is_staff:
        return converse(turn, "staff_words", {})
    if heard.lang not in OURS and not sure(heard):
        return converse(turn, "menu", {"lang": heard.lang})
    parts = [replace(p, text=JOINED.sub("", p.text)) for p in heard.parts if sure(p)]
    if len(parts) > 1:
        order = list(Intent)
        parts.sort(key=lambda p: order.index(p.intent))
        first, *rest = parts[: HELD_MATTERS + 1]
        waiting = [p.to_json() for p in rest]
        return converse(
            turn, str(first.intent), {"guess": first.to_json()}, guess=first, waiting=waiting
        )
    homeless = turn.person.home_id is None and not sure(heard)
    only_place = len(heard.text.strip()) <= len(turn.where_words(heard.place)) + 4
    if homeless and heard.place.building and only_place:
        return converse(turn, "at_home", {})
    if heard.intent is Intent.CHAT and heard.score >= 0.5:
        return converse(turn, "chat", {})
    if heard.score < SURE and len(heard.readings) > 1:
        return converse(turn, "clarify", {})
    return converse(turn, str(heard.intent), {})

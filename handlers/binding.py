"""绑群: a group is bound to a place by a one-time code from staff, never by its name."""

from __future__ import annotations

from datetime import timedelta

from handlers.turn import OWN, Turn, make_code
from storage.models import Chat, Place

LIFE = timedelta(days=7)


def group_code(turn: Turn) -> None:
    """绑群 3栋: a code, and what to do with it."""
    place = _place(turn, str(turn.opening.get("rest", "")).strip())
    if place is None:
        turn.say("binding.no_place")
        return
    code = make_code(turn.code())
    turn.store.people.give_credential(
        "group", code.replace("-", ""), turn.person, turn.now + LIFE, place=place
    )
    turn.say("binding.code", place=place.name, code=code)


def _place(turn: Turn, words: str) -> Place | None:
    place = _named(turn, words)
    if place is not None:
        return place
    said = turn.ask(
        "binding.no_such_place" if words else "binding.which_place",
        key="place",
        takes="text",
        place=words,
        places="、".join(p.name for p in turn.store.people.places),
    )
    return _named(turn, said)


def _named(turn: Turn, words: str) -> Place | None:
    if words in ("全社区", "全部", "all"):
        return turn.store.people.root
    return turn.place_in(words) if words else None


def bind_group(turn: Turn) -> None:
    """The code, written in the group it is for. An earlier place gives way."""
    people, chat = turn.store.people, turn.chat
    credential = people.credential("group", str(turn.opening["code"]), turn.now)
    place = people.place(credential.place_id) if credential else None
    if credential is None or place is None:
        turn.say("binding.bad_code")
        return
    credential.used_at = turn.now
    for topic in turn.store.messages.topics(chat):
        if topic.place_id in (None, chat.place_id):  # not one that was bound by itself
            topic.place_id = place.id
    chat.place_id = place.id
    turn.say("binding.bound" if chat.heard else "binding.bound_unheard", place=place.name)
    _tell_giver(turn, credential.resident_id, chat, place)


def _tell_giver(turn: Turn, ident: int, chat: Chat, place: Place) -> None:
    giver = turn.store.people.resident(ident)
    if giver is not None and giver.is_staff:
        name = chat.name or chat.external_id
        turn.tell(giver, "binding.bound_there", name=name, place=place.name)


def code_seen(turn: Turn) -> None:
    """A person's own code in a group: everybody saw it, so it is worth nothing any more."""
    for kind in OWN:
        credential = turn.store.people.credential(kind, str(turn.opening["code"]), turn.now)
        if credential is not None:
            credential.used_at = turn.now
    turn.say("binding.code_seen")

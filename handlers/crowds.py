"""Putting one question to a whole crowd, as `Desk.put` puts it to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from handlers.desk import KEEP_QUESTION, Choice, Desk
from handlers.words import Words
from storage.models import Place, Priority
from storage.store import crowd as crowds
from storage.store.crowd import Asking, Crowd, Wording

CHUNK = 250  # people to a commit: about twenty milliseconds of it
Wordings = Callable[[Words], tuple[str, Sequence[Choice]]]


def crowd_of(desk: Desk, place: Place | None) -> Crowd:
    """Everybody, or who lives in a place."""
    inner = place is not None and place.parent_id is not None
    places = frozenset(desk.store.people.within(place)) if place is not None and inner else None
    return Crowd(desk.store.community_id, places)


def next_part(desk: Desk, crowd: Crowd) -> tuple[Crowd, bool]:
    """The next few of a crowd, and whether they are the last."""
    return crowds.part(desk.store.session, crowd, CHUNK)


def put_to(
    desk: Desk,
    crowd: Crowd,
    name: str,
    about: str,
    wording: Wordings,
    *,
    until: datetime | None = None,
    inline: bool = False,
    priority: Priority = Priority.ANSWER,
    kind: str = "answer",
) -> None:
    """Leaves a Question standing with each of a crowd who has a chat to be asked in."""
    asking = _asking(
        desk,
        crowd,
        name,
        about,
        wording,
        until=until or desk.now + KEEP_QUESTION,
        inline=inline,
        priority=priority,
        kind=kind,
    )
    desk.reached.update(crowds.ask(desk.store.session, crowd, asking, desk.now))
    if kind == "notice":
        crowds.keep_untold(desk.store.session, crowd, asking, desk.now)


def _asking(
    desk: Desk, crowd: Crowd, name: str, about: str, wording: Wordings, **more: Any
) -> Asking:
    """The question in every language its crowd has named."""
    desk.store.session.flush()

    def worded(words: Words) -> Wording:
        text, choices = wording(words)
        return Wording(text, [c.as_list() for c in choices], [c.label for c in choices])

    wordings = {"": worded(desk.words())}
    for language in crowds.languages(desk.store.session, crowd):
        wordings[language] = worded(desk.words_in(language))
    return Asking(name, about, wordings, **more)


def check_in(desk: Desk, crowd: Crowd, rollcall_id: int) -> None:
    """Puts a crowd onto the board of a roll call."""
    crowds.check_in(desk.store.session, crowd, rollcall_id)


def tell_all(
    desk: Desk,
    crowd: Crowd,
    about: str,
    wording: Callable[[Words], str],
    *,
    priority: Priority = Priority.ANSWER,
) -> None:
    """Says something to each of a crowd; who has left every chat has to be told in person."""
    asking = _asking(desk, crowd, "", about, lambda words: (wording(words), []), priority=priority)
    desk.said += crowds.tell(desk.store.session, crowd, asking, desk.now)
    crowds.keep_untold(desk.store.session, crowd, asking, desk.now)


def withdraw_from(desk: Desk, about: str, crowd: Crowd | None = None) -> None:
    """Closes the questions about a thing, unanswered: a crowd's, or everybody's."""
    desk.store.session.flush()
    crowds.withdraw(desk.store.session, desk.store.community_id, about, desk.now, crowd)

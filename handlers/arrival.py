"""Who comes by a link or a scanned code: the scene says from where."""

from __future__ import annotations

import re

from handlers.turn import Turn, read_code
from storage.models import Place


def arrive(turn: Turn) -> None:
    """A one-time code binds; a building's code tells where they live; all else is a plain start."""
    scene = str(turn.opening.get("scene", ""))
    code = read_code(scene)
    place = _place(turn, scene)
    if code is not None:
        turn.start("bind", code=code)
    elif place is not None:
        _at_building(turn, place)
    else:
        turn.start("menu" if turn.inbound.kind == "start" else "welcome")


def _place(turn: Turn, scene: str) -> Place | None:
    found = re.fullmatch(r"p([1-9]\d{0,8})", scene)
    return turn.store.people.place(int(found[1])) if found else None


def _at_building(turn: Turn, place: Place) -> None:
    """Whoever scans a building's code says where they live; staff confirm it."""
    turn.chat.greeted = True
    people, person = turn.store.people, turn.person
    if person.home_id is not None or person.is_staff or place not in people.buildings():
        turn.start("welcome")
        return
    person.home_id, person.confirmed = place.id, False
    turn.say("welcome.scanned", community=turn.file.name, place=place.name)

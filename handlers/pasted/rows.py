"""What each row of a pasted text suggests, whom it means, and what another matter needs of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handlers.turn import Turn
from nlp import Guess, Intent, Where
from nlp.pasted import Pasted, Row
from nlp.places import find_place
from nlp.wellbeing import how_they_are
from storage.models import Place, Resident

SURE, RATHER = 0.6, 0.3
NAMED = re.compile("平安|安全|点名|报到|签到|撤离|在家")
"""In the title of a list: whoever is on it with no word besides is safe."""

DANGER, NEEDS, APPEAL, SAFE, OTHER = "danger", "needs", "appeal", "safe", "other"


@dataclass(frozen=True)
class Line:
    """A row and what its words suggest."""

    index: int
    row: Row
    heard: Guess | None
    sort: str
    stage: str | None  # safe | needs_help, as a roll call counts


def read_line(index: int, row: Row, found: Pasted, heard: Sequence[Guess]) -> Line:
    guess = heard[index] if index < len(heard) else None
    how = how_they_are(row.words)
    if how is None and not row.what and NAMED.search(found.title):
        how = True
    meant = guess.intent if guess is not None and guess.score >= RATHER else None
    if meant is Intent.EMERGENCY and guess is not None and guess.score >= SURE:
        sort = DANGER
    elif how is True and meant is not Intent.APPEAL:
        sort = SAFE
    elif meant is Intent.APPEAL and (how is None or (guess is not None and guess.score >= SURE)):
        sort = APPEAL
    elif how is False or meant is Intent.HELP_ASK:
        sort = NEEDS
    else:
        sort = OTHER
    stage = {True: "safe", False: "needs_help", None: None}[how]
    return Line(index, row, guess, sort, "needs_help" if sort == DANGER else stage)


def as_case(turn: Turn, found: Pasted, line: Line, known: Sequence[Resident]) -> dict[str, Any]:
    """What another matter needs of a row. A name that is not our resident's goes into the text."""
    building = listed_for(turn, found)
    person = whose(turn, line.row, known, building)
    room = line.row.room
    if not room.building and building is not None and (room.room or room.unit):
        room = Where(re.sub(r"\D", "", building.name) or None, room.unit, room.room)
    people = turn.store.people
    home = people.place(person.home_id) if person else building
    place = people.building(room.building) or people.place_named(room.spot or "") or home
    theirs = person is not None and room.room in (person.room, None) and not room.spot
    where = (turn.home(person) if person and theirs else "") or turn.where_words(room)
    words = line.row.words or found.title
    label = label_of(turn, line)
    heard = line.heard
    same = person is not None and (not line.row.name or same_name(person.name, line.row.name))
    return {
        "resident": person.id if person else None,
        "text": words if same or not label else f"{label}：{words}",
        "label": turn.card(person) if person else label,
        "category": (heard.category if heard else None) or "other",
        "urgent": heard is not None and heard.urgency != "normal",
        "danger": (heard.danger if heard else None) or "other",
        "place": place.id if place else None,
        "where": where or (place.name if place else ""),
        "shows": not same or bool(find_place(words)),
    }


def known_people(turn: Turn, lines: Sequence[Line]) -> list[Resident]:
    """Whoever of ours may be meant by some rows, asked for once."""
    rooms = {line.row.room.room for line in lines if line.row.room.room}
    names = {line.row.name for line in lines if line.row.name}
    return turn.store.people.behind(rooms, names)


def listed_for(turn: Turn, found: Pasted) -> Place | None:
    """The building that the list is for: 3栋停水登记."""
    return turn.store.people.building(find_place(found.title.lower()).building)


def whose(
    turn: Turn, row: Row, known: Sequence[Resident], building: Place | None
) -> Resident | None:
    """The one resident whom a row means: by the room first, then by the name; None in doubt."""
    room = row.room
    home = turn.store.people.building(room.building) if room.building else building
    if room.building and home is None:
        return None  # a building we have not
    if room.room:
        here = [
            p
            for p in known
            if p.room == room.room
            and (home is None or p.home_id == home.id)
            and (room.unit is None or p.unit in (room.unit, None))
        ]
        called = [p for p in here if same_name(p.name, row.name)]
        found = called if called else here
    else:
        found = [
            p
            for p in known
            if same_name(p.name, row.name) and (home is None or p.home_id in (home.id, None))
        ]
    return found[0] if len(found) == 1 else None


def same_name(name: str, written: str) -> bool:
    return bool(written) and name == written


def label_of(turn: Turn, line: Line) -> str:
    """501 张三: who a row is about, as the list says it."""
    return " ".join(filter(None, (turn.where_words(line.row.room), line.row.name)))

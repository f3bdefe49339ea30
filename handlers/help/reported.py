"""Asks for a hand that staff hand in for others, row by row of a pasted text."""

from __future__ import annotations

from typing import Any

from handlers.help.request import NOBODY_AFTER, ask_neighbours, tell_workers, withdraw
from handlers.turn import Turn, about, brief
from storage.models import HelpRequest, HelpStage, Resident


def reported(turn: Turn) -> None:
    """One request a row. Neighbours hear only words without a name or a door in them."""
    lines, idents = [], []
    for row in turn.opening["rows"]:
        known = turn.store.people.resident(row["resident"])
        request = _file(turn, row, known or turn.person)
        idents.append(str(request.id))
        asked = ask_neighbours(turn, request) if known and not row["shows"] else 0
        name = ""
        if not asked:
            request.due_at = None
            name = tell_workers(turn, request, "help.from_paste")
        lines.append(
            turn.speech.say(
                "help.reported_asked" if asked else "help.reported_worker",
                who=row["label"],
                what=brief(request.text, 24),
                count=asked,
                name=name or turn.file.name,
            )
        )
        if known and known.id != turn.person.id:
            _tell(turn, request, known)
    turn.say("help.reported", count=len(lines), lines="\n".join(lines))
    turn.can_undo("reported_help", f"help_request:{','.join(idents)}")


def _file(turn: Turn, row: dict[str, Any], person: Resident) -> HelpRequest:
    place = turn.store.people.place(row["place"])
    request = turn.store.add(
        HelpRequest(
            community_id=turn.store.community_id,
            resident_id=person.id,
            text=row["text"],
            place_id=place.id if place else None,
            asked_at=turn.now,
            stage=HelpStage.OPEN,
            due_at=turn.now + NOBODY_AFTER,
        )
    )
    chat = turn.chat_with(person) or turn.chat
    turn.open_clock(
        chat, person, "help_ask", request.text, about=about(request), inbound_id=turn.inbound.id
    )
    turn.wake("chase_help", request.due_at)
    return request


def _tell(turn: Turn, request: HelpRequest, person: Resident) -> None:
    """Whoever is asked for hears it where they can be reached, and may take it back."""
    told = turn.tell(
        person,
        "help.reported_for_you",
        about=about(request),
        who=turn.person.name,
        what=brief(request.text, 24),
    )
    chat = turn.chat_with(person)
    if told is not None and chat is not None:
        chat.undo = {"what": "help", "about": about(request)}


def undo_reported(turn: Turn, idents: str) -> None:
    """错了 by whoever pasted: every request of it that still runs."""
    count = 0
    for ident in idents.split(","):
        request = turn.store.help.get(int(ident))
        if request is None or request.stage in (HelpStage.DONE, HelpStage.WITHDRAWN):
            continue
        count += 1
        withdraw(turn, request)
        person = turn.store.people.resident(request.resident_id)
        if person is not None and person.id != turn.person.id:
            turn.tell(person, "help.reported_taken_back", who=turn.person.name)
    turn.say("help.reported_undone" if count else "talk.nothing_to_undo", count=count)

"""Somebody's own contact card: their number is kept only if they say so."""

from __future__ import annotations

from handlers.turn import Choice, Turn, about
from nlp.slots import find_phone


def own_number(turn: Turn) -> None:
    """Offers to keep the number of a contact card."""
    say = turn.speech.say
    phone = find_phone(str(turn.opening["phone"])) or str(turn.opening["phone"])
    said = turn.ask(
        "contact.keep",
        Choice("yes", say("contact.yes"), ("+", "记吧")),
        Choice("no", say("contact.no"), ("-", "别记")),
        key="keep",
        phone=phone,
    )
    if said == "no":
        turn.say("contact.not_kept")
        return
    turn.person.phone = phone
    turn.say("contact.kept", phone=phone)
    case = turn.store.appeals.open_case_of(turn.person)
    handler = turn.store.people.resident(case.handler_id) if case else None
    if case is not None and handler is not None:
        turn.tell(
            handler,
            "contact.for_case",
            about=about(case),
            n=case.number,
            who=turn.person.name,
            phone=phone,
        )

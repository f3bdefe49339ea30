"""Who would lend a hand: kept, shown what is needed near by, taken back."""

from __future__ import annotations

from handlers.help.request import I_COME, NOT_NOW
from handlers.turn import Choice, Turn, about
from storage.models import Offer, Role


def help_offer(turn: Turn) -> None:
    """我来帮, or words that offer: kept, and shown what is needed near by."""
    text = "" if turn.opening.get("command") else turn.guess.text.strip()
    turn.person.willing = True
    if text:
        turn.store.add(
            Offer(
                community_id=turn.store.community_id,
                resident_id=turn.person.id,
                text=text,
                offered_at=turn.now,
            )
        )
    turn.say("help.offer_kept")
    turn.can_undo("offer", f"resident:{turn.person.id}")
    near = [r for r in turn.store.help.open() if r.resident_id != turn.person.id]
    for request in near[:1]:
        place = turn.store.people.place(request.place_id)
        turn.withdraw(about(request), to=turn.person)
        turn.put(
            "help.take",
            turn.person,
            about(request),
            "help.can_you",
            [
                Choice("yes", turn.speech.say("help.i_come"), ("+", *I_COME)),
                Choice("no", turn.speech.say("help.not_now"), ("-", *NOT_NOW)),
            ],
            chat=turn.private(),
            text=request.text,
            place=place.name if place else turn.file.name,
        )


def undo_offer(turn: Turn, ident: str) -> None:
    turn.person.willing = turn.person.role is Role.VOLUNTEER
    for offer in turn.store.help.offers_of(turn.person):
        offer.closed_at = turn.now
    turn.say("help.offer_withdrawn")

"""Voice, photo, location, stickers: kept with the open case or passed on; never silence."""

from __future__ import annotations

from handlers.turn import Turn, about
from storage.models import AppealStep, Conversation, Incident

KNOWN = ("voice", "photo", "video", "file", "location", "contact", "sticker")


def media(turn: Turn) -> None:
    """Something that is not text. Its bytes stay with the platform; we keep where to find them."""
    kind = turn.inbound.kind if turn.inbound.kind in KNOWN else "file"
    name = turn.speech.say(f"media.{kind}")
    if kind == "sticker":
        turn.say("media.sticker_seen")
        return
    phone = (turn.inbound.extra or {}).get("phone")  # an adapter gives it of one's own card only
    if kind == "contact" and phone and turn.person.phone is None:
        turn.start("own_number", phone=str(phone))
        return
    reference = f"inbound:{turn.inbound.id}:{kind}"
    running = turn.store.incidents.running()
    mine = next((i for i in running if i.resident_id == turn.person.id), None)
    if mine is not None:
        _to_alarmed(turn, mine, name, reference)
        return
    top = next(iter(turn.store.messages.conversations(turn.chat)), None)
    if top is not None and top.matter == "appeal":
        _with_conversation(turn, top, name, reference)
        return
    case = turn.store.appeals.open_case_of(turn.person)
    if case is not None:
        turn.store.add(
            AppealStep(
                appeal_id=case.id,
                at=turn.now,
                who_id=turn.person.id,
                verb="media",
                text=_caption(turn),
                media=reference,
            )
        )
        handler = turn.store.people.resident(case.handler_id)
        if handler is not None:
            turn.tell(
                handler,
                "media.for_case",
                about=about(case),
                n=case.number,
                kind=name,
                who=turn.person.name,
                text=_caption(turn),
                media=reference,
            )
        turn.say(
            "media.kept_with_case",
            kind=name,
            n=case.number,
            who=handler.name if handler else turn.file.name,
        )
        return
    _to_worker(turn, name, reference)


def _caption(turn: Turn) -> str:
    extra = turn.inbound.extra or {}
    spot = f"{float(extra['lat']):.5f},{float(extra['lon']):.5f}" if "lat" in extra else ""
    parts = (turn.inbound.text.strip(), spot, str(extra.get("phone") or ""))
    return " ".join(part for part in parts if part)


def _to_alarmed(turn: Turn, case: Incident, name: str, reference: str) -> None:
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(
                person,
                "media.for_incident",
                about=about(case),
                kind=name,
                media=reference,
                who=turn.person.name,
                text=_caption(turn),
            )
    turn.say("media.passed_on", kind=name, who=turn.speech.say("media.those_alarmed"))


def _with_conversation(turn: Turn, top: Conversation, name: str, reference: str) -> None:
    """Into the case that is just being told."""
    kept = [*top.opening.get("media", []), reference]
    captions = {**top.opening.get("captions", {}), reference: _caption(turn)}
    top.opening = {**top.opening, "media": kept, "captions": captions}
    if turn.inbound.kind == "location" and top.asking.get("takes") == "place":
        top.repeated = False  # a spot on a map is no answer in words: asked for each time
    turn.say("media.kept_with_this", kind=name)


def _to_worker(turn: Turn, name: str, reference: str) -> None:
    place = turn.store.people.place(turn.person.home_id)
    handler = turn.handler(place)
    clock = turn.open_clock(
        turn.chat,
        turn.person,
        "human",
        f"[{name}]",
        inbound_id=turn.inbound.id,
        handler=handler,
        due_at=turn.file.hours.add(turn.now, turn.file.level("default").first_response),
    )
    clock.about = about(clock)
    if handler is not None:
        turn.tell(
            handler,
            "media.for_you",
            about=about(clock),
            kind=name,
            media=reference,
            who=turn.card(turn.person),
            text=_caption(turn),
        )
    turn.say("media.passed_on", kind=name, who=handler.name if handler else turn.file.name)

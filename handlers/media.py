"""Voice, photo, location, stickers: kept with the open case or passed on; never silence.

Their bytes are downloaded afterwards (bot/fetching.py), within limits that stand with the entity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers.turn import Desk, Turn, about
from storage.models import (
    MOST,
    Appeal,
    AppealStep,
    Conversation,
    Incident,
    Keeping,
    Media,
    Resident,
    Stage,
)

KNOWN = ("voice", "photo", "video", "file", "location", "contact", "sticker")
FOUND_BY = ("file_id", "media_id", "url")  # what of an event says where its attachment is
PHOTOS = {"jpg", "jpeg", "png", "webp", "gif", "heic", "heif"}
ENDINGS = {  # of file names, by kind; the bytes themselves are looked at later
    "photo": PHOTOS,
    "voice": {"ogg", "oga", "opus", "amr", "mp3", "m4a", "mp4", "spx", "speex", "wav"},
    "video": {"mp4", "m4v", "mov", "webm"},
    "file": PHOTOS | {"pdf", "docx", "xlsx"},
}
ENDING = re.compile(r"\.([a-z][a-z0-9]{0,7})$")
NEVER = ("text/", "html", "svg", "script", "zip", "executable", "msdownload", "msdos", "x-sh")
# After its case is closed. 个人信息保护法 19 wants the shortest time that is needed; half a year is
# as long as somebody may still ask how it was done.
KEEP = timedelta(days=180)
LATER = timedelta(minutes=10)  # until it is looked again whether a report is told to its end


@dataclass(frozen=True)
class Attached:
    """What came with this message. `row` is there where something is to be downloaded."""

    turn: Turn
    kind: str
    row: Media | None

    @property
    def reference(self) -> str:
        return f"inbound:{self.turn.inbound.id}:{self.kind}"

    @property
    def refused(self) -> str | None:
        return self.row.why if self.row is not None else None

    @property
    def coming(self) -> bool:
        """Whether it will be seen on the console."""
        return self.row is not None and not self.refused

    def named(self, person: Resident) -> str:
        """照片, or 视频（太大了，没留下）, in the words of whoever hears it."""
        say = self.turn.words(person).say
        kind = say(f"media.{self.kind}")
        if not self.refused:
            return kind
        return say("media.not_there", kind=kind, why=say(f"media.why_{self.refused}"))

    @property
    def caption(self) -> str:
        inbound = self.turn.inbound
        extra = inbound.extra or {}
        spot = f"{float(extra['lat']):.5f},{float(extra['lon']):.5f}" if "lat" in extra else ""
        parts = (inbound.text.strip(), spot, str(extra.get("phone") or ""))
        return " ".join(part for part in parts if part)


def media(turn: Turn) -> None:
    """Something that is not text. What it says and what it is goes to whoever sees to the matter;
    what can be downloaded waits for that."""
    kind = turn.inbound.kind if turn.inbound.kind in KNOWN else "file"
    if kind == "sticker":
        turn.say("media.sticker_seen")
        return
    phone = (turn.inbound.extra or {}).get("phone")  # an adapter gives it of one's own card only
    if kind == "contact" and phone and turn.person.phone is None:
        turn.start("own_number", phone=str(phone))
        return
    row = _wanted(turn, kind)
    running = turn.store.incidents.running()
    mine = next((i for i in running if i.resident_id == turn.person.id), None)
    top = next(iter(turn.store.messages.conversations(turn.chat)), None)
    case = turn.store.appeals.open_case_of(turn.person)
    sent = Attached(turn, kind, row)
    if mine is not None:
        _to_alarmed(sent, mine)
    elif top is not None and top.matter == "appeal":
        _with_conversation(sent, top)
    elif case is not None:
        _with_case(sent, case)
    else:
        _to_worker(sent)


def _wanted(turn: Turn, kind: str) -> Media | None:
    """A row for what is to be downloaded, or is refused at once; None where there is nothing."""
    extra = turn.inbound.extra or {}
    if kind not in MOST or not any(extra.get(key) for key in FOUND_BY):
        return None
    why = claimed(kind, extra)
    return turn.store.add(
        Media(
            community_id=turn.store.community_id,
            channel_id=turn.inbound.channel_id,
            inbound_id=turn.inbound.id,
            resident_id=turn.person.id,
            reference=f"inbound:{turn.inbound.id}:{kind}",
            kind=kind,
            state=Keeping.REFUSED if why else Keeping.WAITING,
            why=why,
            tries=0,
            due_at=None if why else turn.now,  # what is refused here is told here
            created_at=turn.now,
        )
    )


def claimed(kind: str, extra: Mapping[str, Any]) -> str | None:
    """Why an attachment is refused by what its event says of it: large, kind; None: it is not."""
    size = str(extra.get("size") or 0)[:20]
    if size.isdecimal() and int(size) > MOST[kind]:
        return "large"
    found = ENDING.search(str(extra.get("file_name") or "").lower())
    if found is not None:
        return None if found[1] in ENDINGS[kind] else "kind"
    mime = str(extra.get("mime") or "").lower()
    return "kind" if any(word in mime for word in NEVER) else None


def _with_case(sent: Attached, case: Appeal) -> None:
    turn = sent.turn
    turn.store.add(
        AppealStep(
            appeal_id=case.id,
            at=turn.now,
            who_id=turn.person.id,
            verb="media",
            text=sent.caption,
            media=sent.reference,
        )
    )
    handler = turn.store.people.resident(case.handler_id)
    if handler is not None:
        turn.tell(
            handler,
            "media.for_case_there" if sent.coming else "media.for_case",
            about=about(case),
            n=case.number,
            kind=sent.named(handler),
            who=turn.person.name,
            text=sent.caption,
            media=sent.reference,
        )
    _answer(
        sent, "media.kept_with_case", n=case.number, who=handler.name if handler else turn.file.name
    )


def _to_alarmed(sent: Attached, case: Incident) -> None:
    turn = sent.turn
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(
                person,
                "media.for_incident_there" if sent.coming else "media.for_incident",
                about=about(case),
                kind=sent.named(person),
                media=sent.reference,
                who=turn.person.name,
                text=sent.caption,
            )
    _answer(sent, "media.passed_on", who=turn.speech.say("media.those_alarmed"))


def _with_conversation(sent: Attached, top: Conversation) -> None:
    """Into the case that is just being told."""
    kept = [*top.opening.get("media", []), sent.reference]
    captions = {**top.opening.get("captions", {}), sent.reference: sent.caption}
    top.opening = {**top.opening, "media": kept, "captions": captions}
    if sent.turn.inbound.kind == "location" and top.asking.get("takes") == "place":
        top.repeated = False  # a spot on a map is no answer in words: asked for each time
    _answer(sent, "media.kept_with_this")


def _to_worker(sent: Attached) -> None:
    turn = sent.turn
    place = turn.store.people.place(turn.person.home_id)
    handler = turn.handler(place)
    name = turn.speech.say(f"media.{sent.kind}")
    clock = turn.open_clock(
        turn.chat,
        turn.person,
        "human",
        f"[{name}] {sent.caption}".strip(),
        inbound_id=turn.inbound.id,
        handler=handler,
        due_at=turn.file.hours.add(turn.now, turn.file.level("default").first_response),
    )
    clock.about = about(clock)
    if handler is not None:
        turn.tell(
            handler,
            "media.for_you_there" if sent.coming else "media.for_you",
            about=about(clock),
            kind=sent.named(handler),
            media=sent.reference,
            who=turn.card(turn.person),
            text=sent.caption,
        )
    _answer(sent, "media.passed_on", who=handler.name if handler else turn.file.name)


def _answer(sent: Attached, phrase: str, **values: Any) -> None:
    """What became of it, or that it is not taken and what will do instead."""
    turn = sent.turn
    if sent.refused:
        turn.say(f"media.refused_{sent.refused}", kind=turn.speech.say(f"media.{sent.kind}"))
    else:
        turn.say(phrase, kind=turn.speech.say(f"media.{sent.kind}"), **values)


# Afterwards


def tell_lost_media(desk: Desk) -> datetime | None:
    """What could not be downloaded: a note on its case, and whoever sees to it hears why."""
    again = None
    for row in desk.store.media.lost(desk.now):
        if _is_being_told(desk, row):
            row.due_at = again = desk.now + LATER
            continue
        row.due_at = None
        case = desk.store.media.case_of(row)
        if case is not None:
            _tell_of_case(desk, row, case)
        else:
            _tell_of_question(desk, row)
    return again


def _is_being_told(desk: Desk, row: Media) -> bool:
    """Whether it belongs to a report that is not filed yet."""
    person = desk.store.people.resident(row.resident_id)
    return person is not None and any(
        row.reference in conversation.opening.get("media", [])
        for chat in desk.store.messages.chats_of(person)
        for conversation in desk.store.messages.conversations(chat)
    )


def _tell_of_case(desk: Desk, row: Media, case: Appeal) -> None:
    say = desk.words().say
    lost = say("media.not_there", kind=say(f"media.{row.kind}"), why=say(f"media.why_{row.why}"))
    desk.store.add(
        AppealStep(
            appeal_id=case.id, at=desk.now, verb="media_lost", text=lost, media=row.reference
        )
    )
    handler = desk.store.people.resident(case.handler_id)
    if handler is not None and (case.is_live or case.stage is Stage.ACTED):
        words = desk.words(handler)
        desk.tell(
            handler,
            "media.lost_of_case",
            about=about(case),
            n=case.number,
            kind=words.say(f"media.{row.kind}"),
            why=words.say(f"media.why_{row.why}"),
            who=_name(desk, row),
        )


def _tell_of_question(desk: Desk, row: Media) -> None:
    """Those who were sent to a running danger, or whoever has the question it came as."""
    hearers: list[tuple[Resident | None, str]] = []
    for incident in desk.store.incidents.running():
        if incident.resident_id == row.resident_id and incident.raised_at <= row.created_at:
            people = desk.store.people.residents(incident.alarmed)
            hearers += [(person, about(incident)) for person in people.values()]
    for clock in desk.store.channels.running():
        if clock.inbound_id == row.inbound_id:
            hearers.append((desk.store.people.resident(clock.handler_id), about(clock)))
    for person, matter in hearers:
        if person is not None:
            words = desk.words(person)
            desk.tell(
                person,
                "media.lost",
                about=matter,
                kind=words.say(f"media.{row.kind}"),
                why=words.say(f"media.why_{row.why}"),
                who=_name(desk, row),
            )


def _name(desk: Desk, row: Media) -> str:
    person = desk.store.people.resident(row.resident_id)
    return person.name if person is not None else desk.words().say("people.stranger")


def erase_old_media(desk: Desk) -> datetime:
    """Each day: what was sent for cases that were closed long ago. The cases stay."""
    for row in desk.store.media.outlived(desk.now - KEEP):
        row.state, row.due_at = Keeping.ERASED, None
    return desk.now + timedelta(days=1)

"""Who stands before the desk: finds, or makes, the chat and the person of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from handlers.desk import Desk
from storage import Store
from storage.models import Chat, Identity, Inbound, Resident
from storage.store.sending import not_arrived

MINUTE = timedelta(minutes=1)  # what messages_per_minute counts over


@dataclass
class Front:
    desk: Desk
    row: Inbound
    chat: Chat
    person: Resident
    too_fast: bool


def expect(store: Store, rows: Sequence[Inbound]) -> None:
    """Whoever wrote these messages will be met next: reads them all at once."""
    store.expect(rows, min(row.received_at for row in rows) - MINUTE)


def note_receipt(desk: Desk, row: Inbound) -> None:
    """How one of our messages fared, as its platform says afterwards."""
    extra = row.extra or {}
    chat = desk.store.messages.chat_at(row.channel_id, row.chat_key)
    if chat is not None and extra.get("message_id") and extra.get("fail"):
        told, gone = str(extra["message_id"]), extra["fail"] == "gone"
        not_arrived(desk.store.session, chat.id, told, gone=gone, now=desk.now)


def meet(desk: Desk, row: Inbound, messages_per_minute: int) -> Front:
    """The chat and person of a message. A stranger becomes a resident who claims nothing yet."""
    chat, identity, person = desk.store.messages.front(row.channel_id, row.chat_key, row.user_key)
    if identity is None or person is None:
        person = _stranger(desk, row)
    if chat is None:
        chat = _new_chat(desk, row, person)
    chat.turns += 1
    # What is done at the console, or tried again, says nothing about where its author reads now.
    if row.kind != "console" and row.received_at >= chat.seen_at:
        chat.seen_at, chat.gone = desk.now, False
    written = desk.store.messages.written_between(
        row.channel_id, row.user_key, row.received_at - MINUTE, row.received_at
    )
    return Front(desk, row, chat, person, written > messages_per_minute)


def _new_chat(desk: Desk, row: Inbound, person: Resident) -> Chat:
    """A topic of a group is a chat by itself; what is known of the group holds there too."""
    extra = row.extra or {}
    parent = None
    if row.group and extra.get("parent"):
        parent = desk.store.messages.chat_at(row.channel_id, str(extra["parent"]))
    return desk.store.add(
        Chat(
            community_id=desk.store.community_id,
            channel_id=row.channel_id,
            external_id=row.chat_key,
            group=row.group,
            created_at=desk.now,
            seen_at=desk.now,
            resident_id=None if row.group else person.id,
            name=str(extra.get("name") or "") or (parent.name if parent else None),
            place_id=parent.place_id if parent else None,
            greeted=False,
            gone=False,
            heard=parent.heard if parent else True,
            warned=0,
            turns=0,
        )
    )


def _stranger(desk: Desk, row: Inbound) -> Resident:
    name = (row.user_name or "").strip()[:40] or desk.words().say("people.stranger")
    person = desk.store.add(
        Resident(
            community_id=desk.store.community_id,
            name=name,
            created_at=desk.now,
            elder=False,
            notices=True,
            willing=False,
            confirmed=False,
        )
    )
    desk.store.add(
        Identity(
            community_id=desk.store.community_id,
            channel_id=row.channel_id,
            name=name,
            external_id=row.user_key,
            resident_id=person.id,
            created_at=desk.now,
        )
    )
    return person

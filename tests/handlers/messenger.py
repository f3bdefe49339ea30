"""A community with a messenger that has groups, topics, edits and links: who wrote hears what."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from nlp import Ear
from storage import Database, Store
from storage.models import Chat, Outbound, Resident
from storage.store.receipts import Received
from tests.town import Town

CHANNEL = "tg"
CHANNELS = {
    "channels": [
        {"id": "web-a", "platform": "web"},
        {"id": CHANNEL, "platform": "telegram", "token": "1:x"},
    ]
}


@dataclass(frozen=True)
class Heard:
    chat: str
    text: str
    choices: list[Any]


class Messenger:
    """`write` gives everything that was said anywhere because of one message."""

    def __init__(self, ear: Ear, database: Database | None = None) -> None:
        self.town = Town(ear, database=database or Database("sqlite://"), change=CHANNELS)
        self._ids = itertools.count(100)

    def write(
        self,
        user: str,
        text: str = "",
        *,
        group: str | None = None,
        kind: str = "text",
        edits: str | None = None,
        **more: Any,
    ) -> list[Heard]:
        """`edits` is the platform's id of the message whose words these are now."""
        last = self.town.last_said()
        self.ident = edits or str(next(self._ids))
        extra = {"message_id": self.ident, **more.pop("extra", {})}
        if edits:
            kind, extra["edited"] = "edit", edits
        self.town.rehearsal.deliver(
            Received(
                channel_id=CHANNEL,
                external_id=str(next(self._ids)),
                chat_key=group or user,
                user_key=user,
                user_name=more.pop("user_name", user),
                group=group is not None,
                kind=kind,
                text=text,
                addressed=more.pop("addressed", group is None),
                extra=extra,
                **more,
            )
        )
        assert self.town.errors() == []
        return self.said_after(last)

    def start(self, user: str, scene: str) -> list[Heard]:
        return self.write(user, kind="start", extra={"scene": scene})

    def said_after(self, last: int) -> list[Heard]:
        with self.town.database.read() as session:
            rows = session.execute(
                select(Chat.external_id, Outbound.text, Outbound.choices)
                .join(Chat, Chat.id == Outbound.chat_id)
                .where(Outbound.id > last)
                .order_by(Outbound.id)
            ).all()
            return [Heard(row[0], row[1], row[2]) for row in rows]

    def chat(self, key: str) -> Chat:
        with self.town.database.read() as session:
            found = Store(session, self.town.ids["a"]).messages.chat_at(CHANNEL, key)
            assert found is not None
            session.expunge(found)
            return found

    def person(self, user: str) -> Resident:
        with self.town.database.read() as session:
            store = Store(session, self.town.ids["a"])
            _, _, person = store.messages.front(CHANNEL, user, user)
            assert person is not None
            session.expunge(person)
            return person

    def place(self, name: str) -> int:
        with self.town.database.read() as session:
            place = Store(session, self.town.ids["a"]).people.place_named(name)
            assert place is not None
            return place.id

    def code(self, kind: str, name: str, code: str = "HYAAAABBBB") -> str:
        """A live code for a person of the community file."""
        with self.town.database.write() as session:
            store = Store(session, self.town.ids["a"])
            person = store.people.in_file(name)
            assert person is not None
            until = self.town.now.replace(year=2030)
            store.people.give_credential(kind, code, person, until)
        return code


def texts(heard: list[Heard], chat: str) -> str:
    return "\n".join(one.text for one in heard if one.chat == chat)

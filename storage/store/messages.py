"""What is said, by whom, where, and what still waits for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, select, update

from storage.models import (
    Channel,
    Chat,
    Conversation,
    Identity,
    Inbound,
    Outbound,
    Question,
    Resident,
    Sending,
)
from storage.store import ahead, statements
from storage.store.base import Questions
from storage.unit_of_work import UnitOfWork

NOT_LEFT = (Sending.QUEUED, Sending.WAITING)


class Messages(Questions):
    def __init__(self, session: UnitOfWork, community_id: int) -> None:
        super().__init__(session, community_id)
        self._channels: dict[str, tuple[str, bool]] | None = None
        self._expected: set[tuple[str, str]] = set()  # chats and users whose rows were read
        self._chats: dict[tuple[str, str], Chat] = {}
        self._writers: dict[tuple[str, str], tuple[Identity, Resident]] = {}
        self._written: dict[tuple[str, str], list[datetime]] = {}

    def expect(self, rows: Sequence[Inbound], since: datetime) -> None:
        """Reads at once what the turns of these messages will ask for one after another.

        `since` is the earliest moment `written_between` will be asked about.
        """
        values = {"community": self.community_id}
        self._channel_facts()
        chat_keys, user_keys = list({r.chat_key for r in rows}), list({r.user_key for r in rows})
        for chat in self.session.scalars(statements.CHATS_AT, {**values, "keys": chat_keys}):
            self._chats[chat.channel_id, chat.external_id] = chat
        for identity, person in self.session.execute(
            statements.WRITERS, {**values, "keys": user_keys}
        ):
            self._writers[identity.channel_id, identity.external_id] = identity, person
        for row in rows:
            self._expected |= {(row.channel_id, row.chat_key), (row.channel_id, row.user_key)}
        self.session.expect(Chat, [chat.id for chat in self._chats.values()])
        self.session.expect(Resident, [person.id for _, person in self._writers.values()])
        channels = list({row.channel_id for row in rows})
        written = {**values, "channels": channels, "keys": user_keys, "since": since}
        self._written = {(row.channel_id, row.user_key): [] for row in rows}
        for channel, user, at in self.session.execute(statements.WRITTEN_BY, written):
            if (channel, user) in self._written:
                self._written[channel, user].append(at)

    def channel(self, ident: str) -> Channel | None:
        return self.one(Channel, ident)

    def channels(self) -> list[Channel]:
        return list(self.session.scalars(self.ours(Channel).order_by(Channel.id)))

    def platform(self, channel_id: str) -> str:
        """A channel's platform; "" for a channel that is not ours."""
        return self._channel_facts().get(channel_id, ("", False))[0]

    def _channel_facts(self) -> dict[str, tuple[str, bool]]:
        """Of each channel its platform, and whether it may write first. Read once a batch."""
        if self._channels is None:
            found = self.session.execute(statements.CHANNELS, {"community": self.community_id})
            self._channels = {row[0]: (row[1], row[2] == "free") for row in found}
        return self._channels

    # Chats

    def chat(self, ident: int | None) -> Chat | None:
        return self.one(Chat, ident)

    def chat_at(self, channel_id: str, external_id: str) -> Chat | None:
        key = channel_id, external_id
        known = self._chats.get(key)
        if known is not None and self.session.is_there(known):
            return known
        if key in self._expected:
            return next((c for c in self.born(Chat) if (c.channel_id, c.external_id) == key), None)
        values = {"community": self.community_id, "channel": channel_id, "key": external_id}
        return self.session.scalars(statements.CHAT_AT, values).one_or_none()

    def front(
        self, channel_id: str, chat_key: str, user_key: str
    ) -> tuple[Chat | None, Identity | None, Resident | None]:
        """The chat a message stands in, and who wrote it, in one look."""
        chat, key = self.chat_at(channel_id, chat_key), (channel_id, user_key)
        known = self._writers.get(key)
        if known is not None and known[0].resident_id == known[1].id:  # not bound to another since
            return chat, *known
        if known is None and key in self._expected:
            for identity in self.born(Identity):
                if (identity.channel_id, identity.external_id) == key:
                    return chat, identity, self.one(Resident, identity.resident_id)
            return chat, None, None
        values = {"community": self.community_id, "channel": channel_id, "key": user_key}
        row = self.session.execute(statements.WRITER, values).one_or_none()
        return (chat, row[0], row[1]) if row else (chat, None, None)

    def chats_of(self, resident: Resident, now: datetime | None = None) -> list[Chat]:
        """A resident's private chats that nobody has closed, the last used first.

        With `now` those come first that their platform lets us write to at that moment.
        """
        own = self.held(ahead.CHATS, resident.id)
        facts = self._channel_facts()
        if all(now is None or facts[chat.channel_id][1] for chat in own):
            found = [chat for chat in own if not chat.group and not chat.gone]
            return sorted(found, key=lambda chat: (chat.seen_at, chat.id), reverse=True)
        values = {"community": self.community_id, "resident": resident.id, "now": now}
        return list(self.session.scalars(statements.CHATS_TO_WRITE_TO, values))

    def all_chats_of(self, resident: Resident) -> list[Chat]:
        """Every private chat of a resident, also those that are gone, the last used first."""
        own = self.held(ahead.CHATS, resident.id)
        found = [chat for chat in own if not chat.group]
        return sorted(found, key=lambda chat: (chat.seen_at, chat.id), reverse=True)

    def chats_of_many(self, residents: Sequence[Resident]) -> dict[int, Chat]:
        """The chat to reach each of many residents in, by resident id."""
        query = self.ours(Chat).where(
            Chat.resident_id.in_([r.id for r in residents]),
            Chat.group.is_(False),
            Chat.gone.is_(False),
        )
        rows = self.session.scalars(query.order_by(Chat.seen_at, Chat.id))
        return {row.resident_id: row for row in rows if row.resident_id is not None}

    def groups(self) -> list[Chat]:
        query = self.ours(Chat).where(Chat.group, Chat.gone.is_(False))
        return list(self.session.scalars(query.order_by(Chat.id)))

    def group_named(self, channel_id: str, name: str) -> Chat | None:
        query = self.ours(Chat).where(Chat.channel_id == channel_id, Chat.group, Chat.name == name)
        return self.session.scalars(query).first()

    def topics(self, group: Chat) -> list[Chat]:
        """The chats that are topics of a group: "<its id>/<topic>"."""
        query = self.ours(Chat).where(
            Chat.channel_id == group.channel_id,
            Chat.external_id.startswith(f"{group.external_id}/", autoescape=True),
        )
        return list(self.session.scalars(query.order_by(Chat.id)))

    # What waits for an answer

    def conversations(self, chat: Chat) -> list[Conversation]:
        """Open conversations of a chat, the one on top first."""
        return self.held(ahead.CONVERSATIONS, chat.id)[::-1]

    def unanswered_since(self, moment: datetime) -> list[Conversation]:
        """Conversations that last asked before a moment."""
        return list(
            self.session.scalars(self.ours(Conversation).where(Conversation.asked_at < moment))
        )

    def open(self, conversation: Conversation) -> Conversation:
        """Keeps a new conversation, on top of its chat's others."""
        return self.add(conversation)

    def standing(self, chat: Chat, now: datetime) -> list[Question]:
        """Questions that stand in a chat, the last delivered first."""
        held = self.held(ahead.STANDING, chat.id)
        found = [q for q in held if q.closed_at is None and (q.until is None or q.until > now)]
        return sorted(found, key=lambda q: (q.delivered_at or q.asked_at, q.id), reverse=True)

    def stand(self, question: Question) -> Question:
        """Keeps a new question."""
        return self.add(question)

    def question(self, ident: int) -> Question | None:
        return self.one(Question, ident)

    def questions_about(self, about: str, *, to: Resident | None = None) -> list[Question]:
        """Standing questions about one thing."""
        found = [question for question in self.born(Question) if question.about == about]
        if not self.is_new(about):
            query = self.ours(Question).where(Question.about == about, Question.closed_at.is_(None))
            with self.session.no_autoflush:
                found = [*{*self.session.scalars(query), *found}]
        mine = [q for q in found if q.closed_at is None and (to is None or q.resident_id == to.id)]
        return sorted(mine, key=lambda question: question.id)

    # Inbound

    def inbound(self, ident: int | None) -> Inbound | None:
        return self.one(Inbound, ident)

    def written_between(
        self, channel_id: str, user_key: str, since: datetime, until: datetime
    ) -> int:
        """How many messages one user wrote after a moment, and not after another."""
        if (channel_id, user_key) in self._written:
            return sum(since < at <= until for at in self._written[channel_id, user_key])
        values = {
            "community": self.community_id,
            "channel": channel_id,
            "key": user_key,
            "since": since,
            "until": until,
        }
        return self.session.scalar(statements.WRITTEN_BETWEEN, values) or 0

    def inbound_keyed(self, channel_id: str, key: str) -> Inbound | None:
        """A message by its dedup key."""
        query = self.ours(Inbound).where(
            Inbound.channel_id == channel_id, Inbound.external_id == key
        )
        return self.session.scalars(query).one_or_none()

    def not_answered(self, *, limit: int = 50) -> list[Inbound]:
        """Messages whose handler failed, the last first."""
        query = self.ours(Inbound).where(Inbound.error.is_not(None))
        return list(self.session.scalars(query.order_by(Inbound.id.desc()).limit(limit)))

    def written_after(self, row: Inbound) -> list[str]:
        """What its writer said in its chat after a message, oldest first."""
        query = (
            select(Inbound.text)
            .where(
                Inbound.community_id == self.community_id,
                Inbound.channel_id == row.channel_id,
                Inbound.chat_key == row.chat_key,
                Inbound.user_key == row.user_key,
                Inbound.id > row.id,
                Inbound.text != "",
            )
            .order_by(Inbound.id)
        )
        return list(self.session.scalars(query))

    # Outbound

    def not_sent(self, *, limit: int = 50) -> list[Outbound]:
        """Messages that were given up or may never have left, the last first."""
        query = self.ours(Outbound).where(Outbound.status.in_((Sending.FAILED, Sending.UNKNOWN)))
        return list(self.session.scalars(query.order_by(Outbound.id.desc()).limit(limit)))

    def said_at(self, resident: Resident, at: datetime) -> list[Outbound]:
        """What one turn said to somebody in private, in order."""
        query = (
            self.ours(Outbound)
            .join(Chat, Chat.id == Outbound.chat_id)
            .where(
                Chat.resident_id == resident.id, Chat.group.is_(False), Outbound.created_at == at
            )
        )
        return list(self.session.scalars(query.order_by(Outbound.id)))

    def outbound(self, ident: int | None) -> Outbound | None:
        return self.one(Outbound, ident)

    def has_unsaid(self, chat: Chat) -> bool:
        """Whether anything waits for this chat to write."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id, Outbound.status == Sending.WAITING
        )
        return self.session.scalars(query.limit(1)).first() is not None

    def replied_to(self, chat: Chat, external_id: str) -> Outbound | None:
        """Our message that somebody replied to."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id, Outbound.external_id == external_id
        )
        return self.session.scalars(query).first()

    def posts(self, chat: Chat, start: datetime, end: datetime) -> int:
        """How many messages were put into a chat from `start` until before `end`, and may go."""
        query = select(func.count(Outbound.id)).where(
            Outbound.community_id == self.community_id,
            Outbound.chat_id == chat.id,
            Outbound.created_at >= start,
            Outbound.created_at < end,
            Outbound.status.not_in((Sending.FAILED, Sending.DROPPED)),
        )
        return self.session.scalar(query) or 0

    def heard_since(self, chat: Chat, seq: int, *, limit: int = 100) -> list[Outbound]:
        """What was said in a chat after `seq`, oldest first."""
        values = {"community": self.community_id, "chat": chat.id, "seq": seq, "most": limit}
        return list(self.session.scalars(statements.HEARD_SINCE, values))

    def said_after(self, seq: int) -> list[Outbound]:
        """Everything said in the community after `seq`, oldest first."""
        query = self.ours(Outbound).where(Outbound.id > seq, Outbound.status == Sending.SENT)
        return list(self.session.scalars(query.order_by(Outbound.id)))

    def take_back(self, about: str) -> int:
        """Drops what is queued about a thing and has not left; says how many."""
        found = self.session.execute(
            update(Outbound)
            .where(
                Outbound.community_id == self.community_id,
                Outbound.about == about,
                Outbound.status.in_(NOT_LEFT),
            )
            .values(status=Sending.DROPPED)
        )
        return found.rowcount  # type: ignore[no-any-return]

    def not_left(self, chat: Chat) -> list[Outbound]:
        """What has not left for a chat yet, in order."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id, Outbound.status.in_(NOT_LEFT)
        )
        return list(self.session.scalars(query.order_by(Outbound.id)))

    def given_up(self, chat: Chat) -> list[Outbound]:
        """What could not be said in a chat and is not mere chatter."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id, Outbound.status == Sending.FAILED
        )
        return list(self.session.scalars(query.order_by(Outbound.id)))

    def said_since(self, chat: Chat, kind: str, since: datetime) -> int:
        """How many messages of a kind a chat has been given since a moment."""
        query = select(func.count(Outbound.id)).where(
            Outbound.community_id == self.community_id,
            Outbound.chat_id == chat.id,
            Outbound.kind == kind,
            Outbound.created_at > since,
        )
        return self.session.scalar(query) or 0

    def forget(self, chat: Chat, *, keep: int) -> None:
        """Blanks every word said in a private chat, but for the message being answered."""
        self.session.execute(
            update(Inbound)
            .where(
                Inbound.community_id == self.community_id,
                Inbound.channel_id == chat.channel_id,
                Inbound.chat_key == chat.external_id,
                Inbound.id != keep,
            )
            .values(text="", extra=None, user_name=None, reply=None, error=None)
        )
        mine = and_(Outbound.community_id == self.community_id, Outbound.chat_id == chat.id)
        self.session.execute(
            update(Outbound)
            .where(mine, Outbound.status.in_(NOT_LEFT))
            .values(status=Sending.DROPPED)
        )
        self.session.execute(update(Outbound).where(mine).values(text="", choices=[]))

    def progress(self, about: str, *, kind: str | None = None) -> dict[Sending, int]:
        """How many messages about a thing, or those of one kind, stand where."""
        query = (
            select(Outbound.status, func.count(Outbound.id))
            .where(Outbound.community_id == self.community_id, Outbound.about == about)
            .group_by(Outbound.status)
        )
        if kind is not None:
            query = query.where(Outbound.kind == kind)
        return {status: number for status, number in self.session.execute(query)}

    def handed(self) -> list[tuple[Outbound, Chat]]:
        """What waits for a person of ours to let it go, oldest first, with where it goes."""
        query = self.beneath(Outbound, Outbound, Chat).join(Chat, Chat.id == Outbound.chat_id)
        rows = self.session.execute(
            query.where(Outbound.status == Sending.HANDED).order_by(Outbound.id)
        )
        return [(row[0], row[1]) for row in rows]

"""What is said, by whom, where, and what still waits for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update

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
from storage.store.base import Questions


class Messages(Questions):
    def channel(self, ident: str) -> Channel | None:
        return self.one(Channel, ident)

    def channels(self) -> list[Channel]:
        return list(self.session.scalars(self.ours(Channel).order_by(Channel.id)))

    # Chats

    def chat(self, ident: int | None) -> Chat | None:
        return self.one(Chat, ident)

    def chat_at(self, channel_id: str, external_id: str) -> Chat | None:
        query = self.ours(Chat).where(
            Chat.channel_id == channel_id, Chat.external_id == external_id
        )
        return self.session.scalars(query).one_or_none()

    def front(
        self, channel_id: str, chat_key: str, user_key: str
    ) -> tuple[Chat | None, Identity | None, Resident | None]:
        """The chat a message stands in, and who wrote it, in one look."""
        chat = self.chat_at(channel_id, chat_key)
        row = self.session.execute(
            select(Identity, Resident)
            .join(Resident, Resident.id == Identity.resident_id)
            .where(
                Identity.community_id == self.community_id,
                Identity.channel_id == channel_id,
                Identity.external_id == user_key,
            )
        ).one_or_none()
        return (chat, row[0], row[1]) if row else (chat, None, None)

    def chats_of(self, resident: Resident) -> list[Chat]:
        """A resident's private chats that may still be written to, the last used first."""
        query = self.ours(Chat).where(
            Chat.resident_id == resident.id, Chat.group.is_(False), Chat.gone.is_(False)
        )
        return list(self.session.scalars(query.order_by(Chat.seen_at.desc(), Chat.id.desc())))

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

    # What waits for an answer

    def conversations(self, chat: Chat) -> list[Conversation]:
        """Open conversations of a chat, the one on top first."""
        query = self.ours(Conversation).where(Conversation.chat_id == chat.id)
        return list(self.session.scalars(query.order_by(Conversation.id.desc())))

    def standing(self, chat: Chat, now: datetime) -> list[Question]:
        """Questions that stand in a chat, the last delivered first."""
        query = self.ours(Question).where(
            Question.chat_id == chat.id,
            Question.closed_at.is_(None),
            or_(Question.until.is_(None), Question.until > now),
        )
        found = list(self.session.scalars(query))
        return sorted(found, key=lambda q: (q.delivered_at or q.asked_at, q.id), reverse=True)

    def question(self, ident: int) -> Question | None:
        return self.one(Question, ident)

    def questions_about(self, about: str, *, to: Resident | None = None) -> list[Question]:
        """Standing questions about one thing."""
        query = self.ours(Question).where(Question.about == about, Question.closed_at.is_(None))
        if to is not None:
            query = query.where(Question.resident_id == to.id)
        return list(self.session.scalars(query))

    # Inbound

    def inbound(self, ident: int | None) -> Inbound | None:
        return self.one(Inbound, ident)

    def written_since(self, channel_id: str, user_key: str, since: datetime) -> int:
        """How many messages one user wrote since a moment."""
        query = select(func.count(Inbound.id)).where(
            Inbound.community_id == self.community_id,
            Inbound.channel_id == channel_id,
            Inbound.user_key == user_key,
            Inbound.received_at > since,
        )
        return self.session.scalar(query) or 0

    def said_in(self, chat: Chat, *, limit: int = 20) -> list[Inbound]:
        """The last messages of a chat, oldest first."""
        query = (
            self.ours(Inbound)
            .where(Inbound.channel_id == chat.channel_id, Inbound.chat_key == chat.external_id)
            .order_by(Inbound.id.desc())
            .limit(limit)
        )
        return list(self.session.scalars(query))[::-1]

    # Outbound

    def outbound(self, ident: int | None) -> Outbound | None:
        return self.one(Outbound, ident)

    def replied_to(self, chat: Chat, external_id: str) -> Outbound | None:
        """Our message that somebody replied to."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id, Outbound.external_id == external_id
        )
        return self.session.scalars(query).first()

    def heard_since(self, chat: Chat, seq: int, *, limit: int = 100) -> list[Outbound]:
        """What was said in a chat after `seq`, oldest first."""
        query = self.ours(Outbound).where(
            Outbound.chat_id == chat.id,
            Outbound.id > seq,
            Outbound.status.in_((Sending.SENT, Sending.UNKNOWN)),
        )
        return list(self.session.scalars(query.order_by(Outbound.id).limit(limit)))

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
                Outbound.status == Sending.QUEUED,
            )
            .values(status=Sending.DROPPED)
        )
        return found.rowcount  # type: ignore[attr-defined, no-any-return]

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
            .values(text="", extra=None, user_name=None)
        )
        self.session.execute(
            update(Outbound)
            .where(Outbound.community_id == self.community_id, Outbound.chat_id == chat.id)
            .values(text="", choices=[])
        )

    def progress(self, about: str) -> dict[Sending, int]:
        """How many messages about a thing stand where."""
        query = (
            select(Outbound.status, func.count(Outbound.id))
            .where(Outbound.community_id == self.community_id, Outbound.about == about)
            .group_by(Outbound.status)
        )
        return {status: number for status, number in self.session.execute(query)}

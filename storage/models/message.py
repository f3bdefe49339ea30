"""What is said: Channel, Chat, Grant, Inbound, Outbound, Conversation, Question."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity

# A choice whose callback begins so answers nothing: it opens the private chat, where the rest of
# it arrives as the scene of a "start" event. Only channels with Caps.links show such choices.
START = "start:"
DRAFT = "draft:"  # begins the key of such a chat, to the adapter too


class Priority(IntEnum):
    """Who goes first through the outbox; smaller is sooner."""

    DANGER = 0
    ANSWER = 1
    ROLLCALL = 2
    CHASE = 3
    NOTICE = 4


class Sending(StrEnum):
    """Where an Outbound stands."""

    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"  # for its chat to write: until then the platform lets us say nothing
    HANDED = "handed"  # to a person of ours, who must let it go
    SENT = "sent"
    UNKNOWN = "unknown"  # the process died while it was being sent
    FAILED = "failed"  # given up; somebody sees it in the console
    DROPPED = "dropped"  # stopped, expired or taken back before it left
    TOLD = "told"  # could not be sent: somebody of ours said it in person


class Channel(Entity):
    """One community's account on one platform."""

    __tablename__ = "channel"
    id: Mapped[str] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"), index=True)
    platform: Mapped[str]
    initiate: Mapped[str] = mapped_column(default="free")  # free | grant | never: Caps.initiate
    cursor: Mapped[str | None]  # how far a polled channel has been read
    warned: Mapped[int] = mapped_column(default=0)  # days of silence the chief has heard of
    created_at: Mapped[datetime]


class Chat(Entity):
    """Where messages stand: a private chat or a group, on a channel."""

    __tablename__ = "chat"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        # Never by the community alone: a planner without figures would think that as good.
        Index("ix_chat_of", "community_id", "resident_id"),
        Index("ix_chat_named", "community_id", "external_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    external_id: Mapped[str]
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), index=True)
    group: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str | None]  # of a group
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))  # a group bound to it
    heard: Mapped[bool] = mapped_column(default=True)  # False: privacy mode hides what is said
    gone: Mapped[bool] = mapped_column(default=False)  # blocked or left
    # A group we post to and never hear: all followers, a robot's group, a worker's customers.
    post_only: Mapped[bool] = mapped_column(default=False)
    quota: Mapped[str | None]  # posts such a group takes: "4/month", "1/day"
    greeted: Mapped[bool] = mapped_column(default=False)  # was told what this is
    turns: Mapped[int] = mapped_column(default=0)  # messages of its people so far
    undo: Mapped[dict[str, Any] | None]  # what 错了 would take back: {"what": …, "about": …}
    slowed_at: Mapped[datetime | None]  # when "慢一点" was last said
    warned: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime]  # the last time somebody wrote here
    created_at: Mapped[datetime]

    @property
    def by_hand(self) -> bool:
        """What is posted here waits until a person of ours lets it go."""
        return self.post_only and self.external_id.startswith(DRAFT)


class Grant(Entity):
    """Leave to write to a chat, by what gave it (storage/store/grants.py)."""

    __tablename__ = "grant"
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"), primary_key=True)
    chat_key: Mapped[str] = mapped_column(primary_key=True)  # the chat as the platform names it
    name: Mapped[str] = mapped_column(primary_key=True)  # message | tap | template:…
    until: Mapped[datetime | None]  # None: for good
    left: Mapped[int | None]  # sends; None: any number
    used: Mapped[int] = mapped_column(default=0)
    token: Mapped[str] = mapped_column(default="")


UNHANDLED: dict[str, Any] = {
    "sqlite_where": text("handled_at IS NULL"),
    "postgresql_where": text("handled_at IS NULL"),
}


class Inbound(Entity):
    """A message to us, kept from the moment the platform hears 200."""

    __tablename__ = "inbound"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        # Of a community, and of all: what waits is little, so these stay small.
        Index("ix_inbound_waiting", "community_id", "id", **UNHANDLED),
        Index("ix_inbound_oldest", "id", **UNHANDLED),
        Index("ix_inbound_chat", "channel_id", "chat_key", "id"),
        Index("ix_inbound_user", "channel_id", "user_key", "received_at"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    external_id: Mapped[str]  # dedup key, unique in the channel
    chat_key: Mapped[str]  # the chat as the platform names it
    user_key: Mapped[str]
    user_name: Mapped[str | None]
    group: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str]  # text voice photo video file location sticker contact choice joined …
    text: Mapped[str]
    choice: Mapped[str | None]  # what a button carried: "<question or ask key>=<value>"
    reply_to: Mapped[str | None]  # the platform's id of the message replied to
    addressed: Mapped[bool] = mapped_column(default=True)  # to the bot
    extra: Mapped[dict[str, Any] | None]  # attachment reference, coordinates, group name …
    received_at: Mapped[datetime]
    held_until: Mapped[datetime | None]  # the platform waits for the answer in its own request
    reply: Mapped[str | None]  # what that request was answered with, for a repeated one
    handled_at: Mapped[datetime | None]
    intent: Mapped[str | None]  # as the ear heard it, for the counts
    error: Mapped[str | None]  # the traceback of a handler that failed; no message text in it


class Outbound(Entity):
    """A message to a chat. For the web this row is the message; `id` is its `seq`."""

    __tablename__ = "outbound"
    __table_args__ = (
        Index("ix_outbound_due", "channel_id", "status", "priority", "id"),
        Index("ix_outbound_chat", "chat_id", "id"),
        Index("ix_outbound_external", "chat_id", "external_id"),
        Index("ix_outbound_held", "held_for"),
        Index(
            "ix_outbound_waiting",
            "chat_id",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "ix_outbound_about",
            "about",
            sqlite_where=text("about IS NOT NULL"),
            postgresql_where=text("about IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},  # `id` is what readers count by: never given twice
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    text: Mapped[str]
    choices: Mapped[list[Any]] = mapped_column(default=list)  # [[digit, label, callback], …]
    inline: Mapped[bool] = mapped_column(default=False)  # the text itself names the digits
    sender: Mapped[str] = mapped_column(default="bot")  # or a person's name and role
    kind: Mapped[str] = mapped_column(default="answer")  # answer notice relay media …
    media: Mapped[str | None]  # a kept attachment that goes with it
    about: Mapped[str | None]  # "appeal:17"
    priority: Mapped[int] = mapped_column(default=Priority.ANSWER)
    status: Mapped[Sending] = mapped_column(default=Sending.QUEUED)
    not_before: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    held_for: Mapped[int | None]  # the inbound whose open request takes it until `not_before`
    fell_back: Mapped[str | None]  # the channel it could not be said on, before this one
    perhaps: Mapped[bool] = mapped_column(default=False)  # it may have arrived
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    external_id: Mapped[str | None]  # the platform's id, to know a reply by
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Conversation(Entity):
    """An open replayed function of one chat; the newest is on top."""

    __tablename__ = "conversation"
    __table_args__ = ({"sqlite_autoincrement": True},)  # old buttons carry its id: once given
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    matter: Mapped[str]  # a name in the table of contents
    opening: Mapped[dict[str, Any]]  # {"guess": …, "inbound": id, "about": …}
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    asking: Mapped[dict[str, Any]]  # an Ask as a dict
    step: Mapped[int] = mapped_column(default=0)  # how often it has asked; its buttons carry it
    waiting: Mapped[list[Any]] = mapped_column(default=list)  # guesses of further matters
    repeated: Mapped[bool] = mapped_column(default=False)
    after: Mapped[int] = mapped_column(default=0)  # the chat's turns when it last asked
    asked_at: Mapped[datetime]
    opened_at: Mapped[datetime]


class Question(Entity):
    """Put to one person in one chat, standing on its own until answered, withdrawn or expired."""

    __tablename__ = "question"
    __table_args__ = (
        Index("ix_question_standing", "chat_id", "closed_at"),
        Index("ix_question_outbound", "outbound_id"),
        Index(
            "ix_question_of",
            "resident_id",
            "about",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    name: Mapped[str]  # a name in the table of contents: "rollcall.checkin"
    about: Mapped[str] = mapped_column(index=True)  # "rollcall:3"
    outbound_id: Mapped[int | None] = mapped_column(ForeignKey("outbound.id"))
    choices: Mapped[list[Any]]  # [[value, label, word …], …] in the order of their digits
    asked_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    until: Mapped[datetime | None]
    after: Mapped[int] = mapped_column(default=0)  # the chat's turns when it was last asked
    repeated: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str | None]
    closed_at: Mapped[datetime | None]

    @property
    def about_id(self) -> int:
        """The id of the row it is about."""
        return int(self.about.partition(":")[2])

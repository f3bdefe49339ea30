"""What silence is measured by, and the timetable: Clock, Duty."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class Stopped(StrEnum):
    """Who stopped a clock. The bot never does."""

    PERSON = "person"
    ASKER = "asker"  # "好了，不用了"


class Clock(Entity):
    """Runs from a resident's question until a person answers it."""

    __tablename__ = "clock"
    __table_args__ = (
        Index("ix_clock_running", "community_id", "stopped_at"),
        Index("ix_clock_chat", "chat_id", "stopped_at"),
        Index("ix_clock_due", "community_id", "due_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    inbound_id: Mapped[int | None] = mapped_column(ForeignKey("inbound.id"))
    handler_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))  # who was told
    intent: Mapped[str]
    about: Mapped[str | None] = mapped_column(index=True)
    text: Mapped[str]  # what was asked, for the list of the unanswered
    opened_at: Mapped[datetime]
    open_seconds: Mapped[float | None]  # of opening hours, set when it stops
    due_at: Mapped[datetime | None]  # when a worker is told that nobody answered
    nudged: Mapped[int] = mapped_column(default=0)  # how often staff were shown it again
    stopped_at: Mapped[datetime | None]
    stopped: Mapped[Stopped | None]
    stopped_by_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))


class Duty(Entity):
    """A row of the timetable: when a duty of a community is next due."""

    __tablename__ = "duty"
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime] = mapped_column(index=True)

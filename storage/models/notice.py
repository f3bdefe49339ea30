"""通知: written by staff, sent to an audience at the channel's pace, answered with 收到."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class NoticeStage(StrEnum):
    SCHEDULED = "scheduled"  # may still be taken back
    SENDING = "sending"  # chunks are being planned or leave
    DONE = "done"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"


class Notice(Entity):
    """`audience` is everyone | place:7 | role:volunteer | chat:4."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_due", "community_id", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    text: Mapped[str]
    audience: Mapped[str]
    repeat: Mapped[str] = mapped_column(default="once")  # once | daily | weekly
    stage: Mapped[NoticeStage] = mapped_column(default=NoticeStage.SCHEDULED)
    written_at: Mapped[datetime]
    publish_at: Mapped[datetime]
    planned_up_to: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]


class Receipt(Entity):
    """That somebody was sent a notice, and when they answered 收到."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("notice_id", "resident_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    outbound_id: Mapped[int | None] = mapped_column(ForeignKey("outbound.id"))
    read_at: Mapped[datetime | None]

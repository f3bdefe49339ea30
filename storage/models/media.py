"""附件: a photo, voice or file somebody sent, from the platform's reference to our own copy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class Keeping(StrEnum):
    """Where an attachment stands."""

    WAITING = "waiting"  # to be downloaded
    KEPT = "kept"
    REFUSED = "refused"  # too large, or of a kind we do not take
    FAILED = "failed"  # given up; the platform's copy may be gone
    ERASED = "erased"  # its file goes with the next round


class Media(Entity):
    """`reference` is how steps and messages name it: "inbound:12:photo"."""

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_due", "state", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    reference: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]  # photo voice video file
    state: Mapped[Keeping] = mapped_column(default=Keeping.WAITING)
    name: Mapped[str | None]  # of our file, random, in the folder beside the database
    mime: Mapped[str | None]  # as its first bytes tell, never as it was claimed
    size: Mapped[int | None]  # bytes
    why: Mapped[str | None]  # a word for why it is not there: large kind gone network
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

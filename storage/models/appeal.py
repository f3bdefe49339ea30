"""诉求: open → accepted → acted → confirmed, or reopened one level higher."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class Stage(StrEnum):
    OPEN = "open"  # filed; nobody has taken it
    ACCEPTED = "accepted"  # a person has it
    ACTED = "acted"  # reported done; the resident is asked
    CONFIRMED = "confirmed"  # the resident says it is solved
    UNCONFIRMED = "unconfirmed"  # never answered; never counted as satisfied
    WITHDRAWN = "withdrawn"


LIVE = (Stage.OPEN, Stage.ACCEPTED)


class Appeal(Entity):
    """A matter somebody has to act on. `respond_by` and `resolve_by` run on the level's clock."""

    __tablename__ = "appeal"
    __table_args__ = (
        UniqueConstraint("community_id", "number"),
        Index("ix_appeal_stage", "community_id", "stage"),
        Index("ix_appeal_due", "community_id", "due_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    number: Mapped[int]  # 编号, per community
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    text: Mapped[str]
    category: Mapped[str]
    level: Mapped[str]  # the service level that applies
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    where: Mapped[str]  # in words, as the resident confirmed it
    stage: Mapped[Stage] = mapped_column(default=Stage.OPEN)
    handler_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    filed_at: Mapped[datetime]
    respond_by: Mapped[datetime]
    resolve_by: Mapped[datetime]
    answered_at: Mapped[datetime | None]  # first answer by a person
    acted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    reopened: Mapped[int] = mapped_column(default=0)
    reminded_for: Mapped[datetime | None]  # the deadline the handler has been reminded of
    climbed: Mapped[int] = mapped_column(default=0)  # steps of escalate_after taken
    due_at: Mapped[datetime | None]  # when the timetable must look again

    @property
    def deadline(self) -> datetime:
        """The promise that runs now: an answer first, then a result."""
        return self.respond_by if self.answered_at is None else self.resolve_by

    @property
    def is_live(self) -> bool:
        return self.stage in LIVE


class AppealStep(Entity):
    """One line of a case's history; originals travel with the case."""

    __tablename__ = "appeal_step"
    id: Mapped[int] = mapped_column(primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), index=True)
    at: Mapped[datetime]
    who_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))  # None: the bot
    verb: Mapped[str]  # filed accepted answered said handed acted confirmed reopened late …
    text: Mapped[str] = mapped_column(default="")
    media: Mapped[str | None]

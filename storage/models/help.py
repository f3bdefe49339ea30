"""邻里互助: who needs a hand, who would lend one, and the two brought together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class HelpStage(StrEnum):
    OPEN = "open"
    TAKEN = "taken"  # somebody has it; the asker has not yet agreed
    AGREED = "agreed"  # both agreed; contacts shown
    DONE = "done"
    WITHDRAWN = "withdrawn"


class HelpRequest(Entity):
    """Somebody asks for a neighbour's hand."""

    __tablename__ = "help_request"
    __table_args__ = (Index("ix_help_due", "community_id", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    text: Mapped[str]
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    stage: Mapped[HelpStage] = mapped_column(default=HelpStage.OPEN)
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # when a worker must hear that nobody came
    worker_told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Offer(Entity):
    """Somebody says what they could do for neighbours."""

    __tablename__ = "offer"
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    text: Mapped[str]
    offered_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Match(Entity):
    """One helper for one request; contacts are shown only once both agreed."""

    __tablename__ = "match"
    __table_args__ = (UniqueConstraint("request_id", "helper_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id"), index=True)
    helper_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    taken_at: Mapped[datetime]
    agreed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

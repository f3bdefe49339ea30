"""平安点名: everybody of a place is asked; the silent are chased up to their door."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class CheckInStage(StrEnum):
    WAITING = "waiting"
    SAFE = "safe"
    NEEDS_HELP = "needs_help"
    UNREACHABLE = "unreachable"  # no answer to the second asking: on the door list


class RollCall(Entity):
    __tablename__ = "rollcall"
    __table_args__ = (Index("ix_rollcall_due", "community_id", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id"))
    reason: Mapped[str]
    started_by_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    drill: Mapped[bool] = mapped_column(default=False)
    started_at: Mapped[datetime]
    planned_up_to: Mapped[int] = mapped_column(default=0)  # resident id; chunks go upward
    planned_at: Mapped[datetime | None]  # everybody has their CheckIn
    asked_again_at: Mapped[datetime | None]
    listed_at: Mapped[datetime | None]  # the door list was drawn up
    closed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]


class CheckIn(Entity):
    """One person's answer."""

    __tablename__ = "check_in"
    __table_args__ = (
        UniqueConstraint("rollcall_id", "resident_id"),
        Index("ix_check_in_stage", "rollcall_id", "stage"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    rollcall_id: Mapped[int] = mapped_column(ForeignKey("rollcall.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    stage: Mapped[CheckInStage] = mapped_column(default=CheckInStage.WAITING)
    reached: Mapped[bool] = mapped_column(default=True)  # False: no chat to ask in
    answered_at: Mapped[datetime | None]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))  # staff, for this person

"""突发事件: a danger somebody reported, until a person has it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class IncidentStage(StrEnum):
    ALARMED = "alarmed"  # staff alarmed, nobody has said "我去" yet
    TAKEN = "taken"
    FALSE_ALARM = "false_alarm"
    CLOSED = "closed"


class Incident(Entity):
    __tablename__ = "incident"
    __table_args__ = (Index("ix_incident_due", "community_id", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    text: Mapped[str]
    danger: Mapped[str]  # kind, as the ear names it
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    where: Mapped[str]
    stage: Mapped[IncidentStage] = mapped_column(default=IncidentStage.ALARMED)
    needs_help: Mapped[bool] = mapped_column(default=False)  # they answered 1
    alarmed: Mapped[list[Any]] = mapped_column(default=list)  # ids of the people told, in order
    raised_at: Mapped[datetime]
    due_at: Mapped[datetime | None]  # when the next person is told
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    taken_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

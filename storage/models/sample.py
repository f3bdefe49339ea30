"""What the ear may learn from: words whose meaning a person has told, and nobody's name on them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity

LONGEST = 300  # characters of a text that are kept


class Source(StrEnum):
    """How we came to know what was meant."""

    CLARIFIED = "clarified"  # the person themselves, asked or after 错了
    UNDONE = "undone"  # taken back, and what was meant is known without asking
    CORRECTED = "corrected"  # a worker or the chief


class Sample(Entity):
    """One labelled message. It leads to no person, chat or case, and its text is masked before."""

    __tablename__ = "sample"
    __table_args__ = (Index("ix_sample_community", "community_id", "id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    text: Mapped[str] = mapped_column(String(LONGEST))
    intent: Mapped[str]
    about: Mapped[str]  # an appeal's category, a danger's kind; "" where nobody named one
    source: Mapped[Source]
    at: Mapped[datetime]

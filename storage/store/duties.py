"""The timetable's rows: when each duty of each community is next due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.models import Duty
from storage.store.base import Questions
from storage.store.claims import claim_due, is_alone


class Duties(Questions):
    def wake(self, name: str, at: datetime) -> None:
        """Brings a duty forward to `at`; never puts it off."""
        row = self._row(name)
        if row is None:
            self.add(Duty(community_id=self.community_id, name=name, next_at=at))
        elif at < row.next_at:
            row.next_at = at

    def put(self, name: str, at: datetime) -> None:
        """Sets when a duty is next due."""
        row = self._row(name)
        if row is None:
            self.add(Duty(community_id=self.community_id, name=name, next_at=at))
        else:
            row.next_at = at

    def _row(self, name: str) -> Duty | None:
        return self.session.scalars(
            select(Duty).where(Duty.community_id == self.community_id, Duty.name == name)
        ).one_or_none()


def due(session: Session, now: datetime) -> list[Duty]:
    """What is due, the longest due first: of any community, or of one that is claimed for it."""
    query = select(Duty).where(Duty.next_at <= now).order_by(Duty.next_at, Duty.name)
    if not is_alone(session):
        query = query.where(Duty.community_id == claim_due(session, now))
    return list(session.scalars(query))


def anything_due(session: Session, now: datetime) -> bool:
    return session.scalar(select(Duty.name).where(Duty.next_at <= now).limit(1)) is not None


def next_at(session: Session) -> datetime | None:
    """The next moment anything is due."""
    return session.scalar(select(func.min(Duty.next_at)))

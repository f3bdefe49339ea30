"""The timetable's rows: when each duty of each community is next due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from storage.models import Duty
from storage.store.base import Questions
from storage.store.claims import claim_due, is_alone
from storage.unit_of_work import UnitOfWork


class Duties(Questions):
    def __init__(self, session: UnitOfWork, community_id: int) -> None:
        super().__init__(session, community_id)
        self._rows: dict[str, Duty] | None = None

    def wake(self, name: str, at: datetime) -> None:
        """Brings a duty forward to `at`; never puts it off."""
        row = self._row(name) or self._new(name, at)
        row.next_at = min(row.next_at, at)

    def put(self, name: str, at: datetime) -> None:
        """Sets when a duty is next due."""
        row = self._row(name) or self._new(name, at)
        row.next_at = at

    def _new(self, name: str, at: datetime) -> Duty:
        row = self.add(Duty(community_id=self.community_id, name=name, next_at=at))
        if self._rows is not None:
            self._rows[name] = row
        return row

    def _row(self, name: str) -> Duty | None:
        if self._rows is None:  # many turns of a batch wake the same few
            with self.session.no_autoflush:
                query = self.ours(Duty)
                self._rows = {row.name: row for row in self.session.scalars(query)}
        return self._rows.get(name)


def due(session: UnitOfWork, now: datetime) -> list[Duty]:
    """What is due, the longest due first: of any community, or of one that is claimed for it."""
    query = select(Duty).where(Duty.next_at <= now).order_by(Duty.next_at, Duty.name)
    if not is_alone(session):
        query = query.where(Duty.community_id == claim_due(session, now))
    return list(session.scalars(query))


def anything_due(session: UnitOfWork, now: datetime) -> bool:
    return session.scalar(select(Duty.name).where(Duty.next_at <= now).limit(1)) is not None


def next_at(session: UnitOfWork) -> datetime | None:
    """The next moment anything is due."""
    return session.scalar(select(func.min(Duty.next_at)))

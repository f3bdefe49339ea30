"""Questions about 突发事件."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from storage.models import Incident, Resident
from storage.store import ahead
from storage.store.ahead import INCIDENT_RUNNING as RUNNING
from storage.store.base import Questions


class Incidents(Questions):
    def get(self, ident: int | None) -> Incident | None:
        return self.one(Incident, ident)

    def running_of(self, resident: Resident, since: datetime) -> Incident | None:
        """The danger somebody reported lately and nobody has closed."""
        own = self.held(ahead.INCIDENTS, resident.id)
        running = [row for row in own if row.stage in RUNNING and row.raised_at > since]
        return running[-1] if running else None

    def running(self) -> list[Incident]:
        """Open dangers, newest first."""
        query = self.ours(Incident).where(Incident.stage.in_(RUNNING))
        return list(self.session.scalars(query.order_by(Incident.id.desc())))

    def listed(self, *, limit: int = 50) -> list[Incident]:
        return list(
            self.session.scalars(self.ours(Incident).order_by(Incident.id.desc()).limit(limit))
        )

    def due(self, now: datetime) -> list[Incident]:
        query = self.ours(Incident).where(Incident.due_at <= now)
        return list(self.session.scalars(query.order_by(Incident.due_at, Incident.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(Incident.due_at)).where(Incident.community_id == self.community_id)
        return self.session.scalar(query)

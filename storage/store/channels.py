"""Questions about silence: which clocks run, and how channels have been doing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from storage.models import Chat, Clock
from storage.store.base import Questions
from storage.store.health import Health, measure


class Channels(Questions):
    def running(self, *, chat: Chat | None = None) -> list[Clock]:
        """Questions no person has answered, the oldest first."""
        query = self.ours(Clock).where(Clock.stopped_at.is_(None))
        if chat is not None:
            query = query.where(Clock.chat_id == chat.id)
        return list(self.session.scalars(query.order_by(Clock.opened_at, Clock.id)))

    def clock(self, ident: int | None) -> Clock | None:
        return self.one(Clock, ident)

    def running_about(self, about: str) -> list[Clock]:
        query = self.ours(Clock).where(Clock.about == about, Clock.stopped_at.is_(None))
        return list(self.session.scalars(query))

    def due(self, now: datetime) -> list[Clock]:
        query = self.ours(Clock).where(Clock.due_at <= now, Clock.stopped_at.is_(None))
        return list(self.session.scalars(query.order_by(Clock.due_at, Clock.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(Clock.due_at)).where(
            Clock.community_id == self.community_id, Clock.stopped_at.is_(None)
        )
        return self.session.scalar(query)

    def opened_since(self, since: datetime) -> list[Clock]:
        query = self.ours(Clock).where(Clock.opened_at >= since)
        return list(self.session.scalars(query.order_by(Clock.id)))

    def health(self, now: datetime) -> list[Health]:
        """Every channel and group, as it has been over the last 30 days."""
        return measure(self.session, self.community_id, now)

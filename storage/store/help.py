"""Questions about 邻里互助."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from storage.models import HelpRequest, HelpStage, Match, Offer, Resident
from storage.store import ahead
from storage.store.ahead import HELP_RUNNING as _RUNNING
from storage.store.base import Questions


class Help(Questions):
    def get(self, ident: int | None) -> HelpRequest | None:
        return self.one(HelpRequest, ident)

    def running_of(self, resident: Resident) -> list[HelpRequest]:
        """What somebody asked for and is not done, newest first."""
        own = self.held(ahead.REQUESTS, resident.id)
        return [row for row in reversed(own) if row.stage in _RUNNING]

    def open(self) -> list[HelpRequest]:
        """Requests nobody has taken, oldest first."""
        query = self.ours(HelpRequest).where(HelpRequest.stage == HelpStage.OPEN)
        return list(self.session.scalars(query.order_by(HelpRequest.id)))

    def match(self, request: HelpRequest) -> Match | None:
        """Who has a request now."""
        query = self._matches(request, Match).where(Match.ended_at.is_(None))
        return self.session.scalars(query).first()

    def in_hand(self, helper: Resident) -> list[HelpRequest]:
        """Requests somebody has taken and not finished."""
        matches = self.held(ahead.MATCHES, helper.id)
        taken = [self.get(row.request_id) for row in matches if row.ended_at is None]
        running = [row for row in taken if row is not None and row.stage in _RUNNING]
        return sorted(running, key=lambda row: row.id, reverse=True)

    def declined(self, request: HelpRequest) -> set[int]:
        """Helpers whose match for a request ended."""
        query = self._matches(request, Match.helper_id).where(Match.ended_at.is_not(None))
        return set(self.session.scalars(query))

    def _matches(self, request: HelpRequest, what: Any) -> Select[Any]:
        query = self.beneath(HelpRequest, what)
        return query.join(HelpRequest, HelpRequest.id == Match.request_id).where(
            HelpRequest.id == request.id
        )

    def offers_of(self, resident: Resident) -> list[Offer]:
        query = self.ours(Offer).where(Offer.resident_id == resident.id, Offer.closed_at.is_(None))
        return list(self.session.scalars(query))

    def due(self, now: datetime) -> list[HelpRequest]:
        query = self.ours(HelpRequest).where(HelpRequest.due_at <= now)
        return list(self.session.scalars(query.order_by(HelpRequest.due_at, HelpRequest.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(HelpRequest.due_at)).where(
            HelpRequest.community_id == self.community_id
        )
        return self.session.scalar(query)

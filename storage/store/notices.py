"""Questions about 通知."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from storage.models import Notice, NoticeStage, Receipt, Resident
from storage.store.base import Questions


class Notices(Questions):
    def get(self, ident: int | None) -> Notice | None:
        return self.one(Notice, ident)

    def listed(self, *, limit: int = 50) -> list[Notice]:
        return list(self.session.scalars(self.ours(Notice).order_by(Notice.id.desc()).limit(limit)))

    def running(self) -> list[Notice]:
        """Notices that can still be taken back or stopped, newest first."""
        query = self.ours(Notice).where(
            Notice.stage.in_((NoticeStage.SCHEDULED, NoticeStage.SENDING))
        )
        return list(self.session.scalars(query.order_by(Notice.id.desc())))

    def receipt(self, notice: Notice, resident: Resident) -> Receipt | None:
        query = self._receipts(notice, Receipt).where(Receipt.resident_id == resident.id)
        return self.session.scalars(query).one_or_none()

    def _receipts(self, notice: Notice, *what: Any) -> Select[Any]:
        query = self.beneath(Notice, *what)
        return query.join(Notice, Notice.id == Receipt.notice_id).where(Notice.id == notice.id)

    def counts(self, notice: Notice) -> tuple[int, int]:
        """How many were sent it, and how many answered 收到."""
        query = self._receipts(notice, func.count(Receipt.id), func.count(Receipt.read_at))
        sent, read = self.session.execute(query).one()
        return sent, read

    def unread(self, notice: Notice, *, limit: int = 500) -> Sequence[Resident]:
        """Who has not answered 收到."""
        query = (
            self.ours(Resident)
            .join(Receipt, Receipt.resident_id == Resident.id)
            .where(Receipt.notice_id == notice.id, Receipt.read_at.is_(None))
            .order_by(Resident.home_id, Resident.id)
        )
        return self.session.scalars(query.limit(limit)).all()

    def due(self, now: datetime) -> list[Notice]:
        query = self.ours(Notice).where(Notice.due_at <= now)
        return list(self.session.scalars(query.order_by(Notice.due_at, Notice.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(Notice.due_at)).where(Notice.community_id == self.community_id)
        return self.session.scalar(query)

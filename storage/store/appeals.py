"""Questions about 诉求."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cached_property

from sqlalchemy import func, select

from storage.models import LIVE, Appeal, AppealStep, Community, Resident, Stage
from storage.store import ahead
from storage.store.ahead import UNCLOSED
from storage.store.base import Questions


class Appeals(Questions):
    def get(self, ident: int | None) -> Appeal | None:
        return self.one(Appeal, ident)

    def numbered(self, number: int) -> Appeal | None:
        return self.session.scalars(self.ours(Appeal).where(Appeal.number == number)).one_or_none()

    def next_number(self) -> int:
        """The next 编号; counted on the community's row, so that none is given twice."""
        self.counter.appeals_filed += 1
        return self.counter.appeals_filed

    @cached_property
    def counter(self) -> Community:
        """The row that counts them."""
        return self.session.get_one(Community, self.community_id)

    def of(self, resident: Resident, *, limit: int = 5, withdrawn: bool = False) -> list[Appeal]:
        """Somebody's own, newest first; those taken back only if asked for."""
        query = self.ours(Appeal).where(Appeal.resident_id == resident.id)
        if not withdrawn:
            query = query.where(Appeal.stage != Stage.WITHDRAWN)
        return list(self.session.scalars(query.order_by(Appeal.id.desc()).limit(limit)))

    def open_case_of(self, resident: Resident) -> Appeal | None:
        """The newest case of a resident that is not yet closed."""
        own = self.held(ahead.APPEALS, resident.id)
        return next((row for row in reversed(own) if row.stage in UNCLOSED), None)

    def live(self, handler: Resident | None = None) -> list[Appeal]:
        """What still waits for staff, by deadline; of one handler or of all."""
        query = self.ours(Appeal).where(Appeal.stage.in_(LIVE))
        if handler is not None:
            query = query.where(Appeal.handler_id == handler.id)
        return sorted(self.session.scalars(query), key=lambda appeal: appeal.deadline)

    def recent(self, handler: Resident) -> list[Appeal]:
        """What a handler may still be speaking of: live, or done and not yet confirmed."""
        query = self.ours(Appeal).where(Appeal.handler_id == handler.id, Appeal.stage.in_(UNCLOSED))
        return list(self.session.scalars(query.order_by(Appeal.id.desc()).limit(20)))

    def listed(self, *, stage: str | None = None, limit: int = 200) -> list[Appeal]:
        """For the console: newest first, optionally of one stage."""
        query = self.ours(Appeal)
        if stage:
            query = query.where(Appeal.stage == Stage(stage))
        return list(self.session.scalars(query.order_by(Appeal.id.desc()).limit(limit)))

    def search(
        self,
        *,
        stages: Sequence[Stage] = (),
        places: Collection[int] = (),
        category: str | None = None,
        handler: int | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 300,
    ) -> list[Appeal]:
        """Cases that fit every given condition, newest first. `text` is looked for as it stands."""
        query = self.ours(Appeal)
        if stages:
            query = query.where(Appeal.stage.in_(stages))
        if places:
            query = query.where(Appeal.place_id.in_(places))
        if category:
            query = query.where(Appeal.category == category)
        if handler is not None:
            query = query.where(Appeal.handler_id == handler)
        if text:
            query = query.where(
                Appeal.text.contains(text, autoescape=True)
                | Appeal.where.contains(text, autoescape=True)
            )
        if since is not None:
            query = query.where(Appeal.filed_at >= since)
        if until is not None:
            query = query.where(Appeal.filed_at < until)
        return list(self.session.scalars(query.order_by(Appeal.id.desc()).limit(limit)))

    def due(self, now: datetime) -> list[Appeal]:
        """Live cases whose deadline, reminder or next step has come."""
        query = self.ours(Appeal).where(Appeal.due_at <= now)
        return list(self.session.scalars(query.order_by(Appeal.due_at, Appeal.id)))

    def overdue(self, now: datetime) -> list[Appeal]:
        return [appeal for appeal in self.live() if appeal.deadline <= now]

    def next_due(self) -> datetime | None:
        query = select(func.min(Appeal.due_at)).where(Appeal.community_id == self.community_id)
        return self.session.scalar(query)

    def steps(self, appeal: Appeal) -> list[AppealStep]:
        """The history, oldest first."""
        query = self.beneath(Appeal, AppealStep).join(Appeal, Appeal.id == AppealStep.appeal_id)
        return list(
            self.session.scalars(query.where(Appeal.id == appeal.id).order_by(AppealStep.id))
        )

    def counts(self, since: datetime) -> dict[Stage, int]:
        query = (
            select(Appeal.stage, func.count(Appeal.id))
            .where(Appeal.community_id == self.community_id, Appeal.filed_at >= since)
            .group_by(Appeal.stage)
        )
        return {stage: number for stage, number in self.session.execute(query)}

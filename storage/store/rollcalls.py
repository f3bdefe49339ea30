"""Questions about 平安点名."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, update

from storage.models import CheckIn, CheckInStage, Resident, RollCall
from storage.store.base import Questions


class RollCalls(Questions):
    _quiet: bool | None = None  # nobody was being asked when we first looked

    def get(self, ident: int | None) -> RollCall | None:
        return self.one(RollCall, ident)

    def open(self) -> list[RollCall]:
        """Roll calls that run, newest first."""
        query = self.ours(RollCall).where(RollCall.closed_at.is_(None))
        return list(self.session.scalars(query.order_by(RollCall.id.desc())))

    def listed(self, *, limit: int = 20) -> list[RollCall]:
        return list(
            self.session.scalars(self.ours(RollCall).order_by(RollCall.id.desc()).limit(limit))
        )

    def check_in(self, rollcall: RollCall, resident: Resident) -> CheckIn | None:
        query = self._check_ins(rollcall, CheckIn).where(CheckIn.resident_id == resident.id)
        return self.session.scalars(query).one_or_none()

    def asked(self, rollcall: RollCall, residents: Iterable[int]) -> set[int]:
        """Whom of these, by id, a roll call asks."""
        query = self._check_ins(rollcall, CheckIn.resident_id)
        return set(self.session.scalars(query.where(CheckIn.resident_id.in_(set(residents)))))

    def _check_ins(self, rollcall: RollCall, *what: Any) -> Select[Any]:
        query = self.beneath(RollCall, *what)
        return query.join(RollCall, RollCall.id == CheckIn.rollcall_id).where(
            RollCall.id == rollcall.id
        )

    def open_check_ins(self, resident: Resident) -> list[tuple[RollCall, CheckIn]]:
        """Where somebody is being asked now, newest roll call first."""
        if self._quiet is None:
            self._quiet = not self.open()
        if self._quiet and not self.born(RollCall):
            return []
        query = (
            select(RollCall, CheckIn)
            .join(CheckIn, CheckIn.rollcall_id == RollCall.id)
            .where(
                RollCall.community_id == self.community_id,
                RollCall.closed_at.is_(None),
                CheckIn.resident_id == resident.id,
            )
            .order_by(RollCall.id.desc())
        )
        return [(row[0], row[1]) for row in self.session.execute(query)]

    def counts(self, rollcall: RollCall) -> dict[CheckInStage, int]:
        query = self._check_ins(rollcall, CheckIn.stage, func.count(CheckIn.id))
        query = query.group_by(CheckIn.stage)
        return {stage: number for stage, number in self.session.execute(query)}

    def people(
        self, rollcall: RollCall, *stages: CheckInStage
    ) -> Sequence[tuple[CheckIn, Resident]]:
        """Who stands at these stages, by home: building, unit, room."""
        query = (
            select(CheckIn, Resident)
            .join(Resident, Resident.id == CheckIn.resident_id)
            .where(CheckIn.rollcall_id == rollcall.id, Resident.community_id == self.community_id)
        )
        if stages:
            query = query.where(CheckIn.stage.in_(stages))
        order = (Resident.home_id, Resident.unit, Resident.room, Resident.id)
        return [(row[0], row[1]) for row in self.session.execute(query.order_by(*order))]

    def give_up_waiting(self, rollcall: RollCall) -> None:
        """Whoever has not answered is on the door list from now on."""
        ours = self.beneath(RollCall, RollCall.id).where(RollCall.id == rollcall.id)
        self.session.execute(
            update(CheckIn)
            .where(CheckIn.rollcall_id.in_(ours), CheckIn.stage == CheckInStage.WAITING)
            .values(stage=CheckInStage.UNREACHABLE)
        )

    def due(self, now: datetime) -> list[RollCall]:
        query = self.ours(RollCall).where(RollCall.due_at <= now)
        return list(self.session.scalars(query.order_by(RollCall.due_at, RollCall.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(RollCall.due_at)).where(RollCall.community_id == self.community_id)
        return self.session.scalar(query)

"""Which cases a list shows. The filter is the address, so that a link or a bar can name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from bot.web.console.frame import View, number
from storage.models import LIVE, Appeal, Place, Stage

STAGES = ("live", *(str(stage) for stage in Stage), "all")  # "all" leaves out what was withdrawn
ANSWERS = ("kept", "late", "waiting")
WORDS_MAX = 60
DAYS_MAX = 400


@dataclass(frozen=True)
class Sieve:
    """Everything is optional; what is nonsense in the address is left out."""

    stage: str = "live"
    place: str = ""  # a place's id, or "none"
    category: str = ""
    mine: str = ""  # "1"
    late: str = ""  # "1": past the promise that runs now
    answer: str = ""  # kept | late | waiting: the first answer by a person
    day: str = ""  # filed on: 2026-11-23
    days: str = ""  # filed within the last so many days
    q: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Sieve:
        found = {f.name: query.get(f.name, "").strip()[:WORDS_MAX] for f in fields(cls)}
        return cls(
            stage=found["stage"] if found["stage"] in STAGES else "live",
            place=found["place"] if found["place"] == "none" or number(found["place"]) else "",
            category=found["category"],
            mine="1" if found["mine"] else "",
            late="1" if found["late"] else "",
            answer=found["answer"] if found["answer"] in ANSWERS else "",
            day=found["day"] if _day(found["day"]) else "",
            days=found["days"] if 0 < (number(found["days"]) or 0) <= DAYS_MAX else "",
            q=found["q"].replace("\x00", ""),
        )

    def url(self, **changes: str) -> str:
        """The address of this filter, with changes."""
        chosen = replace(self, **changes)
        query = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
        if query["stage"] == "live":
            query["stage"] = ""
        said = urlencode({name: value for name, value in query.items() if value})
        return f"/console/appeals?{said}" if said else "/console/appeals"

    @property
    def narrowed(self) -> bool:
        return self != Sieve(stage=self.stage)

    def cases(self, view: View) -> list[Appeal]:
        """What fits: by due time while they run, then the newest first."""
        stages: Sequence[Stage]
        if self.stage == "all":
            stages = tuple(stage for stage in Stage if stage is not Stage.WITHDRAWN)
        else:
            stages = LIVE if self.stage == "live" else (Stage(self.stage),)
        place = view.store.people.place(number(self.place))
        if self.place and self.place != "none" and place is None:
            return []
        since, until = self._times(view)
        found = view.store.appeals.search(
            stages=stages,
            places=view.store.people.within(place) if place else (),
            category=self.category or None,
            handler=view.person.id if self.mine else None,
            text=self.q or None,
            since=since,
            until=until,
        )
        found = [case for case in found if self._fits(view, case)]
        running = sorted((c for c in found if c.is_live), key=lambda c: c.deadline)
        return [*running, *(c for c in found if not c.is_live)]

    def _times(self, view: View) -> tuple[datetime | None, datetime | None]:
        day = _day(self.day)
        if day is not None:
            return view.midnight(day), view.midnight(day + timedelta(days=1))
        if self.days:
            first = view.day(view.now) - timedelta(days=int(self.days) - 1)
            return view.midnight(first), None
        return None, None

    def _fits(self, view: View, case: Appeal) -> bool:
        if self.place == "none" and case.place_id is not None:
            return False
        if self.late and not (case.is_live and case.deadline <= view.now):
            return False
        return not self.answer or answered(view, case) == self.answer


def answered(view: View, case: Appeal) -> str:
    """Whether the first answer by a person came in time: kept, late, or still waiting."""
    if case.answered_at is not None:
        return "kept" if case.answered_at <= case.respond_by else "late"
    return "late" if case.respond_by <= view.now else "waiting"


def _day(raw: str) -> date | None:
    try:
        found = date.fromisoformat(raw)
    except ValueError:
        return None
    return found if 2000 < found.year < 2200 else None


def buildings(view: View) -> list[Place]:
    """Places to choose from, the community itself left out."""
    return [place for place in view.store.people.places if place.parent_id is not None]

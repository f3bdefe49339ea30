"""Opening hours and durations: when a promise's clock runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HORIZON = 400  # days looked ahead before we say that a community never opens

Period = tuple[time, time]


def duration(words: object) -> timedelta:
    """ "90s", "30m", "4h", "7d" as a span. Raises ValueError on anything else."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", words) if isinstance(words, str) else None
    if not found:
        raise ValueError(f'应写成 "90s"、"30m"、"4h" 或 "7d"，不是 {words!r}')
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def times(pair: object) -> Period:
    """["17:30", "08:30"] as two times of day. Raises ValueError."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError(f'应写成 ["08:30", "12:00"]，不是 {pair!r}')
    try:
        start, end = (time.fromisoformat(str(one)) for one in pair)
    except ValueError:
        raise ValueError(f'时间应写成 "08:30"，不是 {pair!r}') from None
    if start.tzinfo or end.tzinfo:
        raise ValueError(f'时间应写成 "08:30"，不带时区，不是 {pair!r}')
    return start, end


def period(pair: object) -> Period:
    """["08:30", "12:00"] as two times of one day, the first earlier. Raises ValueError."""
    start, end = times(pair)
    if start >= end:
        raise ValueError(f"开始要早于结束：{pair!r}")
    return start, end


def days(words: str) -> frozenset[int]:
    """ "mon-fri", "sat,sun" or "daily" as weekday numbers, Monday 0. Raises ValueError."""
    if words == "daily":
        return frozenset(range(7))
    chosen: set[int] = set()
    for part in words.split(","):
        first, dash, last = part.strip().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f'应写成 "mon-fri"、"sat,sun" 或 "daily"，不是 {words!r}')
        start, end = DAYS.index(first), DAYS.index(last or first)
        chosen |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(chosen)


@lru_cache(maxsize=16)
def has_calendar(country: str) -> bool:
    """Whether the public holidays of a country are known."""
    import holidays

    try:
        holidays.country_holidays(country)
    except NotImplementedError:
        return False
    return True


@lru_cache(maxsize=64)
def _calendar(country: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Public holidays of a year, and weekend days that are worked instead."""
    import holidays

    known = holidays.country_holidays(country, years=[year])
    weekend = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    worked = frozenset(
        day
        for day in weekend
        if day.year == year and day.weekday() >= 5 and known.is_working_day(day)
    )
    return frozenset(known), worked


@dataclass(frozen=True)
class Hours:
    """When a community's office is open: periods by weekday, less holidays."""

    zone: ZoneInfo
    weekly: tuple[tuple[Period, ...], ...]  # seven entries, Monday first
    country: str | None = None
    closed: frozenset[date] = frozenset()

    def periods(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The open spans of one local day, in order; in UTC, where an hour is always an hour."""
        pattern = self.weekly[day.weekday()]
        if day in self.closed:
            return
        if self.country:
            off, worked = _calendar(self.country, day.year)
            if day in worked:
                pattern = self.weekly[0]
            elif day in off:
                return
        for start, end in pattern:
            yield (
                datetime.combine(day, start, self.zone).astimezone(UTC),
                datetime.combine(day, end, self.zone).astimezone(UTC),
            )

    def is_open(self, at: datetime) -> bool:
        return any(a <= at < b for a, b in self.periods(at.astimezone(self.zone).date()))

    def next_opening(self, at: datetime) -> datetime | None:
        """When the office opens next, strictly after `at`; None if it never does."""
        return next((start for start, _ in self._from(at) if start > at), None)

    def add(self, at: datetime, span: timedelta) -> datetime:
        """`at` plus `span`: whole days are days on which the office opens, the rest is open time.

        So "7d" means seven working days, not 168 hours behind the counter. Where
        the office never opens it is plain wall time.
        """
        left = span - timedelta(days=span.days)
        moved = self._days_later(at, span.days)
        if moved is None:
            return at + span
        at = moved.astimezone(UTC)
        for start, end in self._from(at):
            begin = max(start, at)
            if end - begin >= left:
                return begin + left
            left -= end - begin
        return at + span

    def _days_later(self, at: datetime, days: int) -> datetime | None:
        """The same time of day, that many opening days later; None if the office never opens."""
        local = at.astimezone(self.zone)
        ahead = 0
        while days:
            ahead += 1
            if ahead > _HORIZON:
                return None
            days -= any(True for _ in self.periods(local.date() + timedelta(days=ahead)))
        return local + timedelta(days=ahead)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from `start` to `end`."""
        total = timedelta()
        for opens, closes in self._from(start):
            if opens >= end:
                break
            total += min(closes, end) - max(opens, start)
        return total

    def _from(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Open spans that end after `at`, for as far ahead as anybody plans."""
        first = at.astimezone(self.zone).date()
        for ahead in range(_HORIZON):
            for start, end in self.periods(first + timedelta(days=ahead)):
                if end > at:
                    yield start, end

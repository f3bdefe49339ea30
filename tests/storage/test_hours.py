"""Opening hours: promises run only while the office is open."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.hours import Hours, days, duration, period

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEKDAY = ((time(8, 30), time(12)), (time(14), time(17, 30)))
CHINA = Hours(SHANGHAI, (WEEKDAY,) * 5 + ((), ()), "CN")
PLAIN = Hours(SHANGHAI, (WEEKDAY,) * 5 + ((), ()))
NEVER = Hours(SHANGHAI, ((),) * 7)


def at(words: str) -> datetime:
    return datetime.fromisoformat(words).replace(tzinfo=SHANGHAI)


# Tables, with real dates of 2026


@pytest.mark.parametrize(
    ("start", "span", "ends"),
    [
        ("2026-11-23 09:00", "2h", "2026-11-23 11:00"),  # a Monday
        ("2026-11-23 11:00", "2h", "2026-11-23 15:00"),  # the lunch break does not count
        ("2026-11-23 12:30", "1h", "2026-11-23 15:00"),  # filed in the break
        ("2026-11-23 16:30", "2h", "2026-11-24 09:30"),  # over night
        ("2026-11-27 17:00", "1h", "2026-11-30 09:00"),  # over a weekend
        ("2026-11-28 10:00", "30m", "2026-11-30 09:00"),  # on a Saturday
        ("2026-11-23 03:00", "30m", "2026-11-23 09:00"),  # before anybody is up
        ("2026-09-30 17:00", "1h", "2026-10-08 09:00"),  # over the National Day holidays
        ("2026-11-23 09:00", "0m", "2026-11-23 09:00"),
        ("2026-11-23 12:00", "30m", "2026-11-23 14:30"),  # at the very end of a period
    ],
)
def test_a_promise_runs_in_opening_hours(start: str, span: str, ends: str) -> None:
    assert CHINA.add(at(start), duration(span)) == at(ends)


@pytest.mark.parametrize(
    ("start", "span", "ends"),
    [
        ("2026-11-23 09:00", "1d", "2026-11-24 09:00"),
        ("2026-11-27 09:00", "1d", "2026-11-30 09:00"),  # Friday to Monday
        ("2026-11-23 09:00", "7d", "2026-12-02 09:00"),  # seven working days
        ("2026-09-30 09:00", "1d", "2026-10-08 09:00"),
    ],
)
def test_whole_days_are_working_days(start: str, span: str, ends: str) -> None:
    assert CHINA.add(at(start), duration(span)) == at(ends)


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-10-01", False),  # National Day
        ("2026-10-07", False),
        ("2026-10-10", True),  # a Saturday worked instead (调休)
        ("2026-10-11", False),  # an ordinary Sunday
        ("2026-02-17", False),  # 春节
        ("2026-02-14", True),  # a Saturday worked for it
        ("2026-02-28", True),
        ("2026-11-21", False),  # an ordinary Saturday
        ("2026-11-23", True),
    ],
)
def test_holidays_of_china_and_the_days_worked_for_them(day: str, open_: bool) -> None:
    assert CHINA.is_open(at(f"{day} 10:00")) is open_


def test_a_make_up_day_has_the_hours_of_a_weekday() -> None:
    assert CHINA.is_open(at("2026-10-10 09:00"))
    assert not CHINA.is_open(at("2026-10-10 13:00"))


def test_a_community_without_a_country_knows_no_holidays() -> None:
    assert PLAIN.is_open(at("2026-10-01 10:00"))
    assert not PLAIN.is_open(at("2026-10-10 10:00"))


def test_days_a_community_closes_itself() -> None:
    hours = Hours(SHANGHAI, PLAIN.weekly, None, frozenset({date(2026, 11, 23)}))
    assert not hours.is_open(at("2026-11-23 10:00"))
    assert hours.add(at("2026-11-23 10:00"), timedelta(hours=1)) == at("2026-11-24 09:30")


def test_the_next_opening() -> None:
    assert CHINA.next_opening(at("2026-11-23 12:30")) == at("2026-11-23 14:00")
    assert CHINA.next_opening(at("2026-11-27 20:00")) == at("2026-11-30 08:30")
    assert CHINA.next_opening(at("2026-11-23 08:30")) == at("2026-11-23 14:00")
    assert NEVER.next_opening(at("2026-11-23 08:30")) is None


def test_an_office_that_never_opens_promises_in_wall_time() -> None:
    assert NEVER.add(at("2026-11-23 09:00"), duration("2h")) == at("2026-11-23 11:00")
    assert NEVER.add(at("2026-11-23 09:00"), duration("7d")) == at("2026-11-30 09:00")
    assert NEVER.between(at("2026-11-23 09:00"), at("2026-11-30 09:00")) == timedelta()


def test_a_clock_put_forward_shortens_no_promise() -> None:
    """Berlin, 29 March 2026: 02:00 becomes 03:00; an office open all night is open an hour less."""
    night = Hours(ZoneInfo("Europe/Berlin"), (((time(1), time(5)),),) * 7)
    start = datetime(2026, 3, 29, 1, 0, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    end = datetime(2026, 3, 29, 5, 0, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert night.between(start, end) == timedelta(hours=3)
    assert night.add(start, timedelta(hours=2)) == start + timedelta(hours=2)


# What holds always

MINUTES = [time(n // 60, n % 60) for n in range(0, 1440, 5)]


@st.composite
def patterns(draw: st.DrawFn) -> tuple[tuple[time, time], ...]:
    edges = sorted(draw(st.lists(st.sampled_from(MINUTES), max_size=6, unique=True)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def offices(draw: st.DrawFn) -> Hours:
    weekly = tuple(draw(st.lists(patterns(), min_size=7, max_size=7)))
    country = draw(st.sampled_from([None, "CN"]))
    zone = draw(st.sampled_from(["Asia/Shanghai", "Asia/Urumqi", "UTC", "Europe/Berlin"]))
    return Hours(ZoneInfo(zone), weekly, country)


moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC)).map(
    lambda t: t.replace(microsecond=0)
)
part_days = st.integers(0, 86_399).map(lambda n: timedelta(seconds=n))


@settings(max_examples=60, deadline=None)
@given(offices(), moments, part_days)
def test_between_is_the_inverse_of_add(hours: Hours, start: datetime, span: timedelta) -> None:
    end = hours.add(start, span)
    if hours.next_opening(start) is None:
        assert end == start + span
    elif any(hours.weekly):
        assert hours.between(start, end) == span


@settings(max_examples=60, deadline=None)
@given(offices(), moments, part_days)
def test_a_deadline_never_falls_into_closed_time(
    hours: Hours, start: datetime, span: timedelta
) -> None:
    """It lies in an open span, or at the very end of one."""
    if not span or hours.next_opening(start) is None:
        return
    end = hours.add(start, span).astimezone(hours.zone)
    assert any(a < end <= b for a, b in hours.periods(end.date()))


@settings(max_examples=40, deadline=None)
@given(offices(), moments, part_days, part_days)
def test_longer_promises_end_later(
    hours: Hours, start: datetime, one: timedelta, more: timedelta
) -> None:
    assert (
        start
        <= hours.add(start, one)
        <= hours.add(start, one + more - timedelta(days=(one + more).days))
        or (one + more).days
    )


@settings(max_examples=40, deadline=None)
@given(offices(), moments, part_days, part_days)
def test_open_time_adds_up(hours: Hours, start: datetime, one: timedelta, two: timedelta) -> None:
    middle, end = start + one, start + one + two
    whole = hours.between(start, end)
    assert hours.between(start, middle) + hours.between(middle, end) == whole
    assert timedelta() <= whole <= end - start


# Words


@pytest.mark.parametrize(
    ("words", "span"), [("90s", 90), ("30m", 1800), ("4h", 14400), ("7d", 604800), ("0m", 0)]
)
def test_durations(words: str, span: int) -> None:
    assert duration(words) == timedelta(seconds=span)


@pytest.mark.parametrize(
    "words", ["", "2", "2 h", "两小时", "-1h", "1.5h", "1h30m", "2H", "2w", 2, None, "9999999d"]
)
def test_durations_that_are_none(words: object) -> None:
    with pytest.raises(ValueError, match="应写成"):
        duration(words)


@pytest.mark.parametrize(
    "pair",
    [
        ["12:00", "08:30"],
        ["08:30", "08:30"],
        ["8.30", "12:00"],
        ["08:30"],
        "08:30-12:00",
        5,
        [1, 2],
        ["25:00", "26:00"],
        [None, None],
        ["08:30", "12:00", "14:00"],
    ],
)
def test_periods_that_are_none(pair: object) -> None:
    with pytest.raises(ValueError, match=r"应写成|早于"):
        period(pair)


def test_days_of_the_week() -> None:
    assert days("mon-fri") == frozenset(range(5))
    assert days("sat,sun") == {5, 6}
    assert days("fri-mon") == {4, 5, 6, 0}
    assert days("daily") == frozenset(range(7))
    for wrong in ("monday", "", "mon-", "mon-xyz", "1-5", "mon;tue"):
        with pytest.raises(ValueError, match="应写成"):
            days(wrong)

"""Whose turn it is and how fast: what must hold always."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.base import Caps, Fail, Sent
from bot.outcome import TRIES, backoff, next_out, outcome, pieces
from bot.pacing import Bucket, Pace, Picked, pick
from storage.models import Priority, Sending
from storage.store.sending import Waiting

T0 = datetime(2026, 11, 23, 1, tzinfo=UTC)
CAPS = Caps(rate=30, rate_chat=1, rate_group=20 / 60, burst_group=20)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def row(ident: int, chat: int = 1, priority: int = 1, **more: object) -> Waiting:
    return replace(Waiting(ident, chat, str(chat), False, priority), **more)  # type: ignore[arg-type]


# A made-up channel


@dataclass
class Row:
    """A row as the table would hold it, and how its sends will go."""

    now: Waiting
    arrives: float
    goes: list[Sent]
    takes: float
    status: Sending = Sending.QUEUED


@dataclass
class Start:
    at: datetime
    row: Waiting


class Channel:
    """The outbox loop over a list and a clock that jumps from due moment to due moment."""

    def __init__(self, caps: Caps, rows: list[Row]) -> None:
        self.rows = rows
        self.pace = Pace(caps, T0)
        self.starts: list[Start] = []
        self.finished: list[int] = []
        self.flying: dict[int, tuple[Row, datetime, Sent]] = {}

    def in_line(self, now: datetime) -> Iterator[Waiting]:
        queued = [r for r in self.rows if r.status is Sending.QUEUED and at(r.arrives) <= now]
        for one in sorted(queued, key=lambda r: (r.now.priority, r.now.id)):
            due = one.now.not_before
            if due is None or due <= now or one.now.attempts > 0:
                yield one.now

    def run(self) -> None:
        now = T0
        by_id = {r.now.id: r for r in self.rows}
        for _ in range(5000):
            for chat, (one, until, sent) in list(self.flying.items()):
                if until <= now:
                    del self.flying[chat]
                    self.land(one, sent, now)
            flying = {chat: one.now.priority for chat, (one, _, _) in self.flying.items()}
            picked: Picked = pick(self.pace, self.in_line(now), now, flying, set())
            for ident in picked.expired:
                by_id[ident].status = Sending.DROPPED
            for chosen in picked.rows:
                one = by_id[chosen.id]
                one.status = Sending.SENDING
                assert chosen.chat_id not in self.flying
                self.flying[chosen.chat_id] = (
                    one,
                    now + timedelta(seconds=one.takes),
                    one.goes.pop(0) if one.goes else Sent(ids=["7"]),
                )
                self.starts.append(Start(now, chosen))
            assert len(self.flying) <= self.pace.places
            nexts = [until for _, until, _ in self.flying.values()]
            nexts += [at(r.arrives) for r in self.rows if at(r.arrives) > now]
            held = [r.now.not_before for r in self.rows if r.status is Sending.QUEUED]
            nexts += [due for due in held if due is not None and due > now]
            nexts += [picked.again] if picked.again else []
            if not nexts:
                return
            now = max(now + timedelta(microseconds=1), min(nexts))
        raise AssertionError("it goes round in circles")

    def land(self, one: Row, sent: Sent, now: datetime) -> None:
        self.pace.note(one.now, sent, now)
        mark = outcome(one.now, sent, True, now, 0.5)
        one.status = mark.status
        one.now = replace(one.now, attempts=mark.attempts, not_before=mark.not_before)
        if mark.status in (Sending.SENT, Sending.FAILED):
            self.finished.append(one.now.id)


FAILS = st.sampled_from(
    [
        Sent(fail=Fail.RETRY),
        Sent(fail=Fail.THROTTLED, retry_after=3),
        Sent(fail=Fail.REJECTED),
        Sent(fail=Fail.GONE),
        Sent(fail=Fail.CONFIG),
        Sent(fail=Fail.THROTTLED, retry_after=2, everywhere=True),
        Sent(fail=Fail.MOVED),
    ]
)


@st.composite
def crowds(draw: st.DrawFn) -> list[Row]:
    count = draw(st.integers(1, 40))
    rows = []
    for ident in range(1, count + 1):
        chat = draw(st.integers(1, 6))
        rows.append(
            Row(
                row(
                    ident,
                    chat,
                    draw(st.integers(0, 4)),
                    group=chat > 4,
                    expires_at=draw(st.none() | st.just(at(5))),
                ),
                draw(st.sampled_from([0.0, 0.0, 0.3, 2.0])),
                draw(st.lists(FAILS, max_size=2)),
                draw(st.sampled_from([0.01, 0.2, 4.0])),
            )
        )
    return rows


PACES = st.sampled_from(
    [CAPS, Caps(rate=0.5, rate_chat=1, rate_group=1, burst_group=2), Caps(rate=3, rate_chat=0.2)]
)


@settings(max_examples=150, deadline=None)
@given(PACES, crowds())
def test_nothing_is_lost_and_order_and_rates_hold(caps: Caps, rows: list[Row]) -> None:
    channel = Channel(caps, rows)
    channel.run()
    # Nothing is lost: every row came to an end.
    assert {r.status for r in rows} <= {Sending.SENT, Sending.FAILED, Sending.DROPPED}
    # Order: nothing starts while an earlier one of its chat, as urgent or more, has not ended.
    arrived = {r.now.id: r.arrives for r in rows}
    for early, late in combinations(channel.starts, 2):
        a, b = early.row, late.row
        if a.chat_id == b.chat_id and b.id < a.id and b.priority <= a.priority:
            assert at(arrived[b.id]) > early.at
    # Rates: no span of time sees more than the bucket and its refill.
    within(channel.starts, channel.pace.channel.size, caps.rate)
    for chat in {s.row.chat_id for s in channel.starts}:
        mine = [s for s in channel.starts if s.row.chat_id == chat]
        within(mine, 1, caps.rate_chat)
        if mine[0].row.group:
            within(mine, caps.burst_group, caps.rate_group)


def within(starts: list[Start], size: float, rate: float) -> None:
    for i, first in enumerate(starts):
        for j in range(i, len(starts)):
            seconds = (starts[j].at - first.at).total_seconds()
            assert j - i + 1 <= size + rate * seconds + 0.01


# Single decisions


def test_an_answer_never_waits_behind_a_broadcast() -> None:
    rows = [Row(row(n, n, Priority.NOTICE), 0, [], 0.3) for n in range(1, 300)]
    rows.append(Row(row(1000, 1000, Priority.ANSWER), 2.0, [], 0.3))
    channel = Channel(CAPS, rows)
    channel.run()
    [start] = [s for s in channel.starts if s.row.id == 1000]
    assert (start.at - at(2)).total_seconds() < 0.04
    assert sum(s.at < start.at for s in channel.starts) > 30  # the broadcast was well under way


def test_a_share_is_kept_for_the_urgent() -> None:
    pace = Pace(CAPS, T0)
    taken = 0
    while pick(pace, [row(taken, taken, Priority.NOTICE)], T0, {}, set()).rows:
        taken += 1
    assert taken == 12  # of half a second's fifteen
    assert pick(pace, [row(98, 98, Priority.ROLLCALL)], T0, {}, set()).rows == []
    assert pick(pace, [row(99, 99, Priority.ANSWER)], T0, {}, set()).rows


def test_places_in_flight_are_kept_for_the_urgent() -> None:
    flying = dict.fromkeys(range(100, 106), Priority.NOTICE)
    assert pick(Pace(CAPS, T0), [row(1, 1, Priority.NOTICE)], T0, flying, set()).rows == []
    assert pick(Pace(CAPS, T0), [row(1, 1, Priority.DANGER)], T0, flying, set()).rows
    flying.update({106: Priority.ANSWER, 107: Priority.ANSWER})
    assert pick(Pace(CAPS, T0), [row(1, 1, Priority.DANGER)], T0, flying, set()).rows == []


def test_a_broadcast_goes_at_the_platforms_pace() -> None:
    rows = [Row(row(n, n, Priority.NOTICE), 0, [], 0.05) for n in range(1, 301)]
    channel = Channel(CAPS, rows)
    channel.run()
    seconds = (channel.starts[-1].at - T0).total_seconds()
    assert 9 < seconds < 11  # 300 at 30 a second, less the burst


def test_a_group_takes_twenty_in_any_minute() -> None:
    caps = replace(CAPS, rate_chat=1000.0)
    rows = [Row(row(n, 5, group=True), 0, [], 0.01) for n in range(1, 24)]
    channel = Channel(caps, rows)
    channel.run()
    times = [(s.at - T0).total_seconds() for s in channel.starts]
    assert times[19] < 1
    assert times[20:] == pytest.approx([60, 60, 60], abs=0.5)


def test_a_throttled_chat_stops_nobody_else() -> None:
    pace = Pace(CAPS, T0)
    pace.note(row(1, chat=1), Sent(fail=Fail.THROTTLED, retry_after=30), T0)
    picked = pick(pace, [row(2, chat=1), row(3, chat=2)], at(1), {}, set())
    assert [r.id for r in picked.rows] == [3]
    assert picked.again == at(30)


def test_throttles_of_several_chats_are_the_channels() -> None:
    pace = Pace(CAPS, T0)
    for chat in (1, 2):
        pace.note(row(chat, chat), Sent(fail=Fail.THROTTLED, retry_after=30), T0)
    picked = pick(pace, [row(3, 3, Priority.DANGER)], at(1), {}, set())
    assert (picked.rows, picked.again) == ([], at(30))
    assert pick(pace, [row(3, 3)], at(30), {}, set()).rows


def test_a_throttle_that_is_over_does_not_count_as_repeated() -> None:
    pace = Pace(CAPS, T0)
    pace.note(row(1, 1), Sent(fail=Fail.THROTTLED, retry_after=3), T0)
    pace.note(row(2, 2), Sent(fail=Fail.THROTTLED, retry_after=3), at(60))
    assert pick(pace, [row(3, 3)], at(61), {}, set()).rows


def test_a_wrong_token_pauses_the_channel_a_minute() -> None:
    pace = Pace(CAPS, T0)
    pace.note(row(1), Sent(fail=Fail.CONFIG, detail="the token is not valid"), T0)
    assert pace.trouble == "the token is not valid"
    assert pick(pace, [row(2, 2)], at(59), {}, set()).again == at(60)
    assert pick(pace, [row(2, 2)], at(60), {}, set()).rows
    pace.note(row(2, 2), Sent(ids=["1"]), at(61))
    assert pace.trouble == ""


def test_an_outage_slows_the_whole_channel_and_a_success_ends_it() -> None:
    pace = Pace(CAPS, T0)
    for n in range(20):
        pace.note(row(n, n), Sent(fail=Fail.RETRY, detail="network"), T0)
    assert pick(pace, [row(99, 99)], T0, {}, set()).again == at(60)
    assert pace.trouble == "network"
    pace.note(row(99, 99), Sent(ids=["1"]), at(61))
    assert pick(pace, [row(100, 100)], at(61), {}, set()).rows
    assert pace.trouble == ""


def test_a_retry_holds_back_its_chat_but_not_what_is_more_urgent() -> None:
    waiting = row(1, priority=Priority.ROLLCALL, attempts=1, not_before=at(9))
    later = row(2, priority=Priority.ROLLCALL)
    assert pick(Pace(CAPS, T0), [waiting, later], T0, {}, set()).rows == []
    danger = row(3, priority=Priority.DANGER)
    assert pick(Pace(CAPS, T0), [danger, waiting, later], T0, {}, set()).rows == [danger]


def test_what_is_expired_is_dropped_and_holds_back_nobody() -> None:
    picked = pick(Pace(CAPS, T0), [row(1, expires_at=T0), row(2)], T0, {}, set())
    assert picked.expired == [1]
    assert [r.id for r in picked.rows] == [2]


def test_a_clock_that_was_set_back_stops_nobody_for_long() -> None:
    bucket = Bucket(1, 1, at(3600))
    bucket.take(at(3600))
    assert bucket.ready(T0) == at(1)


@given(st.lists(st.floats(0, 0.2), min_size=61, max_size=100), st.sampled_from([1, 3, 30]))
def test_no_second_sees_more_than_the_platform_allows(lates: list[float], rate: int) -> None:
    """However late each really leaves."""
    pace, now, left = Pace(Caps(rate=rate), T0), T0, []
    for n, late in enumerate(lates):
        now += timedelta(seconds=late if n % 7 == 0 else 0)
        while (again := pace.start(row(n, n), now)) is not None:
            assert again > now
            now = again
        left.append(now)
    for first, after in zip(left, left[rate:], strict=False):
        assert after - first > timedelta(seconds=1)


@pytest.mark.parametrize("rate", [0.01, 0.5, 1, 30, 1000])
def test_whatever_the_rate_everybody_gets_a_turn(rate: float) -> None:
    pace = Pace(Caps(rate=rate), T0)
    now = T0
    for n in range(5):
        picked = pick(pace, [row(n, n, Priority.NOTICE)], now, {}, set())
        while not picked.rows:
            assert picked.again is not None
            assert picked.again > now
            now = picked.again
            picked = pick(pace, [row(n, n, Priority.NOTICE)], now, {}, set())
    assert (now - T0).total_seconds() <= 5 / rate + 1


# Outcomes

OUTCOMES = [
    (Sent(ids=["8", "9"]), Sending.SENT, None),
    (Sent(fail=Fail.RETRY), Sending.QUEUED, 2.0),
    (Sent(fail=Fail.THROTTLED, retry_after=9), Sending.QUEUED, 9.0),
    (Sent(fail=Fail.THROTTLED), Sending.QUEUED, 1.0),
    (Sent(fail=Fail.CONFIG), Sending.QUEUED, 60.0),
    (Sent(fail=Fail.WINDOW), Sending.WAITING, None),
    (Sent(fail=Fail.MOVED, moved_to="-100"), Sending.QUEUED, None),
    (Sent(fail=Fail.MOVED), Sending.FAILED, None),
    (Sent(fail=Fail.GONE), Sending.FAILED, None),
    (Sent(fail=Fail.REJECTED), Sending.FAILED, None),
]


@pytest.mark.parametrize(("sent", "status", "wait"), OUTCOMES, ids=lambda o: str(o)[:40])
def test_each_fail_has_one_consequence(sent: Sent, status: Sending, wait: float | None) -> None:
    mark = outcome(row(1), sent, True, T0, 0.5)
    assert mark.status is status
    assert mark.not_before == (None if wait is None else at(wait))
    assert mark.sent_at == (T0 if status is Sending.SENT else None)
    assert mark.gone is (sent.fail is Fail.GONE)
    assert mark.error if status is Sending.FAILED else True
    # What was certainly not said may be said on another channel; what may have arrived may not.
    assert mark.refused is (sent.fail in (Fail.WINDOW, Fail.GONE, Fail.REJECTED))
    assert mark.void is (sent.fail is Fail.WINDOW)


def test_a_retry_is_given_up_and_a_throttle_never() -> None:
    tired = row(1, attempts=TRIES - 1)
    assert outcome(tired, Sent(fail=Fail.RETRY, detail="502"), True, T0, 0).error == "502"
    assert outcome(tired, Sent(fail=Fail.RETRY), True, T0, 0).status is Sending.FAILED
    held = outcome(tired, Sent(fail=Fail.THROTTLED), True, T0, 0)
    assert (held.status, held.attempts) == (Sending.QUEUED, TRIES - 1)


def test_waits_grow_and_are_spread() -> None:
    assert [backoff(n, 0.5).total_seconds() for n in (1, 2, 3, 20)] == [2, 4, 8, 300]
    assert backoff(3, 0).total_seconds() == 6
    assert backoff(3, 0.999).total_seconds() < 10


@given(
    st.text(alphabet="停水通知。\n 😀a", max_size=400),
    st.sampled_from(["chars", "bytes"]),
    st.sampled_from(["bot", "小李（社区工作者）"]),
)
def test_long_texts_leave_in_pieces_that_fit(text: str, unit: str, sender: str) -> None:
    caps = Caps(text_max=200, text_unit=unit)
    whole = row(1, text=text, sender=sender, choices=(("1", "收到", "q1=1"),))
    parts = pieces(whole, caps)
    squeezed = "".join(text.split())
    assert "".join("".join(parts).split()) == squeezed
    for number, part in enumerate(parts):
        out, last = next_out(replace(whole, parts=" ".join("7" * number)), caps)
        said = out.plain() if out.sender == "bot" else f"{out.sender}：\n{out.plain()}"
        assert out.text == part
        assert len(said.encode() if unit == "bytes" else said) <= 200
        assert last is (number == len(parts) - 1)
        assert bool(out.choices) is last
        assert out.sender == (sender if number == 0 else "bot")

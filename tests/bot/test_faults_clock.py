"""A clock that leaps by hours and is set back: what waits, waits as long as it should have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.base import Caps, Fail, Sent
from bot.pacing import Bucket, Pace, pick
from nlp import Ear
from storage.models import Priority, Sending
from storage.store.sending import Waiting
from tests.bot.outbox_world import T0, World
from tests.town import Town

HOURS = timedelta(hours=3)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.lane.close()
    made.database.close()


class Wrong:
    """The world's clock, ahead of or behind the time that passes."""

    def __init__(self, world: World) -> None:
        self.by = timedelta()
        time = world.time
        world.time.clock = lambda: time.now + self.by  # type: ignore[method-assign]


async def test_a_danger_tried_by_a_clock_3_hours_fast_leaves_within_10_s_of_its_correction(
    world: World,
) -> None:
    wrong = Wrong(world)
    wrong.by = HOURS
    world.a.answers = [Sent(fail=Fail.RETRY)] * 2
    ident = world.add("着火", priority=Priority.DANGER)
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 2)
        wrong.by = timedelta()
        await world.time.until(lambda: len(world.a.said) == 3, 10)
    assert world.row(ident).status is Sending.SENT


async def test_the_same_when_it_is_started_anew_in_between(world: World) -> None:
    wrong = Wrong(world)
    wrong.by = HOURS
    world.a.answers = [Sent(fail=Fail.RETRY)]
    world.add("着火", priority=Priority.DANGER)
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 1)
    wrong.by = timedelta()
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 2, 10)


async def test_what_has_its_hour_is_not_sent_before_it(world: World) -> None:
    """Setting the clock back brings forward what was tried, never what is planned for later."""
    wrong = Wrong(world)
    wrong.by = HOURS
    world.add("明天九点停水", not_before=T0 + HOURS + timedelta(minutes=5))
    async with world.running():
        await world.time.pass_(2)
        wrong.by = timedelta()
        await world.time.pass_(600)
        assert world.a.said == []
        wrong.by = HOURS
        await world.time.until(lambda: len(world.a.said) == 1, 10)


async def test_a_notice_that_expired_in_a_leap_is_dropped_and_an_answer_is_not(
    world: World,
) -> None:
    wrong = Wrong(world)
    old = world.add("今晚停水", expires_at=T0 + timedelta(hours=1), priority=Priority.NOTICE)
    answer = world.add("收到了", chat=2)
    wrong.by = HOURS
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 1, 10)
    assert world.row(old).status is Sending.DROPPED
    assert world.row(answer).status is Sending.SENT


def row(ident: int, chat: int) -> Waiting:
    return Waiting(ident, chat, f"c{chat}", False, Priority.ANSWER)


@pytest.mark.parametrize("fail", [Fail.CONFIG, Fail.THROTTLED])
def test_a_pause_of_a_channel_lasts_no_longer_for_a_clock_set_back_3_hours(fail: Fail) -> None:
    now = T0 + HOURS
    pace = Pace(Caps(), now)
    pick(pace, [row(1, 1)], now, {}, set())
    pace.note(row(1, 1), Sent(fail=fail, retry_after=60, everywhere=True), now)
    now = T0
    assert pick(pace, [row(2, 2)], now, {}, set()).rows == []
    later = now + timedelta(seconds=61)
    assert [one.id for one in pick(pace, [row(2, 2)], later, {}, set()).rows] == [2]


def test_a_bucket_that_was_closed_stays_so_for_as_long_as_it_was_told() -> None:
    bucket = Bucket(1.0, 1, T0 + HOURS)
    bucket.take(T0 + HOURS)
    bucket.close(T0 + HOURS + timedelta(seconds=30))
    assert bucket.ready(T0) == T0 + timedelta(seconds=30)
    assert bucket.ready(T0 + HOURS) == T0 + HOURS


# Duties and questions


def alarmed(town: Town, who: str) -> bool:
    return any("着火" in one.text for one in town.heard("a", who))


def test_after_a_leap_of_3_hours_and_back_a_fire_still_climbs_in_2_minutes(one_ear: Ear) -> None:
    town = Town(one_ear)
    town.move(hours=3)
    town.rehearsal.now -= HOURS
    town.say("a", "王阿姨", "3栋着火了")
    before = len(town.heard("a", "张主任"))
    town.move(minutes=2, seconds=1)
    assert len(town.heard("a", "张主任")) > before
    assert town.errors() == []


def test_a_leap_of_3_hours_chases_at_once_and_once(one_ear: Ear) -> None:
    """Everything the leap passed over is due together; after it is set back nothing is repeated."""
    town = Town(one_ear)
    town.say("a", "王阿姨", "3栋2单元楼道灯坏了")
    town.say("a", "王阿姨", "1")
    quiet = len(town.heard("a", "小李"))
    town.rehearsal.now += HOURS  # in one step, as clocks do
    town.rehearsal.settle()
    chased = len(town.heard("a", "小李"))
    assert chased > quiet
    town.rehearsal.now -= HOURS
    town.rehearsal.settle()
    assert len(town.heard("a", "小李")) == chased
    town.move(hours=3)
    assert len(town.heard("a", "小李")) == chased
    assert town.errors() == []


def test_a_question_put_by_a_clock_3_hours_fast_is_answered_after_its_correction(
    one_ear: Ear,
) -> None:
    town = Town(one_ear)
    town.rehearsal.now += HOURS
    assert "对吗" in town.say("a", "王阿姨", "3栋2单元楼道灯坏了")[-1].text
    town.rehearsal.now -= HOURS
    assert "编号 1" in town.say("a", "王阿姨", "1")[-1].text
    assert town.errors() == []


@pytest.mark.parametrize("hours", [5, -5])
def test_a_question_stands_whatever_the_clock_does_in_5_hours(one_ear: Ear, hours: int) -> None:
    town = Town(one_ear)
    assert "对吗" in town.say("a", "王阿姨", "3栋2单元楼道灯坏了")[-1].text
    town.rehearsal.now += timedelta(hours=hours)
    assert "编号 1" in town.say("a", "王阿姨", "1")[-1].text
    assert town.errors() == []

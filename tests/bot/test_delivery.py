"""Where and when somebody may be told: leave that is counted, another channel once, or waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from bot.adapters.base import Caps, Fail, Leave, Sent
from bot.outcome import KNOCKED, TRIES
from storage import Database, Store
from storage.models import Channel, Chat, Entity, Outbound, Question, Resident, Sending
from storage.store import grants
from storage.store.falling_back import LATELY
from storage.store.receipts import Received, receive
from storage.store.sending import not_arrived
from storage.store.waiting import may_speak_again
from tests.bot.outbox_world import T0, World

TWO_DAYS = timedelta(hours=48)


@pytest.fixture
async def world(tmp_path: Path, on_both: Database) -> AsyncIterator[World]:
    """Channel a counts leave, b is free; 王阿姨 (chat 1 on a, 6 on b, 7 on the web)."""
    found = World(tmp_path, on_both)
    found.a.caps = Caps(rate_chat=1000, initiate="grant")
    with found.database.write() as session:
        session.get_one(Channel, "a").initiate = "grant"
        session.get_one(Channel, "web").platform = "web"
        for ident in (1, 6, 7):
            session.get_one(Chat, ident).resident_id = 1
    change(found, 7, seen_at=T0 - LATELY - timedelta(hours=1))
    yield found
    found.lane.close()
    found.database.close()


def change(world: World, chat: int, **values: Any) -> None:
    with world.database.write() as session:
        session.execute(update(Chat).where(Chat.id == chat).values(**values))


def hears(world: World, *leaves: Leave, chat: str = "c1", key: str = "m1") -> None:
    """A message arrives, and with it what it allows."""
    with world.database.write() as session:
        row = Received(channel_id="a", external_id=key, chat_key=chat, user_key=chat, leaves=leaves)
        receive(session, [row], world.time.now)


def states(world: World, *idents: int) -> list[Sending]:
    return [world.row(ident).status for ident in idents]


def question(world: World, outbound: int) -> int:
    with world.database.write() as session:
        row = Question(
            community_id=1,
            chat_id=1,
            resident_id=1,
            name="rollcall.checkin",
            about="rollcall:1",
            choices=[["safe", "平安"]],
            asked_at=T0,
            outbound_id=outbound,
        )
        session.add(row)
        session.flush()
        return row.id


async def test_leave_is_spent_and_what_is_over_waits_for_their_next_message(world: World) -> None:
    change(world, 6, gone=True)
    rows = [world.add(str(n)) for n in range(4)]
    hears(world, Leave(until=T0 + TWO_DAYS, left=2))
    async with world.running():
        await world.time.pass_(5)
        assert states(world, *rows) == [Sending.SENT] * 2 + [Sending.WAITING] * 2
        hears(world, Leave(until=T0 + TWO_DAYS, left=5), key="m2")
        await world.time.pass_(5)
    assert states(world, *rows) == [Sending.SENT] * 4
    assert world.a.texts == ["0", "1", "2", "3"]


async def test_leave_ends_with_its_time(world: World) -> None:
    change(world, 6, gone=True)
    hears(world, Leave("tap", until=T0 + timedelta(minutes=1), left=3))
    async with world.running() as outbox:
        await world.time.pass_(61)
        late = world.add("晚了")
        outbox.wake()
        await world.time.pass_(5)
    assert states(world, late) == [Sending.WAITING]
    assert world.a.said == []


async def test_leave_that_ends_first_is_spent_first_and_carries_its_token(world: World) -> None:
    hears(
        world,
        Leave(until=T0 + TWO_DAYS, left=5, token="long"),
        Leave("tap", until=T0 + timedelta(minutes=1), left=2, token="short"),
    )
    for n in range(3):
        world.add(str(n))
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 3)
    assert [(out.token, out.nth) for _, out in world.a.said] == [
        ("short", 1),
        ("short", 2),
        ("long", 1),
    ]
    assert len({out.key for _, out in world.a.said}) == 3


async def test_without_leave_it_is_said_on_another_channel_once(world: World) -> None:
    ident = world.add("小李受理了", choices=[["1", "收到", "q1=1"]])
    asked = question(world, ident)
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
        hears(world, Leave(until=T0 + TWO_DAYS, left=5))
        await world.time.pass_(5)
    assert (world.a.texts, world.b.texts) == ([], ["小李受理了"])
    row = world.row(ident)
    assert (row.channel_id, row.chat_id, row.fell_back) == ("b", 6, "a")
    with world.database.read() as session:
        moved = session.get_one(Question, asked)
        assert (moved.chat_id, moved.delivered_at is not None) == (6, True)


async def test_both_channels_refuse_and_nobody_tries_a_third(world: World) -> None:
    change(world, 7, seen_at=T0)
    hears(world, Leave(until=T0 + TWO_DAYS, left=5))
    world.a.answers = [Sent(fail=Fail.GONE)]
    world.b.answers = [Sent(fail=Fail.REJECTED, detail="bad")]
    ident = world.add("小李受理了")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.FAILED)
        await world.time.pass_(5)
    assert (world.a.texts, world.b.texts) == (["小李受理了"], ["小李受理了"])
    assert world.chat(1).gone
    assert (world.row(ident).fell_back, world.row(ident).status) == ("a", Sending.FAILED)


async def test_what_waits_for_a_chat_that_is_gone_goes_elsewhere_too(world: World) -> None:
    hears(world, Leave(until=T0 + TWO_DAYS, left=1))
    world.a.answers = [Sent(fail=Fail.GONE)]
    first, second = world.add("一"), world.add("二")
    async with world.running():
        await world.time.until(lambda: states(world, first, second) == [Sending.SENT] * 2)
    assert sorted(world.b.texts) == ["一", "二"]


async def test_what_may_have_arrived_is_said_nowhere_else(world: World) -> None:
    hears(world, Leave(until=T0 + TWO_DAYS))
    world.a.answers = [Sent(fail=Fail.RETRY, detail="timed out")] * 2
    ident = world.add("小李受理了", attempts=TRIES - 2)
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.FAILED, 900)
    assert world.b.said == []
    assert world.row(ident).fell_back is None


@pytest.mark.parametrize("then", [None, Sent(fail=Fail.WINDOW), Sent(fail=Fail.GONE)])
async def test_a_try_without_outcome_keeps_it_where_it_is(world: World, then: Sent | None) -> None:
    """Whatever comes next: the leave is over, or the platform refuses."""
    hears(world, Leave(until=T0 + TWO_DAYS, left=1 if then is None else 5))
    world.a.answers = [Sent(fail=Fail.RETRY), *([then] if then else [])]
    ident = world.add("小李受理了")
    async with world.running():
        await world.time.pass_(30)
    assert len(world.a.said) == (1 if then is None else 2)
    assert world.b.said == []
    gone = then is not None and then.fail is Fail.GONE
    assert states(world, ident) == [Sending.FAILED if gone else Sending.WAITING]


@pytest.mark.parametrize("fail", [Fail.THROTTLED, Fail.CONFIG])
async def test_a_refusal_that_is_no_fault_of_theirs_spends_nothing(
    world: World, fail: Fail
) -> None:
    hears(world, Leave(until=T0 + TWO_DAYS, left=1))
    world.a.answers = [Sent(fail=fail, retry_after=5)] * 3
    ident = world.add("小李受理了")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT, 400)
    assert (len(world.a.said), world.b.said) == (4, [])


async def test_what_is_over_is_not_said_late(world: World) -> None:
    change(world, 6, gone=True)
    closed, past, still = world.add("您平安吗？"), world.add("明天停水"), world.add("受理了")
    asked = question(world, closed)
    async with world.running():
        await world.time.until(lambda: states(world, closed, past, still) == [Sending.WAITING] * 3)
        with world.database.write() as session:
            session.get_one(Question, asked).closed_at = world.time.now
            session.get_one(Outbound, past).expires_at = world.time.now
        hears(world, Leave(until=T0 + TWO_DAYS, left=5))
        await world.time.pass_(5)
    assert world.a.texts == ["受理了"]
    assert states(world, closed, past) == [Sending.DROPPED] * 2


async def test_a_conversation_stays_in_its_chat(world: World) -> None:
    ident = world.add("在哪里？", choices=[["1", "3栋", "c4.0=1"]])
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.WAITING)
        hears(world, Leave(until=T0 + TWO_DAYS, left=5))
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert (len(world.a.said), world.b.said) == (1, [])


async def test_a_platform_that_knows_better_ends_all_leave(world: World) -> None:
    change(world, 6, gone=True)
    hears(world, Leave(until=T0 + TWO_DAYS, left=5))
    world.a.answers = [Sent(fail=Fail.WINDOW, detail="errcode 45015")]
    first, second = world.add("一"), world.add("二")
    async with world.running():
        await world.time.pass_(5)
        assert states(world, first, second) == [Sending.WAITING] * 2
        assert world.a.texts == ["一"]
        hears(world, Leave(until=T0 + TWO_DAYS, left=5), key="m2")
        await world.time.pass_(5)
    assert states(world, first, second) == [Sending.SENT] * 2
    assert world.a.texts == ["一", "一", "二"]


async def test_a_template_speaks_only_where_nothing_else_can(world: World) -> None:
    hears(world, Leave("template:T1", left=1, token="T1", adds=True))
    elsewhere = world.add("有结果了")
    async with world.running():
        await world.time.until(lambda: world.row(elsewhere).status is Sending.SENT)
    assert (world.a.said, world.b.texts) == ([], ["有结果了"])
    change(world, 6, gone=True)
    knocked = world.add("有结果了，很长的一段话")
    world.a.answers = [Sent(fail=Fail.WINDOW, detail=KNOCKED)]
    async with world.running():
        await world.time.pass_(5)
        assert [(out.template, out.token) for _, out in world.a.said] == [(True, "T1")]
        assert states(world, knocked) == [Sending.WAITING]  # the whole waits for their answer
        hears(world, Leave(until=T0 + TWO_DAYS, left=5), key="m2")
        await world.time.until(lambda: world.row(knocked).status is Sending.SENT)
    assert [out.template for _, out in world.a.said] == [True, False]


async def test_consents_add_up_and_other_leave_is_replaced(world: World) -> None:
    consent = Leave("template:T1", left=1, token="T1", adds=True)
    for n in range(3):
        hears(world, consent, Leave(until=T0 + TWO_DAYS, left=5), key=f"m{n}")
    with world.database.read() as session:
        left = {row.name: row.left for row in session.query(grants.Grant)}
    assert left == {"template:T1": 3, "message": 5}


async def test_the_web_is_fallen_back_to_only_by_who_was_there_lately(world: World) -> None:
    change(world, 6, gone=True)
    ident = world.add("一")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.WAITING)
    change(world, 7, seen_at=T0)
    ident = world.add("二")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert (world.row(ident).chat_id, world.row(ident).sent_at is not None) == (7, True)


@pytest.mark.parametrize("gone", [True, False])
async def test_what_did_not_arrive_after_all_is_said_elsewhere(world: World, gone: bool) -> None:
    hears(world, Leave(until=T0 + TWO_DAYS, left=5))
    ident = world.add("小李受理了")
    async with world.running() as outbox:
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
        told = world.row(ident).external_id
        assert told
        for known in ("nobody's", told, told):  # a receipt that comes twice counts once
            with world.database.write() as session:
                not_arrived(session, 1, known, gone=gone, now=world.time.now)
        outbox.wake()
        await world.time.until(lambda: world.row(ident).channel_id == "b", 5)
        await world.time.pass_(3)
    assert (world.a.texts, world.b.texts) == (["小李受理了"], ["小李受理了"])
    assert world.chat(1).gone is gone


async def test_posts_need_no_leave(world: World) -> None:
    change(world, 2, post_only=True, group=True)
    ident = world.add("周一停水", chat=2)
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)


def test_somebody_is_written_to_where_it_is_allowed_now() -> None:
    database = Database("sqlite://")
    Entity.metadata.create_all(database.writer)
    world = World.__new__(World)
    world.database = database
    with database.write() as session:
        _people(session)
        store = Store(session, 1)
        person = session.get_one(Resident, 1)
        keys = [c.channel_id for c in store.messages.chats_of(person, T0)]
        assert keys == ["b", "a"]  # a was used last, but may not be written to
        grants.give(session, "a", "c1", [Leave(until=T0 + TWO_DAYS, left=1)])
        keys = [c.channel_id for c in store.messages.chats_of(person, T0)]
        assert keys == ["a", "b"]
        assert [c.channel_id for c in store.messages.chats_of(person)] == ["a", "b"]
        late = [c.channel_id for c in store.messages.chats_of(person, T0 + TWO_DAYS)]
        assert late == ["b", "a"]
    database.close()


def _people(session: Any) -> None:
    from storage.models import Community

    session.add(Community(id=1, slug="x", name="幸福里", config={}, demo=False))
    session.flush()
    session.add(Resident(id=1, community_id=1, name="王阿姨", created_at=T0))
    for name, how in (("a", "grant"), ("b", "free")):
        session.add(Channel(id=name, community_id=1, platform="x", created_at=T0, initiate=how))
    session.flush()
    for ident, name, hours in ((1, "a", 0), (2, "b", 1)):
        session.add(
            Chat(
                id=ident,
                community_id=1,
                channel_id=name,
                external_id=f"c{ident}",
                resident_id=1,
                seen_at=T0 - timedelta(hours=hours),
                created_at=T0,
            )
        )
    session.flush()


LEAVES = st.builds(
    Leave,
    st.sampled_from(["message", "tap", "template:T"]),
    st.one_of(st.none(), st.integers(-5, 60).map(lambda m: T0 + timedelta(minutes=m))),
    st.one_of(st.none(), st.integers(0, 3)),
    st.sampled_from(["", "x"]),
    st.booleans(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(LEAVES, st.integers(0, 20)), max_size=25))
def test_never_more_sends_than_were_allowed(steps: list[Leave | int]) -> None:
    """Against a small model: leave by name, minutes passing, a send whenever there is leave."""
    database = Database("sqlite://")
    Entity.metadata.create_all(database.writer)
    model: dict[str, tuple[datetime | None, int | None]] = {}
    now = T0
    with database.write() as session:
        _people(session)
        for step in steps:
            if isinstance(step, int):
                now += timedelta(minutes=step)
                found = grants.best(session, "a", "c1", now)
                live = {
                    name: (until, left)
                    for name, (until, left) in model.items()
                    if (until is None or until > now) and left != 0
                }
                assert (found is not None) == bool(live)
                if found is None:
                    continue
                plain = [name for name in live if not name.startswith("template")]
                assert found.name in (plain or live)
                ends = [live[name][0] for name in plain or live]
                soonest = min((e for e in ends if e is not None), default=None)
                assert live[found.name][0] == soonest
                grants.spend(found)
                until, left = model[found.name]
                model[found.name] = until, None if left is None else left - 1
            else:
                grants.give(session, "a", "c1", [step])
                may_speak_again(session, "a", "c1", now)
                before = model.get(step.name)
                if (
                    before is not None
                    and step.adds
                    and before[1] is not None
                    and step.left is not None
                ):
                    model[step.name] = before[0], before[1] + step.left
                else:
                    model[step.name] = step.until, step.left
    database.close()

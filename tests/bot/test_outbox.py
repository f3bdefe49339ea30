"""The outbox at work: a real database and lane, made-up platforms, a made-up clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.base import Caps, Fail, Sent
from bot.outbox import Outbox
from storage import Database, Unavailable
from storage.models import Outbound, Priority, Question, Sending
from storage.store import sending
from tests.bot.outbox_world import T0, World


@pytest.fixture
def world(tmp_path: Path, on_both: Database) -> Any:
    found = World(tmp_path, on_both)
    yield found
    found.lane.close()
    found.database.close()


def state(row: Outbound) -> tuple[Sending, str | None]:
    return row.status, row.error


async def test_what_is_due_is_sent_once_and_marked(world: World) -> None:
    first = world.add("您好", choices=[["1", "对", "q1=1"]], sender="小李（社区工作者）")
    with world.database.write() as session:
        session.add(
            Question(
                id=1,
                community_id=1,
                chat_id=1,
                resident_id=1,
                name="x",
                about="x:1",
                outbound_id=first,
                choices=[],
                asked_at=T0,
            )
        )
    async with world.running():
        await world.time.until(lambda: world.row(first).status is Sending.SENT)
        await world.time.pass_(5)
    [(_, out)] = world.a.said
    assert (out.chat, out.choices, out.sender) == (
        "c1",
        (("1", "对", "q1=1"),),
        "小李（社区工作者）",
    )
    row = world.row(first)
    assert (row.external_id, row.sent_at, row.attempts) == ("p1", T0, 1)
    with world.database.read() as session:
        assert session.get_one(Question, 1).delivered_at == row.sent_at


async def test_a_wake_is_enough_and_so_is_waiting(world: World) -> None:
    async with world.running() as outbox:
        world.add("醒")
        outbox.wake()
        await world.time.settle()
        assert world.a.texts == ["醒"]
        assert world.time.now == T0
        world.add("别的进程写的", 2)
        await world.time.until(lambda: len(world.a.said) == 2, 2)


async def test_marked_before_it_leaves(world: World) -> None:
    ident = world.add("您好")
    world.a.stuck = True
    async with world.running():
        assert world.a.texts == ["您好"]
        assert (world.row(ident).status, world.row(ident).attempts) == (Sending.SENDING, 1)


async def test_a_stop_gives_grace_and_leaves_the_rest_unsent(world: World) -> None:
    slow, queued = world.add("慢"), world.add("下一条")
    world.a.takes = 1.0
    async with world.running():
        pass
    assert world.row(slow).status is Sending.SENT
    assert world.row(queued).status is Sending.QUEUED


async def test_a_chat_hears_one_thing_at_a_time(world: World) -> None:
    for text in ("一", "二"):
        world.add(text)
    world.a.takes = 0.5
    async with world.running() as outbox:
        outbox.wake()
        await world.time.until(lambda: len(world.a.said) == 2)
    assert [when - T0 for when, _ in world.a.said] == [timedelta(0), timedelta(seconds=0.5)]


async def test_after_a_crash_each_kind_is_resolved(world: World) -> None:
    kinds = {p: world.add(p.name, n + 1, priority=p) for n, p in enumerate(Priority)}
    other = world.add("别人的", 7, "web", status=Sending.SENDING)
    with world.database.write() as session:
        sending.begin(session, list(kinds.values()))
    async with world.running() as outbox:
        await world.time.pass_(3)
    assert sorted(world.a.texts) == ["DANGER", "ROLLCALL"]
    for priority, ident in kinds.items():
        sure = priority in (Priority.DANGER, Priority.ROLLCALL)
        assert world.row(ident).status is (Sending.SENT if sure else Sending.UNKNOWN)
    assert world.row(other).status is Sending.SENDING
    assert (outbox.counts["", "resent"], outbox.counts["", "unknown"]) == (2, 3)


async def test_order_holds_through_a_retry_and_others_go_on(world: World) -> None:
    for text in ("一", "二", "三"):
        world.add(text)
    world.add("别的楼", 2)
    world.a.answers = [Sent(fail=Fail.RETRY, detail="502")]
    async with world.running():
        await world.time.until(lambda: len(world.a.said) == 5)
    assert world.a.texts == ["一", "别的楼", "一", "二", "三"]
    assert world.a.said[2][0] - T0 == timedelta(seconds=2)


async def test_not_before_and_expiry(world: World) -> None:
    late = world.add("过一会儿", not_before=T0 + timedelta(seconds=20))
    gone = world.add("过期", expires_at=T0)
    now = world.add("现在")
    async with world.running():
        await world.time.until(lambda: world.row(now).status is Sending.SENT)
        assert world.row(late).status is Sending.QUEUED
        assert state(world.row(gone)) == (Sending.DROPPED, "expired")
        await world.time.until(lambda: world.row(late).status is Sending.SENT, 30)
    assert world.a.texts == ["现在", "过一会儿"]
    assert world.time.now >= T0 + timedelta(seconds=20)


async def test_gone_marks_the_chat_and_what_waits_for_it(world: World) -> None:
    first, second = world.add("一"), world.add("二")
    world.a.answers = [Sent(fail=Fail.GONE, detail="blocked")]
    async with world.running():
        await world.time.pass_(2)
    assert world.a.texts == ["一"]
    assert world.chat(1).gone
    assert state(world.row(first)) == state(world.row(second)) == (Sending.FAILED, "blocked")


async def test_moved_is_sent_again_where_the_chat_is_now(world: World) -> None:
    ident = world.add("您好")
    world.a.answers = [Sent(fail=Fail.MOVED, moved_to="-100")]
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert [out.chat for _, out in world.a.said] == ["c1", "-100"]
    assert world.chat(1).external_id == "-100"


async def test_moved_to_a_chat_that_is_already_known(world: World) -> None:
    ident, next_ = world.add("您好"), world.add("还有")
    world.a.answers = [Sent(fail=Fail.MOVED, moved_to="c2")]
    async with world.running():
        await world.time.until(lambda: world.row(next_).status is Sending.SENT)
    assert [out.chat for _, out in world.a.said] == ["c1", "c2", "c2"]
    assert (world.row(ident).chat_id, world.chat(1).gone, world.chat(2).gone) == (2, True, False)


async def test_rejected_fails_with_a_reason_and_the_next_goes(world: World) -> None:
    bad, good = world.add("坏"), world.add("好")
    world.a.answers = [Sent(fail=Fail.REJECTED, detail="message is too long")]
    async with world.running():
        await world.time.until(lambda: world.row(good).status is Sending.SENT)
    assert state(world.row(bad)) == (Sending.FAILED, "message is too long")


async def test_a_wrong_token_stops_one_channel_for_a_minute_and_no_other(world: World) -> None:
    mine, other = world.add("一"), world.add("二", 6, "b")
    world.a.answers = [Sent(fail=Fail.CONFIG, detail="the token is not valid")]
    async with world.running() as outbox:
        await world.time.until(lambda: world.row(other).status is Sending.SENT)
        assert world.time.now == T0
        assert world.row(mine).status is Sending.QUEUED
        assert outbox.troubles() == {"a": "the token is not valid"}
        await world.time.until(lambda: world.row(mine).status is Sending.SENT)
        assert outbox.troubles() == {}
    assert world.time.now - T0 == timedelta(minutes=1)


async def test_a_stuck_channel_holds_up_no_other(world: World) -> None:
    for chat in range(1, 6):
        world.add("卡住", chat)
    world.a.stuck = True
    other = world.add("畅通", 6, "b")
    async with world.running():
        await world.time.settle()
        assert world.row(other).status is Sending.SENT


async def test_a_long_text_goes_on_where_it_stopped(world: World) -> None:
    world.a.caps = Caps(text_max=10, rate_chat=1000)
    ident = world.add("周一停水一天。周二停电半天！周三照常。", choices=[["1", "收到", "q1=1"]])
    after = world.add("后面的")
    world.a.answers = [Sent(ids=["p1"]), Sent(fail=Fail.RETRY), Sent(ids=["p2"])]
    async with world.running():
        await world.time.until(lambda: world.row(after).status is Sending.SENT)
    texts = world.a.texts
    assert texts[1] == texts[2]
    assert len(texts) == len(set(texts)) + 1
    assert "".join([texts[0], *texts[2:-1]]) == world.row(ident).text
    assert [bool(out.choices) for _, out in world.a.said] == [False] * (len(texts) - 2) + [
        True,
        False,
    ]
    assert world.row(ident).external_id != "p1"


async def test_an_adapter_that_fails_is_tried_again(world: World) -> None:
    ident = world.add("您好")
    world.a.answers = [RuntimeError("您好")]
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert len(world.a.said) == 2


async def test_web_rows_are_no_matter_of_ours(world: World) -> None:
    ident = world.add("网页", 7, "web")
    async with world.running():
        await world.time.pass_(5)
    assert world.row(ident).status is Sending.QUEUED
    assert not world.a.said


async def test_a_database_that_is_away_loses_and_doubles_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = world.add("您好")
    real, away = sending.mark, [True, True, True]

    def mark(session: Any, marks: Any, now: Any) -> None:
        real(session, marks, now)
        if marks and away:
            away.pop()
            raise Unavailable("the disk is full")

    monkeypatch.setattr(sending, "mark", mark)
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert world.a.texts == ["您好"]
    assert not away


async def test_a_taken_back_row_does_not_leave(world: World) -> None:
    ident = world.add("作废", not_before=T0 + timedelta(seconds=30))
    async with world.running():
        with world.database.write() as session:
            session.get_one(Outbound, ident).status = Sending.DROPPED
        await world.time.pass_(60)
    assert not world.a.said


async def test_with_nothing_to_serve_it_ends_at_once(world: World) -> None:
    outbox = Outbox(world.lane, world.database, {}, world.time.clock, world.time.sleep, lambda: 0.5)
    await outbox.run()
    await outbox.close()


async def test_a_crowded_chat_hides_nobody(world: World) -> None:
    world.a.caps = Caps(rate_chat=1)
    for number in range(sending.PAGE * 2 + 5):
        world.add(f"{number}")
    other = world.add("我呢", 2)
    async with world.running():
        await world.time.settle()
        assert world.row(other).status is Sending.SENT
    assert world.a.texts == ["0", "我呢"]

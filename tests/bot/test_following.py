"""What a person of ours must let go: handed, asked about each minute, then sent or failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.base import Adapter, Caps, Fail, Out, Sent
from bot.adapters.wecom import WeCom
from bot.following import EVERY, Following
from bot.outbox import Outbox
from storage.models import Chat, Question, Sending
from tests.bot.outbox_world import T0, Platform, Time, World
from tests.bot.test_wecom_sending import app
from tests.bot.wecom_double import WeComDouble, serving


class Hands(Platform):
    """Everything is handed to somebody; `stands` says how each message stands."""

    def __init__(self, name: str, time: Time) -> None:
        super().__init__(name, time, Caps(rate_chat=1000, drafts=True))
        self.stands: dict[str, Sent | Exception | None] = {}
        self.asked: list[str] = []

    async def send(self, out: Out) -> Sent:
        sent = await super().send(out)
        return Sent(ids=sent.ids, handed=sent.fail is None, fail=sent.fail)

    async def follow(self, ident: str) -> Sent | None:
        self.asked.append(ident)
        found = self.stands.get(ident)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.a = Hands("a", found.time)
    yield found
    found.lane.close()
    found.database.close()


@asynccontextmanager
async def following(world: World, adapter: Adapter) -> AsyncIterator[None]:
    found = Following(adapter, world.lane, world.time.clock, world.time.sleep)
    task = asyncio.create_task(found.run())
    await world.time.settle()
    yield
    await found.close()
    await task


def hands(world: World) -> Hands:
    assert isinstance(world.a, Hands)
    return world.a


async def test_it_is_not_sent_until_it_is_let_go(world: World) -> None:
    ident = world.add("明早停水")
    with world.database.write() as session:
        session.add(
            Question(
                id=1,
                community_id=1,
                chat_id=1,
                resident_id=1,
                name="x",
                about="x:1",
                outbound_id=ident,
                choices=[],
                asked_at=T0,
            )
        )
    async with world.running(), following(world, world.a):
        await world.time.until(lambda: world.row(ident).status is Sending.HANDED)
        row = world.row(ident)
        assert (row.external_id, row.sent_at, row.attempts) == ("p1", None, 1)
        await world.time.pass_(3 * EVERY)
        assert world.row(ident).status is Sending.HANDED
        assert len(world.a.said) == 1, "it waits for a person, not for another try"
        assert 2 <= len(hands(world).asked) <= 4
        hands(world).stands["p1"] = Sent(ids=["p1"])
        await world.time.pass_(EVERY + 1)
        row = world.row(ident)
        assert (row.status, row.external_id) == (Sending.SENT, "p1")
        assert row.sent_at is not None
        assert row.sent_at - T0 >= timedelta(seconds=3 * EVERY)
        with world.database.read() as session:
            assert session.get_one(Question, 1).delivered_at == row.sent_at
        asked = len(hands(world).asked)
        await world.time.pass_(2 * EVERY)
        assert len(hands(world).asked) == asked, "what was let go is not asked about any more"


ASKED_IN_VAIN = [
    Sent(fail=Fail.RETRY, detail="network"),
    Sent(fail=Fail.THROTTLED, retry_after=60),
    Sent(fail=Fail.CONFIG),
    RuntimeError("a defect"),
]


@pytest.mark.parametrize("answer", ASKED_IN_VAIN)
async def test_not_to_know_is_not_to_have_failed(world: World, answer: Sent | Exception) -> None:
    ident, other = world.add("明早停水"), world.add("楼道刷墙", 2)
    hands(world).stands = {"p1": answer, "p2": Sent(ids=["p2"])}
    async with world.running(), following(world, world.a):
        await world.time.pass_(2 * EVERY)
        assert world.row(ident).status is Sending.HANDED
        assert world.row(other).status is Sending.SENT, "one does not hold up another"


async def test_what_was_refused_has_failed(world: World) -> None:
    ident = world.add("明早停水")
    hands(world).stands["p1"] = Sent(fail=Fail.REJECTED, detail="errcode 40058")
    async with world.running(), following(world, world.a):
        await world.time.pass_(2 * EVERY)
    row = world.row(ident)
    assert (row.status, row.error, row.sent_at) == (Sending.FAILED, "errcode 40058", None)


async def test_a_restart_goes_on_asking(world: World) -> None:
    ident = world.add("明早停水")
    async with world.running():
        await world.time.until(lambda: world.row(ident).status is Sending.HANDED)
    hands(world).stands["p1"] = Sent(ids=["p1"])
    async with world.running(), following(world, world.a):
        await world.time.until(lambda: world.row(ident).status is Sending.SENT)
    assert len(world.a.said) == 1


async def test_only_its_own_channel_is_asked(world: World) -> None:
    world.add("一", status=Sending.HANDED, external_id="x")
    other = world.add("二", 6, "b", status=Sending.HANDED, external_id="y")
    async with following(world, world.a):
        await world.time.pass_(2 * EVERY)
    assert set(hands(world).asked) == {"x"}
    assert world.row(other).status is Sending.HANDED


async def test_a_database_that_cannot_be_written_now_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = world.add("一", status=Sending.HANDED, external_id="p1")
    hands(world).stands["p1"] = Sent(ids=["p1"])
    monkeypatch.setattr("storage.store.sending.mark", lambda *_args: 1 / 0)
    async with following(world, world.a):
        await world.time.pass_(EVERY + 1)
        monkeypatch.undo()
        assert world.row(ident).status is Sending.HANDED
        await world.time.pass_(EVERY)
        assert world.row(ident).status is Sending.SENT


async def test_a_draft_of_wecom_from_the_outbox_to_its_groups(world: World) -> None:
    """The real outbox and the real adapter, over HTTP."""
    with serving() as double:
        adapter = WeCom("a", app(double), world.time.clock)
        ident = _to_the_groups(world, adapter)
        outbox = Outbox(
            world.lane,
            world.database,
            {"a": adapter},
            world.time.clock,
            world.time.sleep,
            lambda: 0.5,
        )
        task = asyncio.create_task(outbox.run())
        async with following(world, adapter):
            await world.time.until(lambda: world.row(ident).status is Sending.HANDED)
            [(msgid, _)] = double.drafts.items()
            assert world.row(ident).external_id == msgid
            await world.time.until(lambda: _asked(double) > 1)
            assert world.row(ident).status is Sending.HANDED
            double.drafts[msgid] = 2  # xiaoli confirms it
            await world.time.until(lambda: world.row(ident).status is Sending.SENT, 3600)
        await world.stop(outbox, task)
        await adapter.close()
        assert len(double.said("externalcontact/add_msg_template")) == 1


def _to_the_groups(world: World, adapter: WeCom) -> int:
    with world.database.write() as session:
        chat = session.get_one(Chat, 1)
        chat.external_id, chat.group, chat.post_only = "draft:xiaoli", True, True
    assert adapter.caps.initiate == "grant", "and yet it needs no leave"
    return world.add("明早停水")


def _asked(double: WeComDouble) -> int:
    return len(double.said("externalcontact/get_groupmsg_task"))

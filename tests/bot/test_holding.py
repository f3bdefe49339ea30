"""A platform that waits for the answer in its own request (公众号): joined into one, said once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.base import Caps, Event, Hold, Leave, Opened, Request
from bot.holding import BETWEEN, join
from bot.lane import Rank
from bot.outcome import size
from storage.models import Channel, Inbound, Outbound, Priority, Resident, Sending
from storage.store.sending import Waiting, strand
from tests.bot.office import MONDAY, Made, close_office, make_office
from tests.bot.web_client import client

GZH = {"id": "gzh", "platform": "wechat", "app_id": "wx1", "token": "t"}
CAPS = Caps(text_max=2000, text_unit="bytes", buttons=False, initiate="never")


class Held:
    """An adapter of such a platform; its bodies are JSON: {"id", "who", "text"}."""

    channel_id = "gzh"

    def __init__(self, caps: Caps = CAPS, seconds: float = 4.0, leaves: Any = ()) -> None:
        self.caps, self.seconds, self.leaves = caps, seconds, leaves

    async def open(self, request: Request) -> Opened:
        said = json.loads(request.body)
        event = Event(said["id"], said["who"], said["who"], MONDAY, text=said["text"])
        event = Event(**{**event.__dict__, "leaves": self.leaves, "user_name": "王阿姨"})
        return Opened([event], body="success", hold=Hold(self.seconds, lambda t: f"<{t}>"))


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, adapters={"gzh": Held()}, more_channels=[GZH], real=True)
    made.write(lambda session: setattr(session.get_one(Channel, "gzh"), "initiate", "never"))
    made.office.hub.start()
    yield made
    close_office(made)


@pytest.fixture
async def web(made: Made) -> AsyncIterator[httpx.AsyncClient]:
    async with client(made) as opened:
        yield opened


async def says(web: httpx.AsyncClient, text: str, ident: str = "1", who: str = "wang") -> str:
    answer = await web.post("/wechat/gzh", json={"id": ident, "who": who, "text": text})
    assert answer.status_code == 200
    return answer.text


def rows(made: Made, channel: str = "gzh") -> list[Outbound]:
    return made.read(lambda session: session.query(Outbound).filter_by(channel_id=channel).all())


async def test_everything_a_turn_says_is_one_reply(made: Made, web: httpx.AsyncClient) -> None:
    reply = await says(web, "楼道灯坏了，三楼，晚上看不见")
    assert reply.startswith("<") and reply.endswith(">")
    assert "楼道灯坏了" in reply
    said = rows(made)
    assert len(said) >= 2
    assert {row.status for row in said} == {Sending.SENT}
    assert reply == f"<{BETWEEN.join(_plain(row) for row in said)}>"


def _plain(row: Outbound) -> str:
    return "\n".join([row.text, *(f"{c[0]}. {c[1]}" for c in row.choices if not row.inline)])


async def test_a_repeated_request_gets_the_same_reply_and_is_done_once(
    made: Made, web: httpx.AsyncClient
) -> None:
    first = await says(web, "楼道灯坏了，在3栋2单元")
    before = len(rows(made))
    assert await says(web, "楼道灯坏了，在3栋2单元") == first
    assert len(rows(made)) == before


async def test_two_requests_for_one_message_wait_together(
    made: Made, web: httpx.AsyncClient
) -> None:
    """The platform asks again while we are still at it."""
    both = await asyncio.gather(says(web, "电梯又坏了"), says(web, "电梯又坏了"))
    assert both[0] == both[1] != "success"


async def test_many_people_at_once_each_get_their_own(made: Made, web: httpx.AsyncClient) -> None:
    replies = await asyncio.gather(
        *(says(web, f"1栋的路灯坏了{n}盏", f"m{n}", f"u{n}") for n in range(1, 30))
    )
    for n, reply in enumerate(replies, 1):
        assert f"1栋的路灯坏了{n}盏" in reply


async def test_what_is_not_said_in_time_waits_for_the_next_message(
    made: Made, web: httpx.AsyncClient
) -> None:
    made.office.adapters["gzh"].seconds = 0.0  # type: ignore[index]
    assert await says(web, "电梯又坏了") == "success"
    made.time.now += timedelta(seconds=5)
    made.parrot.deaf = True
    guesses = await asyncio.to_thread(
        made.office.dispatcher.listen, made.office.database, made.time()
    )
    if guesses:
        made.write(lambda s: made.office.dispatcher.turns(s, guesses, made.time()))
    made.parrot.deaf = False
    made.office.lane.submit(Rank.MARK, lambda session: strand(session, "gzh", made.time())).result(
        5
    )
    late = [row.text for row in rows(made)]
    assert late
    assert {row.status for row in rows(made)} == {Sending.WAITING}
    made.office.adapters["gzh"].seconds = 4.0  # type: ignore[index]
    reply = await says(web, "继续", "2")
    for text in late:
        assert text in reply
    assert {row.status for row in rows(made)} == {Sending.SENT}
    assert await says(web, "继续", "3") == "<都说完了。有事随时写给我。>"


async def test_the_outbox_leaves_reserved_rows_alone_until_the_request_is_over(
    made: Made, web: httpx.AsyncClient
) -> None:
    made.office.adapters["gzh"].leaves = [Leave(until=None, left=5)]  # type: ignore[index]
    made.parrot.deaf = True
    request = asyncio.create_task(says(web, "电梯又坏了"))
    while not made.read(lambda session: session.query(Inbound).count()):
        await asyncio.sleep(0)
    guesses = await asyncio.to_thread(
        made.office.dispatcher.listen, made.office.database, made.time()
    )
    done = made.write(lambda s: made.office.dispatcher.turns(s, guesses, made.time()))
    held = rows(made)
    until = made.read(lambda session: session.query(Inbound).one()).held_until
    assert held and {row.not_before for row in held} == {until}
    assert {row.held_for for row in held} == {1}
    made.office.holding.tell(done.held)
    assert "电梯" in await request


async def test_a_danger_is_said_alone_and_first(made: Made, web: httpx.AsyncClient) -> None:
    await says(web, "楼道灯坏了，在3栋2单元")
    with_old = made.write(_wait)
    assert with_old
    reply = await says(web, "着火了，3栋2单元，快来人", "2")
    assert "119" in reply
    assert "旧话" not in reply
    assert "旧话" in await says(web, "你好", "3")


def _wait(session: Any) -> bool:
    chat = session.query(Outbound).first().chat_id
    session.add(
        Outbound(
            community_id=1,
            channel_id="gzh",
            chat_id=chat,
            text="旧话",
            created_at=MONDAY,
            status=Sending.WAITING,
        )
    )
    return True


# Joining

TEXTS = st.text(alphabet="一二三。\nab ", min_size=1, max_size=60).filter(str.strip)
ROWS = st.builds(
    lambda text, choices, sender, priority: (text, choices, sender, priority),
    TEXTS,
    st.lists(TEXTS.map(lambda t: t[:6].strip() or "x"), max_size=3),
    st.sampled_from(["bot", "小李"]),
    st.sampled_from([Priority.DANGER, Priority.ANSWER, Priority.NOTICE]),
)


def made_of(numbered: list[Any], first: int) -> list[Waiting]:
    return [
        Waiting(
            id=first + n,
            chat_id=1,
            chat="c",
            group=False,
            priority=priority,
            text=text.strip(),
            choices=tuple((str(i), label, f"q{i}=1") for i, label in enumerate(labels, 1)),
            sender=sender,
        )
        for n, (text, labels, sender, priority) in enumerate(numbered)
    ]


@given(
    st.lists(ROWS, max_size=5),
    st.lists(ROWS, max_size=5),
    st.integers(120, 400),
    st.sampled_from(["bytes", "chars"]),
    st.sampled_from(["", "（还有）"]),
)
def test_a_joined_reply_fits_and_loses_nothing(
    now: list[Any], before: list[Any], most: int, unit: Any, more: str
) -> None:
    caps = Caps(text_max=most, text_unit=unit, buttons=False)
    answer, elder = made_of(now, 100), made_of(before, 1)
    reply = join(answer, elder, caps, more)
    assert size(reply.text, caps) <= most
    known = {row.id: row for row in [*answer, *elder]}
    assert len(set(reply.said)) == len(reply.said)
    assert not set(reply.said) & set(reply.begun)
    for ident in reply.said:
        assert known[ident].text in reply.text
        for digit, label, _ in known[ident].choices:
            assert f"{digit}. {label}" in reply.text
    # In order, and the answer never gives way to what waited.
    assert [i for i in reply.said if i >= 100] == sorted(i for i in reply.said if i >= 100)
    if any(i < 100 for i in (*reply.said, *reply.begun)):
        assert {row.id for row in answer} <= set(reply.said)
        assert all(row.priority != Priority.DANGER for row in answer)
    # Something always moves, so that the next message brings the rest.
    if known and any(row.priority != Priority.DANGER for row in known.values()):
        assert reply.text
    if more and len(reply.said) < len(known):
        assert reply.text.endswith(more)
    if len(reply.said) == len(known):
        assert not reply.text.endswith("（还有）")


@given(st.lists(ROWS, min_size=1, max_size=6), st.integers(120, 300))
def test_reply_by_reply_everything_is_said_once(now: list[Any], most: int) -> None:
    caps = Caps(text_max=most, text_unit="bytes", buttons=False, initiate="never")
    left = made_of(now, 1)
    said: list[int] = []
    for _ in range(200):
        if not left:
            break
        reply = join([], left, caps, "（还有）")
        said += reply.said
        left = [
            Waiting(**{**row.__dict__, "parts": reply.begun.get(row.id, row.parts)})
            for row in left
            if row.id not in reply.said
        ]
    assert sorted(said) == list(range(1, len(now) + 1))


@settings(deadline=None)
@given(st.integers(100, 900), st.integers(60, 300), st.booleans())
def test_pieces_of_a_long_text_lose_nothing(length: int, most: int, answered: bool) -> None:
    """Without a place to cut at, each piece ends where the room does."""
    caps = Caps(text_max=most, text_unit="bytes", buttons=False, initiate="never")
    text = "".join(chr(0x4E00 + n) for n in range(length))
    row = Waiting(id=1, chat_id=1, chat="c", group=False, priority=1, text=text)
    heard, more = "", "（还有）"
    for _ in range(length):
        rows = ([row], []) if answered else ([], [row])
        reply = join(*rows, caps, more)
        heard += reply.text.removesuffix(BETWEEN + more)
        if reply.said:
            break
        row = Waiting(**{**row.__dict__, "parts": reply.begun[1]})
    assert heard == text


async def test_what_is_still_in_line_goes_along_where_nothing_else_leaves(
    made: Made, web: httpx.AsyncClient
) -> None:
    await says(web, "楼道灯坏了，在3栋2单元")
    made.write(_wait)
    made.write(_queue)
    assert "旧话" in await says(web, "你好", "2")


def _queue(session: Any) -> None:
    session.query(Outbound).filter_by(text="旧话").one().status = Sending.QUEUED


async def test_a_receipt_is_nobodys_message(made: Made, web: httpx.AsyncClient) -> None:
    def people(session: Any) -> int:
        return int(session.query(Resident).count())

    before = made.read(people)
    extra = {"message_id": "9", "fail": "gone"}
    event = Event("r1", "mphelper", "mphelper", MONDAY, kind="receipt", extra=extra)
    await made.office.inbox.take("gzh", [event])
    await says(web, "你好")
    assert made.read(lambda session: session.get_one(Inbound, 1)).handled_at is not None
    assert made.read(people) == before + 1

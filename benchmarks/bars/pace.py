"""The pace kept against a platform that counts: 30/s in all, 1/s a chat, 20 a minute a group."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import uvloop
from sqlalchemy import func, select

from bars.common import Line, Setup, Watch
from bars.filling import TG, fill
from bars.town import Town, now
from bot.adapters.base import Caps, Fail, Out, Sent
from bot.lane import Lane
from bot.outbox import Outbox
from storage.models import Chat, Outbound, Priority, Sending

CAPS = Caps(rate=30, rate_chat=1, rate_group=20 / 60, burst_group=20)
TAKES = 0.05  # seconds the platform takes for one send
GROUPS = 10
FIRST_GROUP = 10_000_000
WARM = 2.0  # seconds that are not counted: buckets start full


class Window:
    """At most so many in any span of so many seconds."""

    def __init__(self, most: int, span: float) -> None:
        self.most, self.span = most, span
        self._times: deque[float] = deque()

    def full(self, at: float) -> bool:
        while self._times and self._times[0] <= at - self.span:
            self._times.popleft()
        return len(self._times) >= self.most

    def add(self, at: float) -> None:
        self._times.append(at)


class Strict:
    """A platform's double: enforces its limits at the moment a request arrives, by any window."""

    def __init__(self) -> None:
        self.caps = CAPS
        self.taken: list[tuple[float, bool]] = []
        self.refused: Counter[str] = Counter()
        self._all = Window(30, 1)
        self._chats: dict[str, list[tuple[str, Window]]] = {}

    async def send(self, out: Out) -> Sent:
        at = asyncio.get_running_loop().time()
        windows = self._chats.setdefault(out.chat, [("chat", Window(1, 1))])
        if out.group and len(windows) == 1:
            windows.append(("group", Window(20, 60)))
        full = [name for name, window in [("all", self._all), *windows] if window.full(at)]
        for name in full:
            self.refused[name] += 1
        if full:
            return Sent(fail=Fail.THROTTLED, retry_after=1.0)
        for _, window in [("all", self._all), *windows]:
            window.add(at)
        self.taken.append((at, out.group))
        await asyncio.sleep(TAKES)
        return Sent(ids=[str(len(self.taken))])

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def measure(setup: Setup) -> Iterator[Line]:
    seconds = setup.size(75, 6)
    double, cpu = uvloop.run(_send(setup, seconds))
    begun = double.taken[0][0]
    counted = [at for at, _ in double.taken if begun + WARM <= at < begun + seconds]
    rate = len(counted) / (seconds - WARM)
    groups = sum(group for _, group in double.taken)
    kept, refused = rate / CAPS.rate, sum(double.refused.values())
    yield Line(
        "pace kept against limits of 30/s, 1/s a chat, 20/min a group",
        f"{100 * kept:.1f} % of the allowed rate ({rate:.2f}/s for {seconds} s), {refused} refused"
        f" {dict(double.refused) or ''}; {groups} of them to groups, {cpu:.2f} ms cpu each",
        "95 %, no 429",
        "99 %, no 429",
        kept >= 0.95 and not refused,
        kept >= 0.99 and not refused,
        figures={"kept": kept, "refused": refused},
    )


async def _send(setup: Setup, seconds: int) -> tuple[Strict, float]:
    town = Town(setup.home / "pace", extra=TG)
    residents = fill(town, 40 * seconds)
    with town.database.write() as session:
        session.add_all(_groups())
        session.flush()
        posts = [FIRST_GROUP + n % GROUPS for n in range(30 * GROUPS)]
        session.add_all(_row(chat, Priority.NOTICE) for chat in [*posts, *residents])
    lane, double = Lane(town.database), Strict()
    outbox = Outbox(
        lane,
        town.database,
        {"tg": double},
        now,
        asyncio.sleep,
        random.random,  # type: ignore[dict-item]
    )
    watch = Watch()
    running = asyncio.create_task(outbox.run())
    while not double.taken or asyncio.get_running_loop().time() < double.taken[0][0] + seconds:
        await asyncio.sleep(0.1)
    cpu = watch.run(len(double.taken)).cpu_ms
    await outbox.close()
    await running
    await asyncio.to_thread(lane.close)
    with town.database.read() as session:
        sent = select(func.count(Outbound.id)).where(Outbound.status == Sending.SENT)
        assert session.scalar(sent) == len(double.taken)
    town.database.close()
    return double, cpu


def _groups() -> list[Chat]:
    return [
        Chat(
            id=FIRST_GROUP + n,
            community_id=1,
            channel_id="tg",
            external_id=f"-100{n}",
            group=True,
            name=f"{n}栋群",
            seen_at=now(),
            created_at=now(),
        )
        for n in range(GROUPS)
    ]


def _row(chat: int, priority: Priority) -> Outbound:
    return Outbound(
        community_id=1,
        channel_id="tg",
        chat_id=chat,
        text="明早八点停水，请存水。",
        kind="notice",
        priority=priority,
        created_at=now(),
    )

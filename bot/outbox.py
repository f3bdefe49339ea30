"""Takes what is due, paces, sends, retries, gives up. Say, then commit, then send.

A thin shell: whose turn it is, is decided in `pacing.pick`; what an outcome means, in `outcome`;
the SQL is in `storage.store.sending`. Each round of a channel is one transaction: it writes down
how the last sends went and marks the next ones as being sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.base import Adapter, Caps, Fail, Out, Sent, answers, split, with_lines
from bot.lane import Lane, Rank
from bot.pacing import CONFIG_PAUSE, MARGIN, Pace, Picked, pick, throttle
from storage import Database, Session
from storage.models import Sending
from storage.store import sending
from storage.store.sending import Mark, Waiting

log = logging.getLogger("huiyin.outbox")

TRIES = 30  # about two hours at these waits; longer when the whole channel is in trouble
LONGEST_WAIT = 300.0  # seconds between two tries of one message
LOOK = 1.0  # seconds: another process may have written without waking us
LIMIT = 60.0  # seconds: an adapter that has not come back by then is given up for this try
KNOCKED = "knocked"  # a template said that there is more: the whole waits for their next message
GRACE = 1.5  # seconds that sends in flight are given when we stop


def backoff(tried: int, jitter: float) -> timedelta:
    """2, 4, 8 … 300 seconds, a quarter more or less; `jitter` is in [0, 1)."""
    return timedelta(seconds=min(LONGEST_WAIT, 2.0**tried) * (0.75 + jitter / 2))


def size(text: str, caps: Caps) -> int:
    """How long a text is to a platform."""
    return len(text.encode()) if caps.text_unit == "bytes" else len(text)


def pieces(row: Waiting, caps: Caps) -> list[str]:
    """A text in pieces that still fit with the speaker's name before and numbered lines after."""

    around = 0 if row.sender == "bot" else size(f"{row.sender}（）：\n", caps)
    around += size(with_lines("", row.choices), caps) if row.choices else 0
    limit = max(caps.text_max // 4, caps.text_max - around)
    return [piece for piece in split(row.text, limit, caps.text_unit) if piece] or [row.text]


def next_out(row: Waiting, caps: Caps) -> tuple[Out, bool]:
    """The piece of a row that leaves now, and whether it is the last."""
    parts = pieces(row, caps)
    number = min(len(row.parts.split()), len(parts) - 1)
    last = number == len(parts) - 1
    first = number == 0
    choices = row.choices if caps.links else tuple(answers(row.choices))
    return Out(
        chat=row.chat,
        text=parts[number],
        choices=choices if last else (),
        inline=row.inline,
        sender=row.sender if first else "bot",
        group=row.group,
        media=row.media if first else None,
        key=f"{int(row.created_at.timestamp())}-{row.id}-{number}" if row.created_at else "",
        token=row.spent.token if row.spent else "",
        nth=row.spent.nth if row.spent else 0,
        template=row.spent.template if row.spent else False,
    ), last


def outcome(row: Waiting, sent: Sent, last: bool, now: datetime, jitter: float) -> Mark:
    """Where a row stands after a send. Each Fail has one consequence."""
    tried, why = row.attempts + 1, (sent.detail or str(sent.fail or ""))[:200]
    # A throttle or a wrong token is no fault of the message: it keeps its place, uncounted.
    held = max(1, row.attempts)
    parts = row.parts or None
    back = row.spent.name if row.spent else ""  # it was certainly not said: its leave is not spent

    def queued(wait: timedelta | None, attempts: int, **more: Any) -> Mark:
        at = now + wait if wait else None
        return Mark(row.id, row.chat_id, Sending.QUEUED, parts, why, attempts, at, **more)

    def refused(status: Sending, *, gone: bool = False, void: bool = False) -> Mark:
        elsewhere = why != KNOCKED
        return Mark(
            row.id, row.chat_id, status, parts, why, tried, gone=gone, refused=elsewhere, void=void
        )

    match sent.fail:
        case None if last:
            # A reply is known by one id: that of the last piece, which carries the choices.
            ident = sent.ids[-1] if sent.ids else parts
            if sent.handed:
                return Mark(row.id, row.chat_id, Sending.HANDED, ident, None, tried, row.not_before)
            return Mark(
                row.id, row.chat_id, Sending.SENT, ident, None, tried, row.not_before, sent_at=now
            )
        case None:
            ids = " ".join([*row.parts.split(), ",".join(sent.ids) or "-"])
            return Mark(row.id, row.chat_id, Sending.QUEUED, ids)
        case Fail.THROTTLED:
            return queued(throttle(sent), held, back=back)
        case Fail.CONFIG:
            return queued(CONFIG_PAUSE, held, back=back)
        case Fail.MOVED if sent.moved_to and tried < TRIES:
            return Mark(
                row.id, row.chat_id, Sending.QUEUED, parts, why, tried, moved_to=sent.moved_to
            )
        case Fail.RETRY if tried < TRIES:
            return queued(backoff(tried, jitter), tried, perhaps=True)
        case Fail.WINDOW:
            return refused(Sending.WAITING, void=True)
        case Fail.GONE:
            return refused(Sending.FAILED, gone=True)
        case Fail.REJECTED:
            return refused(Sending.FAILED)
        case _:  # tried too often; one of the tries may have arrived
            return Mark(row.id, row.chat_id, Sending.FAILED, parts, why, tried)


class Outbox:
    """`run` until `close`. One task per channel: they never wait for each other."""

    def __init__(
        self,
        lane: Lane,
        database: Database,
        adapters: Mapping[str, Adapter],
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._lane = lane
        self._database = database
        self._sleep = sleep
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._done = asyncio.Event()
        self.counts: Counter[tuple[str, str]] = Counter()  # (channel, outcome)
        self._senders = [
            _Sender(self, name, adapter, lane, clock, sleep, jitter)
            for name, adapter in adapters.items()
        ]

    async def run(self) -> None:
        """Sends until `close`. What a dead process was sending is resolved first."""
        self._loop = asyncio.get_running_loop()
        self._done.clear()
        try:
            if self._senders and await self._recover():
                await asyncio.gather(*(sender.run() for sender in self._senders))
        finally:
            self._done.set()
            self._loop = None

    async def _recover(self) -> bool:
        names = [sender.name for sender in self._senders]
        while not self._closing:
            try:
                again, unknown = await self._lane.write(
                    Rank.MARK, lambda session: sending.recover(session, names)
                )
            except Exception as error:
                log.error("cannot read what was being sent: %s", type(error).__name__)
                await self._sleep(LOOK)
                continue
            if again or unknown:
                log.warning("found half sent: again=%d unknown=%d", again, unknown)
            self.counts["", "resent"] += again
            self.counts["", "unknown"] += unknown
            return True
        return False

    def wake(self) -> None:
        """Something was committed. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for sender in self._senders:
            sender.woken.set()

    def troubles(self) -> dict[str, str]:
        """Channels that cannot send just now, and why."""
        return {s.name: s.pace.trouble for s in self._senders if s.pace and s.pace.trouble}

    async def close(self) -> None:
        """Starts nothing more, gives what is in flight GRACE seconds, writes down how it went."""
        self._closing = True
        for sender in self._senders:
            sender.closing = True
        self._wake()
        if self._loop is not None:
            await self._done.wait()


class _Sender:
    """One channel."""

    def __init__(
        self,
        outbox: Outbox,
        name: str,
        adapter: Adapter,
        lane: Lane,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self.name, self.adapter = name, adapter
        self.woken = asyncio.Event()
        self.closing = False
        self.pace: Pace | None = None
        self._outbox, self._lane = outbox, lane
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._flying: dict[asyncio.Task[None], Waiting] = {}
        self._landed: list[tuple[Waiting, Sent, Mark]] = []
        self._line: set[tuple[int, int]] = set()  # at the gate: priority and id

    async def run(self) -> None:
        try:
            await self._rounds()
        finally:
            for flight in self._flying:
                flight.cancel()

    async def _rounds(self) -> None:
        pace = self.pace = Pace(self.adapter.caps, self._clock())
        marks: list[Mark] = []
        while True:
            self.woken.clear()
            closing = self.closing
            # The buckets are touched here and in the lane while we wait for it: never at once.
            landed, self._landed = self._landed, []
            for row, sent, mark in landed:
                pace.note(row, sent, self._clock())
                marks.append(mark)
            try:
                picked = await self._lane.write(Rank.MARK, self._round(pace, marks, closing))
            except Exception as error:
                # Nothing of it was committed, so nothing is sent; how sends went is kept.
                log.error("channel=%s cannot write: %s", self.name, type(error).__name__)
                if closing and not self._flying:
                    return
                await self._pause(self._clock() + timedelta(seconds=LOOK), deaf=True)
                continue
            marks = []
            for row in picked.rows:
                self._flying[asyncio.create_task(self._send(row))] = row
            if closing:
                if not self._flying and not self._landed:
                    return
                await self._land()
            else:
                await self._pause(picked.again)

    def _round(self, pace: Pace, marks: list[Mark], closing: bool) -> Callable[[Session], Picked]:
        """A transaction: how the last sends went, and which are next."""
        now = self._clock()
        flying = {row.chat_id: row.priority for row in self._flying.values()}
        name, leave = self.name, self.adapter.caps.initiate != "free"

        def work(session: Session) -> Picked:
            sending.mark(session, marks, now)
            session.flush()
            if closing:
                return Picked()
            more = leave and sending.strand(session, name, now)
            skip: set[int] = set()
            line = sending.in_line(session, name, now, skip, leave=leave)
            picked = pick(pace, line, now, flying, skip)
            if leave:
                found = [sending.take_leave(session, name, row, now) for row in picked.rows]
                picked.rows = [row for row in found if row is not None]
            if more:
                picked.later(now)
            sending.drop(session, picked.expired)
            sending.begin(session, [row.id for row in picked.rows])
            due = sending.next_due(session, name, now)
            if due is not None:
                picked.later(due)
            return picked

        return work

    async def _send(self, row: Waiting) -> None:
        out, last = next_out(row, self.adapter.caps)
        await self._start(row)
        try:
            sent = await asyncio.wait_for(self.adapter.send(out), LIMIT)
        except TimeoutError:
            sent = Sent(fail=Fail.RETRY, detail="no outcome in time; it may have been sent")
        except Exception as error:
            # A defect of the adapter: what was being said is not in the log.
            log.error("channel=%s adapter failed: %s", self.name, type(error).__name__)
            sent = Sent(fail=Fail.RETRY, detail=f"adapter failed: {type(error).__name__}")
        mark = outcome(row, sent, last, self._clock(), self._jitter())
        if mark.status is Sending.FAILED or sent.fail is Fail.CONFIG:
            log.warning("channel=%s outbound=%d %s: %s", self.name, row.id, sent.fail, mark.error)
        self._outbox.counts[self.name, str(sent.fail or "sent")] += 1
        self._landed.append((row, sent, mark))
        self._flying.pop(asyncio.current_task(), None)  # type: ignore[arg-type]
        self.woken.set()

    async def _start(self, row: Waiting) -> None:
        """Waits for the moment the platform takes one more; the urgent go first."""
        mine = row.priority, row.id
        self._line.add(mine)
        try:
            while self.pace is not None:
                now = self._clock()
                at = self.pace.start(row, now) if mine == min(self._line) else now + MARGIN
                if at is None:
                    return
                await self._sleep((at - now).total_seconds())
        finally:
            self._line.discard(mine)

    async def _pause(self, until: datetime | None, *, deaf: bool = False) -> None:
        """Until woken or until a moment, at most LOOK seconds; `deaf` to being woken."""
        seconds = LOOK
        if until is not None:
            seconds = min(LOOK, max(0.0, (until - self._clock()).total_seconds()))
        if deaf:
            await self._sleep(seconds)
            return
        waits = [
            asyncio.ensure_future(self.woken.wait()),
            asyncio.ensure_future(self._sleep(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _land(self) -> None:
        """Waits for what is in flight, GRACE at most; what is cut off then stays `sending`."""
        flights = list(self._flying)
        if not flights:
            return
        grace = asyncio.ensure_future(self._sleep(GRACE))
        landing = asyncio.ensure_future(asyncio.wait(flights))
        try:
            await asyncio.wait([grace, landing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (grace, landing, *flights):
                one.cancel()
            await asyncio.gather(grace, landing, *flights, return_exceptions=True)
            self._flying.clear()

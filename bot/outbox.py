"""Takes what is due, paces, sends, retries, gives up. Say, then commit, then send.

A thin shell: whose turn it is, is decided in `pacing.pick`; what an outcome means, in `outcome.py`;
the SQL is in `storage.store.sending`. Each round of a channel is one transaction: it writes down
how the last sends went and marks the next ones as being sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from bot.adapters.base import Adapter, Fail, Sent
from bot.lane import Lane, Rank
from bot.leases import ALONE, Leases
from bot.outcome import next_out, outcome, unsent
from bot.pacing import MARGIN, Pace, Picked, pick
from storage import Database, Session
from storage.models import Sending
from storage.store import sending
from storage.store.leases import Held
from storage.store.sending import Mark, Waiting

log = logging.getLogger("huiyin.outbox")

LOOK = 1.0  # seconds: another process may have written without waking us
LIMIT = 60.0  # seconds: an adapter that has not come back by then is given up for this try
GRACE = 1.5  # seconds that sends in flight are given when we stop


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
        leases: Leases = ALONE,
    ) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done = asyncio.Event()
        self.counts: Counter[tuple[str, str]] = Counter()  # (channel, outcome)
        self._senders = [
            _Sender(self, name, adapter, lane, clock, sleep, jitter, leases)
            for name, adapter in adapters.items()
        ]

    async def run(self) -> None:
        """Sends until `close`, each channel while it is ours to send on."""
        self._loop = asyncio.get_running_loop()
        self._done.clear()
        try:
            await asyncio.gather(*(sender.run() for sender in self._senders))
        finally:
            self._done.set()
            self._loop = None

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
        for sender in self._senders:
            sender.close()
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
        leases: Leases,
    ) -> None:
        self.name, self.adapter, self.lease = name, adapter, f"send:{name}"
        self.woken, self._closed = asyncio.Event(), asyncio.Event()
        self.pace: Pace | None = None
        self._outbox, self._lane, self._leases = outbox, lane, leases
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._looked = clock()  # when the last round was
        self._back = False  # the channel was in trouble and is not any more
        self._flying: dict[asyncio.Task[None], Waiting] = {}
        self._landed: list[tuple[Waiting, Sent | None, Mark]] = []  # None: not sent
        self._marks: list[Mark] = []  # how sends went, until it is written down
        self._sure = True  # of what the last commit did
        self._line: set[tuple[int, int]] = set()  # at the gate: priority and id

    @property
    def closing(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()

    async def run(self) -> None:
        """While the channel is ours; first what its last sender left is resolved."""
        known: Held | None = None
        try:
            while not self._over():
                held = await self._ours()
                if held is None:
                    continue
                if held != known:
                    if not await self._recover(held):
                        continue
                    self._forget()
                known = held
                await self._rounds(held)
        finally:
            for flight in self._flying:
                flight.cancel()

    def _over(self) -> bool:
        return self.closing and not (self._flying or self._landed or self._marks)

    def _forget(self) -> None:
        """How sends went that somebody else has resolved by now, or will."""
        self._landed, self._marks, self._sure = [], [], True

    async def _ours(self) -> Held | None:
        """The lease, once we have it; None when we are closing without it."""
        held = self._leases.held(self.lease)
        if held is not None or self.closing:
            if held is None:
                await self._land()
                self._forget()
            return held
        waiting = asyncio.ensure_future(self._leases.wait(self.lease))
        closing = asyncio.ensure_future(self._closed.wait())
        await asyncio.wait([waiting, closing], return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        waiting.cancel()
        await asyncio.gather(waiting, closing, return_exceptions=True)
        return self._leases.held(self.lease)

    async def _recover(self, held: Held) -> bool:
        """Resolves what a dead or frozen process was sending; whether that could be done."""

        def work(session: Session) -> tuple[int, int] | None:
            ours = self._leases.still(session, held)
            return sending.recover(session, [self.name], self._clock()) if ours else None

        try:
            found = await self._lane.write(Rank.MARK, work)
        except Exception as error:
            log.error("cannot read what was being sent: %s", type(error).__name__)
            await self._sleep(LOOK)
            return False
        if found is None:
            await self._sleep(LOOK)
            return False
        again, unknown = found
        if again or unknown:
            log.warning(
                "channel=%s found half sent: again=%d unknown=%d", self.name, again, unknown
            )
        self._outbox.counts["", "resent"] += again
        self._outbox.counts["", "unknown"] += unknown
        return True

    async def _rounds(self, held: Held) -> None:
        """Until it is over, or the channel is not ours any more."""
        pace = self.pace = self.pace or Pace(self.adapter.caps, self._clock())
        while self._leases.held(self.lease) == held:
            self.woken.clear()
            closing = self.closing
            # The buckets are touched here and in the lane while we wait for it: never at once.
            landed, self._landed = self._landed, []
            trouble = pace.trouble
            for row, sent, mark in landed:
                if sent is not None:
                    pace.note(row, sent, self._clock())
                self._marks.append(mark)
            if trouble and not pace.trouble:
                self._back = True
                log.info("channel=%s sends again", self.name)
            elif pace.trouble and not trouble:
                log.warning("channel=%s cannot send: %s", self.name, pace.trouble)
            try:
                work = self._round(pace, closing, held)
                picked = await self._lane.write(Rank.MARK, work)
            except Exception as error:
                # Nothing of it was committed, or nobody knows: nothing is sent, and how sends
                # went is kept.
                log.error("channel=%s cannot write: %s", self.name, type(error).__name__)
                self._sure = False
                if closing and not self._flying:
                    self._forget()
                    return
                await self._pause(self._clock() + timedelta(seconds=LOOK), deaf=True)
                continue
            if picked is None:
                await self._sleep(LOOK)
                return
            self._marks, self._sure, self._back = [], True, False
            for row in picked.rows:
                self._flying[asyncio.create_task(self._send(row))] = row
            if closing:
                if not self._flying and not self._landed:
                    return
                await self._land()
            else:
                await self._pause(picked.again)

    def _round(self, pace: Pace, closing: bool, held: Held) -> Callable[[Session], Picked | None]:
        """A transaction: how the last sends went, and which are next; None if it is not ours."""
        now, marks, sure = self._clock(), self._marks, self._sure
        flying = {row.chat_id: row.priority for row in self._flying.values()}
        begun = {row.id for row in self._flying.values()} | {mark.id for mark in marks}
        name, leave = self.name, self.adapter.caps.initiate != "free"
        back = self._back = self._back or now < self._looked  # or the clock was set back
        self._looked = now

        def work(session: Session) -> Picked | None:
            if not self._leases.still(session, held):
                return None
            if not sure:
                sending.put_back(session, name, begun)
            sending.mark(session, marks, now)
            session.flush()
            if closing:
                return Picked()
            if back:
                sending.try_again(session, [name], now)
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
        await self._start(row)
        if self._leases.held(self.lease) is None:  # we slept: another may be sending this
            self._end(row, None, unsent(row))
            return
        out, last = next_out(row, self.adapter.caps)
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
        self._end(row, sent, mark)

    def _end(self, row: Waiting, sent: Sent | None, mark: Mark) -> None:
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

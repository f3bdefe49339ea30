"""Asks how messages stand that were handed to a person of ours, who must let them go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.adapters.base import Adapter, Fail, Sent
from bot.lane import Lane, Rank
from bot.leases import ALONE, Leases
from storage.models import Sending
from storage.store import sending
from storage.store.sending import Handed, Mark

log = logging.getLogger("huiyin.following")

EVERY = 60.0  # seconds
LIMIT = 60.0  # seconds: an adapter that has not answered by then is asked again the next time
AGAIN = (Fail.RETRY, Fail.THROTTLED, Fail.CONFIG)  # of the asking, not of the message


class Following:
    """One channel: `run` until `close`."""

    def __init__(
        self,
        adapter: Adapter,
        lane: Lane,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        leases: Leases = ALONE,
    ) -> None:
        self._adapter, self._lane, self._clock, self._sleep = adapter, lane, clock, sleep
        self._leases, self.lease = leases, f"follow:{adapter.channel_id}"
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def run(self) -> None:
        if self._closing:
            return
        self._task = asyncio.ensure_future(self._run())
        await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """What was being asked is asked again after the next start."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        name = self._adapter.channel_id
        while True:
            await self._leases.wait(self.lease)
            try:
                await self.look()
            except Exception as error:
                # The database cannot take it now, or a defect: nothing was marked.
                log.error("channel=%s cannot follow: %s", name, type(error).__name__)
            await self._sleep(EVERY)

    async def look(self) -> None:
        """Asks about each message that waits for a person, and marks those that wait no more."""
        name = self._adapter.channel_id
        rows = await self._lane.write(Rank.MARK, lambda session: sending.handed(session, name))
        marks = []
        for row in rows:
            found = await self._ask(row)
            if found is not None and found.fail not in AGAIN:
                marks.append(_mark(row, found, self._clock()))
        if marks:
            now = self._clock()
            await self._lane.write(
                Rank.MARK, lambda session: sending.mark(session, marks, now, Sending.HANDED)
            )

    async def _ask(self, row: Handed) -> Sent | None:
        try:
            return await asyncio.wait_for(self._adapter.follow(row.ident), LIMIT)
        except Exception as error:
            # A defect of the adapter, or no answer: it still waits, as far as anybody knows.
            log.error("outbound=%d cannot be followed: %s", row.id, type(error).__name__)
            return None


def _mark(row: Handed, found: Sent, now: datetime) -> Mark:
    if found.fail is None:
        return Mark(
            row.id, row.chat_id, Sending.SENT, row.ident, attempts=row.attempts, sent_at=now
        )
    why = (found.detail or str(found.fail))[:200]
    return Mark(row.id, row.chat_id, Sending.FAILED, row.ident, why, row.attempts)

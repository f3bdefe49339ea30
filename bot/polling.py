"""Hears a channel by asking: commit, then move the offset, which is kept in the database.

The events and the new cursor are one transaction; the platform hears of it with the next poll.
A crash in between brings the same events again, and the inbox knows them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.adapters.base import Adapter, Fail, Refused, Sent
from bot.inbox import Inbox
from bot.lane import Lane, Rank
from bot.leases import ALONE, Leases
from storage.store.leases import Held
from storage.store.sending import cursor_of

log = logging.getLogger("huiyin.polling")

T = TypeVar("T")

LONGEST = 60.0  # seconds between two tries
CONFIG_WAIT = 30.0  # seconds; a person has to change something first


def wait_after(sent: Sent, tried: int) -> float:
    """Seconds until a refused platform is asked again."""
    if sent.fail is Fail.CONFIG:
        return CONFIG_WAIT
    return max(sent.retry_after, min(LONGEST, 2.0 ** min(tried, 10) / 2))


class Polling:
    """One channel: sets it up and, if it is one that is asked, asks it until `close`.

    For a webhook channel `run` ends once the platform knows about us.
    """

    def __init__(
        self,
        adapter: Adapter,
        inbox: Inbox,
        lane: Lane,
        sleep: Callable[[float], Awaitable[None]],
        leases: Leases = ALONE,
    ) -> None:
        self.trouble = ""  # why we do not hear, for the operator
        self._adapter, self._inbox, self._lane, self._sleep = adapter, inbox, lane, sleep
        self._leases, self.lease = leases, f"poll:{adapter.channel_id}"
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        if self._closing:
            return
        self._task = asyncio.ensure_future(self._run())
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            if not self._closing:
                raise

    async def close(self) -> None:
        """Ends a poll that waits. Whatever was being committed is either there or comes again."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await self._insist(self._adapter.setup)
        if not self._adapter.caps.polling:
            return
        while True:
            await self._ask(await self._leases.wait(self.lease))

    async def _ask(self, held: Held) -> None:
        """Asks on while the channel is ours to ask."""
        name = self._adapter.channel_id
        cursor = await self._insist(
            lambda: self._lane.write(Rank.RECEIPT, lambda session: cursor_of(session, name))
        )
        while self._leases.held(self.lease) == held:
            cursor = await self._insist(lambda cursor=cursor: self._once(cursor, held)) or cursor  # type: ignore[misc]

    async def _once(self, cursor: str | None, held: Held) -> str | None:
        if self._leases.held(self.lease) != held:
            return cursor
        events, new = await self._adapter.poll(cursor)
        if self._leases.held(self.lease) != held:  # another asks by now, and gets the same
            return cursor
        # Updates that mean nothing to us move the cursor all the same, or they come for ever.
        await self._inbox.take(self._adapter.channel_id, events, cursor=new)
        return new

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Tries until it works; says once, in one line, why it does not."""
        tried = 0
        while True:
            try:
                found = await call()
            except Refused as error:
                sent = error.sent
            except Exception as error:
                # The database cannot take it now, or a defect: nothing was acknowledged.
                sent = Sent(fail=Fail.RETRY, detail=type(error).__name__)
            else:
                if self.trouble:
                    log.info("channel=%s heard again", self._adapter.channel_id)
                self.trouble = ""
                return found
            tried += 1
            why = f"{sent.fail}: {sent.detail}"
            if why != self.trouble:
                log.warning("channel=%s not heard: %s", self._adapter.channel_id, why)
            self.trouble = why
            await self._sleep(wait_after(sent, tried))

"""Durable receipt: whatever waits is committed together, once per channel and external id.

With a spool, what the database cannot take just now is kept there, and is received all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from bot.adapters.base import Event
from bot.lane import Lane, Rank
from bot.spool import Group, Spool
from storage import Session, Unavailable
from storage.store.receipts import Received, receive

log = logging.getLogger("huiyin.inbox")
Caller = tuple[list[Received], asyncio.Future[list[bool]]]
SHARED = 200  # callers to one commit

SOON = 3.0  # seconds: platforms wait for five, and a connection that was cut may take ten


class Inbox:
    """`take` returns once its events are committed; a whole crowd shares one commit."""

    def __init__(
        self,
        lane: Lane,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        spool: Spool | None = None,
    ) -> None:
        self._lane = lane
        self._clock = clock
        self._wake = wake
        self._spool = spool
        self._waiting: list[Caller] = []
        self._running = False

    async def take(
        self,
        channel_id: str,
        events: Sequence[Event],
        cursor: str | None = None,
        *,
        held_until: datetime | None = None,
    ) -> list[bool]:
        """Stores events and says of each whether it is new. Raises storage.Unavailable."""
        rows = [
            Received(
                channel_id=channel_id,
                external_id=e.key,
                chat_key=e.chat,
                user_key=e.user,
                user_name=e.user_name,
                group=e.group,
                kind=e.kind,
                text=e.text,
                choice=e.choice,
                reply_to=e.reply_to,
                addressed=e.addressed,
                extra=dict(e.extra) or None,
                leaves=e.leaves,
                held_until=held_until,
                cursor=cursor,
            )
            for e in events
        ]
        if not rows and cursor is None:
            return []
        if not rows:
            rows = [Received(channel_id=channel_id, cursor=cursor)]
        future: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if not self._running:
            self._running = True
            asyncio.get_running_loop().create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:SHARED], self._waiting[SHARED:]
                await self._commit(batch)
        finally:
            self._running = False

    async def _commit(self, batch: list[Caller]) -> None:
        rows = [row for group, _ in batch for row in group]
        now = self._clock()

        def work(session: Session) -> list[bool]:
            return receive(session, rows, now)

        try:
            fresh = await self._keep(now, rows, work)
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                # One of them cannot be kept. Halves find it in few commits; the others are taken.
                half = len(batch) // 2
                await self._commit(batch[:half])
                await self._commit(batch[half:])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for group, future in batch:
            mine, fresh = fresh[: len(group)], fresh[len(group) :]
            if not future.done():
                future.set_result(mine)
        self._wake()

    async def _keep(
        self, now: datetime, rows: list[Received], work: Callable[[Session], list[bool]]
    ) -> list[bool]:
        """In the database or, where that must wait, in the spool; all that is there goes first."""
        if self._spool is None:
            return await self._lane.write(Rank.RECEIPT, work)
        if not self._spool:
            writing = self._lane.submit(Rank.RECEIPT, work)
            try:
                return await asyncio.wait_for(asyncio.wrap_future(writing), SOON)
            except (Unavailable, TimeoutError) as error:
                # If it is written after all, it is there twice, which the database will see.
                log.warning("receipts go to the spool: %s", type(error).__name__)
        try:
            await asyncio.to_thread(self._spool.add, now, rows)
        except OSError as error:
            raise Unavailable(f"spool: {error.strerror}") from error
        return [True] * len(rows)

    async def hand_over(self) -> bool:
        """Puts the oldest of the spool into the database; whether there was anything.

        Raises storage.Unavailable while the database still cannot take it.
        """
        spool = self._spool
        if not spool:
            return False
        groups = await asyncio.to_thread(spool.first)

        def work(session: Session) -> None:
            for at, rows in groups:
                receive(session, rows, at)

        try:
            await self._lane.write(Rank.RECEIPT, work)
        except Unavailable:
            raise
        except Exception:  # one of them cannot be kept: that must not hold up all that follows
            await self._one_by_one(groups)
        await asyncio.to_thread(spool.done, len(groups))
        log.info("handed over from the spool: %d groups", len(groups))
        self._wake()
        return True

    async def _one_by_one(self, groups: Sequence[Group]) -> None:
        for at, row in [(at, row) for at, rows in groups for row in rows]:
            try:
                await self._lane.write(Rank.RECEIPT, partial(receive, rows=[row], now=at))
            except Unavailable:
                raise
            except KeyError:
                log.error("channel=%s is gone, and with it a message", row.channel_id)
            except Exception as error:
                name = type(error).__name__  # its words could be the message's
                log.error("channel=%s a message cannot be kept: %s", row.channel_id, name)

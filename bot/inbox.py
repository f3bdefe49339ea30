"""Durable receipt: whatever waits is committed together, once per channel and external id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from bot.adapters.base import Event
from bot.lane import Lane, Rank
from storage import Session, Unavailable
from storage.store.receipts import Received, receive

Caller = tuple[list[Received], asyncio.Future[list[bool]]]
SHARED = 200  # callers to one commit


class Inbox:
    """`take` returns once its events are committed; a whole crowd shares one commit."""

    def __init__(self, lane: Lane, clock: Callable[[], datetime], wake: Callable[[], None]) -> None:
        self._lane = lane
        self._clock = clock
        self._wake = wake
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
            fresh = await self._lane.write(Rank.RECEIPT, work)
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

"""The one writer lane: everything that writes goes through one thread, the urgent first.

Separate writers starve each other on SQLite; see design.md section 5.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from enum import IntEnum
from typing import Any, TypeVar

from storage import Again, Database, Session

T = TypeVar("T")

TRIES = 3
PAUSE = 0.05  # seconds


class Rank(IntEnum):
    """Who writes first."""

    RECEIPT = 0
    TURN = 1
    MARK = 2  # what the outbox sent
    DUTY = 3
    BULK = 4  # chunks of a broadcast


class Lane:
    """Runs work in transactions of its own, one after another, by rank."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._jobs: list[tuple[int, int, Callable[[Session], Any], Future[Any]]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, rank: Rank, work: Callable[[Session], T]) -> Future[T]:
        """Queues work; its future holds the result once the transaction is committed."""
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the lane is closed")
            heapq.heappush(self._jobs, (rank, next(self._count), work, future))
            self._changed.notify()
        return future

    async def write(self, rank: Rank, work: Callable[[Session], T]) -> T:
        """Awaits work: returns when it is committed, raises what it or the database raised."""
        return await asyncio.wrap_future(self.submit(rank, work))

    def close(self) -> None:
        """Ends after what is queued."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._closed:
                        return
                    self._changed.wait()
                _, _, work, future = heapq.heappop(self._jobs)
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = self._commit(work)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _commit(self, work: Callable[[Session], T]) -> T:
        """What a lost race or a dead connection undid is done again: nothing of it was stored."""
        for _ in range(TRIES - 1):
            try:
                with self.database.write() as session:
                    return work(session)
            except Again:
                threading.Event().wait(PAUSE)  # or we would be in the other's way once more
        with self.database.write() as session:
            return work(session)

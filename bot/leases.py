"""What only one process may do at a time: send on a channel, ask a platform, keep files.

A lease is renewed long before it ends. Its holder trusts it for a shorter time than the others
leave it alone, by a clock that runs on while the process is frozen: so a process that wakes up late
knows that it is late before it does anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from storage import Database, Session, Unavailable
from storage.store import leases
from storage.store.leases import Held

log = logging.getLogger("huiyin.leases")

LASTS = 5.0  # seconds until another may have it
TRUSTED = 4.0  # seconds its holder goes by it, from before it was asked for
EVERY = 1.5  # seconds between two renewals, and between two looks whether it is free


class Leases(Protocol):
    def held(self, name: str) -> Held | None:
        """The lease, while we may go by it."""

    async def wait(self, name: str) -> Held:
        """Until we hold it."""

    def still(self, session: Session, held: Held) -> bool:
        """Whether it is ours for the rest of this transaction."""


class Alone:
    """One process, which may do everything."""

    def held(self, name: str) -> Held | None:
        return Held(name, "", 0)

    async def wait(self, name: str) -> Held:
        return Held(name, "", 0)

    def still(self, session: Session, held: Held) -> bool:
        return True


ALONE = Alone()


class Shared:
    """One of several processes; `run` until `close`."""

    def __init__(
        self,
        database: Database,
        names: Collection[str],
        holder: str,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        told: Callable[[], None] = lambda: None,
    ) -> None:
        """`holder` is this process's own name, new at each start; `told` says leases are free."""
        self._database, self._names, self._holder = database, frozenset(names), holder
        self._monotonic, self._sleep, self._told = monotonic, sleep, told
        self._held: dict[str, Held] = {}
        self._trusted = 0.0  # until then, by our clock
        self._changed, self._asking = asyncio.Condition(), asyncio.Lock()
        self._closing = False
        self.woken = asyncio.Event()

    def held(self, name: str) -> Held | None:
        return self._held.get(name) if self._monotonic() < self._trusted else None

    async def wait(self, name: str) -> Held:
        async with self._changed:
            while (found := self.held(name)) is None:
                await self._changed.wait()
            return found

    def still(self, session: Session, held: Held) -> bool:
        return leases.holds(session, held)

    async def run(self) -> None:
        while not self._closing:
            self.woken.clear()
            await self.renew()
            await self._pause()

    async def renew(self) -> None:
        """Takes what is free and renews what is ours; without the database it lapses."""
        async with self._asking:
            if self._closing:
                return
            asked = self._monotonic()
            try:
                found = await asyncio.to_thread(self._take)
            except Unavailable as error:
                log.warning("leases are not renewed: %s", type(error).__name__)
                return
            async with self._changed:
                if found.keys() != self._held.keys():
                    log.info("this process has: %s", " ".join(sorted(found)) or "nothing")
                self._held, self._trusted = found, asked + TRUSTED
                self._changed.notify_all()

    def _take(self) -> dict[str, Held]:
        with self._database.write() as session:
            return leases.take(session, self._names, self._holder, LASTS)

    async def _pause(self) -> None:
        waits = [
            asyncio.ensure_future(self.woken.wait()),
            asyncio.ensure_future(self._sleep(EVERY)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def close(self) -> None:
        """Gives everything back, so that another takes over at once."""
        self._closing = True
        self.woken.set()

        def release() -> None:
            with self._database.write() as session:
                leases.release(session, self._holder)

        try:
            async with self._asking:  # or a renewal that is under way takes them once more
                self._held = {}
                await asyncio.to_thread(release)
        except Unavailable:
            return  # they end by themselves
        self._told()

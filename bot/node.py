"""This process among several: what it may do, and what they tell each other.

On SQLite there is only one, which may do everything and tells nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path

from bot import fetching, locks
from bot.adapters.base import Adapter
from bot.hints import Hint, Hints
from bot.leases import ALONE, Leases, Shared
from bot.spool import Spool
from storage import Database

MOST = 64  # processes with one data folder
SPOOLS = "spool-*.jsonl"


class Node:
    """`start`, `run` and `close` follow the program's own."""

    def __init__(
        self,
        database: Database,
        names: Collection[str],
        me: str,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        act_on: Callable[[Hint], None],
    ) -> None:
        """`names` are the leases this process asks for; `act_on` is called in the loop."""
        self._act_on = act_on
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hints: Hints | None = None
        self._shared: Shared | None = None
        if not database.sqlite:
            self._hints = Hints(database, me, self._heard)
            self._shared = Shared(database, names, me, monotonic, sleep, self._free)

    @property
    def leases(self) -> Leases:
        return self._shared or ALONE

    def tell(self, hint: Hint) -> None:
        """Lets the others know, if there may be any."""
        if self._hints is not None:
            self._hints.tell(hint)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._hints is not None:
            self._hints.start()

    async def run(self) -> None:
        if self._shared is not None:
            await self._shared.run()

    async def close(self) -> None:
        """Gives back what we hold, so that another takes over at once."""
        if self._shared is not None:
            await self._shared.close()
        if self._hints is not None:
            await asyncio.to_thread(self._hints.close)

    def _free(self) -> None:
        self.tell(Hint(leases=True))

    def _heard(self, hint: Hint) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._take, hint)

    def _take(self, hint: Hint) -> None:
        if hint.leases and self._shared is not None:
            self._shared.woken.set()
        self._act_on(hint)


def lease_names(parts: Collection[str], adapters: Mapping[str, Adapter]) -> list[str]:
    """What a process with these parts would do if nobody else does."""
    names = []
    if "web" in parts:
        names += [f"poll:{name}" for name, one in adapters.items() if one.caps.polling]
    if "outbox" in parts:
        names += [f"send:{name}" for name in adapters]
        names += [f"follow:{name}" for name, one in adapters.items() if one.caps.drafts]
        names.append(fetching.LEASE)
    return names


def open_spool(folder: Path) -> Spool:
    """A spool of this process's own in the data folder; one that a dead process left goes first."""
    paths = [folder / f"spool-{number}.jsonl" for number in range(MOST)]
    return Spool(locks.first_free(sorted(paths, key=lambda path: not path.exists())))


def taken_part(folder: Path, parts: Iterable[str]) -> str:
    """On SQLite: a part that another process already runs on this data, "" if none is."""
    for part in parts:
        if not locks.take(folder / f"run-{part}.lock"):
            return part
    return ""

"""Downloads what residents send: within our limits, looked at, kept under a random name.

The row says what is wanted, so nothing is lost by a crash: what was written and not yet written
down is swept away at the next start, and downloaded again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import BinaryIO

from bot.adapters.base import Adapter, Fail, Refused, Sent, TooLarge
from bot.lane import Lane, Rank
from bot.leases import ALONE, Leases
from bot.shelf import TROUBLES, Shelf
from bot.sniffing import sniff
from storage import Database, Uncertain
from storage.models import MOST, TAKEN, Keeping
from storage.store import media
from storage.store.media import Job, Mark

log = logging.getLogger("huiyin.fetching")

LEASE = "files"
FEW = 2  # downloads at once: answers to residents share the line
LOOK = 5.0  # seconds between two looks when nobody wakes us
LIMIT = 120.0  # seconds one download may take
REST = timedelta(minutes=1)  # after the disk or the database could not take something
CONFIG_REST = timedelta(minutes=5)  # a person has to change something first
WAITS = (  # until the next try; then it is given up
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
)
NEVER = (Fail.GONE, Fail.REJECTED, Fail.MOVED, Fail.WINDOW)  # asking again changes nothing


def after(job: Job, sent: Sent, now: datetime) -> Mark:
    """Where an attachment stands that a platform did not give."""
    tries = job.tries + 1
    if sent.fail in NEVER:
        return Mark(job.id, Keeping.FAILED, tries, why="gone")
    if tries > len(WAITS):
        return Mark(job.id, Keeping.FAILED, tries, why="network")
    wait = max(WAITS[tries - 1], timedelta(seconds=sent.retry_after))
    return Mark(job.id, Keeping.WAITING, tries, now + wait, "network")


class Fetching:
    """All channels' attachments. `run` until `close`; `name` gives 32 random hex digits."""

    def __init__(
        self,
        lane: Lane,
        database: Database,
        adapters: Mapping[str, Adapter],
        shelf: Shelf,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        name: Callable[[], str],
        leases: Leases = ALONE,
    ) -> None:
        self.trouble = ""  # why nothing is kept just now, for the operator
        self._lane, self._database, self._adapters = lane, database, adapters
        self._shelf, self._clock, self._sleep, self._name = shelf, clock, sleep, name
        self._leases = leases
        self._woken, self._swept = asyncio.Event(), asyncio.Event()
        self._taking = asyncio.Lock()
        self._flying: set[int] = set()  # ids of rows that are being downloaded
        self._resting: dict[str, datetime] = {}  # channels whose platform does not let us in
        self._rests: datetime | None = None  # until then the disk or the database is left alone
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        if self._closing:
            return
        self._tasks = [asyncio.create_task(self._tidy())]
        self._tasks += [asyncio.create_task(self._work()) for _ in range(FEW)]
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Ends at once. What was half downloaded is downloaded again after the next start."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    async def _tidy(self) -> None:
        """Sweeps once, before anything is downloaded; then removes what is erased."""
        while True:
            await self._leases.wait(LEASE)
            try:
                if not self._swept.is_set():
                    await self.sweep()
                    self._swept.set()
                await self.erase()
            except Exception as error:
                self._stop(f"cannot tidy: {type(error).__name__}")
            await self._sleep(LOOK)

    async def _work(self) -> None:
        await self._swept.wait()
        while True:
            self._woken.clear()
            await self._leases.wait(LEASE)
            try:
                await self.work_off()
            except Exception as error:
                self._stop(f"database: {type(error).__name__}")
            await self._pause()

    async def _pause(self) -> None:
        waits = [
            asyncio.ensure_future(self._woken.wait()),
            asyncio.ensure_future(self._sleep(LOOK)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def sweep(self) -> None:
        """Removes files that no row names: a crash left them, or their records were deleted.

        Only before the first download: what is being downloaded is not named yet.
        """

        def work() -> int:
            with self._database.read() as session:
                named = media.names(session)
            return self._shelf.sweep(named)

        count = await asyncio.to_thread(work)
        if count:
            log.info("removed files that no record names: %d", count)

    async def erase(self) -> None:
        """Removes the files of what was erased."""

        def work() -> list[int]:
            with self._database.read() as session:
                found = media.erased(session)
            return [ident for ident, name in found.items() if self._removed(name)]

        gone = await asyncio.to_thread(work)
        if gone:
            await self._lane.write(Rank.MARK, lambda session: media.blank(session, gone))

    def _removed(self, name: str) -> bool:
        """Whether a file is gone now; one that cannot be taken away holds up no other."""
        try:
            self._shelf.remove(name)
        except OSError as error:
            log.error("an erased file cannot be removed: %s", type(error).__name__)
            return False
        return True

    async def work_off(self) -> None:
        """Downloads what is due, one after another, until nothing is or nothing can be kept."""
        while (job := await self._next()) is not None:
            try:
                await self._one(job)
            finally:
                self._flying.discard(job.id)

    async def _next(self) -> Job | None:
        async with self._taking:
            now = self._clock()
            if self._leases.held(LEASE) is None:
                return None
            if self._rests is not None and now < self._rests:
                return None
            trouble = await asyncio.to_thread(self._shelf.trouble)
            if trouble:
                self._stop(trouble)
                return None
            if self.trouble in TROUBLES:
                self.trouble = ""
            channels = [c for c in self._adapters if self._resting.get(c, now) <= now]

            def look() -> Job | None:
                with self._database.read() as session:
                    return media.due(session, channels, now, self._flying)

            job = await asyncio.to_thread(look)
            if job is not None:
                self._flying.add(job.id)
            return job

    def _stop(self, why: str) -> None:
        """Nothing can be kept now: rows wait, uncounted, and the operator hears it once."""
        if why != self.trouble:
            log.warning("attachments wait: %s", why)
        self.trouble, self._rests = why, self._clock() + REST

    async def _one(self, job: Job) -> None:
        name = self._name()
        try:
            mark = await self._download(job, name)
        except OSError as error:
            self._stop(f"disk: {type(error).__name__} {error.errno}")
            return
        if mark is None:
            return
        if mark.state is not Keeping.KEPT:
            log.info("channel=%s media=%d %s %s", job.channel_id, job.id, mark.state, mark.why)
        if await self._write_down(mark):
            self.trouble = ""
        elif mark.name is not None:
            await asyncio.to_thread(self._shelf.remove, mark.name)

    async def _write_down(self, mark: Mark) -> bool:
        """Whether it stands in the database. Cut off by the end of the program, the file stays:
        what became of the row is known at the next start."""
        now = self._clock()
        try:
            return await self._lane.write(Rank.MARK, lambda session: media.mark(session, mark, now))
        except Uncertain as error:  # if it was not written down, the file is swept away later
            self._stop(f"database: {type(error).__name__}")
            return True
        except Exception as error:  # nothing of it was committed
            self._stop(f"database: {type(error).__name__}")
            return False

    async def _download(self, job: Job, name: str) -> Mark | None:
        """How it went; None where nobody knows and it is simply tried later. Raises OSError."""
        try:
            with self._shelf.draft(name) as file:
                async with asyncio.timeout(LIMIT):
                    size = await self._read(job, file)
                if not size:
                    return after(job, Sent(fail=Fail.RETRY), self._clock())
                return await asyncio.to_thread(self._look_and_keep, job, name, file, size)
        except TooLarge:
            return Mark(job.id, Keeping.REFUSED, job.tries + 1, why="large")
        except Refused as refused:
            if refused.sent.fail is Fail.CONFIG:
                self._resting[job.channel_id] = self._clock() + CONFIG_REST
                log.warning("channel=%s attachments wait: config", job.channel_id)
                return None
            return after(job, refused.sent, self._clock())
        except TimeoutError:
            return after(job, Sent(fail=Fail.RETRY), self._clock())

    async def _read(self, job: Job, file: BinaryIO) -> int:
        """Writes what the platform gives; how many bytes. Raises TooLarge, Refused, OSError."""
        most, size = MOST[job.kind], 0
        async with aclosing(self._chunks(job, most)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:  # whatever the adapter does about it
                    raise TooLarge
                await asyncio.to_thread(file.write, chunk)
        return size

    async def _chunks(self, job: Job, most: int) -> AsyncGenerator[bytes, None]:
        """An adapter's bytes. A defect of one stops no other, and does not look like the disk's."""
        stream: AsyncIterator[bytes] | None = None
        try:
            stream = self._adapters[job.channel_id].fetch(job.extra, most)
            async for chunk in stream:
                yield chunk
        except (TooLarge, Refused):
            raise
        except Exception as error:
            log.error("channel=%s media=%d: %s", job.channel_id, job.id, type(error).__name__)
            raise Refused(Sent(fail=Fail.RETRY)) from None
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    def _look_and_keep(self, job: Job, name: str, file: BinaryIO, size: int) -> Mark:
        file.flush()
        mime = sniff(self._shelf.draft_path(name))
        if mime is None or mime not in TAKEN[job.kind]:
            return Mark(job.id, Keeping.REFUSED, job.tries + 1, why="kind")
        self._shelf.keep(name, file)
        return Mark(job.id, Keeping.KEPT, job.tries + 1, name=name, mime=mime, size=size)

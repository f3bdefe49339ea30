"""The composition root: the only place that knows concrete things and reads a clock."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import random
import secrets
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.adapters.base import Adapter
from bot.dispatcher import Dispatcher, Done
from bot.duties import Ticker
from bot.fetching import Fetching
from bot.following import Following
from bot.holding import Holding
from bot.hub import Hub
from bot.inbox import Inbox
from bot.lane import Lane, Rank
from bot.office import Office
from bot.outbox import Outbox
from bot.platforms import PLATFORMS, Tools, make
from bot.polling import Polling
from bot.settings import Settings, secret
from bot.shelf import Shelf
from handlers import CONTENTS
from handlers.menu import command_menus
from handlers.words import Words
from nlp import Ear, Guess
from storage import Database, Session, Unavailable, community_file
from storage.community_file import BadCommunity, CommunityFile
from storage.migrations import upgrade
from storage.store.duties import due
from storage.store.loading import communities, load_community, settings_of
from storage.store.sending import note_caps

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger("huiyin")

PARTS = ("web", "turns", "outbox", "duties")
POLL = 1.0  # seconds: the hint may be lost, the look may not


class CannotStart(Exception):
    """One clear sentence to whoever starts the program."""


def clock() -> datetime:
    return datetime.now(UTC)


def code() -> str:
    """A fresh secret for links and tokens, URL-safe."""
    return secrets.token_urlsafe(24)


def file_name() -> str:
    """The name of a kept attachment: says nothing, and nobody guesses it."""
    return secrets.token_hex(16)


def open_database(settings: Settings) -> Database:
    """The database, brought up to today's schema. Raises CannotStart."""
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(settings.database)
        upgrade(database)
    except OSError as error:
        raise CannotStart(f"数据放不进 {settings.folder}：{error.strerror}") from error
    except Unavailable as error:
        raise CannotStart(f"数据库打不开：{error}") from error
    return database


def read_files(settings: Settings) -> list[CommunityFile]:
    """The community files of the settings. Raises CannotStart with every fault."""
    files, faults = [], []
    for name in settings.communities:
        try:
            files.append(community_file.read(Path(name), PLATFORMS))
        except BadCommunity as error:
            faults += error.faults
    if faults:
        raise CannotStart("\n".join(faults))
    return files


def load_files(database: Database, files: Iterable[CommunityFile], now: datetime) -> None:
    """Brings the database up to the files. Raises CannotStart."""
    with database.write() as session:
        try:
            for file in files:
                load_community(session, file, now)
        except BadCommunity as error:
            raise CannotStart("\n".join(error.faults)) from None


def installation_secret(folder: Path) -> bytes:
    """Signs form tokens and demo links; made once, readable by the owner only."""
    path = folder / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii").strip().encode()


def make_adapters(database: Database, settings: Settings) -> dict[str, Adapter]:
    """An adapter for each channel that has a platform to speak to. Raises CannotStart."""
    adapters: dict[str, Adapter] = {}
    with database.read() as session:
        for community in communities(session):
            file = settings_of(community)
            words = Words("zh-CN", file.zone, file.phrases)
            tools = Tools(clock, secret, settings.public_url, words.say, command_menus(file))
            for row in file.channels:
                try:
                    found = make(row, tools)
                except ValueError as error:
                    raise CannotStart(f"渠道 {row['id']}：{error}") from None
                if found is not None:
                    adapters[row["id"]] = found
    return adapters


def make_office(
    settings: Settings, database: Database, ear: Ear, wake: Callable[[], None]
) -> Office:
    lane = Lane(database)
    dispatcher = Dispatcher(
        ear=ear,
        contents=CONTENTS,
        code=code,
        messages_per_minute=settings.limits.messages_per_minute,
        public_url=settings.public_url,
    )
    return Office(
        settings=settings,
        database=database,
        lane=lane,
        hub=Hub(),
        holding=Holding(lane, clock, dispatcher.more),
        dispatcher=dispatcher,
        inbox=Inbox(lane, clock, wake),
        adapters=make_adapters(database, settings),
        clock=clock,
        code=code,
        secret=installation_secret(settings.folder),
    )


class App:
    """Everything in one process, or a part of it."""

    def __init__(
        self, settings: Settings, database: Database, ear: Ear, parts: Iterable[str] = PARTS
    ) -> None:
        self.received = asyncio.Event()
        self.office = make_office(settings, database, ear, self.received.set)
        self.parts = set(parts)
        office = self.office
        self.outbox = Outbox(
            office.lane, office.database, office.adapters, clock, asyncio.sleep, random.random
        )
        self.pollings = [
            Polling(adapter, office.inbox, office.lane, asyncio.sleep)
            for adapter in office.adapters.values()
        ]
        self.fetching = Fetching(
            office.lane,
            office.database,
            office.adapters,
            Shelf(settings.folder),
            clock,
            asyncio.sleep,
            file_name,
        )
        self.followings = [
            Following(adapter, office.lane, clock, asyncio.sleep)
            for adapter in office.adapters.values()
            if adapter.caps.drafts
        ]
        self.stopping = asyncio.Event()
        self._heard: dict[int, Guess] = {}  # what the last batch listened to
        self._tasks: list[asyncio.Task[None]] = []
        self._files: asyncio.Task[None] | None = None  # attachments that are being downloaded
        self._polls: list[asyncio.Task[None]] = []  # these end by themselves for webhooks
        self._server: uvicorn.Server | None = None

    async def turns(self) -> None:
        """Answers what was received, a batch to a commit, until told to stop."""
        while not self.stopping.is_set():
            self.received.clear()
            try:
                busy = await self._batch()
            except Unavailable as error:
                log.warning("database unavailable: %s", error)
                busy = False
                await self._pause(POLL)
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.received.wait(), POLL)

    async def _batch(self) -> bool:
        office = self.office
        now = clock()
        self._heard = guesses = await asyncio.to_thread(
            office.dispatcher.listen, office.database, now, self._heard
        )
        if not guesses:
            return False

        def work(session: Session) -> Done:
            return office.dispatcher.turns(session, guesses, clock(), clock=clock)

        self._tell(await office.lane.write(Rank.TURN, work))
        return True

    async def tick(self) -> None:
        """What the timetable says is due, piece by piece: what is more urgent goes between."""
        office = self.office

        def anything() -> bool:
            with office.database.read() as session:
                return bool(due(session, clock()))

        def work(session: Session) -> Done:
            return office.dispatcher.duties(session, clock(), clock=clock)

        try:
            more = await asyncio.to_thread(anything)
            while more and not self.stopping.is_set():
                done = await office.lane.write(Rank.DUTY, work)
                self._tell(done)
                more = done.more
        except Unavailable as error:
            log.warning("database unavailable: %s", error)

    def _tell(self, done: Done) -> None:
        self.office.hub.notify(done.chats)
        self.office.holding.tell(done.held)
        self.outbox.wake()
        self.fetching.wake()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def run(self) -> None:
        """Runs until `stop`. Raises CannotStart when the port is taken."""
        office = self.office
        office.hub.start()
        initiate = {name: one.caps.initiate for name, one in office.adapters.items()}
        await office.lane.write(Rank.DUTY, lambda session: note_caps(session, initiate))
        await office.lane.write(
            Rank.DUTY, lambda session: office.dispatcher.start_duties(session, clock())
        )
        ticker = Ticker(self.tick)
        loops = []
        if "outbox" in self.parts and office.adapters:
            loops += [self.outbox.run(), *(following.run() for following in self.followings)]
        if "outbox" in self.parts:  # the part that speaks to platforms, of which there is one
            self._files = asyncio.create_task(self.fetching.run())
        if "web" in self.parts:
            self._polls = [asyncio.create_task(polling.run()) for polling in self.pollings]
        if "turns" in self.parts:
            loops.append(self.turns())
        if "duties" in self.parts:
            ticker.start()
        if "web" in self.parts:
            loops.append(self._serve())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            stopped = asyncio.create_task(self.stopping.wait())
            await asyncio.wait([*self._tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks:
                if task.done() and task.exception() is not None:
                    raise task.exception() or CannotStart("")
        finally:
            if "duties" in self.parts:
                ticker.stop()
            await self._end()

    async def _serve(self) -> None:
        import uvicorn

        from bot.web import make_app

        http = self.office.settings.http
        listener = bind(http.host, http.port)
        config = uvicorn.Config(
            make_app(self.office),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
            lifespan="off",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        # Ctrl-C is ours: streams must be let go before the server waits for them.
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
        await self._server.serve(sockets=[listener])

    def stop(self) -> None:
        self.stopping.set()
        self.office.hub.close()
        self.office.holding.close()
        if self._server is not None:
            self._server.should_exit = True

    async def _end(self) -> None:
        self.stop()
        self.received.set()
        await asyncio.gather(
            *(polling.close() for polling in self.pollings),
            *(following.close() for following in self.followings),
            self.outbox.close(),
            self.fetching.close(),
        )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 2.5)
        for adapter in self.office.adapters.values():
            await adapter.close()
        await asyncio.to_thread(self.office.lane.close)
        self.office.database.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one (not on Windows): a third less time on each request."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything is said. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"{host}:{port} 用不了：{error.strerror}") from None
        raise CannotStart(
            f"{host}:{port} 用不了，多半是另一个程序占着。换一个端口：make run PORT={port + 1}"
        ) from None
    listener.listen(512)
    return listener

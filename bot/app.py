"""The composition root: the only place that knows concrete things and reads a clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from bot.adapters.base import Adapter
from bot.dispatcher import Dispatcher, Done
from bot.duties import Ticker
from bot.fetching import Fetching
from bot.following import Following
from bot.hints import Hint
from bot.holding import Holding
from bot.hub import Hub
from bot.inbox import Inbox
from bot.lane import Lane, Rank
from bot.node import Node, lease_names, open_spool
from bot.office import Office
from bot.opening import CannotStart, bind, installation_secret
from bot.outbox import Outbox
from bot.platforms import Tools, make
from bot.polling import Polling
from bot.settings import Settings, secret
from bot.shelf import Shelf
from handlers import CONTENTS
from handlers.menu import command_menus
from handlers.words import Words
from nlp import Ear, Guess
from storage import Database, Session, Unavailable
from storage.store.duties import anything_due
from storage.store.loading import communities, settings_of
from storage.store.sending import note_caps

if TYPE_CHECKING:
    import uvicorn

log = logging.getLogger("huiyin")

PARTS = ("web", "turns", "outbox", "duties")
POLL = 1.0  # seconds: the hint may be lost, the look may not
ELSEWHERE = 0.03  # seconds until we look again, when another process was faster
ROUNDS = 1000  # communities whose duties are done in one tick


def clock() -> datetime:
    return datetime.now(UTC)


def code() -> str:
    """A fresh secret for links and tokens, URL-safe."""
    return secrets.token_urlsafe(24)


def file_name() -> str:
    """The name of a kept attachment: says nothing, and nobody guesses it."""
    return secrets.token_hex(16)


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


def node_name() -> str:
    """Of this process and this start, among several."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


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
        choose=None if database.sqlite else random.choice,
    )
    spool = None if database.sqlite else open_spool(settings.folder)
    return Office(
        settings=settings,
        database=database,
        lane=lane,
        hub=Hub(),
        holding=Holding(lane, clock, dispatcher.more),
        dispatcher=dispatcher,
        inbox=Inbox(lane, clock, wake, spool),
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
        self.office = office = make_office(settings, database, ear, self._received)
        self.parts = set(parts)
        names = lease_names(self.parts, office.adapters)
        self.node = Node(database, names, node_name(), time.monotonic, asyncio.sleep, self._act_on)
        leases = self.node.leases
        self.outbox = Outbox(
            office.lane,
            office.database,
            office.adapters,
            clock,
            asyncio.sleep,
            random.random,
            leases,
        )
        self.pollings = [
            Polling(adapter, office.inbox, office.lane, asyncio.sleep, leases)
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
            leases,
        )
        self.followings = [
            Following(adapter, office.lane, clock, asyncio.sleep, leases)
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
        self._heard = await asyncio.to_thread(
            office.dispatcher.listen, office.database, now, self._heard
        )
        busy = bool(self._heard)

        def work(session: Session) -> Done:
            return office.dispatcher.turns(session, self._heard, clock(), clock=clock)

        while self._heard and not self.stopping.is_set():
            done = await office.lane.write(Rank.TURN, work)
            self._tell(done)
            if not done.turns:
                await self._pause(ELSEWHERE)
                break
            self._heard = {n: guess for n, guess in self._heard.items() if n not in done.turns}
        return busy

    async def tick(self) -> None:
        """What the timetable says is due, piece by piece: what is more urgent goes between."""
        office = self.office

        def anything() -> bool:
            with office.database.read() as session:
                return anything_due(session, clock())

        def work(session: Session) -> Done:
            return office.dispatcher.duties(session, clock(), clock=clock)

        try:
            for _ in range(ROUNDS):
                more = await asyncio.to_thread(anything)
                handled = 0
                while more and not self.stopping.is_set():
                    done = await office.lane.write(Rank.DUTY, work)
                    self._tell(done)
                    more, handled = done.more, handled + done.handled
                if office.database.sqlite or not handled:
                    return  # all of it is done, or other processes are at it
        except Unavailable as error:
            log.warning("database unavailable: %s", error)

    def _received(self) -> None:
        self.received.set()
        if "turns" not in self.parts:
            self.node.tell(Hint(receipts=True))

    def _tell(self, done: Done) -> None:
        if done.handled:
            hint = Hint(chats=frozenset(done.chats), held=frozenset(done.held))
            self._act_on(hint)
            self.node.tell(hint)

    def _act_on(self, hint: Hint) -> None:
        """Something was committed, here or by another process."""
        if hint.receipts:
            self.received.set()
        self.office.hub.notify(hint.chats)
        self.office.holding.tell(hint.held)
        self.outbox.wake()
        self.fetching.wake()

    async def hand_over(self) -> None:
        """Puts into the database what it could not take before, as soon as it can."""
        while not self.stopping.is_set():
            try:
                busy = await self.office.inbox.hand_over()
            except Unavailable:
                busy = False
            if not busy:
                await self._pause(POLL)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def run(self) -> None:
        """Runs until `stop`. Raises CannotStart when the port is taken."""
        office = self.office
        office.hub.start()
        initiate = {name: one.caps.initiate for name, one in office.adapters.items()}
        await office.lane.write(Rank.DUTY, lambda session: note_caps(session, initiate))
        await self._start_duties()
        self.node.start()
        ticker = Ticker(self.tick)
        loops = [] if office.database.sqlite else [self.node.run(), self.hand_over()]
        if "outbox" in self.parts and office.adapters:
            loops += [self.outbox.run(), *(following.run() for following in self.followings)]
        if "outbox" in self.parts:  # the part that speaks to platforms
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

    async def _start_duties(self) -> None:
        """In one transaction, or where others are at work in one for each community."""
        office = self.office
        which: list[int | None] = [None]
        if not office.database.sqlite:
            with office.database.read() as session:
                which = [community.id for community in communities(session)]
        for only in which:
            look = partial(office.dispatcher.start_duties, now=clock(), only=only)
            await office.lane.write(Rank.DUTY, look)

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
        await self.node.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 2.5)
        for adapter in self.office.adapters.values():
            await adapter.close()
        await asyncio.to_thread(self.office.lane.close)
        self.office.database.close()

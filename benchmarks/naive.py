"""The naive way, to compare with: one async SQLAlchemy ORM transaction for each message.

A Starlette handler looks up the token, keeps the message, lets the same ear hear it and the same
matters answer it, and commits once, all before its 202; the tables, the synchronous=FULL and what
is said are the same. What differs is what Huiyin adds: one writer lane, many receipts to a commit,
many turns to a commit, the ear outside the transaction.

Started by replay.py: `python benchmarks/naive.py DATABASE PORT`.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bot.dispatcher import Dispatcher
from bot.hub import Hub
from bot.web.reading import as_json
from bot.web.reading import event as sse
from handlers import CONTENTS
from handlers.routing import answer, meet
from nlp import Ear, Guess
from storage import Session, Store
from storage.models import Channel, Inbound
from storage.store import web
from storage.unit_of_work import UnitOfWork

CHANNEL = "web"
POOL = 5  # SQLAlchemy's own default; more writers only wait longer for the one lock


def clock() -> datetime:
    return datetime.now(UTC)


def engine(path: str, begin: str) -> AsyncEngine:
    """Our pragmas. Writers take the lock at BEGIN: upgrading later fails at once under load."""
    made = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        connect_args={"isolation_level": None, "timeout": 60},
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=120,
    )

    @event.listens_for(made.sync_engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        cursor = raw.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(made.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return made


class Plainly(UnitOfWork):
    """As an ORM does it by itself: a row that is added goes to the database at once."""

    def add(self, instance: Any, **named: Any) -> None:
        super().add(instance, **named)
        self.flush()


class Naive:
    def __init__(self, path: str) -> None:
        self.writers = engine(path, "BEGIN IMMEDIATE")
        self.readers = engine(path, "BEGIN")
        self.ear = Ear(Path(path).parent)
        self.dispatcher = Dispatcher(
            ear=self.ear, contents=CONTENTS, code=secrets.token_urlsafe, messages_per_minute=10**6
        )
        self.hub = Hub()
        self.names: tuple[str, ...] = ()

    def writing(self) -> AsyncSession:
        return AsyncSession(self.writers, sync_session_class=Plainly)

    async def sessions(self, request: Request) -> Response:
        name = (await request.json())["name"]
        user, token = secrets.token_urlsafe(24), secrets.token_urlsafe(48)

        def work(session: Session) -> None:
            channel = session.scalars(select(Channel).where(Channel.id == CHANNEL)).one()
            web.welcome(session, channel, name, user, token, clock())

        async with self.writing() as session, session.begin():
            await session.run_sync(work)
        return JSONResponse({"user": user, "token": token}, 201)

    async def send(self, request: Request) -> Response:
        fields = await request.json()
        token = request.headers["authorization"].partition(" ")[2]
        chats = await self.take(token, fields["id"], fields["text"])
        if chats is None:
            return JSONResponse({"accepted": True, "duplicate": True}, 202)
        self.hub.notify(chats)
        return JSONResponse({"accepted": True, "duplicate": False}, 202)

    async def take(self, token: str, ident: str, text: str) -> Any:
        """One message, heard, kept and answered in one transaction; see `work`."""
        heard = self.ear.hear(text, now=clock(), names=self.names)
        async with self.writing() as session, session.begin():
            return await session.run_sync(self.work, token, ident, text, heard)

    def work(self, session: Session, token: str, ident: str, text: str, heard: Guess) -> Any:
        """Everything one message needs; which chats have something new, or None: had it already."""
        now = clock()
        visitor = web.visitor(session, CHANNEL, token)
        assert visitor is not None
        key = f"{visitor.user}:{ident}"
        query = select(Inbound.id).where(Inbound.channel_id == CHANNEL, Inbound.external_id == key)
        if session.scalar(query) is not None:
            return None
        row = Inbound(
            community_id=visitor.community_id,
            channel_id=CHANNEL,
            external_id=key,
            chat_key=visitor.chat,
            user_key=visitor.user,
            user_name=visitor.name,
            group=False,
            kind="text",
            text=text,
            addressed=True,
            received_at=now,
        )
        session.add(row)
        session.flush()
        store = Store(session, visitor.community_id)
        self.names = self.names or tuple(
            place.name for place in store.people.places if place.parent_id is not None
        )
        front = meet(self.dispatcher.desk(store, now), row, self.dispatcher.messages_per_minute)
        said = answer(front, heard, self.names)
        row.handled_at, row.intent = now, str(heard.intent)
        session.flush()
        return {one.chat_id for one in said}

    async def stream(self, request: Request) -> Response:
        token = request.headers["authorization"].partition(" ")[2]
        async with AsyncSession(self.readers, sync_session_class=UnitOfWork) as session:
            visitor = await session.run_sync(web.visitor, CHANNEL, token)
        assert visitor is not None
        return StreamingResponse(self.events(visitor), media_type="text/event-stream")

    async def events(self, visitor: web.Visitor) -> AsyncIterator[str]:
        seq, chats = 0, [visitor.chat_id]
        listening = self.hub.listen(chats)
        try:
            yield "retry: 2000\n\n"
            while not self.hub.closing:
                async with AsyncSession(self.readers, sync_session_class=UnitOfWork) as session:
                    rows = await session.run_sync(
                        web.said_after, visitor, visitor.chat_id, seq, limit=100
                    )
                for row in rows:
                    seq = row.id
                    yield sse("message", as_json(row), seq)
                await self.hub.wait(listening, 15)
        finally:
            self.hub.leave(chats, listening)

    def app(self) -> Starlette:
        path = f"/api/chat/{CHANNEL}"
        return Starlette(
            routes=[
                Route("/healthz", lambda _: JSONResponse({"status": "ok"})),
                Route(f"{path}/sessions", self.sessions, methods=["POST"]),
                Route(f"{path}/messages", self.send, methods=["POST"]),
                Route(f"{path}/stream", self.stream),
            ]
        )


async def serve(path: str, port: int) -> None:
    naive = Naive(path)
    naive.hub.start()
    config = uvicorn.Config(
        naive.app(),
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    handle: Callable[..., None] = server.handle_exit

    def leave(*args: Any) -> None:
        naive.hub.close()
        handle(*args)

    server.handle_exit = leave  # type: ignore[method-assign]
    await server.serve()
    await naive.writers.dispose()
    await naive.readers.dispose()


if __name__ == "__main__":
    runner = asyncio.Runner(loop_factory=uvicorn.Config(lambda: None).get_loop_factory())
    with runner:
        runner.run(serve(sys.argv[1], int(sys.argv[2])))

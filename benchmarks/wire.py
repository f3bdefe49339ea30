"""A small HTTP/1.1 client on bare asyncio, so that measuring costs little on a shared machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import httptools

HOST = "127.0.0.1"
PARALLEL = 128  # requests of one Pool at a time


class Gone(Exception):
    """The connection ended before the answer was complete."""


class Connection(asyncio.Protocol):
    """One connection; one request at a time. `on_piece` hears pieces of a body as they come."""

    def __init__(self, on_piece: Callable[[bytes], None] | None = None) -> None:
        self.open = False
        self._on_piece = on_piece
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Gone())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self._on_piece is not None:
            self._on_piece(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        answer = self._parser.get_status_code(), b"".join(self._body)
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def write(self, head: str, body: bytes = b"") -> None:
        assert self._transport is not None
        self._transport.write(head.encode() + body)

    async def ask(self, head: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises Gone."""
        self._answer = asyncio.get_running_loop().create_future()
        self.write(head, body)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """Requests over kept connections. A request whose connection broke is sent again, as it was."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.again = 0
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(PARALLEL)

    async def post(self, path: str, fields: object, token: str = "") -> tuple[int, Any]:
        body = json.dumps(fields, ensure_ascii=False).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {HOST}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        async with self._places:
            for _ in range(4):
                try:
                    connection = await self._take()
                    status, raw = await connection.ask(head, body)
                except (Gone, OSError):
                    self.again += 1
                    continue
                if connection.open:
                    self._idle.append(connection)
                return status, json.loads(raw)
        raise Gone

    async def _take(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, HOST, self.port
        )
        return connection

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


async def listen(
    port: int, path: str, token: str, hear: Callable[[dict[str, Any]], None]
) -> Connection:
    """Opens a stream of server-sent events; `hear` gets each message's data."""
    left = b""

    def piece(data: bytes) -> None:
        nonlocal left
        *events, left = (left + data).split(b"\n\n")
        for event in events:
            for line in event.split(b"\n"):
                if line.startswith(b"data: "):
                    hear(json.loads(line[6:]))

    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(piece), HOST, port)
    connection.write(
        f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    return connection

"""Serves an office over real HTTP on a loopback port, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from bot.web import make_app
from tests.bot.office import Made


@dataclass
class Served:
    url: str
    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    server: uvicorn.Server
    made: Made
    _ended: bool = field(default=False)

    def end(self) -> None:
        """What Ctrl-C does: readers are let go, then the server ends."""
        if not self._ended:
            self._ended = True
            self.loop.call_soon_threadsafe(self.made.office.hub.close)
            self.server.should_exit = True


@contextmanager
def served(made: Made) -> Iterator[Served]:
    config = uvicorn.Config(make_app(made.office), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        made.office.hub.start()
        loops.append(asyncio.get_running_loop())
        startup = server.startup

        async def startup_and_say(sockets: list[object] | None = None) -> None:
            await startup(sockets)  # type: ignore[arg-type]
            started.set()

        server.startup = startup_and_say  # type: ignore[method-assign, assignment]
        await server._serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    running = Served(f"http://127.0.0.1:{port}", thread, loops[0], server, made)
    try:
        yield running
    finally:
        running.end()
        thread.join(5)

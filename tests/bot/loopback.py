"""Serves the double of a platform on a free loopback port, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute


@contextmanager
def on_loopback(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Gives the address once somebody listens there."""
    app = Starlette(routes=routes)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    )
    bound = threading.Event()
    start = server.startup

    async def startup(sockets: Any = None) -> None:
        await start(sockets=sockets)
        bound.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert bound.wait(10)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)

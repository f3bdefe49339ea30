"""A language model's address on loopback, for tests: answers as it is told, keeps what it saw."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ModelServer:
    """`says` is the model's words; `raw`, if given, the whole body in their place."""

    says: str = '{"intent": "appeal", "sure": 0.9}'
    raw: bytes | None = None
    status: int = 200
    hangs: bool = False
    drips: bool = False
    url: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def text(self) -> str:
        """The resident's words as they arrived last."""
        return str(self.seen[-1]["messages"][-1]["content"])

    def body(self) -> bytes:
        said = {"choices": [{"message": {"role": "assistant", "content": self.says}}]}
        return json.dumps(said).encode() if self.raw is None else self.raw


@contextmanager
def model_server() -> Iterator[ModelServer]:
    told = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            told.seen.append(json.loads(self.rfile.read(length)))
            told.headers.append(dict(self.headers))
            told.paths.append(self.path)
            if told.hangs:
                told.over.wait(10)
                return
            self.send_response(told.status)
            self.send_header("Location", f"{told.url}/elsewhere")
            self.end_headers()
            try:
                while told.drips and not told.over.wait(0.01):
                    self.wfile.write(b" ")
                self.wfile.write(told.body())
            except OSError:  # nobody waits any more
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield told
    finally:
        told.over.set()
        server.shutdown()
        server.server_close()

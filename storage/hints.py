"""Words between processes on PostgreSQL (NOTIFY): hints only, which may be lost.

Sent after the commit they speak of, on a connection of their own, so that no commit waits for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.database import Database
from storage.engines import Unavailable, translated

CHANNEL = "huiyin"
MOST = 7900  # bytes of a hint; PostgreSQL takes 8000


@contextmanager
def wire(database: Database) -> Iterator[Connection]:
    """A connection for `send` or `hear`, one thread's. Raises Unavailable when it is lost."""
    engine = database.writer.execution_options(isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.detach()  # it is kept, and none of the pool's
            yield connection
    except DBAPIError as error:
        raise translated(error) from error


def send(connection: Connection, hint: str) -> None:
    """Says it to every process that hears, this one too. Raises DBAPIError within `wire`."""
    connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (CHANNEL, hint))


def hear(connection: Connection, seconds: float) -> list[str]:
    """What has been said, waiting for it so long at most. Raises Unavailable."""
    raw: Any = connection.connection.dbapi_connection
    try:
        raw.execute(f"LISTEN {CHANNEL}")  # a word that costs nothing the second time
        return [one.payload for one in raw.notifies(timeout=seconds, stop_after=1)]
    except Exception as error:  # the driver's own, which only it can name
        connection.invalidate()
        raise Unavailable(type(error).__name__) from error

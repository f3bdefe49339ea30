"""What must be told to each database, and what its errors mean to us.

pysqlite must be told twice. Its default mode commits when the first savepoint is released, so
the driver is put into autocommit and we say BEGIN ourselves. And a full disk rolls a whole
transaction back while later statements run on in autocommit, so no statement is let through to a
connection that has lost its transaction.

PostgreSQL must be told how long it may wait for whom: a process that is frozen inside a
transaction, or cut off, must not keep its locks from the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

LOST = "the transaction was rolled back by the database"
PATIENCE = 10  # seconds that one waits for another's lock
GONE = ("full", "i/o", "unable to open", "readonly", "connection", "not a database", "malformed")
READERS = 8  # connections

# PostgreSQL, in the server's own units (milliseconds, seconds for the TCP ones)
SESSION = {
    "lock_timeout": PATIENCE * 1000,
    "idle_in_transaction_session_timeout": 5000,  # frozen inside a transaction: it is undone
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 4,
    "tcp_user_timeout": 7000,
}
CONNECTION = {
    "connect_timeout": 4,  # seconds, as the next three
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 4,
    "tcp_user_timeout": 7000,  # milliseconds
    "application_name": "huiyin",
}
# SQLSTATE: deadlock and lost races; then connections, resources, shutdown, disk, a standby, damage
RACES = ("40001", "40P01")
TAKEN = "23505"  # a unique key
GONE_STATES = ("08", "53", "57P", "58", "25P03", "25006", "XX")


class Unavailable(Exception):
    """The database cannot take work just now (locked, full, gone). Nothing was stored."""


class Busy(Unavailable):
    """Another process holds what is needed."""


class Again(Busy):
    """Nothing was stored, and at once it may be: a lost race, or a connection that had died."""


class Uncertain(Unavailable):
    """The connection died in the commit: whether it was stored is not known."""


def sqlite_engine(url: URL, *, read_only: bool) -> Engine:
    args: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
    args["timeout"] = PATIENCE
    if url.database in (None, "", ":memory:"):
        engine = create_engine(url, connect_args=args, poolclass=StaticPool)
    elif read_only:
        # A reader never makes the file: an empty one where it was moved away for a moment
        # would take over, and spoil, the log that belongs to it.
        file = Path(str(url.database)).absolute().as_uri()
        url = url.set(database=file, query={"mode": "rw", "uri": "true"})
        engine = create_engine(url, connect_args=args, pool_size=READERS)
    else:
        engine = create_engine(url, connect_args=args, pool_size=1)

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "before_cursor_execute")
    def _check(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not cursor.connection.in_transaction and not statement.startswith("BEGIN"):
            raise Unavailable(LOST)

    return engine


def postgres_engine(url: URL, *, read_only: bool) -> Engine:
    """Readers see one moment and cannot write. Raises ModuleNotFoundError without the driver."""
    url = url.set(drivername="postgresql+psycopg")
    ours = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    theirs = url.query.get("options", "")
    options = f"{ours} {theirs if isinstance(theirs, str) else ' '.join(theirs)}".strip()
    # A dead connection costs a writer one more try (`Again`), so it is not asked each time.
    engine = create_engine(
        url.difference_update_query(["options"]),
        connect_args={**CONNECTION, "options": options},
        pool_size=READERS if read_only else 2,
        pool_pre_ping=read_only,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
    )

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        raw.read_only = read_only

    return engine


@contextmanager
def races() -> Iterator[None]:
    """Where two processes add the same row at once, the later one looks again. Raises Again."""
    try:
        yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", "") == TAKEN:
            raise Again("another process was faster") from error
        raise


def translated(error: DBAPIError, *, committing: bool = False) -> Exception:
    """What the caller needs to know: come back later, or a defect of ours."""
    if hasattr(error.orig, "sqlstate"):
        return _from_postgres(error, committing)
    words = str(error.orig).lower()
    if "locked" in words or "busy" in words:
        return Busy(words)
    return Unavailable(words) if any(sign in words for sign in GONE) else error


def _from_postgres(error: DBAPIError, committing: bool) -> Exception:
    state: str | None = getattr(error.orig, "sqlstate", None)
    words = (str(error.orig).strip().splitlines() or [""])[0]  # below it: details, with values
    if state in RACES:
        return Again(words)
    if state == "55P03":  # somebody else's lock
        return Busy(words)
    cannot_connect = state is None and isinstance(error, OperationalError)
    gone = state is not None and state.startswith(GONE_STATES)
    if not (error.connection_invalidated or cannot_connect or gone):
        return error
    if committing:
        return Uncertain(words)
    return Again(words) if error.connection_invalidated else Unavailable(words)

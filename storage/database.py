"""One database behind two doors: a writer (one at a time on SQLite) and short readers.

pysqlite must be told twice. Its default mode commits when the first savepoint is released, so
the driver is put into autocommit and we say BEGIN ourselves. And a full disk rolls a whole
transaction back while later statements run on in autocommit, so no statement is let through to a
connection that has lost its transaction, and `write` looks once more before it commits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from storage.unit_of_work import UnitOfWork

LOST = "the transaction was rolled back by the database"
GONE = ("full", "i/o", "unable to open", "readonly", "connection", "not a database", "malformed")


class Unavailable(Exception):
    """The database cannot take work just now (locked, full, gone). Nothing was stored."""


class Busy(Unavailable):
    """Another process holds the database's write lock."""


class Database:
    """`write()` and `read()` give Sessions; the caller never commits by hand."""

    def __init__(self, url: str) -> None:
        """Connects to nothing yet. Raises Unavailable where that can never work."""
        try:
            self.url = make_url(url)
        except (ArgumentError, ValueError):  # never with the url: a password may stand in it
            raise Unavailable("database_url 不是一个数据库地址") from None
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.in_memory = self.sqlite and self.url.database in (None, "", ":memory:")
        if self.sqlite and not self.in_memory:
            try:
                Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(f"{self.url.database}：{error.strerror}") from None
        try:
            self.writer = self._engine(read_only=False)
        except ModuleNotFoundError as error:
            raise Unavailable(f"要用 PostgreSQL，请先 pip install {error.name}") from None
        # An in-memory database lives in its one connection, so its reader is its writer.
        self.reader = self.writer if self.in_memory else self._engine(read_only=True)

    def _engine(self, *, read_only: bool) -> Engine:
        if not self.sqlite:
            url = self.url.set(drivername="postgresql+psycopg")
            return create_engine(url, pool_pre_ping=True)
        args: dict[str, Any] = {"isolation_level": None, "check_same_thread": False, "timeout": 10}
        if self.in_memory:
            engine = create_engine(self.url, connect_args=args, poolclass=StaticPool)
        else:
            engine = create_engine(self.url, connect_args=args, pool_size=1 if not read_only else 8)

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

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """A transaction that is committed when the block ends and undone when it raises.

        Raises `Busy` or `Unavailable` when the database cannot take it.
        """
        session = UnitOfWork(self.writer)
        try:
            with session.begin():
                yield session
                session.flush()
                self._still_in_transaction(session)
        except DBAPIError as error:
            raise translated(error) from error
        finally:
            session.close()

    def _still_in_transaction(self, session: Session) -> None:
        """The last statement may have been the one that lost it."""
        if self.sqlite:
            raw = session.connection().connection.dbapi_connection
            if raw is not None and not raw.in_transaction:
                raise Unavailable(LOST)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A short transaction that sees one moment and may not write."""
        session = UnitOfWork(self.reader, autoflush=False)
        try:
            yield session
        except DBAPIError as error:
            raise translated(error) from error
        finally:
            session.expunge_all()  # what was read stays readable
            session.close()

    def alive(self) -> bool:
        """Whether a trivial question is answered."""
        try:
            with self.read() as session:
                session.execute(text("SELECT 1"))
        except Unavailable:
            return False
        return True

    def backup(self, target: Path) -> None:
        """A consistent copy of a running SQLite database.

        Raises ValueError on other databases, Unavailable where it cannot be written.
        """
        if not self.sqlite:
            raise ValueError("PostgreSQL 请用 pg_dump 备份")
        with self.reader.connect() as connection:
            connection.rollback()
            raw = connection.connection.dbapi_connection
            assert raw is not None
            cursor = raw.cursor()
            cursor.execute("PRAGMA query_only=OFF")
            try:
                cursor.execute("VACUUM INTO ?", (str(target),))
            except sqlite3.Error as error:
                raise Unavailable(str(error)) from error
            finally:
                cursor.execute("PRAGMA query_only=ON")
                cursor.close()

    def close(self) -> None:
        self.writer.dispose()
        if self.reader is not self.writer:
            self.reader.dispose()


def translated(error: DBAPIError) -> Exception:
    """What the caller needs to know: come back later, or a defect of ours."""
    words = str(error.orig).lower()
    if "locked" in words or "busy" in words:
        return Busy(words)
    return Unavailable(words) if any(sign in words for sign in GONE) else error

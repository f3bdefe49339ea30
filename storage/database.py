"""One database behind two doors: a writer (one at a time on SQLite) and short readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from storage.engines import LOST, Again, Unavailable, postgres_engine, sqlite_engine, translated
from storage.unit_of_work import Ids, UnitOfWork

STARTING = 7_001  # the number of the lock that a starting program takes; any number not used twice
START_PATIENCE = 60_000  # milliseconds it is waited for


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
        # Whoever writes to a file has a connection of its own, so that it is seen; not in memory.
        self._keeps_ids = self.sqlite and not self.in_memory
        self._ids: Ids = {}
        self._seen: tuple[object, int] | None = None
        # An in-memory database lives in its one connection, so its reader is its writer.
        self.reader = self.writer if self.in_memory else self._engine(read_only=True)

    def _engine(self, *, read_only: bool) -> Engine:
        make = sqlite_engine if self.sqlite else postgres_engine
        return make(self.url, read_only=read_only)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """A transaction that is committed when the block ends and undone when it raises.

        Raises `Busy` or `Unavailable` when the database cannot take it.
        """
        session = UnitOfWork(self.writer, self._ids if self._keeps_ids else None)
        committing = lost = False
        try:
            with session.begin():
                # What goes wrong on a dead connection may look like anything, so it is looked at.
                connection = None if self.sqlite else session.connection()
                self._forget_ids(session)
                try:
                    yield session
                    session.flush()
                    self._still_in_transaction(session)
                finally:
                    lost = connection is not None and connection.invalidated
                committing = True
        except DBAPIError as error:
            raise translated(error, committing=committing) from error
        except SQLAlchemyError as error:
            if lost:
                raise Again("the connection was lost") from error
            raise
        finally:
            session.close()

    def _forget_ids(self, session: Session) -> None:
        """Ids go on from transaction to transaction until another connection has written."""
        if self._keeps_ids:
            raw = session.connection().connection.dbapi_connection
            assert raw is not None
            seen = raw, raw.execute("PRAGMA data_version").fetchone()[0]
            if seen != self._seen:
                self._ids.clear()
            self._seen = seen

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

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time: what is done when the program starts. Raises Unavailable.

        On SQLite there is only one process, and each transaction is alone anyhow.
        """
        if self.sqlite:
            yield
            return
        try:
            engine = self.writer.execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql(f"SET lock_timeout = {START_PATIENCE}")
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({STARTING})")
                try:
                    yield
                finally:
                    connection.invalidate()  # the lock goes with its connection
        except DBAPIError as error:
            raise translated(error) from error

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

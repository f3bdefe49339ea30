"""The schema's history (Alembic). `upgrade` brings any database up to today."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from storage.database import Database
from storage.engines import Unavailable, translated

FOLDER = Path(__file__).parent
UPGRADING = 7_002  # the number of the lock; see database.STARTING


def head() -> str:
    """The newest revision: the last file by name."""
    return max(path.stem.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """The revision a database stands at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def upgrade(database: Database) -> bool:
    """Runs what is missing; says whether anything was. Raises Unavailable.

    One process at a time: SQLite has one writer, and PostgreSQL is asked for a lock.
    """
    try:
        with database.writer.begin() as connection:
            if not database.sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADING})"))
            if current(connection) == head():
                return False
            # Alembic takes a fifth of a second to import; a start that needs nothing skips it.
            from alembic import command
            from alembic.config import Config

            config = Config()
            config.set_main_option("script_location", str(FOLDER))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return True
    except DBAPIError as error:
        found = translated(error)
        raise found if isinstance(found, Unavailable) else Unavailable(str(found)) from error

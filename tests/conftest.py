"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp import Ear
from storage import Database
from storage.migrations import upgrade
from tests.postgres import Postgres, serving


@pytest.fixture(scope="session")
def one_ear(tmp_path_factory: pytest.TempPathFactory) -> Ear:
    """Loading takes a moment, hearing changes nothing: one for all."""
    return Ear(tmp_path_factory.mktemp("ear"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy: Alembic runs once for all tests."""
    path = tmp_path_factory.mktemp("template") / "huiyin.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.reader.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA query_only=OFF")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of HUIYIN_TEST_DATABASE_URL, where databases may be made, or one of our own."""
    given = os.environ.get("HUIYIN_TEST_DATABASE_URL", "")
    if given.startswith("postgresql:"):
        yield Postgres(given)
        return
    with serving() as server:
        yield Postgres(server.url)


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> Iterator[str]:
    """A migrated, empty database to copy."""
    url = postgres.create()
    database = Database(url)
    upgrade(database)
    database.close()
    yield url
    postgres.drop(url)


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    url = postgres.create(postgres_template)
    yield url
    postgres.drop(url)


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "huiyin.db"
    path.write_bytes(sqlite_template.read_bytes())
    made = Database(f"sqlite:///{path}")
    yield made
    made.close()


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[Database]:
    made = Database(postgres_url)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def on_both(request: pytest.FixtureRequest) -> Database:
    """The test runs on each."""
    name = "on_sqlite" if request.param == "sqlite" else "on_postgres"
    found: Database = request.getfixturevalue(name)
    return found

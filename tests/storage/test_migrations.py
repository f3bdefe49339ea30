"""The migrations lead to exactly what the entities say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from storage import Database, Unavailable
from storage.migrations import FOLDER, current, head, upgrade
from storage.models import Entity


def shape(engine: Engine) -> dict[str, Any]:
    """Tables with columns, keys and indexes, as the database itself tells them."""
    found: dict[str, Any] = {}
    look = inspect(engine)
    for table in look.get_table_names():
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": {
                c["name"]: (str(c["type"]), c["nullable"]) for c in look.get_columns(table)
            },
            "primary": look.get_pk_constraint(table)["constrained_columns"],
            "foreign": sorted(
                (f["constrained_columns"], f["referred_table"], f["referred_columns"])
                for f in look.get_foreign_keys(table)
            ),
            "unique": sorted(u["column_names"] for u in look.get_unique_constraints(table)),
            "indexes": sorted(
                (i["name"], i["column_names"], bool(i["unique"])) for i in look.get_indexes(table)
            ),
        }
    return found


@pytest.mark.parametrize("on_both", ["sqlite"], indirect=True)  # else in test_postgres
def test_upgrading_an_empty_database_gives_the_entities(database: Database) -> None:
    wanted = Database("sqlite://")
    Entity.metadata.create_all(wanted.writer)
    made, meant = shape(database.writer), shape(wanted.writer)
    assert set(made) == set(meant)
    for table in meant:
        assert made[table] == meant[table], table
    wanted.close()


def test_every_entity_has_its_table(database: Database) -> None:
    tables = set(inspect(database.writer).get_table_names())
    assert {t.name for t in Entity.metadata.sorted_tables} | {"alembic_version"} == tables


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    assert upgrade(database) is True
    before = shape(database.writer)
    assert upgrade(database) is False
    assert shape(database.writer) == before
    with database.writer.connect() as connection:
        assert current(connection) == head()
    database.close()


def test_a_database_of_the_first_release_keeps_what_it_holds(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO community VALUES (1, 'a', 'A', '{}', false, false, 12)")
        )
    assert upgrade(database) is True
    with database.writer.connect() as connection:
        assert connection.scalar(text("SELECT appeals_filed FROM community")) == 12
        assert connection.scalar(text("SELECT count(*) FROM sample")) == 0
        assert current(connection) == head()
    database.close()


def test_an_empty_database_stands_nowhere(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    with database.writer.connect() as connection:
        assert current(connection) is None
    database.close()


def test_two_starting_at_once_do_not_upgrade_half_each(tmp_path: Path) -> None:
    """The second waits for the first's lock, or says that the database is busy."""
    first = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    second = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    with second.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
    with first.writer.begin() as connection:
        connection.execute(text("CREATE TABLE hold (x INTEGER)"))
        with pytest.raises(Unavailable):
            upgrade(second)
    assert upgrade(second) is True
    first.close()
    second.close()


def test_a_file_that_is_no_database_cannot_be_upgraded(tmp_path: Path) -> None:
    (tmp_path / "huiyin.db").write_bytes(b"no database at all " * 300)
    database = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    with pytest.raises(Unavailable):
        upgrade(database)
    database.close()

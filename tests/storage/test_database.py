"""What the database promises on a real file: design.md section 5."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session

from storage import Busy, Database, Unavailable
from storage.models import Channel, Community, Entity, Place

SHANGHAI = timezone(timedelta(hours=8))
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=SHANGHAI)


SQLITE = pytest.mark.parametrize("on_both", ["sqlite"], indirect=True)  # on no other


class Mistake(Exception):
    pass


def community(slug: str, name: str = "社区") -> Community:
    return Community(slug=slug, name=name, config={})


def slugs(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Community.slug).order_by(Community.id)))


def other(database: Database, *, patience: int = 0) -> Database:
    """The same file seen by another process, with a short patience in milliseconds."""
    second = Database(str(database.url))
    with second.writer.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={patience}")
    return second


# Transactions


def test_what_is_written_is_there_for_a_reader(database: Database) -> None:
    with database.write() as session:
        session.add(community("a"))
    assert slugs(database) == ["a"]


def test_an_exception_undoes_everything(database: Database) -> None:
    with pytest.raises(Mistake), database.write() as session:
        session.add(community("a"))
        session.flush()
        raise Mistake
    assert slugs(database) == []


def test_releasing_a_savepoint_commits_nothing(database: Database) -> None:
    """pysqlite's own mode would commit here."""
    seen: list[list[str]] = []
    with pytest.raises(Mistake), database.write() as session:
        session.add(community("outer"))
        nested = session.begin_nested()
        session.add(community("inner"))
        session.flush()
        nested.commit()
        seen.append(slugs(database))  # another connection: nothing may be visible
        raise Mistake
    assert seen == [[]]
    assert slugs(database) == []


def test_a_savepoint_is_undone_alone(database: Database) -> None:
    with database.write() as session:
        session.add(community("kept"))
        nested = session.begin_nested()
        session.add(community("undone"))
        session.flush()
        nested.rollback()
        session.add(community("also kept"))
    assert slugs(database) == ["kept", "also kept"]


@SQLITE
def test_a_writer_takes_the_lock_before_it_reads(database: Database) -> None:
    """BEGIN IMMEDIATE: a plain BEGIN would let both read and then fail one that writes."""
    second = other(database)
    with database.write() as session:
        session.execute(text("SELECT 1"))  # not a write yet
        with pytest.raises(Busy), second.write() as late:
            late.execute(text("SELECT 1"))
    second.close()


@SQLITE
def test_a_locked_database_is_busy_and_takes_work_afterwards(database: Database) -> None:
    second = other(database)
    with database.write() as session:
        session.add(community("first"))
        session.flush()
        with pytest.raises(Busy), second.write() as late:
            late.add(community("second"))
    with second.write() as late:
        late.add(community("second"))
    second.close()
    assert slugs(database) == ["first", "second"]


def test_readers_go_on_while_somebody_writes_and_see_one_moment(database: Database) -> None:
    with database.write() as session:
        session.add(community("old"))
    with database.read() as reader:
        before = list(reader.scalars(select(Community.slug)))
        with database.write() as session:
            session.add(community("new"))
        assert list(reader.scalars(select(Community.slug))) == before == ["old"]
    assert slugs(database) == ["old", "new"]


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((Unavailable, DBAPIError)), database.read() as session:
        session.add(community("a"))
        session.flush()
    assert slugs(database) == []


def test_what_a_reader_found_stays_readable(database: Database) -> None:
    with database.write() as session:
        session.add(community("a"))
    with database.read() as session:
        found = session.scalars(select(Community)).one()
    assert (found.slug, found.name) == ("a", "社区")


def test_foreign_keys_are_held(database: Database) -> None:
    with pytest.raises(DBAPIError), database.write() as session:
        session.add(Place(community_id=99, name="3栋", path="3栋", position=1))
    assert slugs(database) == []


@SQLITE
@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", "2")])
def test_the_writer_is_durable(database: Database, pragma: str, value: str) -> None:
    with database.writer.connect() as connection:
        assert str(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


# Times


def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"), database.write() as session:
        session.add(community("a"))
        session.flush()
        session.add(_channel(session, datetime(2026, 11, 23, 12, 0)))
    assert slugs(database) == []


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    with database.write() as session:
        session.add(community("a"))
        session.flush()
        session.add(_channel(session, NOON))
    with database.read() as session:
        found = session.scalars(select(Channel.created_at)).one()
    assert found == NOON
    assert found.tzinfo is UTC
    assert found.hour == 4


def test_times_of_different_zones_compare_as_moments(database: Database) -> None:
    with database.write() as session:
        session.add(community("a"))
        session.flush()
        session.add(_channel(session, NOON))  # 04:00 UTC; as words it would sort after 05:00
    five = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    with database.read() as session:
        assert session.scalars(select(Channel.id).where(Channel.created_at < five)).all() == ["web"]
        assert session.scalars(select(Channel.id).where(Channel.created_at > five)).all() == []


def _channel(session: Session, at: datetime) -> Channel:
    owner = session.scalars(select(Community.id)).one()
    return Channel(id="web", community_id=owner, platform="web", created_at=at)


# A full disk


@contextmanager
def full(database: Database, *, pages: int = 4) -> Iterator[None]:
    """The disk has room for a few more pages only, then SQLITE_FULL."""
    with database.writer.connect() as connection:
        now = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count={now + pages}")
    try:
        yield
    finally:
        with database.writer.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1000000")


def fill(session: Session) -> None:
    for number in range(500):
        session.add(community(f"filler{number}", "满" * 2000))
        session.flush()


@SQLITE
def test_a_full_disk_is_unavailable_and_stores_nothing(database: Database) -> None:
    with full(database), pytest.raises(Unavailable), database.write() as session:
        session.add(community("first"))
        session.flush()
        fill(session)
    assert slugs(database) == []


@SQLITE
def test_the_next_write_after_a_full_disk_works(database: Database) -> None:
    with full(database), pytest.raises(Unavailable), database.write() as session:
        fill(session)
    with database.write() as session:
        session.add(community("after"))
    assert slugs(database) == ["after"]


@SQLITE
def test_a_full_disk_inside_a_savepoint_leaves_nothing_behind(database: Database) -> None:
    """A turn that fails is undone alone, but a full disk undid the whole batch: what runs
    afterwards would be committed statement by statement (a message marked as answered)."""
    with full(database), pytest.raises(Unavailable), database.write() as session:
        session.add(community("before"))
        session.flush()
        nested = session.begin_nested()
        try:
            fill(session)
        except DBAPIError:
            nested.rollback()
        session.add(community("after"))
    assert slugs(database) == []
    with database.write() as session:
        session.add(community("later"))
    assert slugs(database) == ["later"]


@SQLITE
def test_swallowing_the_error_of_a_full_disk_does_not_commit_either(database: Database) -> None:
    with full(database), pytest.raises(Unavailable), database.write() as session:
        session.execute(
            text(
                "INSERT INTO community (slug, name, config, demo, demo_filled,"
                " appeals_filed) VALUES ('a', 'a', '{}', 0, 0, 0)"
            )
        )
        for number in range(500):
            row = {"slug": f"f{number}", "name": "满" * 2000}
            try:
                session.connection().execute(
                    text(
                        "INSERT INTO community (slug, name, config, demo, demo_filled,"
                        " appeals_filed) VALUES (:slug, :name, '{}', 0, 0, 0)"
                    ),
                    row,
                )
            except DBAPIError:
                continue
    assert slugs(database) == []


# Copies


@SQLITE
def test_a_backup_while_somebody_writes_opens_and_is_one_moment(
    database: Database, tmp_path: Path
) -> None:
    """Communities are written in pairs; a copy never holds half a pair."""
    stop, pairs = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set() and pairs[0] < 2000:
            with database.write() as session:
                session.add(community(f"{pairs[0]}-left", "字" * 300))
                session.flush()
                session.add(community(f"{pairs[0]}-right", "字" * 300))
            pairs[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            seen = pairs[0]
            while pairs[0] == seen and writer.is_alive():
                pass  # something is being written just now
            target = tmp_path / f"copy{number}.db"
            database.backup(target)
            copy = Database(f"sqlite:///{target}")
            with copy.read() as session:
                assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            found = slugs(copy)
            copy.close()
            assert found
            assert len(found) % 2 == 0
            assert found[-1].replace("right", "left") == found[-2]
    finally:
        stop.set()
        writer.join()


@SQLITE
def test_a_backup_leaves_readers_read_only(database: Database, tmp_path: Path) -> None:
    database.backup(tmp_path / "copy.db")
    with pytest.raises((Unavailable, DBAPIError)), database.read() as session:
        session.add(community("a"))
        session.flush()


@SQLITE
def test_a_backup_to_nowhere_is_unavailable(database: Database, tmp_path: Path) -> None:
    with pytest.raises((Unavailable, OSError)):
        database.backup(tmp_path / "no such folder" / "copy.db")


# Other shapes


def test_in_memory_works_for_writer_and_reader() -> None:
    database = Database("sqlite://")
    Entity.metadata.create_all(database.writer)
    with database.write() as session:
        session.add(community("a"))
    assert slugs(database) == ["a"]
    with pytest.raises(Mistake), database.write() as session:
        session.add(community("b"))
        session.flush()
        raise Mistake
    assert slugs(database) == ["a"]
    database.close()


def test_an_existing_folder_is_made_for_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a' / 'b' / 'huiyin.db'}")
    with database.write():
        pass
    assert database.alive()
    database.close()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    """Where the file was moved away for a moment, an empty one would spoil the log beside it."""
    path = tmp_path / "我的 100% #1.db"
    database = Database(f"sqlite:///{path}")
    assert not database.alive()
    assert not path.exists()
    with database.write():
        pass
    assert database.alive()
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".db"] == [path.name]
    database.close()


def test_a_file_that_is_no_database_is_not_alive(tmp_path: Path) -> None:
    (tmp_path / "huiyin.db").write_bytes(b"this is a diary, not a database" * 200)
    database = Database(f"sqlite:///{tmp_path / 'huiyin.db'}")
    with pytest.raises(Unavailable), database.write():
        pass
    assert not database.alive()
    database.close()

"""What differs on PostgreSQL: who waits for whom, what an error means, who upgrades."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.lane import Lane, Rank
from storage import Again, Busy, Database, Session, Unavailable, Uncertain
from storage.engines import translated
from storage.migrations import current, head, upgrade
from storage.models import Community, Entity, Inbound
from storage.store.receipts import Received, receive
from tests.postgres import Postgres
from tests.storage.test_migrations import shape
from tests.town import MONDAY

ID = "SELECT pg_backend_pid()"


def slugs(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Community.slug).order_by(Community.id)))


def put(session: Session, slug: str) -> None:
    session.add(Community(slug=slug, name="社区", config={}))
    session.flush()


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """A database without any table."""
    url = postgres.create()
    yield url
    postgres.drop(url)


# The schema


def test_upgrading_an_empty_database_gives_the_entities(
    postgres_url: str, empty: str, postgres: Postgres
) -> None:
    made, meant = Database(postgres_url), Database(empty)
    Entity.metadata.create_all(meant.writer)
    is_, should = shape(made.writer), shape(meant.writer)
    assert set(is_) == set(should)
    for table in should:
        assert is_[table] == should[table], table
    made.close()
    meant.close()


def test_no_number_has_only_32_bits(on_postgres: Database) -> None:
    """The millionth community's messages still get an id; nor may a counter stop before that."""
    with on_postgres.read() as session:
        narrow = session.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns "
                "WHERE table_schema = 'public' AND data_type = 'integer'"
            )
        ).all()
        counters = session.execute(
            text("SELECT data_type FROM information_schema.sequences")
        ).scalars()
        assert set(counters) == {"bigint"}
    assert narrow == []
    with on_postgres.write() as session:
        session.execute(text("ALTER SEQUENCE community_id_seq RESTART WITH 3000000000"))
        put(session, "a")
    assert slugs(on_postgres) == ["a"]


def test_of_many_that_start_at_once_one_upgrades(empty: str) -> None:
    databases = [Database(empty) for _ in range(3)]
    did: list[bool] = []
    threads = [threading.Thread(target=lambda d=d: did.append(upgrade(d))) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(did) == [False, False, True]
    with databases[0].read() as session:
        assert current(session.connection()) == head()
        assert inspect(session.connection()).has_table("lease")
    for database in databases:
        database.close()


def test_what_is_done_at_the_start_is_done_by_one_at_a_time(postgres_url: str) -> None:
    first, second = Database(postgres_url), Database(postgres_url)
    order: list[str] = []
    inside = threading.Event()

    def late() -> None:
        assert inside.wait(10)
        with second.alone():
            order.append("second")

    thread = threading.Thread(target=late)
    thread.start()
    with first.alone():
        inside.set()
        with first.write() as session:
            put(session, "a")
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    first.close()
    second.close()


# Errors


class Said(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("words\nDETAIL: Key (phone)=(13800000000) already exists.")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "invalidated", "committing", "kind"),
    [
        ("40001", False, False, Again),
        ("40P01", False, False, Again),
        ("40P01", False, True, Again),
        ("55P03", False, False, Busy),
        ("57P01", True, False, Again),
        ("57P01", True, True, Uncertain),
        ("57P03", False, False, Unavailable),
        ("53100", False, False, Unavailable),
        ("53300", False, False, Unavailable),
        ("25P03", True, False, Again),
        ("25006", False, False, Unavailable),
        ("08006", False, False, Unavailable),
        (None, False, False, Unavailable),
        (None, True, False, Again),
        (None, True, True, Uncertain),
        ("23505", False, False, DBAPIError),
        ("42P01", False, False, DBAPIError),
    ],
)
def test_what_an_error_means(
    state: str | None, invalidated: bool, committing: bool, kind: type[Exception]
) -> None:
    error = OperationalError("x", {}, Said(state), connection_invalidated=invalidated)
    found = translated(error, committing=committing)
    assert type(found) is kind or (kind is DBAPIError and found is error)
    if found is not error:
        assert "138" not in str(found), "what stands in a row does not come into a log"


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable), database.write() as session:
        put(session, "a")
    with pytest.raises(Unavailable), database.read() as session:
        session.execute(text("SELECT 1"))
    assert not database.alive()
    with pytest.raises(Unavailable):
        upgrade(database)
    database.close()


def test_a_connection_that_died_costs_one_more_try(on_postgres: Database) -> None:
    """Nobody is asked beforehand whether the connection lives; the lane does the work again."""
    lane = Lane(on_postgres)
    pid = lane.submit(Rank.TURN, lambda session: session.scalar(text(ID))).result(10)
    _end(on_postgres, pid)
    lane.submit(Rank.TURN, lambda session: put(session, "a")).result(10)
    assert slugs(on_postgres) == ["a"]
    lane.close()


def test_a_connection_that_dies_in_the_middle_leaves_nothing_half(on_postgres: Database) -> None:
    """Whatever the handlers make of the error, nothing is committed and the work is done again."""
    lane, tries = Lane(on_postgres), []

    def work(session: Session) -> None:
        tries.append(1)
        put(session, "before")
        nested = session.begin_nested()
        if len(tries) == 1:
            _end(on_postgres, session.scalar(text(ID)))
        try:
            put(session, "a")
            nested.commit()
        except Exception:  # as a turn that fails is undone alone
            nested.rollback()
        put(session, "after")

    lane.submit(Rank.TURN, work).result(10)
    assert (slugs(on_postgres), len(tries)) == (["before", "a", "after"], 2)
    lane.close()


def test_readers_survive_the_death_of_their_connection(on_postgres: Database) -> None:
    with on_postgres.read() as session:
        pid = session.scalar(text(ID))
    _end(on_postgres, pid)
    assert on_postgres.alive()


def _end(database: Database, pid: Any) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    with other.write() as session:
        session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    other.close()


def test_a_deadlock_is_a_race_and_both_get_their_way(on_postgres: Database) -> None:
    with on_postgres.write() as session:
        put(session, "a")
        put(session, "b")
    lanes = [Lane(on_postgres), Lane(on_postgres)]
    both = threading.Barrier(2, timeout=60)

    def work(first: str, then: str) -> Callable[[Session], None]:
        tried: list[int] = []

        def run(session: Session) -> None:
            tried.append(1)
            for slug in (first, then):
                session.execute(
                    text("UPDATE community SET appeals_filed = appeals_filed + 1 WHERE slug = :s"),
                    {"s": slug},
                )
                if slug == first and len(tried) == 1:
                    both.wait()

        return run

    futures = [
        lanes[0].submit(Rank.TURN, work("a", "b")),
        lanes[1].submit(Rank.TURN, work("b", "a")),
    ]
    for future in futures:
        future.result(60)
    with on_postgres.read() as session:
        assert list(session.scalars(select(Community.appeals_filed))) == [2, 2]
    for lane in lanes:
        lane.close()


def test_the_same_message_at_two_processes_is_kept_once(on_postgres: Database) -> None:
    with on_postgres.write() as session:
        put(session, "a")
        session.execute(
            text(
                "INSERT INTO channel (id, community_id, platform, initiate, warned, created_at) "
                "SELECT 'web', id, 'web', 'free', 0, now() FROM community"
            )
        )
    lanes = [Lane(on_postgres), Lane(on_postgres)]
    both = threading.Barrier(2, timeout=60)
    rows = [Received("web", f"m{n}", "c", "u", text="一样") for n in range(3)]

    first = lanes[0].submit(Rank.RECEIPT, lambda s: (receive(s, rows, MONDAY), both.wait())[0])
    second = lanes[1].submit(Rank.RECEIPT, lambda s: (both.wait(), receive(s, rows, MONDAY))[1])
    assert sorted([first.result(60), second.result(60)]) == [[False] * 3, [True] * 3]
    with on_postgres.read() as session:
        assert len(session.scalars(select(Inbound.id)).all()) == 3
    for lane in lanes:
        lane.close()


# Who waits for whom


def test_a_lock_that_is_not_given_back_is_busy(on_postgres: Database) -> None:
    with on_postgres.write() as session:
        put(session, "a")
    with on_postgres.write() as holder:
        holder.execute(text("SELECT 1 FROM community FOR UPDATE"))
        with pytest.raises(Busy), on_postgres.write() as late:
            late.execute(text("SET LOCAL lock_timeout = 50"))
            late.execute(text("SELECT 1 FROM community FOR UPDATE"))


def test_who_is_frozen_inside_a_transaction_loses_it(on_postgres: Database) -> None:
    with on_postgres.write() as session:
        put(session, "a")
    frozen = on_postgres.writer.connect()
    frozen.execute(text("SET idle_in_transaction_session_timeout = 50"))
    frozen.commit()
    frozen.execute(text("UPDATE community SET name = '冻住'"))
    with on_postgres.write() as session:
        session.execute(text("UPDATE community SET name = '走了'"))  # waits for 50 ms
    with pytest.raises(DBAPIError) as caught:
        frozen.execute(text("SELECT 1"))
    assert isinstance(translated(caught.value), Again)
    frozen.close()
    with on_postgres.read() as session:
        assert list(session.scalars(select(Community.name))) == ["走了"]


def test_sessions_are_told_how_long_to_wait(on_postgres: Database) -> None:
    with on_postgres.write() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5s"
        assert session.scalar(text("SHOW lock_timeout")) == "10s"
        assert session.scalar(text("SHOW synchronous_commit")) == "on"
        assert session.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert session.scalar(text("SHOW transaction_read_only")) == "off"
    with on_postgres.read() as session:
        assert session.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert session.scalar(text("SHOW transaction_read_only")) == "on"


def test_options_of_the_url_are_kept(postgres_url: str) -> None:
    mark = "&" if "?" in postgres_url else "?"
    database = Database(f"{postgres_url}{mark}options=-c%20work_mem%3D5MB")
    with database.read() as session:
        assert session.scalar(text("SHOW work_mem")) == "5MB"
        assert session.scalar(text("SHOW lock_timeout")) == "10s"
    database.close()

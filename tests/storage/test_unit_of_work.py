"""Writing late and reading ahead: nobody can tell but by the number of statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, insert, update

from storage import Database, Session, Store
from storage.models import (
    Appeal,
    Channel,
    Chat,
    Community,
    Conversation,
    Entity,
    Outbound,
    Resident,
    Role,
    Stage,
)
from storage.store import ahead

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def session(on_both: Database) -> Iterator[Session]:
    with on_both.write() as made:
        yield made


def community(session: Session) -> Store:
    made = Community(slug="a", name="a", config={})
    session.add(made)
    session.add(Channel(id="web", community_id=made.id, platform="web", created_at=NOW))
    return Store(session, made.id)


def resident(store: Store, name: str = "王阿姨") -> Resident:
    return store.add(Resident(community_id=store.community_id, name=name, created_at=NOW))


def chat(store: Store, person: Resident) -> Chat:
    return store.add(
        Chat(
            community_id=store.community_id,
            channel_id="web",
            external_id=f"c{person.id}",
            resident_id=person.id,
            seen_at=NOW,
            created_at=NOW,
        )
    )


def conversation(store: Store, where: Chat) -> Conversation:
    assert where.resident_id is not None
    return store.messages.open(
        Conversation(
            community_id=store.community_id,
            chat_id=where.id,
            resident_id=where.resident_id,
            matter="menu",
            opening={},
            answers={},
            asking={},
            waiting=[],
            asked_at=NOW,
            opened_at=NOW,
        )
    )


def appeal(store: Store, person: Resident, where: Chat) -> Appeal:
    return store.add(
        Appeal(
            community_id=store.community_id,
            number=store.appeals.next_number(),
            resident_id=person.id,
            chat_id=where.id,
            text="灯坏了",
            category="light",
            level="default",
            where="3栋",
            filed_at=NOW,
            respond_by=NOW,
            resolve_by=NOW,
        )
    )


class Statements:
    """What reaches the database while it is open."""

    def __init__(self, session: Session) -> None:
        self.said: list[str] = []
        self._engine = session.get_bind().engine

    def __enter__(self) -> list[str]:
        event.listen(self._engine, "before_cursor_execute", self._note)
        return self.said

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.said.append(statement)


def test_rows_of_every_kind_are_written_parents_first(session: Session) -> None:
    store = community(session)
    with Statements(session) as said:
        for n in range(20):
            person = resident(store, f"居民{n}")
            where = chat(store, person)
            conversation(store, where)
            appeal(store, person, where)
    assert not [one for one in said if one.startswith("INSERT INTO app")], "they wait for the flush"
    with Statements(session) as said:
        session.flush()
    kinds = [one.split()[2].strip('"') for one in said if one.startswith("INSERT")]
    tables = [table.name for table in Entity.metadata.sorted_tables if table.name in set(kinds)]
    assert list(dict.fromkeys(kinds)) == tables
    assert len(said) < 20, "many rows to a statement"


def test_a_new_row_has_what_is_usual_before_it_is_written(session: Session) -> None:
    store = community(session)
    person = resident(store)
    where = chat(store, person)
    case = appeal(store, person, where)
    assert (person.role, person.notices, where.turns) == (Role.RESIDENT, True, 0)
    assert (case.stage, case.climbed) == (Stage.OPEN, 0)
    first, second = conversation(store, where), Outbound(chat_id=where.id)
    session.add(second)
    session.expunge(second)
    assert (first.step, second.choices) == (0, [])


def test_ids_rise_and_go_on_after_what_others_wrote(on_both: Database) -> None:
    with on_both.write() as session:
        store = community(session)
        first = [resident(store).id for _ in range(50)]
    with on_both.write() as session:
        store = Store(session, store.community_id)
        second = [resident(store).id for _ in range(50)]
        ours = store.community_id
        person = Resident(community_id=ours, name="x", created_at=NOW)
        usual = dict.fromkeys(("elder", "willing", "in_file", "confirmed", "demo"), False)
        row = {"community_id": ours, "name": "x", "created_at": NOW, "role": "resident"}
        session.execute(insert(Resident), [{**row, **usual, "notices": True}])  # gives ids itself
        session.add(person)
        session.flush()
    ids = [*first, *second, person.id]
    assert ids == sorted(set(ids))


def test_a_number_of_a_conversation_is_never_given_twice(on_both: Database) -> None:
    """Old buttons carry it: they must not answer the next one."""
    given = []
    for _ in range(3):
        with on_both.write() as session:
            found = session.query(Community).first()
            store = Store(session, found.id) if found else community(session)
            person = session.query(Resident).first() or resident(store)
            where = session.query(Chat).first() or chat(store, person)
            one = conversation(store, where)
            given.append(one.id)
        with on_both.write() as session:
            session.delete(session.get_one(Conversation, one.id))
    assert len(set(given)) == 3


def test_what_is_deleted_before_it_was_written_was_never_there(session: Session) -> None:
    store = community(session)
    where = chat(store, resident(store))
    one, other = conversation(store, where), conversation(store, where)
    session.delete(one)
    assert store.messages.conversations(where) == [other]
    session.flush()
    session.delete(other)
    assert store.messages.conversations(where) == []


def test_a_batch_asks_once_for_all(on_both: Database) -> None:
    with on_both.write() as session:
        store = community(session)
        people = [resident(store, f"居民{n}") for n in range(30)]
        cases = [appeal(store, person, chat(store, person)) for person in people[:10]]
    with on_both.write() as session:
        store = Store(session, store.community_id)
        people = session.query(Resident).order_by(Resident.id).all()
        session.expect(Resident, [person.id for person in people])
        with Statements(session) as said:
            found = [store.appeals.open_case_of(person) for person in people]
    assert [case.id if case else None for case in found] == [c.id for c in cases] + [None] * 20
    assert len(said) == 1


def test_what_passes_from_one_to_another_is_read_again(session: Session) -> None:
    store = community(session)
    one, other = resident(store), resident(store, "李叔")
    where = chat(store, one)
    case = appeal(store, one, where)
    case.stage = Stage.CONFIRMED
    session.flush()
    session._born.clear()  # as if it had been written long ago
    assert store.appeals.open_case_of(one) is None
    case.stage = Stage.OPEN
    assert store.appeals.open_case_of(one) is case
    case.resident_id = other.id
    assert store.appeals.open_case_of(one) is None
    assert store.appeals.open_case_of(other) is case
    where.resident_id = other.id
    assert (store.messages.chats_of(one), store.messages.chats_of(other)) == ([], [where])
    session.execute(update(Appeal).values(stage=Stage.WITHDRAWN))
    assert store.appeals.open_case_of(other) is None


def test_what_a_savepoint_takes_back_is_not_held(session: Session) -> None:
    store = community(session)
    person = resident(store)
    where = chat(store, person)
    session.flush()
    nested = session.begin_nested()
    conversation(store, where)
    assert len(store.messages.conversations(where)) == 1
    nested.rollback()
    assert store.messages.conversations(where) == []
    assert store.messages.chat_at("web", where.external_id) is where


def test_every_way_to_change_something_counts(session: Session) -> None:
    store = community(session)
    person = resident(store)
    session.flush()

    def counts(work: Any) -> bool:
        before = store.changes
        work()
        return store.changes > before

    assert counts(lambda: setattr(person, "name", "又一个"))
    assert counts(lambda: setattr(person, "name", "又一个"))  # dirty already, set once more
    assert counts(lambda: resident(store))
    assert counts(lambda: session.execute(update(Resident).values(phone=None)))
    assert counts(lambda: session.delete(person))
    assert not counts(store.people.staff)
    assert not counts(lambda: Resident(community_id=1, name="nobody", created_at=NOW))


def test_reading_ahead_leaves_the_query_of_its_kind_alone() -> None:
    """Each says what hangs on what, and what may bring a row among its own from elsewhere."""
    for one in vars(ahead).values():
        if isinstance(one, ahead.Ahead):
            assert hasattr(one.kind, one.by) and replace(one) == one
            assert all(hasattr(one.kind, name) for name in one.watch)

"""Two records become one: whatever names a resident is found by the metadata, none forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, UniqueConstraint, func, select, text, update
from sqlalchemy.orm import Session

from nlp import Ear
from storage import Store
from storage.models import (
    CheckIn,
    CheckInStage,
    Entity,
    HelpRequest,
    HelpStage,
    Match,
    Notice,
    Question,
    Receipt,
    Resident,
    RollCall,
)
from storage.store.merging import references
from storage.unit_of_work import UnitOfWork
from tests.town import Town, rich

NAMING = [
    (table, column)
    for table in Entity.metadata.sorted_tables
    for column in table.columns
    if any(key.column is Resident.__table__.c.id for key in column.foreign_keys)
]


@pytest.fixture(scope="module")
def town(one_ear: Ear) -> Town:
    made = Town(one_ear)
    rich(made, "a")
    made.say("a", "陌生人", "你好")
    return made


@pytest.fixture
def session(town: Town) -> Iterator[Session]:
    made = UnitOfWork(town.database.writer)
    made.execute(text("PRAGMA defer_foreign_keys=ON"))
    yield made
    made.rollback()
    made.close()


def two(store: Store) -> tuple[Resident, Resident]:
    """A stranger, and the person she turns out to be."""
    identity = store.people.identity("web-a", "陌生人")
    person = store.people.in_file("王阿姨")
    assert identity is not None
    stranger = store.people.resident(identity.resident_id)
    assert stranger is not None
    assert person is not None
    return stranger, person


def count(session: Session, column: Column[Any], *idents: int) -> int:
    return session.scalar(select(func.count()).where(column.in_(idents))) or 0


def test_the_metadata_is_what_is_walked() -> None:
    assert len(NAMING) >= 20
    assert {(kind.__table__.name, name) for kind, name in references()} == {  # type: ignore[attr-defined]
        (table.name, column.key) for table, column in NAMING
    }
    assert not any(column.primary_key for _, column in NAMING)


@pytest.mark.parametrize(("table", "column"), NAMING, ids=lambda one: getattr(one, "name", ""))
def test_every_row_that_names_a_stranger_moves(
    town: Town, session: Session, table: Any, column: Column[Any]
) -> None:
    """Each column in turn is made to name her; afterwards none does, and no row is lost."""
    store = Store(session, town.ids["a"])
    stranger, person = two(store)
    ident = session.scalar(select(table.c.id).order_by(table.c.id).limit(1))
    if ident is None:  # of everything but photos there is one
        assert table.name == "media"
        values = {"community_id": store.community_id, "channel_id": "web-a", "inbound_id": 1}
        more = {"reference": "x", "kind": "photo", "state": "waiting", "tries": 0}
        session.execute(
            table.insert().values(**values, **more, created_at=town.now, resident_id=stranger.id)
        )
    else:
        session.execute(update(table).where(table.c.id == ident).values({column.key: stranger.id}))
    session.expire_all()
    before = session.scalar(select(func.count()).select_from(table))
    assert count(session, column, stranger.id) >= 1
    assert store.people.merge(stranger, person, town.now)
    for _, other in NAMING:
        assert count(session, other, stranger.id) == 0, other
    after = session.scalar(select(func.count()).select_from(table))
    unique = any(
        column.key in one.columns for one in table.constraints if isinstance(one, UniqueConstraint)
    )
    assert after == before or (unique and after == before - 1)


def test_who_is_gone_keeps_nothing(town: Town, session: Session) -> None:
    store = Store(session, town.ids["a"])
    stranger, person = two(store)
    stranger.phone, stranger.notices = "13900000000", False
    stranger.home_id, stranger.room = store.people.buildings()[0].id, "101"
    before = (person.home_id, person.room, person.confirmed)
    assert store.people.merge(stranger, person, town.now)
    assert (stranger.name, stranger.phone, stranger.home_id, stranger.room) == (
        "",
        None,
        None,
        None,
    )
    assert stranger.deleted_at is not None
    assert person.phone == "13900000000"
    assert (person.home_id, person.room, person.confirmed) == before
    assert not person.notices, "退订 anywhere was meant"
    assert not store.people.merge(stranger, person, town.now), "once"


def test_a_claimed_home_is_no_confirmed_one(town: Town, session: Session) -> None:
    store = Store(session, town.ids["a"])
    stranger, person = two(store)
    place = store.people.buildings()[0]
    person.home_id, person.confirmed = None, True
    stranger.home_id, stranger.unit, stranger.room = place.id, "2", "303"
    assert store.people.merge(stranger, person, town.now)
    assert (person.home_id, person.unit, person.room) == (place.id, "2", "303")
    assert not person.confirmed


def test_staff_take_over_no_home(town: Town, session: Session) -> None:
    store = Store(session, town.ids["a"])
    stranger, _ = two(store)
    worker = store.people.in_file("小李")
    assert worker is not None
    stranger.home_id = store.people.buildings()[0].id
    assert store.people.merge(stranger, worker, town.now)
    assert worker.home_id is None
    assert worker.confirmed


def test_the_file_and_oneself_are_never_merged_away(town: Town, session: Session) -> None:
    store = Store(session, town.ids["a"])
    stranger, person = two(store)
    assert not store.people.merge(person, stranger, town.now)
    assert not store.people.merge(stranger, stranger, town.now)
    assert stranger.deleted_at is person.deleted_at is None


@pytest.mark.parametrize("mine", [None, 1, 3])
@pytest.mark.parametrize("theirs", [None, 2])
def test_of_two_answers_the_later_one_stays(
    town: Town, session: Session, mine: int | None, theirs: int | None
) -> None:
    """Minutes after the call; the stranger is safe, the person needs help."""
    store = Store(session, town.ids["a"])
    stranger, person = two(store)
    roll = session.scalars(select(RollCall)).first()
    notice = session.scalars(select(Notice)).first()
    assert roll is not None
    assert notice is not None
    for who, minutes, stage in (
        (stranger, mine, CheckInStage.SAFE),
        (person, theirs, CheckInStage.NEEDS_HELP),
    ):
        at = town.now + timedelta(minutes=minutes) if minutes is not None else None
        check = store.rollcalls.check_in(roll, who)
        if check is None:
            check = store.add(CheckIn(rollcall_id=roll.id, resident_id=who.id))
        check.stage, check.answered_at = stage if at else CheckInStage.WAITING, at
        receipt = store.notices.receipt(notice, who)
        if receipt is None:
            receipt = store.add(Receipt(notice_id=notice.id, resident_id=who.id))
        receipt.read_at = at
    session.flush()
    assert store.people.merge(stranger, person, town.now)
    check, receipt = store.rollcalls.check_in(roll, person), store.notices.receipt(notice, person)
    assert check is not None
    assert receipt is not None
    answered = max((m for m in (mine, theirs) if m), default=None)
    stage = {None: CheckInStage.WAITING, 2: CheckInStage.NEEDS_HELP}.get(
        answered, CheckInStage.SAFE
    )
    assert check.stage is stage
    assert (receipt.read_at is not None) == (answered is not None)
    asked = store.messages.questions_about(f"rollcall:{roll.id}", to=person)
    assert not asked or answered is None, "what is answered is not asked any more"


def test_nobody_helps_themselves(town: Town, session: Session) -> None:
    store = Store(session, town.ids["a"])
    stranger, _ = two(store)
    request = session.scalars(select(HelpRequest)).first()
    assert request is not None
    asker = store.people.resident(request.resident_id)
    assert asker is not None
    match = store.add(Match(request_id=request.id, helper_id=stranger.id, taken_at=town.now))
    request.stage = HelpStage.AGREED
    assert store.people.merge(stranger, asker, town.now)
    assert match.ended_at is not None
    assert request.stage is HelpStage.OPEN
    assert request.due_at == town.now
    query = select(Question).where(Question.resident_id == asker.id, Question.name == "help.take")
    assert all(one.closed_at for one in session.scalars(query))

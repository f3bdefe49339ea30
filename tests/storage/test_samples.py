"""Samples: the newest only, each community its own; and which names stand in a text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from nlp import Ear
from storage import Store
from storage.models import Community, Resident, Source
from storage.store import samples
from storage.store.erasing import erase_records
from storage.unit_of_work import UnitOfWork
from tests.town import MONDAY, Town


@pytest.fixture
def session(one_ear: Ear) -> Iterator[Session]:
    town = Town(one_ear, ("a", "b"))
    made = UnitOfWork(town.database.writer)
    yield made
    made.rollback()
    made.close()


def stores(session: Session) -> tuple[Store, Store]:
    ours, theirs = session.query(Community).order_by(Community.id)
    return Store(session, ours.id), Store(session, theirs.id)


def keep(store: Store, *texts: str) -> None:
    for text in texts:
        store.samples.keep(
            text=text, intent="appeal", about="water", source=Source.CLARIFIED, at=MONDAY
        )


def test_a_sample_comes_back_as_it_was_kept(session: Session) -> None:
    store, _ = stores(session)
    keep(store, "停水了")
    session.expire_all()
    (row,) = store.samples.all()
    assert (row.text, row.intent, row.about) == ("停水了", "appeal", "water")
    assert (row.source, row.at) == (Source.CLARIFIED, MONDAY)


def test_long_texts_are_cut(session: Session) -> None:
    store, _ = stores(session)
    keep(store, "水" * 500)
    assert len(store.samples.all()[0].text) == 300


def test_only_the_newest_stay(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "MOST", 3)
    monkeypatch.setattr(samples, "OFTEN", 1)
    ours, theirs = stores(session)
    keep(theirs, "a", "b")
    keep(ours, *"12345")
    keep(theirs, "c")
    assert [row.text for row in ours.samples.all()] == ["3", "4", "5"]
    assert [row.text for row in theirs.samples.all()] == ["a", "b", "c"]


def test_the_limit_is_twenty_thousand() -> None:
    assert samples.MOST == 20_000


def test_samples_go_with_a_communitys_records(session: Session) -> None:
    ours, theirs = stores(session)
    keep(ours, "停水了")
    keep(theirs, "停电了")
    erase_records(session, session.get_one(Community, ours.community_id))
    session.expire_all()
    assert ours.samples.all() == []
    assert len(theirs.samples.all()) == 1


def someone(store: Store, name: str) -> None:
    store.add(
        Resident(community_id=store.community_id, name=name, created_at=MONDAY - timedelta(days=1))
    )


def test_names_that_stand_in_a_text(session: Session) -> None:
    ours, theirs = stores(session)
    someone(ours, "100%的猫_")
    someone(ours, "")
    someone(theirs, "顾大力")
    assert ours.people.names_in("王阿姨说小李和顾大力都在3栋") == ["小李", "王阿姨"]
    assert ours.people.names_in("100%的猫_来了") == ["100%的猫_"]
    assert ours.people.names_in("1000只猫来了，没有别人") == []
    assert ours.people.names_in("") == []


def test_names_of_places_are_none(session: Session) -> None:
    ours, _ = stores(session)
    someone(ours, "东苑")
    someone(ours, "西苑老王")
    assert ours.people.names_in("东苑的西苑老王") == ["西苑老王"]


def test_a_name_used_on_a_platform_counts(session: Session) -> None:
    ours, _ = stores(session)
    person = ours.people.in_file("王阿姨")
    assert person is not None
    person.name = "王秀英"
    assert ours.people.names_in("王秀英就是王阿姨") == ["王秀英", "王阿姨"]

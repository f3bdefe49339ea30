"""Loading a community file: changes what it names, deletes nothing, and again is no change."""

from __future__ import annotations

import copy
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import Database, Store
from storage.community_file import BadCommunity, parse
from storage.models import Community, Role
from storage.store.loading import communities, load_community, settings_of
from tests.town import rows_of

EXAMPLE = Path(__file__).parents[2] / "communities" / "example.toml"
RAW = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def raw() -> dict[str, Any]:
    return copy.deepcopy(RAW)


def load(database: Database, file: dict[str, Any], *, later: int = 0) -> int:
    with database.write() as session:
        return load_community(session, parse(file), NOW + timedelta(hours=later)).id


def everything(database: Database, ident: int) -> dict[str, list[Any]]:
    with database.read() as session:
        return rows_of(session, ident)


def test_loading_twice_changes_nothing(database: Database) -> None:
    ident = load(database, raw())
    before = everything(database, ident)
    assert len(before["resident"]) == len(RAW["people"])
    assert load(database, raw(), later=5) == ident
    assert everything(database, ident) == before


def test_a_stored_file_reads_as_it_was_loaded(database: Database) -> None:
    load(database, raw())
    with database.read() as session:
        found = settings_of(communities(session)[0])
    assert found == parse(raw())


def test_a_role_is_changed_and_the_person_stays(database: Database) -> None:
    ident = load(database, raw())
    with database.read() as session:
        before = Store(session, ident).people.in_file("赵叔")
    changed = raw()
    for person in changed["people"]:
        if person["name"] == "赵叔":
            person |= {"role": "worker", "place": "2片区"}
    load(database, changed)
    with database.read() as session:
        store = Store(session, ident)
        after, place = store.people.in_file("赵叔"), store.people.place_named("2片区")
    assert before is not None
    assert after is not None
    assert place is not None
    assert (after.id, after.role, after.role_place_id) == (before.id, Role.WORKER, place.id)
    assert after.home_id == before.home_id  # where he lives has not changed


def test_what_is_not_named_any_more_stays(database: Database) -> None:
    ident = load(database, raw())
    before = everything(database, ident)
    smaller = raw()
    smaller["people"] = [p for p in smaller["people"] if p["name"] in ("张主任", "小李", "小陈")]
    smaller["places"] = smaller["places"][:1]
    smaller["channels"][0]["groups"] = []
    load(database, smaller)
    after = everything(database, ident)
    for table in ("resident", "place", "chat", "channel"):
        assert len(after[table]) == len(before[table]), table


def test_new_places_people_and_groups_come_in(database: Database) -> None:
    ident = load(database, raw())
    bigger = raw()
    bigger["places"][0]["children"].append({"name": "9片区", "children": ["99栋"]})
    bigger["people"].append({"name": "新来的", "place": "99栋", "room": "101"})
    bigger["channels"][0]["groups"].append({"name": "99栋群", "place": "99栋"})
    load(database, bigger)
    with database.read() as session:
        store = Store(session, ident)
        place, person = store.people.place_named("99栋"), store.people.in_file("新来的")
        group = store.messages.group_named("web", "99栋群")
        assert place is not None
        assert person is not None
        assert group is not None
        assert person.home_id == group.place_id == place.id
        assert [p.name for p in store.people.above(place)][:3] == ["99栋", "9片区", "东苑"]


def test_a_channel_of_another_community_is_refused_and_nothing_is_loaded(
    database: Database,
) -> None:
    load(database, raw())
    other = raw() | {"slug": "other", "name": "别处"}
    with pytest.raises(BadCommunity, match="web"):
        load(database, other)
    with database.read() as session:
        assert [c.slug for c in communities(session)] == ["xingfuli"]


def test_a_name_is_changed_with_its_root_place(database: Database) -> None:
    ident = load(database, raw())
    load(database, raw() | {"name": "如意里社区"})
    with database.read() as session:
        assert session.get_one(Community, ident).name == "如意里社区"
        assert Store(session, ident).people.root.name == "如意里社区"


QW: dict[str, Any] = {
    "id": "qw",
    "platform": "wecom",
    "robots": [{"name": "工作群", "key": "k", "place": "1片区"}],
    "senders": [{"name": "小李", "userid": "xiaoli"}],
}


def posts(database: Database, ident: int) -> list[tuple[Any, ...]]:
    with database.read() as session:
        store = Store(session, ident)
        found = [chat for chat in store.messages.groups() if chat.post_only]
        places = {place.id: place.name for place in store.people.places}
        return [(c.external_id, c.name, places.get(c.place_id or 0), c.quota) for c in found]


def test_robots_and_senders_are_groups_to_post_to(database: Database) -> None:
    file = raw()
    file["channels"].append(QW)
    ident = load(database, file)
    expected = [
        ("robot:工作群", "工作群", "1片区", None),
        ("draft:xiaoli", "小李的客户群", None, "1/day"),
    ]
    assert posts(database, ident) == expected
    before = everything(database, ident)
    load(database, file, later=5)
    assert everything(database, ident) == before


def test_a_robot_with_a_new_key_is_tried_again(database: Database) -> None:
    file = raw()
    file["channels"].append(QW)
    ident = load(database, file)
    with database.write() as session:
        for chat in Store(session, ident).messages.groups():
            chat.gone = chat.post_only
    assert posts(database, ident) == []
    load(database, file)
    assert len(posts(database, ident)) == 2

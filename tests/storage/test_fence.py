"""The fence: two communities in one transaction, and nothing of the other ever comes back.

Every method of every Store class is found by looking, and given arguments by its annotations;
a new question is tested from the moment it is written.
"""

from __future__ import annotations

import inspect
import itertools
import typing
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from nlp import Ear
from storage import Store
from storage.models import (
    CheckInStage,
    Conversation,
    Credential,
    Entity,
    Outbound,
    Question,
    Role,
    Source,
    Stage,
)
from storage.store.base import Questions
from storage.unit_of_work import UnitOfWork
from tests.town import PARENTS, Town, belonging, rich, rows_of

CHANGES = {  # these change something; they are tried on their own below
    "add",
    "next_number",
    "wake",
    "put",
    "take_back",
    "forget",
    "give_credential",
    "forget_credentials",
    "merge",
    "hand_over",
    "forget_words",
    "Messages.open",
    "Messages.stand",
    "Samples.keep",
    "RollCalls.give_up_waiting",
    "Attachments.erase_of",
}
PLUMBING = {"ours", "one", "beneath", "held", "born", "is_new"}


@pytest.fixture(scope="module")
def town(one_ear: Ear) -> Town:
    made = Town(one_ear, ("a", "b"))
    rich(made, "a")
    rich(made, "b")
    assert made.errors() == []
    return made


@pytest.fixture
def session(town: Town) -> Iterator[Session]:
    """A transaction that may do anything and is undone afterwards."""
    made = UnitOfWork(town.database.writer)
    yield made
    made.rollback()
    made.close()


def matters(store: Store) -> Iterator[tuple[str, Questions]]:
    """store.people, store.appeals … by name."""
    for name in dir(type(store)):
        if not name.startswith("_") and isinstance(getattr(store, name, None), Questions):
            yield name, getattr(store, name)
    yield "people", store.people


METHODS = sorted(
    {
        (kind.__name__, name)
        for kind in Questions.__subclasses__()
        for name, found in inspect.getmembers(kind)
        if not name.startswith("_")
        and name not in PLUMBING
        and (inspect.isfunction(found) or isinstance(found, property))
    }
)
ASKING = [(kind, name) for kind, name in METHODS if not {name, f"{kind}.{name}"} & CHANGES]


def questions(store: Store, kind: str) -> Questions:
    return next(one for _, one in matters(store) if type(one).__name__ == kind)


def values(annotation: Any, session: Session, community_id: int, now: datetime) -> list[Any]:
    """Values of a community for a parameter of this type."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return [v for kind in kinds for v in values(kind, session, community_id, now)]
    if origin is not None and issubclass(origin, Iterable):
        inner = values(get_args(annotation)[0], session, community_id, now)
        return [inner, []]
    if annotation is bool:
        return [True, False]
    if annotation is int:
        return [*range(0, 150), 10**9]
    if annotation is datetime:
        return [now - timedelta(days=30), now, now + timedelta(days=30)]
    if annotation is Role:
        return list(Role)
    if annotation in (CheckInStage, Stage, Source):
        return list(annotation)
    if annotation is str:
        return words(session, community_id)
    if isinstance(annotation, type) and issubclass(annotation, Entity):
        mine = belonging(annotation.__table__, community_id)  # type: ignore[arg-type]
        return list(session.scalars(select(annotation).where(mine).limit(25)))
    if annotation is inspect.Parameter.empty or annotation is Any:
        return [None]
    raise AssertionError(f"say what to give for {annotation!r}")


def words(session: Session, community_id: int) -> list[str]:
    """Strings that name something of a community: ids, keys, names, "appeal:1"."""
    tables = Entity.metadata.tables
    found = []
    for table, column in (
        ("channel", "id"),
        ("chat", "external_id"),
        ("chat", "name"),
        ("place", "name"),
        ("resident", "name"),
        ("identity", "external_id"),
        ("outbound", "about"),
        ("outbound", "external_id"),
        ("clock", "about"),
        ("duty", "name"),
        ("question", "about"),
        ("media", "reference"),
    ):
        query = select(tables[table].c[column]).where(belonging(tables[table], community_id))
        found += [str(v) for v in session.scalars(query.distinct().limit(6)) if v]
    return [*dict.fromkeys(found), "invite", "login", "3", ""]


def calls(
    asked: Any, session: Session, community_id: int, now: datetime
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Argument lists for a question: each value of each parameter, and some mixtures."""
    hints = typing.get_type_hints(asked)
    choices: list[tuple[inspect.Parameter, list[Any]]] = []
    for name, parameter in inspect.signature(asked).parameters.items():
        given = (
            list(Stage)
            if name == "stage"
            else values(hints.get(name, Any), session, community_id, now)
        )
        if parameter.default is not inspect.Parameter.empty:
            given = [parameter.default, *given]
        choices.append((parameter, given))
    lists = [given for _, given in choices]
    count = 1
    for given in lists:
        count *= max(1, len(given))
    mixed: Iterable[tuple[Any, ...]] = itertools.product(*lists)
    if count > 3000:
        mixed = itertools.islice(zip(*map(itertools.cycle, lists), strict=True), 1500)
    for row in mixed:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for (parameter, _), value in zip(choices, row, strict=True):
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                kwargs[parameter.name] = value
            elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                args += [value] if value is not None else []
            else:
                args.append(value)
        yield args, kwargs


def entities(value: Any) -> Iterator[Entity]:
    """The rows in an answer, however wrapped."""
    if isinstance(value, Entity):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from entities(pair)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for one in value:
            yield from entities(one)


def owner(session: Session, row: Entity) -> int:
    if hasattr(row, "community_id"):
        return int(row.community_id)
    column, parent = PARENTS[row.__tablename__]
    above = Entity.metadata.tables[parent]
    found = session.scalar(select(above.c.community_id).where(above.c.id == getattr(row, column)))
    assert found is not None
    return int(found)


def answer(asked: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
    found = asked(*args, **kwargs)
    return list(found) if isinstance(found, Iterator) else found


def test_there_is_something_to_test(town: Town) -> None:
    assert len(ASKING) >= 60
    with town.database.read() as session:
        for slug in ("a", "b"):
            rows = rows_of(session, town.ids[slug])
            empty = {table for table, found in rows.items() if not found}
            assert empty <= {"grant", "lease"}


@pytest.mark.parametrize(("kind", "name"), ASKING)
def test_no_question_gives_a_row_of_the_other_community(
    town: Town, session: Session, kind: str, name: str
) -> None:
    """Asked with everything the other community has: its rows, ids, keys and names."""
    ours, theirs = town.ids["a"], town.ids["b"]
    store = Store(session, ours)
    holder = questions(store, kind)
    asked = getattr(type(holder), name)
    if isinstance(asked, property):
        found = getattr(holder, name)
        assert {owner(session, row) for row in entities(found)} <= {ours}
        return
    for args, kwargs in calls(getattr(holder, name), session, theirs, town.now):
        found = answer(getattr(holder, name), args, kwargs)
        strangers = {owner(session, row) for row in entities(found)} - {ours}
        # A place handed in is a place handed back: above(place) walks what it was given.
        given = {id(row) for row in entities([args, kwargs])}
        back = [row for row in entities(found) if id(row) not in given]
        assert not strangers or not {owner(session, row) for row in back} - {ours}, (args, found)


COUNTING = [
    (kind, name) for kind, name in ASKING if name not in ("channel", "chat", "place", "resident")
]


@pytest.mark.parametrize(("kind", "name"), COUNTING)
def test_every_answer_is_the_same_without_the_other_community(
    town: Town, session: Session, kind: str, name: str
) -> None:
    """Counts and sums too: everything of the other is deleted, and nothing we ask changes."""
    ours = town.ids["a"]

    def ask() -> list[str]:
        store = Store(session, ours)
        holder = questions(store, kind)
        if isinstance(getattr(type(holder), name), property):
            return [repr(getattr(holder, name))]
        asked = getattr(holder, name)
        found = []
        for args, kwargs in itertools.islice(calls(asked, session, ours, town.now), 60):
            found.append(repr(answer(asked, args, kwargs)))
        return found

    before = ask()
    erase(session, town.ids["b"])
    session.expunge_all()
    assert ask() == before


@pytest.mark.parametrize(("kind", "name"), ASKING)
def test_foreign_rows_count_for_nothing(town: Town, session: Session, kind: str, name: str) -> None:
    """A question about somebody else's row has an empty answer, not a count of theirs."""
    holder = questions(Store(session, town.ids["a"]), kind)
    asked = getattr(holder, name)
    if isinstance(getattr(type(holder), name), property):
        return
    hints = typing.get_type_hints(asked)
    required = [
        name
        for name, p in inspect.signature(asked).parameters.items()
        if p.default is inspect.Parameter.empty
        and isinstance(hints.get(name), type)
        and issubclass(hints[name], Entity)
    ]
    if not required or name in ("above", "within"):  # these only walk what they are given
        return
    for args, kwargs in calls(asked, session, town.ids["b"], town.now):
        found = answer(asked, args, kwargs)
        assert not found or found == (0, 0), (args, found)


def erase(session: Session, community_id: int) -> None:
    session.execute(text("PRAGMA defer_foreign_keys=ON"))
    for child in PARENTS:
        table = Entity.metadata.tables[child]
        session.execute(delete(table).where(belonging(table, community_id)))
    for table in reversed(Entity.metadata.sorted_tables):
        if table.name not in PARENTS:
            session.execute(delete(table).where(belonging(table, community_id)))


# What changes something


CHANGING = [
    (kind, name)
    for kind, name in METHODS
    if {name, f"{kind}.{name}"} & CHANGES - {"add", "Messages.open", "give_credential"}
]


@pytest.mark.parametrize(("kind", "name"), CHANGING)
def test_changes_touch_nothing_of_the_other(
    town: Town, session: Session, kind: str, name: str
) -> None:
    """Tried with the other's rows, ids and names, and with our own."""
    before = rows_of(session, town.ids["b"])
    changing = getattr(questions(Store(session, town.ids["a"]), kind), name)
    for whose in ("b", "a"):
        found = calls(changing, session, town.ids[whose], town.now)
        for args, kwargs in itertools.islice(found, 60):
            changing(*args, **kwargs)
    session.expire_all()
    assert rows_of(session, town.ids["b"]) == before


def test_every_changing_method_still_exists() -> None:
    known = {n for kind, name in METHODS for n in (name, f"{kind}.{name}")}
    assert CHANGES - known == set()


# Foreign ids in whatever a person can send


@pytest.fixture(scope="module")
def mixed(one_ear: Ear) -> Town:
    made = Town(one_ear, ("a", "b"))
    rich(made, "b")
    for _ in range(3):  # so that b has numbers which a has not
        made.say("b", "王阿姨", "路灯坏了，在3栋")
        made.say("b", "王阿姨", "1")
    return made


def theirs(town: Town) -> dict[str, list[Any]]:
    with town.database.read() as session:
        return rows_of(session, town.ids["b"])


def ids(town: Town, kind: Any) -> Sequence[Any]:
    with town.database.read() as session:
        mine = belonging(kind.__table__, town.ids["b"])
        return session.scalars(select(kind).where(mine)).all()


SPENT = "按钮"


def test_foreign_buttons_do_nothing(mixed: Town) -> None:
    before = theirs(mixed)
    pressed = [f"q{q.id}={n}" for q in ids(mixed, Question) for n in (1, 2)]
    pressed += [f"c{c.id}.{c.step}={n}" for c in ids(mixed, Conversation) for n in (1, 2)]
    assert len(pressed) > 20
    for who in ("王阿姨", "小李"):
        for choice in pressed:
            said = mixed.say("a", who, kind="choice", choice=choice)
            assert len(said) == 1, (choice, said)
    assert theirs(mixed) == before
    assert mixed.errors() == []


@pytest.mark.parametrize(
    "command",
    ["受理 {}", "回复 {} 明天来修", "办结 {} 好了", "转交 {} 小陈", "{} 改成 停车", "{} 这是求助"],
)
def test_foreign_numbers_are_unknown(mixed: Town, command: str) -> None:
    before = theirs(mixed)
    said = mixed.say("a", "小李", command.format(3))
    assert len(said) == 1
    assert "3" in said[0].text
    assert theirs(mixed) == before


def test_replies_to_foreign_messages_reach_nobody(mixed: Town) -> None:
    with mixed.database.write() as session:
        for row in session.scalars(select(Outbound)):
            row.external_id = f"m{row.id}"
    before = theirs(mixed)
    for row in ids(mixed, Outbound)[:60]:
        assert mixed.say("a", "小李", "明天来修", reply_to=row.external_id)
        mixed.say("a", "小李", "取消")
    assert theirs(mixed) == before
    assert mixed.errors() == []


@pytest.mark.parametrize("kind", ["invite", "link"])
def test_a_code_of_another_community_binds_nobody(mixed: Town, kind: str) -> None:
    code, who = f"HY-{kind.upper()[:4]}-BBBB", f"somebody with a {kind}"
    with mixed.database.write() as session:
        store = Store(session, mixed.ids["b"])
        chief = store.people.in_file("张主任")
        assert chief is not None
        store.people.give_credential(
            kind, code.replace("-", ""), chief, mixed.now + timedelta(days=7)
        )
    said = mixed.say("a", who, code)
    assert said
    assert not any("张主任" in one.text for one in said)
    used = [c.used_at for c in ids(mixed, Credential) if c.kind == kind]
    assert used == [None]
    said = mixed.say("b", who, code)
    assert any("张主任" in one.text for one in said)
    assert [c.used_at is None for c in ids(mixed, Credential) if c.kind == kind] == [False]


def test_the_same_key_in_two_communities_is_two_people(mixed: Town) -> None:
    mixed.say("a", "陌生人", "你好")
    mixed.say("b", "陌生人", "你好")
    with mixed.database.read() as session:
        found = [
            Store(session, mixed.ids[slug]).people.identity(f"web-{slug}", "陌生人")
            for slug in ("a", "b")
        ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].resident_id != found[1].resident_id

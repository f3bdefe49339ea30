"""A Session that writes late and reads ahead, for one transaction of one writer.

Rows get their ids when they are added and reach the database many at a time, since a turn that
flushes whenever it needs an id costs several round trips. For the same reason what a batch of
turns will ask for is read at once (`held`) and kept together with what is added since.
Whatever may change the database is counted, so that nobody must flush to find out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import Integer, Select, event, func, inspect, select, text
from sqlalchemy.orm import Session

from storage.models.base import Entity

SEQUENCE = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :n)")
AUTOINCREMENT = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
AHEAD = 20  # ids taken from a PostgreSQL sequence in one look

Row = TypeVar("Row", bound=Entity)
Ids = dict[type[Entity], Iterator[int]]


@dataclass(frozen=True)
class Ahead(Generic[Row]):
    """Rows of a kind that hang on another by their column `by`: how many ask for them at once.

    The query leaves "community" and "keys" open. `watch` are the attributes whose change may
    bring a row among them that the query did not find.
    """

    kind: type[Row]
    by: str
    of: type[Entity]
    query: Select[Row]
    watch: tuple[str, ...] = ()


@dataclass
class _Kept:
    seen: list[int]
    rows: dict[int, list[Any]]


class UnitOfWork(Session):
    _numbered: ClassVar[dict[type[Entity], bool]] = {}
    _usual: ClassVar[dict[type[Entity], list[tuple[str, Any]]]] = {}

    def __init__(self, bind: Any = None, ids: Ids | None = None, **named: Any) -> None:
        """`ids` may outlive the transaction where nobody else gives any."""
        super().__init__(bind, **{"expire_on_commit": False, **named})
        self._ids: Ids = {} if ids is None else ids
        self._born: dict[type[Entity], dict[int, Any]] = {}
        self._ahead: dict[type[Entity], _Kept] = {}
        self._expected: dict[type[Entity], set[int]] = {}

    # Changing

    def changes(self, what: object = Entity) -> int:
        """Rises with whatever may change the database; or with each setting of one attribute,
        named (kind, attribute). Entity counts those itself.
        """
        found: int = self.info.get(what, 0)
        return found

    def _changed(self) -> None:
        self.info[Entity] = self.info.get(Entity, 0) + 1

    def add(self, instance: Any, **named: Any) -> None:
        """Keeps a new row, which has its id from now on."""
        for name, value in self._defaults(type(instance)):  # else they came with the insert only
            if name not in instance.__dict__:
                setattr(instance, name, value() if callable(value) else value)
        super().add(instance, **named)
        self._changed()
        if not self._is_numbered(type(instance)):
            return
        if instance.id is None:
            instance.id = self._next(type(instance))
        self._born.setdefault(type(instance), {})[instance.id] = instance

    def delete(self, instance: object) -> None:
        """Takes a row away, also one that never reached the database."""
        self._changed()
        if inspect(instance).pending:
            self.expunge(instance)
        else:
            super().delete(instance)

    def execute(self, statement: Any, *args: Any, **named: Any) -> Any:
        if not statement.is_select:
            self.flush()
            self.forget_ahead()
            self._forget_ids(statement)
            self._changed()
        return super().execute(statement, *args, **named)

    def _forget_ids(self, statement: Any) -> None:
        """A statement that inserts gives ids itself."""
        if statement.is_insert:
            mine = [kind for kind in self._ids if kind.__tablename__ == statement.table.name]
            for kind in mine:
                del self._ids[kind]
        elif not (statement.is_update or statement.is_delete):
            self.forget_ids()

    def forget_ids(self) -> None:
        """What was given is taken back, or somebody else gives some."""
        self._ids.clear()

    # Reading

    def is_there(self, row: Entity) -> bool:
        """Whether a row is, or will be, in the database: not deleted, not taken back."""
        state = inspect(row)
        return state.pending or (state.persistent and row not in self.deleted)

    def born(self, kind: type[Row]) -> list[Row]:
        """Rows of a kind that were added in this transaction, in order."""
        return [row for row in self._born.get(kind, {}).values() if self.is_there(row)]

    def pending(self, kind: type[Row], ident: object) -> Row | None:
        """A row by id that was added and is not in the database yet."""
        row: Row | None = self._born.get(kind, {}).get(ident)  # type: ignore[call-overload]
        return row if row is not None and inspect(row).pending else None

    def is_born(self, kind: type[Entity], ident: object) -> bool:
        """Whether a row was added in this transaction: nothing older can point to it."""
        return ident in self._born.get(kind, {})

    def expect(self, kind: type[Entity], idents: Iterable[int]) -> None:
        """Says whose rows will be asked for: they are read at once when the first is."""
        self._expected.setdefault(kind, set()).update(idents)

    def held(self, ahead: Ahead[Row], community_id: int, key: int) -> list[Row]:
        """The rows that hang on `key` as they stand in this transaction, by id."""
        if ahead.kind not in self._ahead or self._ahead[ahead.kind].seen != self._seen(ahead):
            self.flush()
            self._ahead[ahead.kind] = _Kept(self._seen(ahead), {})
        kept = self._ahead[ahead.kind].rows
        if key not in kept:
            self._read_ahead(ahead, community_id, key, kept)
        rows = [*kept[key], *self._born.get(ahead.kind, {}).values()]
        found = {row.id: row for row in rows if getattr(row, ahead.by) == key}
        return [found[ident] for ident in sorted(found) if self.is_there(found[ident])]

    def _read_ahead(
        self, ahead: Ahead[Any], community_id: int, key: int, kept: dict[int, list[Any]]
    ) -> None:
        if self.is_born(ahead.of, key):  # nothing older hangs on it
            kept[key] = []
            return
        expected = self._expected.get(ahead.of, set())
        keys = [one for one in expected if one not in kept] if key in expected else [key]
        kept.update({one: [] for one in keys})
        with self.no_autoflush:  # what was added since is known
            for row in self.scalars(ahead.query, {"community": community_id, "keys": keys}):
                kept[getattr(row, ahead.by)].append(row)

    def _seen(self, ahead: Ahead[Any]) -> list[int]:
        """How often an attribute was set that may bring rows among these from elsewhere."""
        return [self.changes((ahead.kind, name)) for name in ahead.watch]

    def forget_ahead(self) -> None:
        """Reads again from now on."""
        self._ahead.clear()

    # New rows

    def _defaults(self, kind: type[Entity]) -> list[tuple[str, Any]]:
        """What a row of a kind has where nothing else is said: a value, or what makes one."""
        if kind not in self._usual:
            columns = [(one.key, one.columns[0].default) for one in inspect(kind).column_attrs]
            self._usual[kind] = [
                (key, partial(one.arg, None) if one.is_callable else one.arg)
                for key, one in columns
                if one is not None and (one.is_scalar or one.is_callable)
            ]
        return self._usual[kind]

    def _is_numbered(self, kind: type[Entity]) -> bool:
        if kind not in self._numbered:
            key = inspect(kind).primary_key
            whole = isinstance(key[0].type, Integer) and not key[0].foreign_keys
            self._numbered[kind] = len(key) == 1 and whole
        return self._numbered[kind]

    def _next(self, kind: type[Entity]) -> int:
        """An id no row of this kind has or had."""
        with self.no_autoflush:
            if kind not in self._ids:
                sqlite = self.get_bind().dialect.name == "sqlite"
                self._ids[kind] = self._counting(kind) if sqlite else self._sequence(kind)
            return next(self._ids[kind])

    def _counting(self, kind: type[Entity]) -> Iterator[int]:
        """SQLite: on from the last, since nobody else writes meanwhile."""
        table: Any = kind.__table__
        last = [self.scalar(select(func.max(table.c.id))), *self._born.get(kind, ())]
        if table.dialect_options["sqlite"]["autoincrement"]:
            last.append(self.scalar(AUTOINCREMENT, {"name": table.name}))
        return count(max(ident or 0 for ident in last) + 1)

    def _sequence(self, kind: type[Entity]) -> Iterator[int]:
        """PostgreSQL: some of the sequence, none kept beyond the commit, so that the ids of one
        community rise in the order of its commits."""
        name = f'"{kind.__table__.name}"'  # type: ignore[attr-defined]
        while True:
            found = self.scalars(SEQUENCE, {"name": name, "n": AHEAD})
            yield from sorted(found)


@event.listens_for(UnitOfWork, "after_soft_rollback")
def _taken_back(session: UnitOfWork, _transaction: object) -> None:
    session.forget_ahead()
    session.forget_ids()

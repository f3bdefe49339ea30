"""The fence: every question is asked within one community."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select, inspect, select

from storage.models import Entity
from storage.unit_of_work import Ahead, UnitOfWork

Row = TypeVar("Row", bound=Entity)


KINDS: dict[str, type[Entity]] = {
    mapper.local_table.name: mapper.class_  # type: ignore[attr-defined]
    for mapper in Entity.registry.mappers
}


class Questions:
    """Questions about one matter of one community."""

    def __init__(self, session: UnitOfWork, community_id: int) -> None:
        self.session = session
        self.community_id = community_id

    def ours(self, kind: type[Row]) -> Select[Row]:
        """All rows of a kind that belong to this community."""
        return select(kind).where(kind.community_id == self.community_id)  # type: ignore[attr-defined]

    def beneath(self, parent: type[Entity], *what: Any) -> Select[Any]:
        """A selection of what hangs on our rows of `parent`; the caller joins it to them."""
        return select(*what).where(parent.community_id == self.community_id)  # type: ignore[attr-defined]

    def one(self, kind: type[Row], ident: int | str | None) -> Row | None:
        """A row by id, if it is ours. `Session.get` would cross the fence."""
        if ident is None:
            return None
        known = self._known(kind, ident)
        if known is None:
            query = self.ours(kind).where(kind.id == ident)  # type: ignore[attr-defined]
            with self.session.no_autoflush:  # what is not written yet is known
                return self.session.scalars(query).one_or_none()
        ours = known.community_id == self.community_id  # type: ignore[attr-defined]
        return known if ours and known not in self.session.deleted else None

    def _known(self, kind: type[Row], ident: int | str) -> Row | None:
        """A row this transaction has read or made and holds as it is: no need to ask again."""
        key = kind.__mapper__.identity_key_from_primary_key((ident,))
        row: Row | None = self.session.identity_map.get(key)
        if row is None:
            row = self.session.pending(kind, ident)
        return None if row is None or inspect(row).expired else row

    def held(self, ahead: Ahead[Row], key: int) -> list[Row]:
        """Our rows that hang on something, read for many at once; see UnitOfWork.held."""
        return self.session.held(ahead, self.community_id, key)

    def born(self, kind: type[Row]) -> list[Row]:
        """Our rows of a kind that were added in this transaction."""
        rows = self.session.born(kind)
        return [row for row in rows if row.community_id == self.community_id]  # type: ignore[attr-defined]

    def is_new(self, about: str) -> bool:
        """Whether a thing ("appeal:17") was made in this transaction."""
        table, _, ident = about.partition(":")
        kind = KINDS.get(table)
        return kind is not None and ident.isdigit() and self.session.is_born(kind, int(ident))

    def add(self, row: Row) -> Row:
        """Keeps a new row and gives it its id."""
        self.session.add(row)
        return row

"""The fence: every question is asked within one community."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session

from storage.models import Entity

Row = TypeVar("Row", bound=Entity)


class Questions:
    """Questions about one matter of one community."""

    def __init__(self, session: Session, community_id: int) -> None:
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
        if known is not None:
            return known if known.community_id == self.community_id else None  # type: ignore[attr-defined]
        return self.session.scalars(self.ours(kind).where(kind.id == ident)).one_or_none()  # type: ignore[attr-defined]

    def _known(self, kind: type[Row], ident: int | str) -> Row | None:
        """A row this transaction has read and still holds as it is: no need to ask again."""
        key = kind.__mapper__.identity_key_from_primary_key((ident,))
        row: Row | None = self.session.identity_map.get(key)
        if row is None or inspect(row).expired or row in self.session.deleted:
            return None
        return row

    def add(self, row: Row) -> Row:
        """Keeps a new row and gives it its id."""
        self.session.add(row)
        self.session.flush()
        return row

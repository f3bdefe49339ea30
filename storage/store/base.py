"""The fence: every question is asked within one community."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Select, select
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

    def one(self, kind: type[Row], ident: int | str | None) -> Row | None:
        """A row by id, if it is ours. `Session.get` would cross the fence."""
        if ident is None:
            return None
        return self.session.scalars(self.ours(kind).where(kind.id == ident)).one_or_none()  # type: ignore[attr-defined]

    def add(self, row: Row) -> Row:
        """Keeps a new row and gives it its id."""
        self.session.add(row)
        self.session.flush()
        return row

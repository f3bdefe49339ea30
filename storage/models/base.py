"""What every table shares: the registry, aware UTC times, typed JSON."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Enum, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    """Aware in, aware UTC out; SQLite itself keeps no zone. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Every number has 64 bits, as on SQLite anyhow: ids of messages outgrow 32.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")

# Stages and roles are kept as their words, so that a dump can be read and a new one added freely.
WORD = Enum(
    enum.Enum,
    native_enum=False,
    create_constraint=False,
    length=20,
    values_callable=lambda kind: [member.value for member in kind],
)


class Entity(DeclarativeBase):
    """The base of all rows."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: NUMBER,
        datetime: UtcTime,
        enum.Enum: WORD,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }

    def __setattr__(self, name: str, value: Any) -> None:
        """Counts as a change in the Session's own notes; see storage/unit_of_work.py."""
        object.__setattr__(self, name, value)
        state = self._sa_instance_state  # type: ignore[attr-defined]
        if state.session_id is not None:
            notes = state.session.info
            for what in (Entity, (type(self), name)):
                notes[what] = notes.get(what, 0) + 1

    def __repr__(self) -> str:
        # Never a text, name or number: rows end up in logs.
        return f"<{type(self).__name__} {getattr(self, 'id', '?')}>"


def parents_first() -> None:
    """Makes a flush insert rows before those that point to them.

    SQLAlchemy sorts by relationships, of which we have none, and else by this key.
    """
    order = {table.name: n for n, table in enumerate(Entity.metadata.sorted_tables)}
    for mapper in Entity.registry.mappers:
        mapper._sort_key = f"{order[str(mapper.local_table)]:03}"

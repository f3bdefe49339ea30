"""Leave to write to a chat, where a platform gives it by the message: kept, spent, taken back.

Not fenced by community: a channel belongs to one, and receipt and outbox work channel by channel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select
from sqlalchemy.orm import Session

from storage.models import Grant

TEMPLATE = "template"  # grants whose name begins so allow a message by template only


@dataclass(frozen=True)
class Leave:
    """Leave as an event brings it. `name` says what gave it: the same name replaces or adds up."""

    name: str = "message"
    until: datetime | None = None  # None: for good
    left: int | None = None  # sends; None: any number
    token: str = ""
    adds: bool = False  # to what is left under this name, as consents do


@dataclass(frozen=True)
class Spent:
    """One send's worth of a grant."""

    name: str
    token: str
    nth: int  # how many sends the grant has had, this one included
    template: bool


def live(chat_key: Any, channel_id: Any, now: Any) -> ColumnElement[bool]:
    """Whether a chat may be written to by some grant; of columns, values or parameters."""
    return exists().where(
        Grant.channel_id == channel_id,
        Grant.chat_key == chat_key,
        or_(Grant.until.is_(None), Grant.until > now),
        or_(Grant.left.is_(None), Grant.left > 0),
    )


def give(session: Session, channel_id: str, chat_key: str, leaves: Iterable[Leave]) -> None:
    """Keeps what an event brought; each name once a chat, the newest counts."""
    for leave in leaves:
        key = (channel_id, chat_key, leave.name)
        row = session.get(Grant, key)
        if row is None:
            row = Grant(channel_id=channel_id, chat_key=chat_key, name=leave.name, used=0)
            session.add(row)
        elif leave.adds and row.left is not None and leave.left is not None:
            row.left += leave.left
            continue
        row.until, row.left, row.token, row.used = leave.until, leave.left, leave.token, 0
    session.flush()


def best(session: Session, channel_id: str, chat_key: str, now: datetime) -> Grant | None:
    """The live grant that ends first, templates last; None when there is none."""
    rows = session.scalars(
        select(Grant).where(
            Grant.channel_id == channel_id,
            Grant.chat_key == chat_key,
            or_(Grant.until.is_(None), Grant.until > now),
            or_(Grant.left.is_(None), Grant.left > 0),
        )
    ).all()
    return min(rows, key=_soonest, default=None)


def _soonest(row: Grant) -> tuple[bool, bool, float]:
    ends = row.until.timestamp() if row.until is not None else 0.0
    return is_template(row), row.until is None, ends


def is_template(row: Grant) -> bool:
    return row.name.startswith(TEMPLATE)


def spend(row: Grant) -> Spent:
    """Takes one send from a live grant."""
    row.used += 1
    if row.left is not None:
        row.left -= 1
    return Spent(row.name, row.token, row.used, is_template(row))


def give_back(session: Session, channel_id: str, chat_key: str, name: str) -> None:
    """A send that was certainly not made costs nothing. `used` stays: no number is given twice."""
    row = session.get(Grant, (channel_id, chat_key, name))
    if row is not None and row.left is not None:
        row.left += 1


def void(session: Session, channel_id: str, chat_key: str) -> None:
    """The platform says there is no leave, whatever we counted. Consents to templates stay."""
    session.execute(
        delete(Grant)
        .where(
            Grant.channel_id == channel_id,
            Grant.chat_key == chat_key,
            Grant.name.not_like(f"{TEMPLATE}%"),
        )
        .execution_options(synchronize_session=False)
    )

"""Two records that turn out to be one person, and an identity that turns out to be another's.

Whatever names a resident is found by the foreign keys themselves, so that a new table is never
forgotten. Not fenced: `store.people` asks first whether both are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, UniqueConstraint, select, update
from sqlalchemy.orm import Session

from storage.models import (
    Appeal,
    Chat,
    CheckIn,
    Clock,
    Entity,
    HelpRequest,
    HelpStage,
    Identity,
    Incident,
    Match,
    Question,
    Receipt,
    Resident,
)

ANSWERED = {CheckIn: "answered_at", Receipt: "read_at", Match: "agreed_at"}
KEPT_WHERE_ASKED: tuple[Any, ...] = (
    Appeal,
    Clock,
    Incident,
)  # what remembers the chat it was said in
CLAIMS = ("home_id", "unit", "room")


@cache
def references() -> tuple[tuple[type[Entity], str], ...]:
    """Every column that names a resident, as its entity and attribute."""
    found = []
    for mapper in Entity.registry.mappers:
        for column in mapper.local_table.columns:
            if any(key.column is Resident.__table__.c.id for key in column.foreign_keys):
                found.append((mapper.class_, mapper.get_property_by_column(column).key))
    return tuple(sorted(found, key=lambda pair: (pair[0].__name__, pair[1])))


def merge(session: Session, stranger: Resident, into: Resident, now: datetime) -> None:
    """Gives everything of one resident to another; the first is gone afterwards."""
    settled: list[str] = []
    for kind, name in references():
        named = getattr(kind, name)
        for row in session.scalars(select(kind).where(named == stranger.id)).all():
            if _is_better(session, kind, name, row, into, settled):
                setattr(row, name, into.id)
    session.flush()
    _end_own_help(session, into, now)
    _close(session, into, settled, now)
    _take_claims(stranger, into)
    stranger.deleted_at = now
    stranger.name = ""
    stranger.home_id = stranger.unit = stranger.room = stranger.phone = None
    session.flush()


def _is_better(
    session: Session, kind: type[Entity], name: str, row: Any, into: Resident, settled: list[str]
) -> bool:
    """Where both have a row that there may be once only, the answered one stays, the later of two.

    False when `row` had to go. What an answer settled is added to `settled`.
    """
    for columns in _unique_with(kind, name):
        others = [column for column in columns if column.key != name]
        query = select(kind).where(getattr(kind, name) == into.id)
        for column in others:
            query = query.where(column == getattr(row, column.key))
        rival: Any = session.scalars(query).first()
        if rival is None:
            continue
        when = ANSWERED.get(kind, "")
        mine, theirs = getattr(row, when, None), getattr(rival, when, None)
        if mine or theirs:
            settled += [_about(column, row) for column in others]
        better = mine is not None and (theirs is None or mine > theirs)
        session.delete(rival if better else row)
        session.flush()  # before the other takes its place
        if not better:
            return False
    return True


def _unique_with(kind: type[Entity], name: str) -> Iterator[Sequence[Column[Any]]]:
    for constraint in kind.__table__.constraints:  # type: ignore[attr-defined]
        if isinstance(constraint, UniqueConstraint) and name in constraint.columns:
            yield list(constraint.columns)


def _about(column: Column[Any], row: Any) -> str:
    """What a question about the parent of a row is called: "rollcall:3"."""
    key = next(iter(column.foreign_keys))
    return f"{key.column.table.name}:{getattr(row, column.key)}"


def _end_own_help(session: Session, person: Resident, now: datetime) -> None:
    """Nobody helps themselves: such a match ends, and the request is open again."""
    query = (
        select(Match, HelpRequest)
        .join(HelpRequest, HelpRequest.id == Match.request_id)
        .where(Match.helper_id == person.id, HelpRequest.resident_id == person.id)
        .where(Match.ended_at.is_(None))
    )
    for match, request in session.execute(query):
        match.ended_at = now
        if request.stage in (HelpStage.TAKEN, HelpStage.AGREED):
            request.stage, request.due_at = HelpStage.OPEN, now
    own = session.scalars(select(HelpRequest.id).where(HelpRequest.resident_id == person.id))
    _close(session, person, [f"help_request:{ident}" for ident in own], now, name="help.take")


def _close(
    session: Session, person: Resident, abouts: list[str], now: datetime, *, name: str | None = None
) -> None:
    query = select(Question).where(
        Question.resident_id == person.id, Question.about.in_(abouts), Question.closed_at.is_(None)
    )
    if name is not None:
        query = query.where(Question.name == name)
    for question in session.scalars(query):
        question.closed_at = now


def _take_claims(stranger: Resident, into: Resident) -> None:
    """What was claimed counts only where nothing is known yet."""
    if into.home_id is None and stranger.home_id is not None and not into.is_staff:
        for name in CLAIMS:
            setattr(into, name, getattr(stranger, name))
        into.confirmed = stranger.confirmed
    into.phone = into.phone or stranger.phone
    into.language = into.language or stranger.language
    into.elder = into.elder or stranger.elder
    into.willing = into.willing or stranger.willing
    into.notices = into.notices and stranger.notices  # whoever wrote 退订 anywhere meant it


def hand_over(
    session: Session, identity: Identity, chats: Sequence[Chat], to: Resident, stays: Chat | None
) -> None:
    """Gives an identity and its chats to somebody else; what was said and done stays behind.

    Whatever remembers to have been said in one of these chats is answered in `stays` from now on.
    """
    for chat in chats:
        chat.resident_id, chat.undo, chat.greeted = to.id, None, False
        if stays is None:
            continue
        for kind in KEPT_WHERE_ASKED:
            session.execute(
                update(kind)
                .where(kind.chat_id == chat.id, kind.resident_id == identity.resident_id)
                .values(chat_id=stays.id)
            )
    identity.resident_id = to.id
    session.flush()

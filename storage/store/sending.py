"""What waits to be sent, and where it stands afterwards. Asked by the outbox only.

Not fenced by community: a channel belongs to one, and the outbox works channel by channel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Update, and_, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from storage.models import Channel, Chat, Entity, Outbound, Priority, Question, Sending
from storage.store import grants
from storage.store.falling_back import fall_back

PAGE = 50
CERTAIN = (Priority.DANGER, Priority.ROLLCALL)  # sent again rather than perhaps lost
CHUNK = 200  # rows without leave that are seen to at once


@dataclass(frozen=True)
class Waiting:
    """An Outbound in line, with its chat as the platform names it."""

    id: int
    chat_id: int
    chat: str
    group: bool
    priority: int
    text: str = ""
    choices: tuple[tuple[str, str, str], ...] = ()
    inline: bool = False
    sender: str = "bot"
    media: str | None = None
    attempts: int = 0
    not_before: datetime | None = None
    expires_at: datetime | None = None
    parts: str = ""  # platform ids of the pieces of a long text that have left, blank-separated
    created_at: datetime | None = None
    spent: grants.Spent | None = None  # the leave this send takes, where one is needed


COLUMNS = (  # named as Waiting's fields are
    Outbound.id,
    Outbound.chat_id,
    Chat.external_id.label("chat"),
    Chat.group,
    Outbound.priority,
    Outbound.text,
    Outbound.choices,
    Outbound.inline,
    Outbound.sender,
    Outbound.media,
    Outbound.attempts,
    Outbound.not_before,
    Outbound.expires_at,
    Outbound.external_id.label("parts"),
    Outbound.created_at,
)


@dataclass(frozen=True)
class Mark:
    """Where a row stands after a send. `gone`, `moved_to`, `void` are said of its chat.

    `refused`: the platform said no, so it was certainly not said and may be said elsewhere.
    """

    id: int
    chat_id: int
    status: Sending
    external_id: str | None = None
    error: str | None = None
    attempts: int = 0
    not_before: datetime | None = None
    sent_at: datetime | None = None
    gone: bool = False
    moved_to: str | None = None
    refused: bool = False
    perhaps: bool = False  # it may have arrived
    back: str = ""  # the grant whose leave was not used after all
    void: bool = False  # there is no leave to write to it, whatever we counted


def _change(kind: type[Entity]) -> Update:
    # No rows are held as objects while these run, so there is nothing to keep in step.
    return update(kind).execution_options(synchronize_session=False)


def in_line(
    session: Session, channel_id: str, now: datetime, skip: Collection[int], *, leave: bool = False
) -> Iterator[Waiting]:
    """Queued rows of a channel, the urgent first, without the chats in `skip`.

    With `leave` only what there is leave to say now. `skip` may grow while the rows are read. A
    row that was tried and waits keeps its place in line; one that is not due and was never tried
    is not in line yet.
    """
    after: tuple[int, int] | None = None
    while True:
        query = (
            select(*COLUMNS)
            .join(Chat, Chat.id == Outbound.chat_id)
            .where(
                Outbound.status == Sending.QUEUED,
                Outbound.channel_id == channel_id,
                or_(
                    Outbound.not_before.is_(None), Outbound.not_before <= now, Outbound.attempts > 0
                ),
            )
        )
        if leave:
            query = query.where(
                or_(Chat.post_only, grants.live(Chat.external_id, Chat.channel_id, now))
            )
        if after is not None:
            query = query.where(tuple_(Outbound.priority, Outbound.id) > after)
        if skip:
            query = query.where(Outbound.chat_id.not_in(sorted(skip)[:500]))
        page = session.execute(query.order_by(Outbound.priority, Outbound.id).limit(PAGE)).all()
        for row in page:
            if row.chat_id not in skip:
                yield _waiting(row)
        if len(page) < PAGE:
            return
        after = (page[-1].priority, page[-1].id)


def waiting_rows(session: Session, *which: ColumnElement[bool]) -> list[Waiting]:
    """Rows of a chat as the outbox takes them, oldest first."""
    query = select(*COLUMNS).join(Chat, Chat.id == Outbound.chat_id).where(*which)
    return [_waiting(row) for row in session.execute(query.order_by(Outbound.id))]


def _waiting(row: Row[Any]) -> Waiting:
    values = row._asdict()
    values["choices"] = tuple((c[0], c[1], c[2]) for c in values["choices"] or ())
    values["parts"] = values["parts"] or ""
    return Waiting(**values)


def next_due(session: Session, channel_id: str, now: datetime) -> datetime | None:
    """When the next row of a channel that is not due now comes due."""
    return session.scalar(
        select(func.min(Outbound.not_before)).where(
            Outbound.status == Sending.QUEUED,
            Outbound.channel_id == channel_id,
            Outbound.not_before > now,
        )
    )


def begin(session: Session, rows: Collection[int]) -> None:
    """Marks rows as being sent; from this commit on a crash leaves them unknown."""
    if rows:
        session.execute(
            _change(Outbound)
            .where(Outbound.id.in_(rows), Outbound.status == Sending.QUEUED)
            .values(status=Sending.SENDING, attempts=Outbound.attempts + 1)
        )


def take_leave(session: Session, channel_id: str, row: Waiting, now: datetime) -> Waiting | None:
    """A row with the leave its send spends; None when it goes to another channel instead.

    A template says little: whoever can be told in full elsewhere is told there.
    """
    grant = grants.best(session, channel_id, row.chat, now)
    if grant is None:  # a chat that only takes posts needs none
        return row
    if grants.is_template(grant) and fall_back(session, row.id, now):
        return None
    return replace(row, spent=grants.spend(grant))


def strand(session: Session, channel_id: str, now: datetime) -> bool:
    """Sees to queued rows that nothing gives leave to say: they go to another channel of their
    resident, or wait until the chat writes. Whether there may be more of them."""
    rows = session.execute(
        select(Outbound.id)
        .join(Chat, Chat.id == Outbound.chat_id)
        .where(
            Outbound.status == Sending.QUEUED,
            Outbound.channel_id == channel_id,
            or_(Outbound.not_before.is_(None), Outbound.not_before <= now),
            Chat.post_only.is_(False),
            ~grants.live(Chat.external_id, Chat.channel_id, now),
        )
        .order_by(Outbound.id)
        .limit(CHUNK)
    ).all()
    for (ident,) in rows:
        if not fall_back(session, ident, now):
            session.execute(
                _change(Outbound).where(Outbound.id == ident).values(status=Sending.WAITING)
            )
    return len(rows) == CHUNK


def note_caps(session: Session, initiate: Mapping[str, str]) -> None:
    """Writes down of each channel whether it may be written to at any time (Caps.initiate)."""
    for channel_id, how in initiate.items():
        session.execute(_change(Channel).where(Channel.id == channel_id).values(initiate=how))


def drop(session: Session, rows: Collection[int]) -> None:
    """Drops queued rows whose time is over."""
    if rows:
        session.execute(
            _change(Outbound)
            .where(Outbound.id.in_(rows), Outbound.status == Sending.QUEUED)
            .values(status=Sending.DROPPED, error="expired")
        )


def mark(
    session: Session, marks: Sequence[Mark], now: datetime, was: Sending = Sending.SENDING
) -> None:
    """Writes down how sends went, and what follows for questions and chats."""
    for one in marks:
        found = session.execute(
            _change(Outbound)
            .where(Outbound.id == one.id, Outbound.status == was)
            .values(
                status=one.status,
                external_id=one.external_id,
                error=one.error,
                attempts=one.attempts,
                not_before=one.not_before,
                sent_at=one.sent_at,
            )
        )
        if not found.rowcount:  # type: ignore[attr-defined]
            continue  # written down before, or resolved by whoever sends now
        if one.sent_at is not None:
            session.execute(
                _change(Question)
                .where(Question.outbound_id == one.id, Question.delivered_at.is_(None))
                .values(delivered_at=one.sent_at)
            )
        if one.perhaps:
            session.execute(_change(Outbound).where(Outbound.id == one.id).values(perhaps=True))
        if one.void:
            grants.void(session, *_named(session, one))
        if one.back:
            grants.give_back(session, *_named(session, one), one.back)
        if one.gone:
            _gone(session, one, now)
        if one.refused:
            fall_back(session, one.id, now)
        if one.moved_to:
            move_chat(session, one.chat_id, one.moved_to)


def _named(session: Session, one: Mark) -> tuple[str, str]:
    """The channel and chat of a row, as grants name them."""
    row = session.execute(
        select(Chat.channel_id, Chat.external_id).where(Chat.id == one.chat_id)
    ).one()
    return row[0], row[1]


def _gone(session: Session, one: Mark, now: datetime) -> None:
    """Nobody is there any more: what else waits for this chat is said elsewhere or fails."""
    session.execute(_change(Chat).where(Chat.id == one.chat_id).values(gone=True))
    waiting = (Sending.QUEUED, Sending.WAITING)
    rows = session.scalars(
        select(Outbound.id).where(Outbound.chat_id == one.chat_id, Outbound.status.in_(waiting))
    ).all()
    for ident in rows:
        if not fall_back(session, ident, now):
            session.execute(
                _change(Outbound)
                .where(Outbound.id == ident)
                .values(status=Sending.FAILED, error=one.error)
            )


def not_arrived(
    session: Session, chat_id: int, external_id: str, *, gone: bool, now: datetime
) -> None:
    """The platform says afterwards that a message it took did not reach its chat."""
    row = session.scalar(
        select(Outbound).where(
            Outbound.chat_id == chat_id,
            Outbound.external_id == external_id,
            Outbound.status == Sending.SENT,
        )
    )
    if row is None:
        return
    row.status, row.error, row.external_id = Sending.FAILED, "not delivered", None
    session.flush()
    if gone:
        _gone(session, Mark(row.id, chat_id, Sending.FAILED, error="gone"), now)
    fall_back(session, row.id, now)


def move_chat(session: Session, chat_id: int, to: str) -> None:
    """Gives a chat its new id. Where the new id is already a chat, what waits moves over to it."""
    chat = session.scalar(select(Chat).where(Chat.id == chat_id))
    if chat is None or chat.external_id == to:
        return
    there = session.scalar(
        select(Chat).where(Chat.channel_id == chat.channel_id, Chat.external_id == to)
    )
    if there is None:
        chat.external_id = to
        return
    chat.gone = True
    there.place_id = there.place_id or chat.place_id
    there.name = there.name or chat.name
    session.execute(
        _change(Outbound)
        .where(Outbound.chat_id == chat_id, Outbound.status.in_((Sending.QUEUED, Sending.WAITING)))
        .values(chat_id=there.id)
    )
    session.execute(
        _change(Question)
        .where(Question.chat_id == chat_id, Question.closed_at.is_(None))
        .values(chat_id=there.id)
    )


def put_back(session: Session, channel_id: str, ours: Collection[int]) -> None:
    """Rows marked as being sent by a commit whose answer was lost: but for `ours`, nobody began."""
    session.execute(
        _change(Outbound)
        .where(
            Outbound.channel_id == channel_id,
            Outbound.status == Sending.SENDING,
            Outbound.id.not_in(sorted(ours)),
        )
        .values(status=Sending.QUEUED, attempts=Outbound.attempts - 1)
    )


def try_again(session: Session, channels: Collection[str], now: datetime) -> None:
    """Brings forward what was tried and waits: its channel is back, or the clock was wrong."""
    session.execute(
        _change(Outbound)
        .where(
            Outbound.status == Sending.QUEUED,
            Outbound.channel_id.in_(channels),
            Outbound.attempts > 0,
            Outbound.not_before > now,
        )
        .values(not_before=now)
    )


def recover(session: Session, channels: Collection[str], now: datetime) -> tuple[int, int]:
    """Resolves what a dead process was sending, by kind: how many go again, how many are unknown.

    Never lost and never twice cannot both be had here: a danger or a roll call may arrive twice,
    anything else may not arrive and is flagged.
    """
    try_again(session, channels, now)
    mine = and_(Outbound.status == Sending.SENDING, Outbound.channel_id.in_(channels))
    again = session.execute(
        _change(Outbound)
        .where(mine, Outbound.priority.in_(CERTAIN))
        .values(status=Sending.QUEUED, not_before=None, perhaps=True)
    )
    unknown = session.execute(
        _change(Outbound)
        .where(mine)
        .values(status=Sending.UNKNOWN, error="the process ended while this was being sent")
    )
    return again.rowcount, unknown.rowcount  # type: ignore[attr-defined]


def cursor_of(session: Session, channel_id: str) -> str | None:
    """How far a polled channel has been read."""
    return session.scalar(select(Channel.cursor).where(Channel.id == channel_id))


@dataclass(frozen=True)
class Handed:
    """An Outbound that a person of ours must let go; `ident` is what `Adapter.follow` takes."""

    id: int
    chat_id: int
    ident: str
    attempts: int


def handed(session: Session, channel_id: str) -> list[Handed]:
    """What waits for a person of ours on a channel, oldest first."""
    query = (
        select(Outbound.id, Outbound.chat_id, Outbound.external_id, Outbound.attempts)
        .where(Outbound.channel_id == channel_id, Outbound.status == Sending.HANDED)
        .order_by(Outbound.id)
    )
    return [Handed(row[0], row[1], row[2] or "", row[3]) for row in session.execute(query)]

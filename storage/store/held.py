"""Requests a platform holds open for their answer: what may go into one, and what did.

Asked by the holder and the outbox only; like the outbox, channel by channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from storage.models import Inbound, Outbound, Question, Sending
from storage.store.sending import Waiting, waiting_rows
from storage.store.waiting import chat_named, drop_over

AFTER = timedelta(seconds=2)  # what did not fit comes after the reply, which is still on its way


@dataclass(frozen=True)
class Open:
    """A message whose request is held. `reply` is what it was answered with before."""

    id: int
    community_id: int
    handled: bool
    reply: str | None


def find(session: Session, channel_id: str, key: str) -> Open | None:
    """The message of a request, by its dedup key."""
    row = session.execute(
        select(Inbound.id, Inbound.community_id, Inbound.handled_at, Inbound.reply).where(
            Inbound.channel_id == channel_id, Inbound.external_id == key
        )
    ).one_or_none()
    return Open(row[0], row[1], row[2] is not None, row[3]) if row else None


def sayable(
    session: Session, inbound: int, now: datetime, *, only_here: bool
) -> tuple[list[Waiting], list[Waiting]]:
    """What was said to a message and has not left; and what waited for its chat to write.

    `only_here`: nothing leaves but in such replies, so that what is queued goes along too.
    """
    message = session.get_one(Inbound, inbound)
    drop_over(session, message.channel_id, message.chat_key, now)
    not_left = Outbound.status.in_((Sending.QUEUED, Sending.WAITING))
    due = or_(Outbound.not_before.is_(None), Outbound.not_before <= now)
    waits = and_(not_left, due) if only_here else Outbound.status == Sending.WAITING
    rows = waiting_rows(
        session,
        Outbound.chat_id == chat_named(message.channel_id, message.chat_key),
        or_(and_(Outbound.held_for == inbound, not_left), waits),
    )
    held = set(session.scalars(select(Outbound.id).where(Outbound.held_for == inbound)))
    return [row for row in rows if row.id in held], [row for row in rows if row.id not in held]


def replied(
    session: Session,
    inbound: int,
    reply: str,
    said: Sequence[int],
    begun: dict[int, str],
    now: datetime,
) -> None:
    """Writes down a reply: rows said in it, rows it began (their new `external_id`), the rest.

    What it had no room for leaves by the outbox, if that may.
    """
    session.execute(
        update(Outbound)
        .where(Outbound.held_for == inbound, Outbound.status == Sending.QUEUED)
        .values(not_before=now + AFTER)
    )
    session.execute(
        update(Outbound)
        .where(Outbound.id.in_(said))
        .values(status=Sending.SENT, sent_at=now, error=None)
    )
    session.execute(
        update(Question)
        .where(Question.outbound_id.in_(said), Question.delivered_at.is_(None))
        .values(delivered_at=now)
    )
    for ident, parts in begun.items():
        session.execute(
            update(Outbound)
            .where(Outbound.id == ident)
            .values(status=Sending.QUEUED, external_id=parts, not_before=now + AFTER)
        )
    session.execute(update(Inbound).where(Inbound.id == inbound).values(reply=reply))

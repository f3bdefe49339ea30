"""Says on another of a resident's channels what could not be said on the first: once, and only
what was certainly not said, so that nobody hears the same on two.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from storage.models import Channel, Chat, Outbound, Question, Sending
from storage.store import grants

READ_WHEN_THEY_COME = ("web", "terminal")  # platforms that cannot call anybody
LATELY = timedelta(days=2)  # whoever was there since is likely to look again in time
MAY_MOVE = (Sending.QUEUED, Sending.WAITING, Sending.FAILED)


def may_be_spoken_to(now: Any) -> ColumnElement[bool]:
    """Of a Chat joined to its Channel: whether the platform lets us write to it now."""
    return or_(Channel.initiate == "free", grants.live(Chat.external_id, Chat.channel_id, now))


def fall_back(session: Session, ident: int, now: datetime) -> bool:
    """Whether an outbound goes to another channel now."""
    row = session.get_one(Outbound, ident, populate_existing=True)
    heard_of = row.perhaps or row.fell_back is not None
    if heard_of or row.status not in MAY_MOVE or not _stands_alone(row):
        return False
    chat = session.get_one(Chat, row.chat_id)
    if chat.group or chat.resident_id is None:
        return False
    found = session.execute(
        select(Chat, Channel.platform)
        .join(Channel, Channel.id == Chat.channel_id)
        .where(
            Chat.community_id == row.community_id,
            Chat.resident_id == chat.resident_id,
            Chat.group.is_(False),
            Chat.gone.is_(False),
            Chat.channel_id != chat.channel_id,
            may_be_spoken_to(now),
            or_(Channel.platform.not_in(READ_WHEN_THEY_COME), Chat.seen_at > now - LATELY),
        )
        .order_by(Channel.platform.in_(READ_WHEN_THEY_COME), Chat.seen_at.desc(), Chat.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return False
    there, platform = found
    row.fell_back = row.channel_id
    row.channel_id, row.chat_id = there.channel_id, there.id
    row.status, row.error, row.attempts, row.not_before = Sending.QUEUED, None, 0, None
    said = None
    if platform in READ_WHEN_THEY_COME:  # a committed row is delivered when it is read
        row.status, row.sent_at = Sending.SENT, now
        said = now
    session.flush()
    session.execute(
        update(Question)
        .where(Question.outbound_id == ident, Question.closed_at.is_(None))
        .values(chat_id=there.id, delivered_at=said)
        .execution_options(synchronize_session=False)
    )
    return True


def _stands_alone(row: Outbound) -> bool:
    """Nothing of it has left, and its buttons answer no conversation of the chat it was for."""
    mine = any(str(choice[2]).startswith("c") for choice in row.choices or ())
    return row.external_id is None and not mine

"""One process at a time works for a community: it holds the community's row until it commits.

On SQLite whoever writes is alone anyhow. Elsewhere turns and duties leave a community that is taken
to whoever has it, and go on with another; what a person waits for waits. The lock lets rows be
added that point to the community, so receipts wait for nobody.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from storage.models import Community, Duty, Inbound


def is_alone(session: Session) -> bool:
    """Whether this database has one writer at a time by itself."""
    return session.get_bind().dialect.name == "sqlite"


def claim(session: Session, community_id: int) -> None:
    """Waits for a community. What was read of it before must be read again."""
    if not is_alone(session):
        query = select(Community.id).where(Community.id == community_id)
        session.execute(query.with_for_update(key_share=True))


def claim_of(session: Session, inbound_id: int) -> bool:
    """Takes the community a message is for, if nobody has it."""
    if is_alone(session):
        return True
    theirs = select(Inbound.community_id).where(Inbound.id == inbound_id).scalar_subquery()
    return _take(session, select(Community.id).where(Community.id == theirs)) is not None


def claim_due(session: Session, now: datetime) -> int | None:
    """Takes a community with due duties that nobody has. Not for SQLite."""
    due = select(Duty.community_id).where(Duty.next_at <= now)
    return _take(session, select(Community.id).where(Community.id.in_(due)).limit(1))


def _take(session: Session, query: Select[int]) -> int | None:
    return session.scalar(query.with_for_update(key_share=True, skip_locked=True))

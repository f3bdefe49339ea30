"""What waits for a chat to write before it may be said there: over, or in line again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ScalarSelect, exists, or_, select, update
from sqlalchemy.orm import Session

from storage.models import Chat, Outbound, Question, Sending


def chat_named(channel_id: str, chat_key: str) -> ScalarSelect[int]:
    """A chat's id, by what its platform calls it."""
    chat = select(Chat.id).where(Chat.channel_id == channel_id, Chat.external_id == chat_key)
    return chat.scalar_subquery()


def drop_over(session: Session, channel_id: str, chat_key: str, now: datetime) -> None:
    """Drops what waits for a chat to write and is over by now: a closed question, a past time."""
    answered = exists().where(
        Question.outbound_id == Outbound.id,
        or_(Question.closed_at.is_not(None), Question.until <= now),
    )
    session.execute(
        update(Outbound)
        .where(
            Outbound.chat_id == chat_named(channel_id, chat_key),
            Outbound.status == Sending.WAITING,
            or_(answered, Outbound.expires_at <= now),
        )
        .values(status=Sending.DROPPED, error="over")
    )


def may_speak_again(session: Session, channel_id: str, chat_key: str, now: datetime) -> None:
    """A chat wrote: what waited for that is in line again, if it is not over."""
    drop_over(session, channel_id, chat_key, now)
    session.execute(
        update(Outbound)
        .where(
            Outbound.chat_id == chat_named(channel_id, chat_key), Outbound.status == Sending.WAITING
        )
        .values(status=Sending.QUEUED, not_before=None)
    )

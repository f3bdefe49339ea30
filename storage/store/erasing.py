"""Deletes what was said and done in a community; its settings, places and people stay."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from storage.models import (
    Appeal,
    AppealStep,
    Chat,
    CheckIn,
    Clock,
    Community,
    Conversation,
    Duty,
    HelpRequest,
    Inbound,
    Incident,
    Match,
    Media,
    Notice,
    Offer,
    Outbound,
    Question,
    Receipt,
    RollCall,
    Sample,
)
from storage.store.claims import claim

WITH_COMMUNITY = (
    Clock,
    Conversation,
    Question,
    Offer,
    HelpRequest,
    Incident,
    RollCall,
    Notice,
    Appeal,
    Outbound,
    Media,
    Inbound,
    Duty,
    Sample,
)


def erase_records(session: Session, community: Community) -> int:
    """Deletes every record of a community; says how many rows that were."""
    claim(session, community.id)
    count = 0
    for child, column, parent in (
        (AppealStep, AppealStep.appeal_id, Appeal),
        (CheckIn, CheckIn.rollcall_id, RollCall),
        (Receipt, Receipt.notice_id, Notice),
        (Match, Match.request_id, HelpRequest),
    ):
        mine = select(parent.id).where(parent.community_id == community.id)
        count += session.execute(delete(child).where(column.in_(mine))).rowcount  # type: ignore[attr-defined]
    for kind in WITH_COMMUNITY:
        found = session.execute(delete(kind).where(kind.community_id == community.id))
        count += found.rowcount  # type: ignore[attr-defined]
    for chat in session.scalars(select(Chat).where(Chat.community_id == community.id)):
        chat.undo, chat.warned, chat.slowed_at = None, 0, None
    community.appeals_filed = 0
    return count


def written_besides(session: Session, community: Community, prefix: str) -> int:
    """Messages received in a community whose id does not begin with a prefix."""
    query = select(func.count(Inbound.id)).where(
        Inbound.community_id == community.id, Inbound.external_id.not_like(f"{prefix}%")
    )
    return session.scalar(query) or 0

"""What every turn asks, put together once: building a statement costs more than running it."""

from __future__ import annotations

from sqlalchemy import bindparam, func, or_, select

from storage.models import (
    Channel,
    Chat,
    Conversation,
    Identity,
    Inbound,
    Outbound,
    Question,
    Resident,
    Sending,
)
from storage.models.base import UtcTime
from storage.store.falling_back import may_be_spoken_to

CHAT_AT = select(Chat).where(
    Chat.community_id == bindparam("community"),
    Chat.channel_id == bindparam("channel"),
    Chat.external_id == bindparam("key"),
)
WRITER = (
    select(Identity, Resident)
    .join(Resident, Resident.id == Identity.resident_id)
    .where(
        Identity.community_id == bindparam("community"),
        Identity.channel_id == bindparam("channel"),
        Identity.external_id == bindparam("key"),
    )
)
CONVERSATIONS = (
    select(Conversation)
    .where(
        Conversation.community_id == bindparam("community"),
        Conversation.chat_id == bindparam("chat"),
    )
    .order_by(Conversation.id.desc())
)
STANDING = select(Question).where(
    Question.community_id == bindparam("community"),
    Question.chat_id == bindparam("chat"),
    Question.closed_at.is_(None),
    or_(Question.until.is_(None), Question.until > bindparam("now")),
)
WRITTEN_BETWEEN = select(func.count(Inbound.id)).where(
    Inbound.community_id == bindparam("community"),
    Inbound.channel_id == bindparam("channel"),
    Inbound.user_key == bindparam("key"),
    Inbound.received_at > bindparam("since"),
    Inbound.received_at <= bindparam("until"),
)
HEARD_SINCE = (
    select(Outbound)
    .where(
        Outbound.community_id == bindparam("community"),
        Outbound.chat_id == bindparam("chat"),
        Outbound.id > bindparam("seq"),
        Outbound.status.in_((Sending.SENT, Sending.UNKNOWN)),
    )
    .order_by(Outbound.id)
    .limit(bindparam("most"))
)
CHATS_AT = select(Chat).where(
    Chat.community_id == bindparam("community"),
    Chat.external_id.in_(bindparam("keys", expanding=True)),
)
CHATS_OF = (
    select(Chat)
    .where(
        Chat.community_id == bindparam("community"),
        Chat.resident_id == bindparam("resident"),
        Chat.group.is_(False),
        Chat.gone.is_(False),
    )
    .order_by(Chat.seen_at.desc(), Chat.id.desc())
)
CHATS_TO_WRITE_TO = (
    CHATS_OF.order_by(None)
    .join(Channel, Channel.id == Chat.channel_id)
    .order_by(
        may_be_spoken_to(bindparam("now", type_=UtcTime())).desc(),
        Chat.seen_at.desc(),
        Chat.id.desc(),
    )
)
WRITERS = (
    select(Identity, Resident)
    .join(Resident, Resident.id == Identity.resident_id)
    .where(
        Identity.community_id == bindparam("community"),
        Identity.external_id.in_(bindparam("keys", expanding=True)),
    )
)
OPEN_IN = (
    select(Conversation)
    .where(
        Conversation.community_id == bindparam("community"),
        Conversation.chat_id.in_(bindparam("chats", expanding=True)),
    )
    .order_by(Conversation.id.desc())
)
STANDING_IN = select(Question).where(
    Question.community_id == bindparam("community"),
    Question.chat_id.in_(bindparam("chats", expanding=True)),
    Question.closed_at.is_(None),
)
WRITTEN_BY = select(Inbound.channel_id, Inbound.user_key, Inbound.received_at).where(
    Inbound.community_id == bindparam("community"),
    Inbound.channel_id.in_(bindparam("channels", expanding=True)),
    Inbound.user_key.in_(bindparam("keys", expanding=True)),
    Inbound.received_at > bindparam("since"),
)
PLATFORMS = select(Channel.id, Channel.platform).where(
    Channel.community_id == bindparam("community")
)

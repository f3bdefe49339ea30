"""What every turn asks, put together once: building a statement costs more than running it."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select, union

from storage.models import Channel, Chat, Identity, Inbound, Outbound, Resident, Sending
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
CHATS_TO_WRITE_TO = (
    select(Chat)
    .join(Channel, Channel.id == Chat.channel_id)
    .where(
        Chat.community_id == bindparam("community"),
        Chat.resident_id == bindparam("resident"),
        Chat.group.is_(False),
        Chat.gone.is_(False),
    )
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
WRITTEN_BY = select(Inbound.channel_id, Inbound.user_key, Inbound.received_at).where(
    Inbound.community_id == bindparam("community"),
    Inbound.channel_id.in_(bindparam("channels", expanding=True)),
    Inbound.user_key.in_(bindparam("keys", expanding=True)),
    Inbound.received_at > bindparam("since"),
)
CHANNELS = select(Channel.id, Channel.platform, Channel.initiate).where(
    Channel.community_id == bindparam("community")
)
NAMES_IN = union(
    *(
        select(kind.name).where(
            kind.community_id == bindparam("community"),
            func.replace(bindparam("text"), kind.name, "") != bindparam("text"),
        )
        for kind in (Resident, Identity)
    )
)

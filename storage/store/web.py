"""What the web channel asks: whose token this is, what the counters stand at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from storage.models import (
    LIVE,
    Appeal,
    Channel,
    Chat,
    Clock,
    Community,
    Identity,
    Inbound,
    Outbound,
    Resident,
    Sending,
)
from storage.store.people import hashed


@dataclass(frozen=True)
class Visitor:
    """Somebody with a token on a web channel, and the private chat that is theirs."""

    identity_id: int
    community_id: int
    channel_id: str
    user: str  # the identity's external id
    chat: str  # the private chat's external id
    chat_id: int
    resident_id: int
    name: str


class Heard(NamedTuple):
    """An Outbound as a reader of the API needs it."""

    id: int
    sender: str
    text: str
    choices: list[Any]
    inline: bool
    about: str | None
    created_at: datetime


_HEARD = (
    select(
        Outbound.id,
        Outbound.sender,
        Outbound.text,
        Outbound.choices,
        Outbound.inline,
        Outbound.about,
        Outbound.created_at,
    )
    .where(
        Outbound.community_id == bindparam("community_id"),
        Outbound.chat_id == bindparam("chat_id"),
        Outbound.id > bindparam("seq"),
        Outbound.status.in_((Sending.SENT, Sending.UNKNOWN)),
    )
    .order_by(Outbound.id)
    .limit(100)
)


@dataclass(frozen=True)
class Counts:
    """What /metrics shows, over all communities. Pairs are (channel, status or kind)."""

    inbound: dict[str, int]
    unhandled: int
    outbound: dict[tuple[str, str], int]
    appeals_open: int
    clocks_running: int


def channels(session: Session) -> list[Channel]:
    return list(session.scalars(select(Channel).order_by(Channel.id)))


def visitor(session: Session, channel_id: str, token: str) -> Visitor | None:
    """Whose token this is on a channel; None if it is nobody's."""
    query = (
        select(Identity, Chat)
        .join(
            Chat,
            (Chat.channel_id == Identity.channel_id) & (Chat.external_id == Identity.external_id),
        )
        .join(Resident, Resident.id == Identity.resident_id)
        .where(
            Identity.channel_id == channel_id,
            Identity.token_hash == hashed(token),
            Resident.deleted_at.is_(None),
        )
    )
    row = session.execute(query).one_or_none()
    return _as_visitor(row[0], row[1]) if row else None


def welcome(
    session: Session,
    channel: Channel,
    name: str,
    user: str,
    token: str,
    now: datetime,
    resident: Resident | None = None,
) -> Visitor:
    """A new web identity and its private chat: of a known resident, or of one claiming a name."""
    if resident is None:
        resident = Resident(
            community_id=channel.community_id,
            name=name,
            created_at=now,
            elder=False,
            notices=True,
            willing=False,
            confirmed=False,
        )
        session.add(resident)
        session.flush()
    identity = Identity(
        community_id=channel.community_id,
        channel_id=channel.id,
        external_id=user,
        name=name,
        resident_id=resident.id,
        token_hash=hashed(token),
        created_at=now,
    )
    chat = Chat(
        community_id=channel.community_id,
        channel_id=channel.id,
        external_id=user,
        group=False,
        resident_id=resident.id,
        seen_at=now,
        created_at=now,
    )
    session.add_all([identity, chat])
    session.flush()
    return _as_visitor(identity, chat)


def _as_visitor(identity: Identity, chat: Chat) -> Visitor:
    return Visitor(
        identity.id,
        identity.community_id,
        identity.channel_id,
        identity.external_id,
        chat.external_id,
        chat.id,
        identity.resident_id,
        identity.name,
    )


def counts(session: Session) -> Counts:
    inbound = session.execute(
        select(Inbound.channel_id, func.count(Inbound.id)).group_by(Inbound.channel_id)
    )
    outbound = session.execute(
        select(Outbound.channel_id, Outbound.status, func.count(Outbound.id)).group_by(
            Outbound.channel_id, Outbound.status
        )
    )
    unhandled = select(func.count(Inbound.id)).where(Inbound.handled_at.is_(None))
    appeals = select(func.count(Appeal.id)).where(Appeal.stage.in_(LIVE))
    clocks = select(func.count(Clock.id)).where(Clock.stopped_at.is_(None))
    return Counts(
        inbound={row[0]: row[1] for row in inbound},
        unhandled=session.scalar(unhandled) or 0,
        outbound={(row[0], str(row[1])): row[2] for row in outbound},
        appeals_open=session.scalar(appeals) or 0,
        clocks_running=session.scalar(clocks) or 0,
    )


def heard(session: Session, community_id: int, chat_id: int, seq: int) -> list[Heard]:
    """What was said in a chat after `seq`, oldest first; columns only, it is asked very often."""
    rows = session.execute(
        _HEARD, {"community_id": community_id, "chat_id": chat_id, "seq": seq}
    ).all()
    return [Heard(*row) for row in rows]


def said_after(
    session: Session, visitor: Visitor, chat_id: int, seq: int, *, limit: int, newest: bool = False
) -> list[Outbound]:
    """What stands in a chat after `seq`, oldest first; the newest `limit` of it, or the first."""
    query = select(Outbound).where(
        Outbound.community_id == visitor.community_id,
        Outbound.chat_id == chat_id,
        Outbound.id > seq,
        Outbound.status.in_((Sending.SENT, Sending.UNKNOWN)),
    )
    if newest:
        return list(session.scalars(query.order_by(Outbound.id.desc()).limit(limit)))[::-1]
    return list(session.scalars(query.order_by(Outbound.id).limit(limit)))


def written_after(
    session: Session, visitor: Visitor, chat_key: str, ident: int, *, limit: int
) -> list[Inbound]:
    """What this visitor wrote in a chat after an inbound id: the newest `limit`, oldest first."""
    query = (
        select(Inbound)
        .where(
            Inbound.channel_id == visitor.channel_id,
            Inbound.chat_key == chat_key,
            Inbound.user_key == visitor.user,
            Inbound.id > ident,
        )
        .order_by(Inbound.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))[::-1]


def demo_visitor(
    session: Session, channel: Channel, resident_id: int, token: str, now: datetime
) -> Visitor | None:
    """The web identity behind a demo resident's link, made once; None if it is no such person."""
    resident = session.scalars(
        select(Resident).where(
            Resident.id == resident_id,
            Resident.community_id == channel.community_id,
            Resident.demo,
            Resident.deleted_at.is_(None),
        )
    ).one_or_none()
    community = session.get_one(Community, channel.community_id)
    if resident is None or not community.demo:
        return None
    user = f"demo-{resident_id}"
    identity = session.scalars(
        select(Identity).where(Identity.channel_id == channel.id, Identity.external_id == user)
    ).one_or_none()
    if identity is None:
        return welcome(session, channel, resident.name, user, token, now, resident)
    identity.token_hash = hashed(token)
    session.flush()
    return visitor(session, channel.id, token)

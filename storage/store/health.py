"""How a channel's private chats, or one group, has been answered: what "zombie" is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from storage.models import (
    Channel,
    Chat,
    Clock,
    Identity,
    Inbound,
    Outbound,
    Resident,
    Role,
    Stopped,
)

WINDOW = timedelta(days=30)  # what the percentiles look back over
STAFF = (Role.WORKER, Role.CHIEF)

Times = dict[tuple[str, str | None], datetime]  # (channel, chat key of a group or None) → when


@dataclass(frozen=True)
class Health:
    """One channel's private chats together, or one group. Spans in seconds."""

    name: str
    channel_id: str
    chat_id: int | None  # of a group; None for all private chats of the channel
    heard: bool
    unanswered: int
    oldest: datetime | None
    p50: float | None  # to the first answer by a person
    p90: float | None
    by_bot: int  # residents' messages that only the bot answered: no person was due
    last_post: datetime | None  # a notice, or words of staff
    last_human: datetime | None  # a person's answer to a question
    since: datetime  # when it was opened: silence is not counted from before

    def silent_days(self, now: datetime) -> int:
        """Whole days since staff posted or a person answered, whichever was later."""
        last = max(t for t in (self.last_post, self.last_human, self.since) if t is not None)
        return max(0, (now - last).days)


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = -(-share * len(ordered) // 1)  # rounded up
    return ordered[min(len(ordered), max(1, int(rank))) - 1]


def measure(session: Session, community_id: int, now: datetime) -> list[Health]:
    """Channels in order of their ids, each followed by its groups."""
    since = now - WINDOW
    channels = session.scalars(
        select(Channel).where(Channel.community_id == community_id).order_by(Channel.id)
    ).all()
    groups = session.scalars(
        select(Chat)
        .where(
            Chat.community_id == community_id,
            Chat.group,
            Chat.gone.is_(False),
            Chat.post_only.is_(False),
        )
        .order_by(Chat.id)
    ).all()
    clocks = session.scalars(
        select(Clock).where(
            Clock.community_id == community_id,
            (Clock.stopped_at.is_(None)) | (Clock.stopped_at >= since),
        )
    ).all()
    in_group = {chat.id for chat in groups}
    posts = _posts(session, community_id, since)
    by_bot = _only_bot(session, community_id, since)
    found: list[Health] = []
    for channel in channels:
        private = [c for c in clocks if c.channel_id == channel.id and c.chat_id not in in_group]
        found.append(
            _health(
                channel.id,
                channel.id,
                None,
                True,
                private,
                posts.get((channel.id, None)),
                channel.created_at,
                by_bot.get(channel.id, 0),
            )
        )
        for chat in groups:
            if chat.channel_id == channel.id:
                found.append(
                    _health(
                        chat.name or chat.external_id,
                        channel.id,
                        chat.id,
                        chat.heard,
                        [c for c in clocks if c.chat_id == chat.id],
                        posts.get((channel.id, chat.external_id)),
                        chat.created_at,
                        0,
                    )
                )
    return found


def _posts(session: Session, community_id: int, since: datetime) -> Times:
    """When staff last said something in each place: a notice, or words of their own."""
    found: Times = {}
    # What goes to all followers of a channel is a post on the channel, not in a group of its own.
    group_heard = and_(Chat.group, Chat.post_only.is_(False))
    sent = (
        select(Outbound.channel_id, group_heard, Chat.external_id, func.max(Outbound.created_at))
        .join(Chat, Chat.id == Outbound.chat_id)
        .where(
            Outbound.community_id == community_id,
            Outbound.created_at >= since,
            (Outbound.kind == "notice") | ((Outbound.sender != "bot") & (Outbound.kind != "relay")),
        )
        .group_by(Outbound.channel_id, group_heard, Chat.external_id)
    )
    written = (
        select(Inbound.channel_id, Inbound.group, Inbound.chat_key, func.max(Inbound.received_at))
        .join(
            Identity,
            (Identity.channel_id == Inbound.channel_id)
            & (Identity.external_id == Inbound.user_key),
        )
        .join(Resident, Resident.id == Identity.resident_id)
        .where(
            Inbound.community_id == community_id,
            Inbound.group,
            Inbound.received_at >= since,
            Resident.role.in_(STAFF),
        )
        .group_by(Inbound.channel_id, Inbound.group, Inbound.chat_key)
    )
    for query in (sent, written):
        for channel, group, key, at in session.execute(query):
            where = (channel, key if group else None)
            found[where] = max(at, found.get(where, at))
    return found


def _only_bot(session: Session, community_id: int, since: datetime) -> dict[str, int]:
    """Private messages of residents since then for which no clock was opened, by channel."""
    timed = select(Clock.inbound_id).where(
        Clock.community_id == community_id, Clock.inbound_id.is_not(None)
    )
    query = (
        select(Inbound.channel_id, func.count(Inbound.id))
        .join(
            Identity,
            (Identity.channel_id == Inbound.channel_id)
            & (Identity.external_id == Inbound.user_key),
        )
        .join(Resident, Resident.id == Identity.resident_id)
        .where(
            Inbound.community_id == community_id,
            Inbound.group.is_(False),
            Inbound.received_at >= since,
            Inbound.handled_at.is_not(None),
            Resident.role.not_in(STAFF),
            Inbound.id.not_in(timed),
        )
        .group_by(Inbound.channel_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _health(
    name: str,
    channel_id: str,
    chat_id: int | None,
    heard: bool,
    clocks: list[Clock],
    posted: datetime | None,
    since: datetime,
    by_bot: int,
) -> Health:
    running = [c for c in clocks if c.stopped_at is None]
    answered = [c for c in clocks if c.stopped is Stopped.PERSON and c.stopped_at is not None]
    spans = [(c.stopped_at - c.opened_at).total_seconds() for c in answered if c.stopped_at]
    return Health(
        name,
        channel_id,
        chat_id,
        heard,
        len(running),
        min((c.opened_at for c in running), default=None),
        percentile(spans, 0.5),
        percentile(spans, 0.9),
        by_bot,
        posted,
        max((c.stopped_at for c in answered if c.stopped_at), default=None),
        since,
    )

"""Questions about silence: which clocks run, and how a channel or group has been doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from storage.models import Channel, Chat, Clock, Outbound, Stopped
from storage.store.base import Questions

WINDOW = timedelta(days=30)  # what p50 and p90 look back over


@dataclass(frozen=True)
class Health:
    """How a channel's private chats, or one group, has been answered. Times in seconds."""

    name: str
    channel_id: str
    chat_id: int | None  # of a group; None for all private chats of the channel
    heard: bool
    unanswered: int
    oldest: datetime | None
    p50: float | None
    p90: float | None
    by_bot: int  # what only the bot answered
    last_post: datetime | None
    last_human: datetime | None
    since: datetime  # when it was opened: silence is not counted from before

    def silent_days(self, now: datetime) -> int:
        """Whole days since anybody posted or a person answered, whichever was later."""
        last = max(t for t in (self.last_post, self.last_human, self.since) if t is not None)
        return max(0, (now - last).days)


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


class Channels(Questions):
    def running(self, *, chat: Chat | None = None) -> list[Clock]:
        """Questions no person has answered, the oldest first."""
        query = self.ours(Clock).where(Clock.stopped_at.is_(None))
        if chat is not None:
            query = query.where(Clock.chat_id == chat.id)
        return list(self.session.scalars(query.order_by(Clock.opened_at, Clock.id)))

    def clock(self, ident: int | None) -> Clock | None:
        return self.one(Clock, ident)

    def running_about(self, about: str) -> list[Clock]:
        query = self.ours(Clock).where(Clock.about == about, Clock.stopped_at.is_(None))
        return list(self.session.scalars(query))

    def due(self, now: datetime) -> list[Clock]:
        query = self.ours(Clock).where(Clock.due_at <= now, Clock.stopped_at.is_(None))
        return list(self.session.scalars(query.order_by(Clock.due_at, Clock.id)))

    def next_due(self) -> datetime | None:
        query = select(func.min(Clock.due_at)).where(
            Clock.community_id == self.community_id, Clock.stopped_at.is_(None)
        )
        return self.session.scalar(query)

    def stopped_since(self, since: datetime) -> list[Clock]:
        query = self.ours(Clock).where(Clock.stopped_at >= since)
        return list(self.session.scalars(query.order_by(Clock.id)))

    def health(self, now: datetime) -> list[Health]:
        """Every channel and group, as it has been over the last 30 days."""
        groups = self.session.scalars(self.ours(Chat).where(Chat.group, Chat.gone.is_(False))).all()
        channels = self.session.scalars(self.ours(Channel).order_by(Channel.id)).all()
        group_ids = {chat.id for chat in groups}
        recent = self.session.scalars(
            self.ours(Clock).where(
                (Clock.stopped_at.is_(None)) | (Clock.stopped_at >= now - WINDOW)
            )
        ).all()
        posts = self._last_posts()
        found: list[Health] = []
        for channel in channels:
            clocks = [
                c for c in recent if c.channel_id == channel.id and c.chat_id not in group_ids
            ]
            last = [at for (where, chat), at in posts.items()
                    if where == channel.id and chat not in group_ids]  # fmt: skip
            found.append(
                self._health(channel.id, channel.id, None, True, clocks, last, channel.created_at)
            )
            for chat in groups:
                if chat.channel_id == channel.id:
                    mine = [c for c in recent if c.chat_id == chat.id]
                    at = posts.get((channel.id, chat.id))
                    found.append(
                        self._health(
                            chat.name or chat.external_id,
                            channel.id,
                            chat.id,
                            chat.heard,
                            mine,
                            [at] if at else [],
                            chat.created_at,
                        )  # fmt: skip
                    )
        return found

    def _last_posts(self) -> dict[tuple[str, int], datetime]:
        """When something a person wrote last went to each chat: a notice, or a person's words."""
        query = (
            select(Outbound.channel_id, Outbound.chat_id, func.max(Outbound.created_at))
            .where(
                Outbound.community_id == self.community_id,
                (Outbound.kind == "notice") | (Outbound.sender != "bot"),
            )
            .group_by(Outbound.channel_id, Outbound.chat_id)
        )
        return {(row[0], row[1]): row[2] for row in self.session.execute(query)}

    @staticmethod
    def _health(
        name: str, channel_id: str, chat_id: int | None, heard: bool, clocks: list[Clock],
        posts: list[datetime], since: datetime,
    ) -> Health:  # fmt: skip
        running = [c for c in clocks if c.stopped_at is None]
        answered = [
            (c.stopped_at - c.opened_at).total_seconds()
            for c in clocks
            if c.stopped_at is not None and c.stopped is Stopped.PERSON
        ]
        return Health(
            name, channel_id, chat_id, heard, len(running),
            min((c.opened_at for c in running), default=None),
            percentile(answered, 0.5), percentile(answered, 0.9),
            sum(1 for c in clocks if c.stopped is Stopped.BOT),
            max(posts, default=None),
            max((c.stopped_at for c in clocks if c.stopped is Stopped.PERSON and c.stopped_at),
                default=None),
            since,
        )  # fmt: skip

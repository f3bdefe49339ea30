"""Questions about 附件, and for whoever downloads them: what waits, how it went, what must go.

The functions are not fenced by community: a channel belongs to one, and downloads are made
channel by channel.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from storage.models import Appeal, AppealStep, Inbound, Keeping, Media, Resident
from storage.store.base import Questions
from storage.store.claims import claim
from storage.store.duties import Duties
from storage.unit_of_work import UnitOfWork

LOST = (Keeping.REFUSED, Keeping.FAILED)
PAGE = 500  # rows that one round of a duty looks at


class Attachments(Questions):
    def get(self, ident: int | None) -> Media | None:
        return self.one(Media, ident)

    def named(self, references: Collection[str]) -> dict[str, Media]:
        """By reference, as steps and messages name them."""
        query = self.ours(Media).where(Media.reference.in_(sorted(references)))
        return {row.reference: row for row in self.session.scalars(query.order_by(Media.id))}

    def of_inbounds(self, inbounds: Collection[int]) -> dict[int, Media]:
        """By the message each came with."""
        query = self.ours(Media).where(Media.inbound_id.in_(sorted(inbounds)))
        return {row.inbound_id: row for row in self.session.scalars(query.order_by(Media.id))}

    def sent_since(self, resident: Resident, moment: datetime) -> list[Media]:
        """What somebody has sent from a moment on, oldest first."""
        query = self.ours(Media).where(Media.resident_id == resident.id, Media.created_at >= moment)
        return list(self.session.scalars(query.order_by(Media.id)))

    def case_of(self, media: Media) -> Appeal | None:
        """The case whose history names it."""
        query = (
            self.beneath(Appeal, Appeal)
            .join(AppealStep, AppealStep.appeal_id == Appeal.id)
            .where(AppealStep.media == media.reference, AppealStep.verb == "media")
        )
        found: Appeal | None = self.session.scalars(query).first()
        return found

    def lost(self, now: datetime) -> list[Media]:
        """What could not be kept and is yet to be told of."""
        query = self.ours(Media).where(Media.state.in_(LOST), Media.due_at <= now)
        return list(self.session.scalars(query.order_by(Media.id).limit(PAGE)))

    def outlived(self, moment: datetime) -> list[Media]:
        """What is kept from before a moment, and of no case that was open or closed after it."""
        needed = (
            self.beneath(Appeal, AppealStep.media)
            .join(Appeal, Appeal.id == AppealStep.appeal_id)
            .where(AppealStep.media.is_not(None))
            .where(Appeal.closed_at.is_(None) | (Appeal.closed_at >= moment))
        )
        query = self.ours(Media).where(
            Media.state == Keeping.KEPT, Media.created_at < moment, Media.reference.not_in(needed)
        )
        return list(self.session.scalars(query.order_by(Media.id).limit(PAGE)))

    def erase_of(self, resident: Resident) -> None:
        """All that somebody sent: its files go with the next round, what waits is not fetched."""
        self.session.execute(
            update(Media)
            .where(Media.community_id == self.community_id, Media.resident_id == resident.id)
            .values(state=Keeping.ERASED, due_at=None)
        )


# For whoever downloads


@dataclass(frozen=True)
class Job:
    """An attachment to be downloaded. `extra` is its event's, and tells the adapter where."""

    id: int
    channel_id: str
    kind: str
    tries: int
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """How a download went. `due_at` of what waits is its next try."""

    id: int
    state: Keeping
    tries: int = 0
    due_at: datetime | None = None
    why: str | None = None
    name: str | None = None
    mime: str | None = None
    size: int | None = None


def due(
    session: Session, channels: Collection[str], now: datetime, skip: Collection[int]
) -> Job | None:
    """What is to be downloaded next on these channels, the longest due first."""
    query = (
        select(Media.id, Media.channel_id, Media.kind, Media.tries, Inbound.extra)
        .join(Inbound, Inbound.id == Media.inbound_id)
        .where(
            Media.state == Keeping.WAITING,
            Media.due_at <= now,
            Media.channel_id.in_(sorted(channels)),
            Media.id.not_in(sorted(skip)),
        )
        .order_by(Media.due_at, Media.id)
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    return Job(row.id, row.channel_id, row.kind, row.tries, row.extra or {})


def mark(session: UnitOfWork, one: Mark, now: datetime) -> bool:
    """Writes down how a download went; whether that was still of interest.

    Not where it was erased meanwhile. What is lost wakes the duty that says so.
    """
    row = session.scalars(
        select(Media).where(Media.id == one.id, Media.state == Keeping.WAITING)
    ).one_or_none()
    if row is None:
        return False
    claim(session, row.community_id)
    session.refresh(row)
    if row.state is not Keeping.WAITING:
        return False
    row.state, row.tries, row.due_at, row.why = one.state, one.tries, one.due_at, one.why
    row.name, row.mime, row.size = one.name, one.mime, one.size
    if one.state in LOST:
        row.due_at = now
        Duties(session, row.community_id).wake("tell_lost_media", now)
    session.flush()
    return True


def erased(session: Session) -> dict[int, str]:
    """Files that must go, by the id of their row."""
    query = select(Media.id, Media.name).where(
        Media.state == Keeping.ERASED, Media.name.is_not(None)
    )
    return {ident: str(name) for ident, name in session.execute(query.limit(PAGE))}


def blank(session: Session, idents: Collection[int]) -> None:
    """The files of these are gone."""
    session.execute(
        update(Media)
        .where(Media.id.in_(sorted(idents)))
        .values(name=None, mime=None, size=None, why=None)
        .execution_options(synchronize_session=False)
    )


def names(session: Session) -> set[str]:
    """Every file that a row names."""
    return {
        str(name) for name in session.scalars(select(Media.name).where(Media.name.is_not(None)))
    }


def counts(session: Session) -> dict[Keeping, int]:
    """How many attachments stand where."""
    query = select(Media.state, func.count(Media.id)).group_by(Media.state)
    return {state: number for state, number in session.execute(query)}

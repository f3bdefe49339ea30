"""What nobody could be told on any channel, and has to be told in person."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select

from storage.models import (
    Channel,
    Chat,
    Notice,
    Outbound,
    Question,
    Receipt,
    Resident,
    Role,
    Sending,
)
from storage.store.base import Questions
from storage.store.grants import live

KEPT_FOR = timedelta(days=30)  # what is older need not be told any more
NOT_SAID = Outbound.status.in_((Sending.FAILED, Sending.WAITING))
TO_MANY = "help.take"  # a question for any neighbour: whoever did not hear it is not looked for
STAFF = (Role.WORKER, Role.CHIEF)


class Untold(Questions):
    def waiting(
        self, now: datetime, places: Collection[int] | None = None, *, limit: int = 300
    ) -> list[tuple[Resident, list[Outbound]]]:
        """What could not be said to residents of these places, by person, the newest first.

        Given up, or waiting until they write again; not mere chatter, not what is over by now,
        not older than 30 days.
        """
        ours = select(Channel.id).where(Channel.community_id == self.community_id)
        settled = exists().where(
            Question.outbound_id == Outbound.id,
            or_(Question.closed_at.is_not(None), Question.until <= now, Question.name == TO_MANY),
        )
        query = (
            self.beneath(Outbound, Outbound, Resident)
            .join(Chat, Chat.id == Outbound.chat_id)
            .join(Resident, Resident.id == Chat.resident_id)
            .where(
                NOT_SAID,
                Outbound.channel_id.in_(ours),
                or_(Outbound.about.is_not(None), Outbound.kind == "notice"),
                ~settled,
                Outbound.text != "",
                Outbound.created_at > now - KEPT_FOR,
                or_(Outbound.expires_at.is_(None), Outbound.expires_at > now),
                Chat.group.is_(False),
                Resident.role.not_in(STAFF),
                Resident.deleted_at.is_(None),
            )
        )
        if places is not None:
            query = query.where(Resident.home_id.in_(places))
        found: dict[int, tuple[Resident, list[Outbound]]] = {}
        for row, person in self.session.execute(query.order_by(Outbound.id.desc()).limit(limit)):
            found.setdefault(person.id, (person, []))[1].append(row)
        return list(found.values())

    def by_notice(
        self,
        notice: Notice,
        now: datetime,
        *,
        places: Collection[int] | None = None,
        role: Role | None = None,
    ) -> list[Resident]:
        """Whom of these people a notice does not reach: no chat, given up, or no leave to write."""
        if notice.community_id != self.community_id:
            return []
        about = f"notice:{notice.id}"
        got = exists().where(Receipt.notice_id == notice.id, Receipt.resident_id == Resident.id)
        may_not = and_(Channel.initiate != "free", ~live(Chat.external_id, Chat.channel_id, now))
        stuck = Resident.id.in_(  # looked up once, not for each
            select(Chat.resident_id)
            .join(Channel, Channel.id == Chat.channel_id)
            .join(Outbound, Outbound.chat_id == Chat.id)
            .where(Outbound.about == about, Outbound.kind == "notice")
            .where(Outbound.community_id == self.community_id, Chat.resident_id.is_not(None))
            .where(or_(NOT_SAID, and_(Outbound.status == Sending.QUEUED, may_not)))
        )
        query = self.ours(Resident).where(
            Resident.deleted_at.is_(None), Resident.notices, or_(~got, stuck)
        )
        if places is not None:
            query = query.where(Resident.home_id.in_(places))
        if role is not None:
            query = query.where(Resident.role == role)
        else:
            query = query.where(Resident.role.not_in(STAFF))
        order = (Resident.home_id, Resident.unit, Resident.room, Resident.id)
        return list(self.session.scalars(query.order_by(*order)))

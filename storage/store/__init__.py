"""The questions one may ask, spoken `store.appeals.overdue(now)`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from storage.models import Inbound, Resident
from storage.store.appeals import Appeals
from storage.store.base import Row
from storage.store.channels import Channels
from storage.store.duties import Duties
from storage.store.help import Help
from storage.store.incidents import Incidents
from storage.store.media import Attachments
from storage.store.messages import Messages
from storage.store.notices import Notices
from storage.store.people import People
from storage.store.rollcalls import RollCalls
from storage.store.samples import Samples
from storage.store.untold import Untold
from storage.unit_of_work import UnitOfWork


class Store:
    """One community's memory within one transaction."""

    def __init__(self, session: UnitOfWork, community_id: int) -> None:
        self.session = session
        self.community_id = community_id
        self.people = People(session, community_id)

    def add(self, row: Row) -> Row:
        """Keeps a new row and gives it its id."""
        self.session.add(row)
        return row

    @property
    def changes(self) -> int:
        """Rises with whatever may change the database: adding, deleting, setting, stating."""
        return self.session.changes()

    def expect(self, rows: Sequence[Inbound], since: datetime) -> None:
        """Whoever wrote these messages will be met next; see Messages.expect."""
        _ = self.people.places, self.appeals.counter  # while there is nothing to flush
        self.messages.expect(rows, since)
        self.session.expect(Resident, [person.id for person in self.people.staff()])

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.session, self.community_id)

    @cached_property
    def appeals(self) -> Appeals:
        return Appeals(self.session, self.community_id)

    @cached_property
    def help(self) -> Help:
        return Help(self.session, self.community_id)

    @cached_property
    def incidents(self) -> Incidents:
        return Incidents(self.session, self.community_id)

    @cached_property
    def rollcalls(self) -> RollCalls:
        return RollCalls(self.session, self.community_id)

    @cached_property
    def notices(self) -> Notices:
        return Notices(self.session, self.community_id)

    @cached_property
    def channels(self) -> Channels:
        return Channels(self.session, self.community_id)

    @cached_property
    def duties(self) -> Duties:
        return Duties(self.session, self.community_id)

    @cached_property
    def media(self) -> Attachments:
        return Attachments(self.session, self.community_id)

    @cached_property
    def samples(self) -> Samples:
        return Samples(self.session, self.community_id)

    @cached_property
    def untold(self) -> Untold:
        return Untold(self.session, self.community_id)

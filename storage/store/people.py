"""Who is who, and where: residents, roles, places, one-time codes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, literal, or_, select, update

from storage.models import (
    Clock,
    Conversation,
    Credential,
    HelpRequest,
    Identity,
    Incident,
    Place,
    Resident,
    Role,
)
from storage.store.base import Questions


def hashed(secret: str) -> str:
    """What is kept of a code or token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def building_number(name: str) -> str | None:
    """ "3栋" → "3"; None for places that are no numbered building."""
    found = re.fullmatch(r"0*(\d{1,4})\s*(?:栋|幢|号楼|号|座|#)", name)
    return found[1] if found else None


class People(Questions):
    _places: list[Place] | None = None

    # Places: a community has few, so they are read once a batch.

    @property
    def places(self) -> list[Place]:
        if self._places is None:
            found = self.session.scalars(self.ours(Place).order_by(Place.position))
            self._places = list(found)
        return self._places

    def place(self, ident: int | None) -> Place | None:
        return next((place for place in self.places if place.id == ident), None)

    @property
    def root(self) -> Place:
        return self.places[0]

    def place_named(self, name: str) -> Place | None:
        """A place by its name or path; 3号楼 finds 3栋."""
        name = name.strip()
        for place in self.places:
            if name and name in (place.name, place.path):
                return place
        number = building_number(name)
        return self.building(number) if number else None

    def building(self, number: str | None) -> Place | None:
        """The building with this number, if the community has it."""
        if number is None:
            return None
        wanted = number.lstrip("0") or "0"
        return next((p for p in self.places if building_number(p.name) == wanted), None)

    def buildings(self) -> list[Place]:
        """The places nothing lies beneath: where people live."""
        parents = {place.parent_id for place in self.places}
        return [p for p in self.places if p.id not in parents and p.parent_id is not None]

    def above(self, place: Place | None) -> list[Place]:
        """The place itself and everything it lies in, up to the community."""
        chain: list[Place] = []
        while place is not None:
            chain.append(place)
            place = self.place(place.parent_id)
        return chain

    def within(self, place: Place) -> set[int]:
        """Ids of the place and all beneath it."""
        return {p.id for p in self.places if any(q.id == place.id for q in self.above(p))}

    # People

    def resident(self, ident: int | None) -> Resident | None:
        return self.one(Resident, ident)

    def residents(self, idents: Iterable[int]) -> dict[int, Resident]:
        """Many at once, by id."""
        rows = self.session.scalars(self.ours(Resident).where(Resident.id.in_(set(idents))))
        return {row.id: row for row in rows}

    def in_file(self, name: str) -> Resident | None:
        """A person of the community file, by name."""
        return self.session.scalars(
            self.ours(Resident).where(Resident.in_file, Resident.name == name)
        ).first()

    def names_in(self, text: str) -> list[str]:
        """The names of people here that stand in a text, also as they call themselves elsewhere.

        The database looks, so that nobody has to be read. Names of places are left out.
        """
        found: set[str] = set()
        for kind in (Resident, Identity):
            stands = func.replace(literal(text), kind.name, "") != text
            query = select(kind.name).where(kind.community_id == self.community_id, stands)
            found |= set(self.session.scalars(query.distinct()))
        places = [place.name for place in self.places]
        return sorted(name for name in found if not any(name in place for place in places))

    def with_role(self, *roles: Role) -> list[Resident]:
        query = self.ours(Resident).where(Resident.role.in_(roles), Resident.deleted_at.is_(None))
        return list(self.session.scalars(query.order_by(Resident.id)))

    def staff(self) -> list[Resident]:
        return self.with_role(Role.WORKER, Role.CHIEF)

    def chiefs(self) -> list[Resident]:
        return self.with_role(Role.CHIEF)

    def workers_for(self, place: Place | None) -> list[Resident]:
        """Workers from the lowest level that has one upwards; the chiefs last."""
        staff = self.staff()
        found: list[Resident] = []
        for level in self.above(place) or [self.root]:
            found += [p for p in staff if p.role is Role.WORKER and p.role_place_id == level.id]
        # Somebody whose place is the whole community serves every place.
        found += [p for p in staff if p.role is Role.WORKER and p.role_place_id is None]
        return found + [p for p in staff if p.role is Role.CHIEF]

    def living_in(
        self, place: Place, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Resident]:
        """Residents whose home lies in a place, by id, a chunk at a time."""
        query = self.ours(Resident).where(
            Resident.home_id.in_(self.within(place)),
            Resident.deleted_at.is_(None),
            Resident.id > after,
        )
        return self.session.scalars(query.order_by(Resident.id).limit(limit)).all()

    def behind(self, rooms: Iterable[str], names: Iterable[str]) -> list[Resident]:
        """Whoever lives behind a door with one of these numbers, or bears one of these names."""
        query = self.ours(Resident).where(
            or_(Resident.room.in_(set(rooms)), Resident.name.in_(set(names))),
            Resident.deleted_at.is_(None),
        )
        return list(self.session.scalars(query.order_by(Resident.id)))

    def everyone(self, *, after: int = 0, limit: int | None = None) -> Sequence[Resident]:
        query = self.ours(Resident).where(Resident.deleted_at.is_(None), Resident.id > after)
        return self.session.scalars(query.order_by(Resident.id).limit(limit)).all()

    def helpers_near(self, place: Place | None, *, besides: int) -> list[Resident]:
        """Volunteers and willing neighbours of the same place, up to its grid (片区)."""
        if place is None or place.parent_id is None:
            scope: set[int] | None = None
        else:
            parent = self.place(place.parent_id)
            scope = self.within(parent if parent is not None and parent.parent_id else place)
        query = self.ours(Resident).where(
            or_(Resident.role == Role.VOLUNTEER, Resident.willing),
            Resident.id != besides,
            Resident.deleted_at.is_(None),
        )
        if scope is not None:
            query = query.where(or_(Resident.home_id.in_(scope), Resident.role_place_id.in_(scope)))
        return list(self.session.scalars(query.order_by(Resident.id)))

    def count(
        self, *, place: Place | None = None, notices: bool = False, staff: bool = True
    ) -> int:
        query = select(func.count(Resident.id)).where(
            Resident.community_id == self.community_id, Resident.deleted_at.is_(None)
        )
        if place is not None and place.parent_id is not None:
            query = query.where(Resident.home_id.in_(self.within(place)))
        if notices:
            query = query.where(Resident.notices)
        if not staff:
            query = query.where(Resident.role.not_in((Role.WORKER, Role.CHIEF)))
        return self.session.scalar(query) or 0

    def listed(
        self,
        *,
        place: Place | None = None,
        text: str = "",
        claims: bool = False,
        offset: int = 0,
        limit: int = 100,
    ) -> list[Resident]:
        """For the roster: by home and room; `claims` keeps addresses nobody has confirmed."""
        query = self.ours(Resident).where(Resident.deleted_at.is_(None))
        if place is not None and place.parent_id is not None:
            query = query.where(Resident.home_id.in_(self.within(place)))
        if text:
            query = query.where(
                Resident.name.contains(text, autoescape=True)
                | Resident.room.contains(text, autoescape=True)
                | Resident.phone.contains(text, autoescape=True)
            )
        if claims:
            query = query.where(Resident.confirmed.is_(False), Resident.home_id.is_not(None))
        query = query.outerjoin(Place, Place.id == Resident.home_id).order_by(
            Place.position, Resident.unit, Resident.room, Resident.id
        )
        return list(self.session.scalars(query.offset(offset).limit(limit)))

    # Identities and codes

    def identity(self, channel_id: str, external_id: str) -> Identity | None:
        query = self.ours(Identity).where(
            Identity.channel_id == channel_id, Identity.external_id == external_id
        )
        return self.session.scalars(query).one_or_none()

    def identities_of(self, resident: Resident) -> list[Identity]:
        query = self.ours(Identity).where(Identity.resident_id == resident.id)
        return list(self.session.scalars(query))

    def credential(self, kind: str, secret: str, now: datetime) -> Credential | None:
        """A live code or session; None when it is unknown, used or expired."""
        return self.session.scalars(
            self.ours(Credential).where(
                Credential.kind == kind,
                Credential.hash == hashed(secret),
                Credential.used_at.is_(None),
                Credential.expires_at > now,
            )
        ).one_or_none()

    def give_credential(self, kind: str, secret: str, to: Resident, until: datetime) -> Credential:
        return self.add(
            Credential(
                community_id=self.community_id,
                kind=kind,
                hash=hashed(secret),
                resident_id=to.id,
                expires_at=until,
            )
        )

    def forget_words(self, person: Resident, gone: str, *, besides: int | None) -> None:
        """Takes a person's words out of what must stay countable, and ends their conversations.

        All but `besides`: the one in which they ask for it.
        """
        for kind, over in (
            (Clock, Clock.stopped_at),
            (Incident, Incident.closed_at),
            (HelpRequest, HelpRequest.closed_at),
        ):
            self.session.execute(
                update(kind)
                .where(kind.community_id == self.community_id, kind.resident_id == person.id)
                .where(over.is_not(None))
                .values(text=gone)
            )
        for conversation in self.session.scalars(
            self.ours(Conversation).where(Conversation.resident_id == person.id)
        ):
            if conversation.id != besides:
                self.session.delete(conversation)

    def revoke_credentials(self, resident: Resident, now: datetime) -> None:
        """Ends every code and session of a person."""
        self.session.execute(
            update(Credential)
            .where(
                Credential.community_id == self.community_id,
                Credential.resident_id == resident.id,
                Credential.used_at.is_(None),
            )
            .values(used_at=now)
        )

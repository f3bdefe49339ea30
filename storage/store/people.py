"""Who is who, and where: residents, roles, places, one-time codes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, false, func, or_, select, update

from storage.models import (
    Chat,
    Clock,
    Conversation,
    Credential,
    HelpRequest,
    Identity,
    Inbound,
    Incident,
    Place,
    Resident,
    Role,
)
from storage.store import merging, statements
from storage.store.base import Questions
from storage.store.fixed import Fixed, building_number
from storage.unit_of_work import UnitOfWork


def hashed(secret: str) -> str:
    """What is kept of a code or token."""
    return hashlib.sha256(secret.encode()).hexdigest()


class People(Questions):
    _file: tuple[list[int], dict[str, Resident]] | None = None
    _staff: tuple[int, list[Resident]] | None = None

    def __init__(self, session: UnitOfWork, community_id: int, fixed: Fixed) -> None:
        super().__init__(session, community_id)
        self.fixed = fixed

    @property
    def places(self) -> list[Place]:
        """The community itself, then its places as in the file, depth first."""
        return self.fixed.places

    def place(self, ident: int | None) -> Place | None:
        return self.fixed.by_id.get(ident or 0)

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
        return self.fixed.numbered.get(number.lstrip("0") or "0")

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
        wanted = set(idents)
        known = [self._known(Resident, ident) for ident in wanted]
        found = {p.id: p for p in known if p is not None and p.community_id == self.community_id}
        if wanted - set(found):
            query = self.ours(Resident).where(Resident.id.in_(wanted - set(found)))
            with self.session.no_autoflush:
                found |= {row.id: row for row in self.session.scalars(query)}
        return found

    def in_file(self, name: str) -> Resident | None:
        """A person of the community file, by name."""
        changes = [self.session.info.get((Resident, key), 0) for key in ("in_file", "name")]
        if self._file is None or self._file[0] != changes:
            rows = self.session.scalars(
                self.ours(Resident).where(Resident.in_file).order_by(Resident.id.desc())
            )
            self._file = changes, {person.name: person for person in rows}
        new = [row for row in self.born(Resident) if row.in_file and row.name == name]
        return self._file[1].get(name) or next(iter(new), None)

    def names_in(self, text: str) -> list[str]:
        """The names of people here that stand in a text, also as they call themselves elsewhere.

        The database looks, so that nobody has to be read. Names of places are left out.
        """
        new = [p.name for p in self.born(Resident)] + [i.name for i in self.born(Identity)]
        found = {name for name in new if name in text}
        if self.session.changes((Resident, "name")):
            self.session.flush()
        with self.session.no_autoflush:
            values = {"community": self.community_id, "text": text}
            found |= set(self.session.scalars(statements.NAMES_IN, values))
        places = [place.name for place in self.places]
        return sorted(name for name in found if not any(name in place for place in places))

    def with_role(self, *roles: Role) -> list[Resident]:
        query = self.ours(Resident).where(Resident.role.in_(roles), Resident.deleted_at.is_(None))
        return list(self.session.scalars(query.order_by(Resident.id)))

    def staff(self) -> list[Resident]:
        """Asked for in many turns, so it is kept until somebody's role changes."""
        changes = self.session.info.get((Resident, "role"), 0)
        if self._staff is None or self._staff[0] != changes:
            self._staff = changes, self.with_role(Role.WORKER, Role.CHIEF)
        return [person for person in self._staff[1] if person.deleted_at is None]

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
        return list(self.session.scalars(query.order_by(Identity.id)))

    def identity_by_id(self, ident: int | None) -> Identity | None:
        return self.one(Identity, ident)

    def alike(self, person: Resident, nobody: str, *, limit: int = 9) -> list[Resident]:
        """Others who look like the same person: by name, phone, or home and room. Never staff.

        `nobody` is how whoever gives no name is called, which makes nobody alike.
        """
        if person.community_id != self.community_id:
            return []
        same: list[ColumnElement[bool]] = [false()]
        if person.name not in ("", nobody):
            same.append(Resident.name == person.name)
        if person.phone:
            same.append(Resident.phone == person.phone)
        if person.home_id is not None and person.room:
            same.append(
                and_(
                    Resident.home_id == person.home_id,
                    Resident.room == person.room,
                    func.coalesce(Resident.unit, "") == (person.unit or ""),
                )
            )
        query = self.ours(Resident).where(
            or_(*same),
            Resident.id != person.id,
            Resident.deleted_at.is_(None),
            Resident.role.not_in((Role.WORKER, Role.CHIEF)),
        )
        return list(self.session.scalars(query.order_by(Resident.id).limit(limit)))

    def merge(self, stranger: Resident, into: Resident, now: datetime) -> bool:
        """Makes two records one person: all the stranger did, wrote and is asked moves over.

        False, and nothing done, where it may not be: a person of the community file is never
        merged away, nobody with themselves, nobody of another community.
        """
        theirs = {stranger.community_id, into.community_id}
        if theirs != {self.community_id} or stranger.id == into.id or stranger.in_file:
            return False
        if stranger.deleted_at is not None or into.deleted_at is not None:
            return False
        merging.merge(self.session, stranger, into, now)
        return True

    def chats_as(self, identity: Identity) -> list[Chat]:
        """The private chats somebody has as this identity, blocked ones too."""
        written = select(Inbound.chat_key).where(
            Inbound.channel_id == identity.channel_id,
            Inbound.user_key == identity.external_id,
            Inbound.group.is_(False),
        )
        query = self.ours(Chat).where(
            Chat.channel_id == identity.channel_id,
            Chat.resident_id == identity.resident_id,
            Chat.group.is_(False),
            or_(Chat.external_id == identity.external_id, Chat.external_id.in_(written)),
        )
        return list(self.session.scalars(query.order_by(Chat.id)))

    def hand_over(self, identity: Identity, to: Resident, stays: Chat | None) -> bool:
        """Gives one identity and its private chats to another resident, without any history.

        What was asked there is answered in `stays` from now on, another chat of the former
        holder. False, and nothing done, across communities.
        """
        if {identity.community_id, to.community_id} != {self.community_id}:
            return False
        if stays is not None and stays.resident_id != identity.resident_id:
            return False
        merging.hand_over(self.session, identity, self.chats_as(identity), to, stays)
        return True

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

    def give_credential(
        self, kind: str, secret: str, to: Resident, until: datetime, *, place: Place | None = None
    ) -> Credential:
        return self.add(
            Credential(
                community_id=self.community_id,
                kind=kind,
                hash=hashed(secret),
                resident_id=to.id,
                place_id=place.id if place else None,
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

    def forget_credentials(self, resident: Resident, kind: str | None = None) -> None:
        """Ends every code and session of a person, or those of one kind, and keeps nothing."""
        query = delete(Credential).where(
            Credential.community_id == self.community_id, Credential.resident_id == resident.id
        )
        if kind is not None:
            query = query.where(Credential.kind == kind)
        self.session.execute(query)

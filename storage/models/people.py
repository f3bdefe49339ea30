"""The tenant and its people: Community, Place, Resident, Identity, Credential."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class Role(StrEnum):
    """What somebody may do here. Only the community file and staff give one, never a name."""

    CHIEF = "chief"
    WORKER = "worker"
    VOLUNTEER = "volunteer"
    RESIDENT = "resident"


class Community(Entity):
    """One tenant. `config` is its community file as it was last loaded."""

    __tablename__ = "community"
    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    config: Mapped[dict[str, Any]]
    demo: Mapped[bool] = mapped_column(default=False)
    demo_filled: Mapped[bool] = mapped_column(default=False)  # the sample records were written once
    appeals_filed: Mapped[int] = mapped_column(default=0)  # the last 编号 given


class Place(Entity):
    """A node of 社区 › 苑区 › 片区 › 楼栋. The root stands for the community itself."""

    __tablename__ = "place"
    __table_args__ = (UniqueConstraint("community_id", "path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    name: Mapped[str]
    path: Mapped[str]  # names from the root's child down, joined by ›; "" for the root
    position: Mapped[int]  # order in the file, depth first


class Resident(Entity):
    """A person, known on one or more channels. Name and address are claims until confirmed."""

    __tablename__ = "resident"
    __table_args__ = (
        Index("ix_resident_home", "community_id", "home_id"),
        Index("ix_resident_role", "community_id", "role"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(default=Role.RESIDENT)
    role_place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    home_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))
    unit: Mapped[str | None]
    room: Mapped[str | None]
    phone: Mapped[str | None]
    elder: Mapped[bool] = mapped_column(default=False)
    willing: Mapped[bool] = mapped_column(default=False)  # to be asked when a neighbour needs help
    notices: Mapped[bool] = mapped_column(default=True)  # False after 退订
    language: Mapped[str | None]
    in_file: Mapped[bool] = mapped_column(default=False)  # a person of the community file
    confirmed: Mapped[bool] = mapped_column(default=False)  # staff vouch for name and address
    demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    @property
    def is_staff(self) -> bool:
        return self.role in (Role.CHIEF, Role.WORKER)


class Identity(Entity):
    """A resident as one channel knows them."""

    __tablename__ = "identity"
    __table_args__ = (
        UniqueConstraint("channel_id", "external_id"),
        Index("ix_identity_named", "community_id", "external_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    external_id: Mapped[str]
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    name: Mapped[str]  # as they call themselves there
    token_hash: Mapped[str | None] = mapped_column(unique=True)  # web sessions only
    created_at: Mapped[datetime]


class Credential(Entity):
    """A one-time code (invite, link, group, login) or a console session. Only its hash is kept.

    `resident_id` is whom an invite or a link makes of who writes it, and who gave a group's code.
    """

    __tablename__ = "credential"
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    kind: Mapped[str]  # invite | link | group | login | session
    hash: Mapped[str] = mapped_column(unique=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id"))  # what a group is bound to
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

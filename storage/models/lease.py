"""Who of several processes does what only one may do: send on a channel, ask a platform."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity


class Lease(Entity):
    """`holder` may do it until `until`, by the database's clock. Nobody's when that is over."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(primary_key=True)  # send:<channel>, poll:<channel>, files …
    holder: Mapped[str]
    epoch: Mapped[int]  # rises with every holder, so that a late one is known by it
    until: Mapped[datetime]

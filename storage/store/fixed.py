"""What of a community changes only when its file is loaded: a process may read it once."""

from __future__ import annotations

import re
from functools import cached_property

from sqlalchemy import select

from storage.models import Channel, Place
from storage.unit_of_work import UnitOfWork


def building_number(name: str) -> str | None:
    """ "3栋" → "3"; None for places that are no numbered building."""
    found = re.fullmatch(r"0*(\d{1,4})\s*(?:栋|幢|号楼|号|座|#)", name)
    return found[1] if found else None


class Fixed:
    """Read when first asked for; `read` it in a reader to keep it longer than its session."""

    def __init__(self, session: UnitOfWork, community_id: int) -> None:
        self._session, self._community_id = session, community_id

    def read(self) -> Fixed:
        _ = self.places, self.channels
        return self

    def forget(self) -> None:
        """The file is being loaded."""
        for name in ("places", "by_id", "numbered", "names", "channels"):
            self.__dict__.pop(name, None)

    @cached_property
    def places(self) -> list[Place]:
        """The community itself, then its places as in the file, depth first."""
        query = select(Place).where(Place.community_id == self._community_id)
        return list(self._session.scalars(query.order_by(Place.position)))

    @cached_property
    def by_id(self) -> dict[int, Place]:
        return {place.id: place for place in self.places}

    @cached_property
    def numbered(self) -> dict[str, Place]:
        """Buildings by number; the first in the file of several with one."""
        named = [(building_number(place.name), place) for place in reversed(self.places)]
        return {number: place for number, place in named if number is not None}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all places but the community itself."""
        return tuple(place.name for place in self.places if place.parent_id is not None)

    @cached_property
    def channels(self) -> dict[str, tuple[str, bool]]:
        """By id: the platform, and whether it may write first."""
        query = select(Channel.id, Channel.platform, Channel.initiate).where(
            Channel.community_id == self._community_id
        )
        return {row[0]: (row[1], row[2] == "free") for row in self._session.execute(query)}

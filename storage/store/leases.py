"""Who of several processes may send on a channel, ask a platform, keep files: rows with an end.

By the database's clock, since the processes' own may differ. PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storage.models import Lease

NOW = func.clock_timestamp()


@dataclass(frozen=True)
class Held:
    """A lease as its holder knows it."""

    name: str
    holder: str
    epoch: int


def take(session: Session, names: Collection[str], holder: str, seconds: float) -> dict[str, Held]:
    """Takes or renews what is nobody's or the holder's own; gives what it holds now, by name.

    A new holder raises the epoch. Waits for whoever is just using the lease (`holds`).
    """
    if not names:
        return {}
    until = NOW + text(f"interval '{float(seconds)} seconds'")
    rows = [{"name": name, "holder": holder, "epoch": 1, "until": until} for name in sorted(names)]
    new = insert(Lease).values(rows)
    mine = Lease.holder == new.excluded.holder
    statement = new.on_conflict_do_update(
        index_elements=[Lease.name],
        set_={
            "holder": new.excluded.holder,
            "epoch": Lease.epoch + case((mine, 0), else_=1),
            "until": new.excluded.until,
        },
        where=or_(mine, Lease.until < NOW),
    ).returning(Lease.name, Lease.epoch)
    return {row[0]: Held(row[0], holder, row[1]) for row in session.execute(statement)}


def holds(session: Session, held: Held) -> bool:
    """Whether a lease still is its holder's; until this transaction ends nobody else gets it."""
    query = select(Lease.name).where(
        Lease.name == held.name, Lease.holder == held.holder, Lease.epoch == held.epoch
    )
    return session.scalar(query.with_for_update(read=True)) is not None


def release(session: Session, holder: str) -> None:
    """Gives back all that somebody holds; the next one may take it at once."""
    session.execute(update(Lease).where(Lease.holder == holder).values(holder="", until=NOW))

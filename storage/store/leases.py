"""Who of several processes may send on a channel, ask a platform, keep files: rows with an end.

By the database's clock, since the processes' own may differ. PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from sqlalchemy import Update, func, select, text, update
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


def take(session: Session, names: Set[str], holder: str, seconds: float) -> dict[str, Held]:
    """Renews the holder's own and takes what is nobody's; gives what it holds now, by name.

    A new holder raises the epoch. Passes over a lease that is being used just now (`holds`), or
    whoever is frozen in there would keep us from renewing our own.
    """
    until = NOW + text(f"interval '{float(seconds)} seconds'")
    asked = Lease.name.in_(sorted(names))
    found = _now(session, update(Lease).where(asked, Lease.holder == holder).values(until=until))
    missing = names - found.keys() - set(session.scalars(select(Lease.name).where(asked)))
    if missing:
        rows = [{"name": name, "holder": "", "epoch": 0, "until": NOW} for name in sorted(missing)]
        session.execute(insert(Lease).values(rows).on_conflict_do_nothing())
    free = select(Lease.name).where(asked, Lease.holder != holder, Lease.until < NOW)
    ours = session.scalars(free.order_by(Lease.name).with_for_update(skip_locked=True)).all()
    if ours:
        change = update(Lease).where(Lease.name.in_(ours))
        change = change.values(holder=holder, epoch=Lease.epoch + 1, until=until)
        found |= _now(session, change)
    return {name: Held(name, holder, epoch) for name, epoch in found.items()}


def _now(session: Session, change: Update) -> dict[str, int]:
    """Epochs by name of what a statement changed."""
    changed = change.returning(Lease.name, Lease.epoch)
    rows = session.execute(changed, execution_options={"synchronize_session": False})
    return {row[0]: row[1] for row in rows}


def holds(session: Session, held: Held) -> bool:
    """Whether a lease still is its holder's; until this transaction ends nobody else gets it."""
    query = select(Lease.name).where(
        Lease.name == held.name, Lease.holder == held.holder, Lease.epoch == held.epoch
    )
    return session.scalar(query.with_for_update(read=True)) is not None


def release(session: Session, holder: str) -> None:
    """Gives back all that somebody holds; the next one may take it at once."""
    session.execute(update(Lease).where(Lease.holder == holder).values(holder="", until=NOW))

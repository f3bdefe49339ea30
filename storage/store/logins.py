"""Console logins and sessions: a secret says by itself whose it is, in whichever community."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.models import Credential, Resident
from storage.store.people import hashed


def holder(
    session: Session, kind: str, secret: str, now: datetime
) -> tuple[Credential, Resident] | None:
    """A live credential and its person, who must be staff today; else None."""
    row = session.execute(
        select(Credential, Resident)
        .join(Resident, Resident.id == Credential.resident_id)
        .where(
            Credential.kind == kind,
            Credential.hash == hashed(secret),
            Credential.used_at.is_(None),
            Credential.expires_at > now,
            Resident.community_id == Credential.community_id,
            Resident.deleted_at.is_(None),
        )
    ).one_or_none()
    return (row[0], row[1]) if row is not None and row[1].is_staff else None

"""附件: a photo, voice or file somebody sent, from the platform's reference to our own copy."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Entity

MB = 2**20
MOST = {  # bytes we take of each kind
    "photo": 10 * MB,  # a phone's photo is 2 to 8
    "voice": 5 * MB,  # half an hour as messengers press it
    "video": 20 * MB,  # Telegram gives a bot no larger file
    "file": 10 * MB,  # a scanned contract
}
PHOTOS = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/heic"})
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What is taken of each kind, by what the bytes are: nothing a program would run or a browser would
# read as a page (no html, svg, zip), and nothing older offices keep macros in.
TAKEN = {
    "photo": PHOTOS,
    "voice": frozenset(
        {"audio/ogg", "audio/amr", "audio/mpeg", "audio/mp4", "audio/wav", "video/mp4"}
    ),  # some recorders name their m4a like a film
    "video": frozenset({"video/mp4", "video/quicktime", "video/webm"}),
    "file": PHOTOS | {"application/pdf", WORD, EXCEL},
}


class Keeping(StrEnum):
    """Where an attachment stands."""

    WAITING = "waiting"  # to be downloaded
    KEPT = "kept"
    REFUSED = "refused"  # too large, or of a kind we do not take
    FAILED = "failed"  # given up; the platform's copy may be gone
    ERASED = "erased"  # its file goes with the next round


class Media(Entity):
    """`reference` is how steps and messages name it: "inbound:12:photo".

    `due_at` is the next try of what waits, and for what was not kept, when that is to be told.
    """

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_due", "state", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("channel.id"))
    inbound_id: Mapped[int] = mapped_column(ForeignKey("inbound.id"), index=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    reference: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]  # photo voice video file
    state: Mapped[Keeping] = mapped_column(default=Keeping.WAITING)
    name: Mapped[str | None]  # of our file, random, in the folder beside the database
    mime: Mapped[str | None]  # as its first bytes tell, never as it was claimed
    size: Mapped[int | None]  # bytes
    why: Mapped[str | None]  # a word for why it is not there: large kind gone network
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

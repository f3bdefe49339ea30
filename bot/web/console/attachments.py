"""Photos, voices and files that residents sent: for staff of the community, and only to look at.

What is sent to a browser is called what its own bytes say it is, and may do nothing there: no
script, no frame, no guess at another type.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from bot.shelf import Shelf
from bot.web.console.entry import Staff, page
from bot.web.console.frame import View, ident_of, look, there
from bot.web.problem import Problem
from bot.web.site import site_of
from storage.models import Keeping, Media
from storage.models.media import EXCEL, WORD

INLINE = {  # what browsers show or play themselves, and how; the rest is downloaded
    **dict.fromkeys(("image/jpeg", "image/png", "image/webp", "image/gif"), "image"),
    **dict.fromkeys(("audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav"), "audio"),
    **dict.fromkeys(("video/mp4", "video/webm"), "video"),
}
ENDINGS = {
    "image/jpeg": "jpg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "video/quicktime": "mov",
    "application/pdf": "pdf",
    WORD: "docx",
    EXCEL: "xlsx",
}
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Shown:
    """An attachment on a page. `how`: image audio video file; "" for one that is not there."""

    how: str
    words: str
    href: str = ""


def shown(view: View, row: Media) -> Shown:
    kind = view.desk.words(view.person).say(f"media.{row.kind}")
    if row.state is not Keeping.KEPT:
        why = row.state.value if row.state in (Keeping.WAITING, Keeping.ERASED) else row.why
        return Shown("", view.say(f"attached.{why}", kind=kind))
    href = f"/console/media/{row.id}"
    how = INLINE.get(row.mime or "", "file")
    if how == "file":
        size = max(1, (row.size or 0) // 1024)
        words = f"{size} KB" if size < 1024 else f"{size / 1024:.1f} MB"
        return Shown(how, view.say("attached.download", kind=kind, size=words), href)
    return Shown("audio" if row.kind == "voice" else how, kind, href)


def by_reference(view: View, references: Iterable[str | None]) -> dict[str, Shown]:
    """What steps of a history name; nothing for what was never to be downloaded."""
    found = view.store.media.named([one for one in references if one])
    return {reference: shown(view, row) for reference, row in found.items()}


async def _one(request: Request, staff: Staff) -> Response:
    """The file itself. 404 where it is not kept, or is of another community."""
    ident = ident_of(request)
    row: Media = there(await look(request, staff, lambda view: view.store.media.get(ident)))
    if row.state is not Keeping.KEPT or row.name is None:
        raise Problem(404, "error.not_found")
    path = Shelf(site_of(request).office.settings.folder).path(row.name)
    if not path.is_file():
        raise Problem(404, "error.not_found")
    mime = row.mime or "application/octet-stream"
    ending = ENDINGS.get(mime, mime.rpartition("/")[2])
    return FileResponse(
        path,
        media_type=mime,
        headers=HEADERS,
        filename=f"{row.id}.{ending}",
        content_disposition_type="inline" if mime in INLINE else "attachment",
    )


one = page(_one)

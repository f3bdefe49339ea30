"""没办好的消息: what failed on the way in or out, for the chief; tried again by a button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, show, there
from bot.web.problem import Problem
from bot.web.site import site_of
from storage import Session, Store
from storage.models import Outbound, Sending
from storage.store.claims import claim


@dataclass(frozen=True)
class Trouble:
    kind: str  # in | out
    id: int
    who: str
    text: str
    when: str
    why: str


def _chief_only(staff: Staff) -> None:
    if not staff.chief:
        raise Problem(403, "console.chief_only")


async def _listed(request: Request, staff: Staff) -> Response:
    _chief_only(staff)
    return await show(request, staff, "troubles.html", _see)


listed = page(_listed)


def _see(view: View) -> Mapping[str, Any]:
    messages = view.store.messages
    found = []
    for row in messages.not_answered():
        identity = view.store.people.identity(row.channel_id, row.user_key)
        who = identity.name if identity is not None else row.user_name or ""
        why = view.say("troubles.fault", where=(row.error or "").partition(" < ")[0])
        found.append(Trouble("in", row.id, who, row.text, view.moment(row.received_at), why))
    out = []
    for sent in messages.not_sent():
        out.append(_unsent(view, sent))
    return {"heard": found, "unsent": out}


def _unsent(view: View, row: Outbound) -> Trouble:
    chat = view.store.messages.chat(row.chat_id)
    who = (chat.name or view.name(chat.resident_id)) if chat is not None else ""
    phrase = "troubles.unknown" if row.status is Sending.UNKNOWN else "troubles.given_up"
    why = view.say(phrase, why=row.error or "-", channel=row.channel_id)
    return Trouble("out", row.id, who, row.text, view.moment(row.created_at), why)


async def _again(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """A message is answered anew, or sent anew."""
    _chief_only(staff)
    ident, kind, site = ident_of(request), request.path_params["kind"], site_of(request)

    def work(session: Session) -> None:
        claim(session, staff.community_id)
        messages = Store(session, staff.community_id).messages
        if kind == "in":
            heard = there(messages.inbound(ident))
            if heard.error is not None:
                heard.handled_at = heard.error = None
        elif kind == "out":
            row = there(messages.outbound(ident))
            if row.status in (Sending.FAILED, Sending.UNKNOWN):
                row.status, row.attempts, row.error, row.expires_at = Sending.QUEUED, 0, None, None
        else:
            raise Problem(404, "error.not_found")

    await site.write(work)
    return RedirectResponse("/console/troubles?again=1", 303)


again = action(_again)

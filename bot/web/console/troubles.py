"""没办好的消息: what failed on the way in or out, for the chief; tried again by a button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, brief, ident_of, look, show, there
from bot.web.problem import Problem
from bot.web.site import site_of
from handlers.console import asked_since
from storage import Session, Store
from storage.models import Inbound, Outbound, Sending
from storage.store.claims import claim

# What may be done about a message whose handler failed: the matter, and how it reads in the chat.
HEARD = {"again": ("try_again", "troubles.try_again"), "leave": ("let_be", "troubles.leave")}


@dataclass(frozen=True)
class Trouble:
    id: int
    who: str
    text: str
    when: str
    why: str


@dataclass(frozen=True)
class Unhandled(Trouble):
    """A message whose handler failed, with what whoever tries it again should know."""

    failed: str  # the moment, as the form carries it: what happened since makes the form void
    since: str  # what its writer said afterwards
    asked: bool  # something else: then it cannot be tried


def _chief_only(staff: Staff) -> None:
    if not staff.chief:
        raise Problem(403, "console.chief_only")


async def _listed(request: Request, staff: Staff) -> Response:
    _chief_only(staff)
    return await show(request, staff, "troubles.html", _see)


listed = page(_listed)


def _see(view: View) -> Mapping[str, Any]:
    messages = view.store.messages
    return {
        "heard": [_unhandled(view, row) for row in messages.not_answered()],
        "unsent": [_unsent(view, row) for row in messages.not_sent()],
    }


def _unhandled(view: View, row: Inbound) -> Unhandled:
    after = view.store.messages.written_after(row)
    return Unhandled(
        row.id,
        _writer(view, row),
        row.text,
        view.moment(row.received_at),
        view.say("troubles.fault", where=(row.error or "").partition(" < ")[0]),
        failed=row.handled_at.isoformat() if row.handled_at is not None else "",
        since=view.say("troubles.since", n=len(after), text=brief(after[-1])) if after else "",
        asked=asked_since(view.desk, row),
    )


def _writer(view: View, row: Inbound) -> str:
    identity = view.store.people.identity(row.channel_id, row.user_key)
    return identity.name if identity is not None else row.user_name or ""


def _unsent(view: View, row: Outbound) -> Trouble:
    chat = view.store.messages.chat(row.chat_id)
    who = (chat.name or view.name(chat.resident_id)) if chat is not None else ""
    phrase = "troubles.unknown" if row.status is Sending.UNKNOWN else "troubles.given_up"
    why = view.say(phrase, why=row.error or "-", channel=row.channel_id)
    return Trouble(row.id, who, row.text, view.moment(row.created_at), why)


async def _heard(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """再试一次, 不用再试: both are the chief's own words to the bot."""
    _chief_only(staff)
    ident = ident_of(request)
    matter, phrase = there(HEARD.get(request.path_params["verb"]))

    def see(view: View) -> str:
        row = there(view.store.messages.inbound(ident))
        return view.say(phrase, name=_writer(view, row))

    words = await look(request, staff, see)
    opening = {"inbound": ident, "failed": fields.get("failed", "")[:40]}
    return await act(request, staff, fields, matter, opening, words, "/console/troubles")


heard = action(_heard)


async def _again(request: Request, staff: Staff, _fields: dict[str, str]) -> Response:
    """A message is sent anew."""
    _chief_only(staff)
    ident, site = ident_of(request), site_of(request)

    def work(session: Session) -> None:
        claim(session, staff.community_id)
        row = there(Store(session, staff.community_id).messages.outbound(ident))
        if row.status in (Sending.FAILED, Sending.UNKNOWN):
            row.status, row.attempts, row.error, row.expires_at = Sending.QUEUED, 0, None, None

    await site.write(work)
    return RedirectResponse("/console/troubles", 303)


again = action(_again)

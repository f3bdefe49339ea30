"""Writing a notice: text, audience, time; a look at it; then it leaves after 30 seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web import intake
from bot.web.console.acting import act
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, look, show
from bot.web.problem import Problem
from handlers.notice import audience_words, group_words, reached, trouble
from storage.models import Role

TEXT_MAX = 1_000  # characters of a notice
REPEATS = ("once", "daily", "weekly")
ROLES = (Role.VOLUNTEER, Role.WORKER, Role.RESIDENT)


def audiences(view: View) -> list[tuple[str, str]]:
    """Everybody a notice can go to: value and words."""
    people = view.store.people
    found = [("everyone", view.say("notices.everyone"))]
    found += [(f"place:{p.id}", p.path) for p in people.places if p.parent_id is not None]
    found += [
        (f"role:{role}", view.desk.words(view.person).say(f"people.{role}")) for role in ROLES
    ]
    groups = view.store.messages.groups()
    return found + [
        (f"chat:{g.id}", view.say("notices.group", name=group_words(view.desk, g))) for g in groups
    ]


async def _form(request: Request, staff: Staff) -> Response:
    return await show(request, staff, "write.html", _blank, here="notices")


form = page(_form)


def _blank(view: View) -> Mapping[str, Any]:
    empty = {"text": "", "audience": "everyone", "at": "", "repeat": "once"}
    return {"draft": empty, "audiences": audiences(view), "repeats": REPEATS, "preview": None}


def _checked(view: View, fields: Mapping[str, str]) -> dict[str, str]:
    """What was written, each part known to be ours. Raises Problem 400."""
    text = intake.text(fields.get("text"))
    if len(text) > TEXT_MAX:
        raise Problem(400, "error.text_long", most=TEXT_MAX)
    audience = fields.get("audience", "")
    if audience not in {value for value, _ in audiences(view)}:
        raise Problem(400, "console.which_audience")
    repeat = fields.get("repeat", "once")
    if repeat not in REPEATS:
        raise Problem(400, "console.which_time")
    return {"text": text, "audience": audience, "repeat": repeat, "at": _time(view, fields)}


def _time(view: View, fields: Mapping[str, str]) -> str:
    """The moment as ISO with its zone, "" for now. Raises Problem 400 for the past."""
    raw = fields.get("at", "").strip()
    if not raw:
        return ""
    try:
        at = datetime.fromisoformat(raw)
    except ValueError:
        raise Problem(400, "console.which_time") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=view.desk.file.zone)
    if not view.now < at < view.now.replace(year=view.now.year + 2):
        raise Problem(400, "console.which_time")
    return at.isoformat()


async def _preview(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """What will be sent, to whom, when. "Change" brings the form back with everything in it."""

    def see(view: View) -> Mapping[str, Any]:
        draft = _checked(view, fields)
        at = datetime.fromisoformat(draft["at"]) if draft["at"] else None
        if fields.get("change"):
            local = at.astimezone(view.desk.file.zone).strftime("%Y-%m-%dT%H:%M") if at else ""
            return {**_blank(view), "draft": {**draft, "at": local}}
        why = trouble(view.desk, draft["audience"], draft["text"], at or view.now)
        if why:
            raise Problem(400, "console.cannot_post", why=why)
        when = view.moment(at) if at else view.say("notices.now")
        group = draft["audience"].startswith("chat:")
        return {
            **_blank(view),
            "draft": draft,
            "preview": {
                "goes_to": view.say(
                    "notices.goes_to_group" if group else "notices.goes_to",
                    audience=audience_words(view.desk, draft["audience"]),
                    n=reached(view.desk, draft["audience"]),
                ),
                "when": view.say(f"notices.when_{draft['repeat']}", at=when),
            },
        }

    return await show(request, staff, "write.html", see, here="notices")


preview = action(_preview)


async def _send(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    def see(view: View) -> tuple[dict[str, str], str]:
        return _checked(view, fields), view.say("notices.write")

    draft, word = await look(request, staff, see)
    words = f"{word} {draft['text']}"
    return await act(request, staff, fields, "notice_schedule", draft, words, "/console/notices")


send = action(_send)

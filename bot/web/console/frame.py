"""What every page of the console stands in: who looks, the words, the last answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console.entry import Staff
from bot.web.problem import Problem
from bot.web.site import Site, site_of
from bot.web.words import PageWords
from handlers.desk import Desk
from storage import Session, Store
from storage.models import Appeal, Channel, Inbound, Resident, Stage

PLACES = ("appeals", "rollcalls", "notices", "channels", "roster")  # the five words
BRIEF = 18  # characters of a case in a sentence
IDENT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class View:
    """The desk as one staff member sees it at one moment."""

    desk: Desk
    words: PageWords
    person: Resident
    staff: Staff

    @property
    def store(self) -> Store:
        return self.desk.store

    @property
    def now(self) -> datetime:
        return self.desk.now

    def say(self, phrase: str, **values: object) -> str:
        return self.words.say(phrase, **values)

    def moment(self, at: datetime | None) -> str:
        return self.desk.words(self.person).moment(at, self.now) if at is not None else ""

    def span(self, length: timedelta | float | None) -> str:
        """A length as people say it; "-" for none. Seconds may be given."""
        if length is None:
            return "-"
        span = length if isinstance(length, timedelta) else timedelta(seconds=length)
        return self.desk.words(self.person).span(span)

    def category(self, name: str) -> str:
        """A category's name; its own key where a community has made one up."""
        try:
            return self.desk.words(self.person).category(name)
        except KeyError:
            return name

    def day(self, at: datetime) -> date:
        return at.astimezone(self.desk.file.zone).date()

    def midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.desk.file.zone)

    def name(self, ident: int | None) -> str:
        found = self.store.people.resident(ident)
        return found.name if found is not None else ""

    def channel(self, row: Channel) -> str:
        """A channel as people call it; by its own id where a platform has no name here."""
        try:
            return self.say(f"lines.{row.platform}", id=row.id)
        except KeyError:
            return row.id

    def due(self, case: Appeal) -> tuple[str, str]:
        """How a case stands with its promise: a sign for the style, and the words."""
        if case.is_live:
            left = case.deadline - self.now
            if left > timedelta():
                soon = left <= self.desk.file.level(case.level).remind_before
                return "soon" if soon else "calm", self.say("cases.left", span=self.span(left))
            return "late", self.say("cases.late", span=self.span(-left))
        waiting = case.stage is Stage.ACTED
        return "asked" if waiting else "over", self.say(f"cases.is_{case.stage}")


def view_of(site: Site, session: Session, staff: Staff) -> View:
    """Raises Problem 401 when the person has just gone."""
    store = Store(session, staff.community_id)
    desk = site.office.dispatcher.desk(store, site.office.clock())
    person = store.people.resident(staff.id)
    if person is None:
        raise Problem(401, "console.outside")
    return View(desk, site.words(person.language or desk.file.language), person, staff)


def ident_of(request: Request) -> int:
    """The number in the address. Raises Problem 404 for anything else."""
    raw = str(request.path_params["ident"])
    if not IDENT.fullmatch(raw):
        raise Problem(404, "error.not_found")
    return int(raw)


def number(raw: str | None) -> int | None:
    """A number of a filter; None for none or nonsense."""
    return int(raw) if raw and IDENT.fullmatch(raw) else None


def there(found: Any) -> Any:
    """What was found. Raises Problem 404 for nothing, which another community's is too."""
    if found is None:
        raise Problem(404, "error.not_found")
    return found


def brief(text: str, limit: int = BRIEF) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


async def look(request: Request, staff: Staff, see: Callable[[View], Any]) -> Any:
    """Reads in a short transaction."""
    site = site_of(request)
    return await site.read(lambda session: see(view_of(site, session, staff)))


async def show(
    request: Request,
    staff: Staff,
    template: str,
    see: Callable[[View], Mapping[str, Any]],
    *,
    here: str = "",
    status: int = 200,
) -> Response:
    """A page: what `see` reads, in the frame. `here` is which of the five words it belongs to."""
    site = site_of(request)

    def everything(view: View) -> dict[str, Any]:
        return {
            "w": view.words,
            "community": view.desk.file.shown_name,
            "at": view.moment(view.now),
            "answer": answer(view, number(request.query_params.get("said"))),
            **see(view),
        }

    values = await look(request, staff, everything)
    nav = [(name, f"/console/{name}", name == here) for name in PLACES]
    frame = {"staff": staff, "nav": nav, "here": here, "nonce": site.office.code()}
    return site.page(f"console/{template}", {**frame, **values}, status=status)


def answer(view: View, ident: int | None) -> str:
    """What the bot answered to what this person did last; "" for nothing."""
    row = view.store.messages.inbound(ident)
    if row is None or row.kind != "console" or not _is_mine(view, row):
        return ""
    if row.handled_at is None:
        return view.say("console.pending")
    if row.error is not None:
        return view.say("console.failed")
    said = view.store.messages.said_at(view.person, row.handled_at)
    chat = view.store.messages.chat_at(row.channel_id, row.chat_key)
    here = [one for one in said if chat is not None and one.chat_id == chat.id] or said
    return here[0].text if here else view.say("console.done")


def _is_mine(view: View, row: Inbound) -> bool:
    identity = view.store.people.identity(row.channel_id, row.user_key)
    return identity is not None and identity.resident_id == view.person.id

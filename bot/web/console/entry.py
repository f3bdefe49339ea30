"""The way in and out: a one-time link from the chat, then a session of twelve hours in a cookie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.web import intake, visitors
from bot.web.problem import Problem, english_first
from bot.web.site import Site, site_of
from storage import Session, Store
from storage.models import Role
from storage.store.claims import claim
from storage.store.logins import holder

COOKIE = "console"
LIFE = timedelta(hours=12)
CODE_MAX = 200  # characters; ours are shorter


@dataclass(frozen=True)
class Staff:
    """Who is at the console, as far as every page needs it."""

    id: int
    community_id: int
    name: str
    chief: bool
    mark: str  # what every form of this session carries


async def who(request: Request) -> Staff | None:
    """The person behind the cookie, if they are staff at this moment."""
    secret = request.cookies.get(COOKIE, "")
    if not 0 < len(secret) <= CODE_MAX:
        return None
    site = site_of(request)
    now = site.office.clock()

    def look(session: Session) -> Staff | None:
        found = holder(session, "session", secret, now)
        if found is None:
            return None
        credential, person = found
        mark = visitors.signed(site.office.secret, f"console:{credential.hash}")
        return Staff(person.id, person.community_id, person.name, person.role is Role.CHIEF, mark)

    return await site.read(look)


Page = Callable[[Request, Staff], Awaitable[Response]]
Action = Callable[[Request, Staff, dict[str, str]], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(work: Page) -> Endpoint:
    """A page for staff; anybody else hears how to get in."""

    async def endpoint(request: Request) -> Response:
        staff = await who(request)
        return await work(request, staff) if staff is not None else outside(request)

    return endpoint


def action(work: Action) -> Endpoint:
    """What a form does: only with a session, from our own page, with the form's token."""

    async def endpoint(request: Request) -> Response:
        staff = await who(request)
        if staff is None:
            return outside(request)
        fields = await intake.form(request)
        if not visitors.same(fields.get("token", ""), staff.mark) or is_foreign(request):
            raise Problem(403, "error.stale")
        return await work(request, staff, fields)

    return endpoint


def is_foreign(request: Request) -> bool:
    """Whether another site's page sent this. With no-referrer browsers say Origin: null."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin", "null")
    return origin != "null" and urlsplit(origin).netloc != request.headers.get("host", "")


def outside(request: Request, phrase: str = "console.outside", status: int = 401) -> Response:
    """One friendly sentence how to get in."""
    site = site_of(request)
    words = site.words(english_first(request.headers.get("accept-language", "")))
    values = {"w": words, "sentence": words.say(phrase), "code": "", "form_token": ""}
    return site.page("console/door.html", values, status=status)


async def home(_request: Request) -> Response:
    return RedirectResponse("/console/", 303)


def _code(request: Request) -> str:
    return str(request.path_params["code"])[: CODE_MAX + 1]


def _login_mark(site: Site, code: str) -> str:
    return visitors.signed(site.office.secret, f"login:{code}")


async def door(request: Request) -> Response:
    """The link itself only shows a button: a preview of the link must not use it up."""
    site, code = site_of(request), _code(request)
    now = site.office.clock()
    found = await site.read(lambda session: holder(session, "login", code, now))
    if found is None or len(code) > CODE_MAX:
        return outside(request, "console.spent", 410)
    words = site.words(english_first(request.headers.get("accept-language", "")))
    sentence = words.say("console.hello", name=found[1].name)
    values = {"w": words, "sentence": sentence, "code": code, "form_token": _login_mark(site, code)}
    return site.page("console/door.html", values)


async def login(request: Request) -> Response:
    """The button: the code is used up and a session begins, in one transaction."""
    site, code = site_of(request), _code(request)
    fields = await intake.form(request)
    if not visitors.same(fields.get("token", ""), _login_mark(site, code)) or is_foreign(request):
        raise Problem(403, "error.stale")
    now, secret = site.office.clock(), site.office.code() + site.office.code()

    def work(session: Session) -> bool:
        found = holder(session, "login", code, now)
        if found is None:
            return False
        credential, person = found
        claim(session, person.community_id)
        session.refresh(credential)
        if credential.used_at is not None:  # at another process, at the same moment
            return False
        credential.used_at = now
        people = Store(session, person.community_id).people
        people.give_credential("session", secret, person, now + LIFE)
        return True

    if not await site.write(work):
        return outside(request, "console.spent", 410)
    response = RedirectResponse("/console/", 303)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(LIFE.total_seconds()),
        path="/console",
        httponly=True,
        samesite="lax",
        secure=site.url_is_secure(),
    )
    return response


async def _logout(request: Request, staff: Staff, _fields: dict[str, str]) -> Response:
    site = site_of(request)
    secret, now = request.cookies.get(COOKIE, ""), site.office.clock()

    def work(session: Session) -> None:
        found = holder(session, "session", secret, now)
        if found is not None:
            found[0].used_at = now

    await site.write(work)
    response = outside(request, "console.bye", 200)
    response.delete_cookie(COOKIE, path="/console")
    return response


logout = action(_logout)

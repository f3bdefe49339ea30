"""Who is asking: Bearer tokens for programs, one cookie per identity for browsers."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from bot.web.intake import TEXT_MAX
from bot.web.problem import Problem, too_fast
from bot.web.site import Door, Site, site_of
from storage import Session
from storage.store import web
from storage.store.web import Visitor

TOKEN_MAX = 400  # characters; ours are shorter
COOKIE = "huiyin_"
COOKIE_AGE = 400 * 24 * 3600  # seconds; what browsers allow at most


def bearer(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


async def by_token(site: Site, door: Door, token: str | None) -> Visitor | None:
    """Whose token this is on a channel."""
    if not token or len(token) > TOKEN_MAX:
        return None
    now = site.office.clock()
    key = (door.id, token)
    known = site.visitors.get(key, now)
    if known is None:

        def look(session: Session) -> Visitor | None:
            return web.visitor(session, door.id, token)

        known = await site.glances.read(look)
        if known is not None:
            site.visitors.put(key, known, now)
    return known


async def by_cookie(request: Request, door: Door, identity: str) -> Visitor | None:
    """The identity of `?as=`, if this browser holds its cookie."""
    if not re.fullmatch(r"[0-9]{1,18}", identity):
        return None
    found = await by_token(site_of(request), door, request.cookies.get(f"{COOKIE}{identity}"))
    return found if found is not None and found.identity_id == int(identity) else None


async def everybody_here(request: Request, door: Door) -> list[Visitor]:
    """All identities this browser holds for a channel, oldest first."""
    site = site_of(request)
    tokens = [value for name, value in request.cookies.items() if name.startswith(COOKIE)][:20]
    found = [await by_token(site, door, token) for token in tokens]
    return sorted((one for one in found if one is not None), key=lambda one: one.identity_id)


async def of(request: Request, door: Door, *, cookie: bool = False) -> Visitor:
    """Who asks the API: the Bearer; where `cookie` is good too, that of `?as=`.

    Only reading streams takes cookies: what changes something must not come from another site.
    Raises Problem 401.
    """
    token = bearer(request)
    if token is None and cookie:
        found = await by_cookie(request, door, request.query_params.get("as", ""))
    else:
        found = await by_token(site_of(request), door, token)
    if found is None:
        raise Problem(401, "error.token", headers={"WWW-Authenticate": "Bearer"})
    return found


def remember(response: Response, site: Site, visitor: Visitor, token: str) -> None:
    """Gives the browser this identity's cookie."""
    response.set_cookie(
        f"{COOKIE}{visitor.identity_id}",
        token,
        max_age=COOKIE_AGE,
        path="/",
        httponly=True,
        samesite="lax",
        secure=site.url_is_secure(),
    )


def signed(secret: bytes, words: str) -> str:
    return hmac.new(secret, words.encode(), hashlib.sha256).hexdigest()[:32]


def form_token(secret: bytes, identity_id: int) -> str:
    """What every form of an identity carries, so that no other site can post it."""
    return signed(secret, f"form:{identity_id}")


def personal_link(secret: bytes, channel_id: str, resident_id: int) -> str:
    """The path of a demo resident's link. Good only for residents marked as demo."""
    mark = signed(secret, f"link:{channel_id}:{resident_id}")
    return f"/chat/{channel_id}/me/{resident_id}-{mark}"


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def address(door: Door, visitor: Visitor, group: str | None, **more: str) -> str:
    """Where an identity's page is: its id stands there, never its token."""
    query = {"as": str(visitor.identity_id), **({"group": group} if group else {}), **more}
    return f"/chat/{door.id}?{urlencode(query)}"


def is_foreign(request: Request) -> bool:
    """Whether the browser says that another site made this request."""
    return request.headers.get("sec-fetch-site", "same-origin") == "cross-site"


async def allow_session(request: Request) -> None:
    """Raises Problem 429 when an address opens sessions too fast."""
    site = site_of(request)
    host = request.client.host if request.client else "?"
    wait = site.new_sessions.spend(host, site.office.clock())
    if wait:
        raise too_fast(wait)


async def allow_message(site: Site, visitor: Visitor, text: str) -> None:
    """Raises Problem 429 for a client that floods, unless its text speaks of danger."""
    wait = site.messages.spend(str(visitor.identity_id), site.office.clock())
    if wait and not await site.is_danger(text[:TEXT_MAX]):
        raise too_fast(wait)


async def open_session(site: Site, door: Door, name: str) -> tuple[Visitor, str]:
    """A new identity that claims a name, and its token. Committed when this returns."""
    office = site.office
    user, token, now = f"u{office.code()}", office.code() + office.code(), office.clock()

    def work(session: Session) -> Visitor:
        channel = next(row for row in web.channels(session) if row.id == door.id)
        return web.welcome(session, channel, name, user, token, now)

    visitor = await site.write(work)
    site.visitors.put((door.id, token), visitor, now)
    return visitor, token

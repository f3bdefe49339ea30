"""How somebody comes to their page: the first form, a list of identities, a demo link."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.web import intake, visitors
from bot.web.problem import Problem, english_first
from bot.web.site import Door, Site, site_of
from storage import Session
from storage.models import Community
from storage.store import web
from storage.store.loading import communities, settings_of
from storage.store.web import Visitor


async def way_in(request: Request, site: Site, door: Door) -> Response:
    """No identity chosen: the only one, a list of those this browser has, or a form for a first."""
    here = await visitors.everybody_here(request, door)
    group = intake.group_name(request.query_params.get("group"))
    asked = request.query_params.get("as") or request.query_params.get("new")
    if len(here) == 1 and not asked:
        return RedirectResponse(visitors.address(door, here[0], group), 303)

    def look(session: Session) -> tuple[str, str]:
        community = session.get_one(Community, door.community_id)
        file = settings_of(community)
        return file.shown_name, file.language

    name, language = await site.read(look)
    words = site.words(_language(request, language))
    if here and not request.query_params.get("new"):
        links = [(one.name, visitors.address(door, one, group)) for one in here]
        return site.page(
            "choose.html", {"w": words, "community": name, "door": door, "links": links}
        )
    mark = visitors.signed(site.office.secret, f"start:{door.id}")
    return site.page(
        "start.html", {"w": words, "community": name, "door": door, "form_token": mark}
    )


def _language(request: Request, default: str) -> str:
    """The community's, unless the browser asks for another of ours."""
    accept = request.headers.get("accept-language", "")
    return english_first(accept) if accept else default


async def start(request: Request) -> Response:
    """Opens an identity from the form."""
    site, door = site_of(request), await intake.door(request)
    fields = await intake.form(request)
    mark = visitors.signed(site.office.secret, f"start:{door.id}")
    if not visitors.same(fields.get("token", ""), mark) or visitors.is_foreign(request):
        raise Problem(403, "error.stale")
    given = fields.get("name", "").strip()
    words = site.words(_language(request, "zh-CN"))
    name = intake.name(given) if given else words.say("page.nameless")
    await visitors.allow_session(request)
    visitor, token = await visitors.open_session(site, door, name)
    response = RedirectResponse(visitors.address(door, visitor, None), 303)
    visitors.remember(response, site, visitor, token)
    return response


async def personal(request: Request) -> Response:
    """A demo resident's link: makes the identity once and gives its cookie."""
    site, door = site_of(request), await intake.door(request)
    found = re.fullmatch(r"(\d{1,12})-[0-9a-f]{32}", str(request.path_params["mark"]))
    secret = site.office.secret
    if found is None or not visitors.same(
        request.url.path, visitors.personal_link(secret, door.id, int(found[1]))
    ):
        raise Problem(404, "error.link")
    resident_id = int(found[1])
    token = visitors.signed(secret, f"token:{door.id}:{resident_id}")
    visitor = await visitors.by_token(site, door, token)
    if visitor is None:
        now = site.office.clock()

        def work(session: Session) -> Visitor | None:
            channel = next(row for row in web.channels(session) if row.id == door.id)
            return web.demo_visitor(session, channel, resident_id, token, now)

        visitor = await site.write(work)
    if visitor is None:
        raise Problem(404, "error.link")
    response = RedirectResponse(visitors.address(door, visitor, None), 303)
    visitors.remember(response, site, visitor, token)
    return response


async def home(request: Request) -> Response:
    """Where to go."""
    site = site_of(request)

    def look(session: Session) -> list[tuple[str, str]]:
        names = {row.id: row.name for row in communities(session)}
        return [
            (names[row.community_id], f"/chat/{row.id}")
            for row in web.channels(session)
            if row.platform == "web"
        ]

    links = await site.read(look)
    words = site.words(english_first(request.headers.get("accept-language", "")))
    return site.page("home.html", {"w": words, "links": links})


routes = [
    Route("/", home, methods=["GET"]),
    Route("/chat/{channel}/start", start, methods=["POST"]),
    Route("/chat/{channel}/me/{mark}", personal, methods=["GET"]),
]

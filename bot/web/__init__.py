"""The web: the API, the resident's page, webhooks, health. Starlette is known only here.

`make_app(office)` gives the ASGI application; `personal_link` the demo residents' links. Whoever
serves it calls `office.hub.start()` in its loop, and `office.hub.close()` before it waits for
open connections to end: streams and long polls then return at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from bot.web import api, console, entrance, health, hooks, page
from bot.web.guard import Guard
from bot.web.problem import Problem, on_http, on_problem, on_unavailable
from bot.web.site import HERE, Site
from bot.web.visitors import personal_link
from storage import Unavailable

if TYPE_CHECKING:
    from bot.office import Office

__all__ = ["make_app", "personal_link"]


def make_app(office: Office) -> Starlette:
    """Everything we serve, on one listener."""
    app = Starlette(
        routes=[
            *api.routes,
            *entrance.routes,
            *page.routes,
            *console.routes,
            *health.routes,
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
            *hooks.routes,  # any platform, so after all that has a name
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http,
            Unavailable: on_unavailable,
            ClientDisconnect: _gone,
        },
    )
    app.state.site = Site(office)
    return app


async def _gone(_request: Request, _error: Exception) -> Response:
    """The client hung up in the middle of its body: nobody hears this answer."""
    return Response(status_code=400)

"""Webhooks: the platforms' own calls. Their 200 comes only after the commit, and never a 429."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.adapters import base
from bot.web import intake
from bot.web.problem import Problem
from bot.web.site import site_of


async def _call(request: Request, platform: str) -> Response:
    site = site_of(request)
    door = await intake.door(request, platform)
    adapter = site.office.adapters.get(door.id)
    if adapter is None:
        raise Problem(404, "error.channel")
    call = base.Request(
        request.method,
        {name.lower(): value for name, value in request.headers.items()},
        dict(request.query_params),
        await intake.body(request),
    )
    try:
        opened = await adapter.open(call)
    except base.Forbidden:
        raise Problem(403, "error.forbidden") from None
    except base.Malformed as error:
        raise Problem(400, "error.platform", why=error) from None
    if opened.events:
        await site.office.inbox.take(door.id, list(opened.events))
    return Response(opened.body, opened.status, media_type=opened.content_type)


async def telegram(request: Request) -> Response:
    return await _call(request, "telegram")


async def wechat(request: Request) -> Response:
    return await _call(request, "wechat")


async def wecom(request: Request) -> Response:
    return await _call(request, "wecom")


routes = [
    Route("/telegram/{channel}", telegram, methods=["POST"]),
    Route("/wechat/{channel}", wechat, methods=["GET", "POST"]),
    Route("/wecom/{channel}", wecom, methods=["GET", "POST"]),
]

"""Webhooks: the platforms' own calls. Their 200 comes only after the commit, and never a 429."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.adapters import base
from bot.web import intake
from bot.web.problem import Problem
from bot.web.site import site_of
from storage import Unavailable


async def call(request: Request) -> Response:
    site = site_of(request)
    door = await intake.door(request, str(request.path_params["platform"]))
    adapter = site.office.adapters.get(door.id)
    if adapter is None:
        raise Problem(404, "error.channel")
    asked = base.Request(
        request.method,
        {name.lower(): value for name, value in request.headers.items()},
        dict(request.query_params),
        await intake.body(request),
    )
    try:
        opened = await adapter.open(asked)
    except base.Forbidden:
        raise Problem(403, "error.forbidden") from None
    except base.Malformed as error:
        raise Problem(400, "error.platform", why=error) from None
    hold = opened.hold
    until = site.office.clock() + timedelta(seconds=hold.seconds) if hold else None
    if opened.events:
        await site.office.inbox.take(door.id, list(opened.events), held_until=until)
    if hold is not None and until is not None and opened.events:
        key = opened.events[0].key
        try:
            reply = await site.office.holding.answer(door.id, key, adapter.caps, until)
        except Unavailable:  # it is received; what is said to it leaves by the outbox
            reply = ""
        if reply:
            return Response(hold.reply(reply), 200, media_type=hold.content_type)
    return Response(opened.body, opened.status, media_type=opened.content_type)


routes = [Route("/{platform}/{channel}", call, methods=["GET", "POST"])]

"""Whether we live, whether we can work, and the counters."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.shelf import Shelf
from bot.web.site import site_of
from storage import Unavailable
from storage.store import web

WITHOUT_ADAPTER = ("web", "terminal")
FRESH = {"Cache-Control": "no-store"}


async def healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"}, 200, FRESH)


async def readyz(request: Request) -> Response:
    """200, or 503 with what is missing."""
    site = site_of(request)
    missing: list[str] = []
    if await run_in_threadpool(site.office.database.alive):
        try:
            doors = await site.every_door()
            missing += [
                f"channels.{door.id}"
                for door in doors
                if door.platform not in WITHOUT_ADAPTER and door.id not in site.office.adapters
            ]
        except Unavailable:
            missing.append("database")
    else:
        missing.append("database")
    if await run_in_threadpool(Shelf(site.office.settings.folder).trouble):
        missing.append("media")  # nothing residents send can be kept
    if missing:
        return JSONResponse({"status": "not ready", "missing": missing}, 503, FRESH)
    return JSONResponse({"status": "ok"}, 200, FRESH)


async def metrics(request: Request) -> Response:
    """Prometheus text format 0.0.4."""
    counts = await site_of(request).read(web.counts)
    lines: list[str] = []

    def show(name: str, kind: str, words: str, values: list[tuple[str, int]]) -> None:
        lines.append(f"# HELP huiyin_{name} {words}")
        lines.append(f"# TYPE huiyin_{name} {kind}")
        lines.extend(f"huiyin_{name}{labels} {value}" for labels, value in values)

    show(
        "inbound_total",
        "counter",
        "Messages received.",
        [(f'{{channel="{c}"}}', n) for c, n in sorted(counts.inbound.items())],
    )
    show(
        "inbound_unhandled", "gauge", "Messages no turn has handled yet.", [("", counts.unhandled)]
    )
    show(
        "outbound",
        "gauge",
        "Messages to chats, by where they stand.",
        [(f'{{channel="{c}",status="{s}"}}', n) for (c, s), n in sorted(counts.outbound.items())],
    )
    show("appeals_open", "gauge", "Appeals that wait for staff.", [("", counts.appeals_open)])
    show(
        "clocks_running",
        "gauge",
        "Questions no person has answered.",
        [("", counts.clocks_running)],
    )
    return PlainTextResponse(
        "\n".join(lines) + "\n", 200, FRESH, "text/plain; version=0.0.4; charset=utf-8"
    )


routes = [
    Route("/healthz", healthz, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", metrics, methods=["GET"]),
]

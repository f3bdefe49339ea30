"""二维码: a page to print, a code for each building on each channel. Who scans one lives there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from bot.adapters.base import Adapter, Refused
from bot.web.console.entry import Staff, page
from bot.web.console.frame import View, look, number, show
from bot.web.site import Site, site_of

PAGE = 12  # codes; a sheet of A4 holds six


@dataclass(frozen=True)
class Code:
    place: str
    channel: str
    picture: Markup


@dataclass(frozen=True)
class Asked:
    """A building's code on a channel, before the platform has said where it leads."""

    place_id: int
    place: str
    channel_id: str
    channel: str


def picture(link: str) -> Markup:
    """A link as a code, in SVG; readable with an eighth of it torn off or dirty."""
    code = segno.make(link, error="m", micro=False)
    return Markup(code.svg_inline(border=2, omitsize=True))  # nosec: segno writes paths only


async def _listed(request: Request, staff: Staff) -> Response:
    site, first = site_of(request), number(request.query_params.get("from")) or 0
    wanted: list[Asked] = await look(request, staff, lambda view: _wanted(view, site))
    shown = wanted[first : first + PAGE]
    links = await asyncio.gather(*(_link(site, one) for one in shown))
    codes = [
        Code(one.place, one.channel, picture(link))
        for one, link in zip(shown, links, strict=True)
        if link
    ]
    silent = sorted({one.channel for one, link in zip(shown, links, strict=True) if link == ""})
    general = await look(request, staff, lambda view: _web(view, site))

    def see(view: View) -> Mapping[str, Any]:
        more = first + PAGE < len(wanted)
        return {
            "codes": codes,
            "silent": silent,
            "general": general if first == 0 else None,
            "more": f"/console/codes?from={first + PAGE}" if more else "",
        }

    return await show(request, staff, "codes.html", see, here="channels")


listed = page(_listed)


def _wanted(view: View, site: Site) -> list[Asked]:
    channels = [c for c in view.store.messages.channels() if c.id in site.office.adapters]
    return [
        Asked(place.id, place.name, channel.id, view.channel(channel))
        for place in view.store.people.buildings()
        for channel in channels
    ]


def _web(view: View, site: Site) -> Code | None:
    """The web page's own code, which knows of no building."""
    found = next((c for c in view.store.messages.channels() if c.platform == "web"), None)
    if found is None:
        return None
    link = f"{site.office.settings.public_url}/chat/{found.id}"
    return Code(view.desk.file.shown_name, view.channel(found), picture(link))


async def _link(site: Site, one: Asked) -> str | None:
    """Where a code leads; None where the platform has none, "" where it does not say now."""
    key = (one.channel_id, one.place_id)
    if key not in site.scenes:
        adapter: Adapter = site.office.adapters[one.channel_id]
        try:
            site.scenes[key] = await adapter.scene(f"p{one.place_id}")
        except Refused:
            return ""
    return site.scenes[key]

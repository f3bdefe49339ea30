"""Knocks at a platform's door with mutated calls, half of them signed, and counts what happens."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from bot.adapters.base import Adapter, Event, Forbidden, Malformed, Request
from bot.platforms import Tools
from bot.web import make_app
from storage.models import Inbound
from storage.store.grants import Leave
from tests.bot.doors import DOORS, Door
from tests.bot.office import MONDAY, Made, close_office, make_office


@dataclass
class Tally:
    """What came of it. `wrong` are calls that were answered as none may be, one a kind."""

    platform: str
    bodies: int = 0
    taken: int = 0  # signed: 200
    unread: int = 0  # signed: 400
    kept: int = 0  # events in those taken
    refused: int = 0  # not signed: 4xx
    broken: int = 0  # 5xx: an exception, or an event that cannot be stored
    let_in: int = 0  # not signed, and 2xx or stored
    shut_out: int = 0  # signed, and neither 200 nor 400
    slowest: float = 0.0  # seconds
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return not (self.broken or self.let_in or self.shut_out)

    def note(self, status: int, signed: bool, request: Request, why: str = "") -> None:
        self.bodies += 1
        before = self.broken + self.let_in + self.shut_out
        if status >= 500:
            self.broken += 1
        elif signed:
            self.taken += status == 200
            self.unread += status == 400
            self.shut_out += status not in (200, 400)
        else:
            self.let_in += status < 400
            self.refused += status >= 400
        kind = f"{status} signed={signed} {why}"
        known = any(one.startswith(kind) for one in self.wrong)
        if self.broken + self.let_in + self.shut_out > before and not known:
            told = f"{kind} {request.method} {dict(request.query)} {request.body[:600]!r}"
            self.wrong = [*self.wrong[:19], told]


async def knock(name: str, count: int, folder: Path, *, seed: int = 1, share: int = 20) -> Tally:
    """`count` calls at one platform, one in `share` of them through the whole web app."""
    door, tally = DOORS[name], Tally(name)
    made = make_office(folder, more_channels=[dict(door.row)])
    made.parrot.deaf = True
    made.office.holding.closing.set()  # nobody answers here, so no request is held open for it
    adapter = door.adapter(door.row, Tools(lambda: MONDAY, str))
    made.office.adapters = {door.row["id"]: adapter}
    made.office.hub.start()
    try:
        through = count // share // 2
        for signed in (False, True):  # in this order: so whatever was kept at first was not signed
            await _at_the_web(made, door, tally, signed, through, seed)
            if not signed:
                tally.let_in += _kept(made, door)
        for number in range(count - 2 * through):
            dice = Random(f"{seed}:{name}:{number}")
            await _at_the_adapter(adapter, door.call(dice, number % 2 == 0), number % 2 == 0, tally)
    finally:
        await adapter.close()
        close_office(made)
    return tally


async def _at_the_web(
    made: Made, door: Door, tally: Tally, signed: bool, count: int, seed: int
) -> None:
    path = f"/{door.row['platform']}/{door.row['id']}"
    transport = httpx.ASGITransport(make_app(made.office))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        for number in range(count):
            request = door.call(Random(f"{seed}:web:{signed}:{number}"), signed)
            started = time.perf_counter()
            answer = await client.request(
                request.method,
                path,
                content=request.body,
                params=dict(request.query),
                headers=[
                    (k.encode(), v.encode("latin-1", "replace")) for k, v in _headers(request)
                ],
            )
            tally.slowest = max(tally.slowest, time.perf_counter() - started)
            tally.note(answer.status_code, signed, request, "web")


def _headers(request: Request) -> list[tuple[str, str]]:
    """Those a web server lets through."""
    return [(name, value.replace("\x00", "")) for name, value in request.headers.items()]


async def _at_the_adapter(adapter: Adapter, request: Request, signed: bool, tally: Tally) -> None:
    status, why = 200, ""
    started = time.perf_counter()
    try:
        opened = await adapter.open(request)
        json.dumps(opened.body).encode()
        opened.body.encode()
        why = next((wrong for event in opened.events if (wrong := fault(event))), "")
        status = 500 if why else opened.status
        tally.kept += len(opened.events) if signed else 0
    except Forbidden:
        status = 403
    except Malformed:
        status = 400
    except Exception as error:
        status, why = 500, f"{type(error).__name__}: {error}"[:200]
    tally.slowest = max(tally.slowest, time.perf_counter() - started)
    tally.note(status, signed, request, why)


def _kept(made: Made, door: Door) -> int:
    found: int = made.read(
        lambda session: session.query(Inbound).filter_by(channel_id=door.row["id"]).count()
    )
    return found


def fault(event: Event) -> str:
    """Why an event could not be stored by every database we know, "" when it could."""
    words: dict[str, Any] = {name: getattr(event, name) for name in ("key", "chat", "user", "kind")}
    for name, value in {**words, "text": event.text}.items():
        if not isinstance(value, str) or (name in words and not value):
            return f"{name} is {value!r:.40}"
    for name in ("user_name", "choice", "reply_to"):
        if not isinstance(getattr(event, name), str | None):
            return f"{name} is {getattr(event, name)!r:.40}"
    if not isinstance(event.at, datetime) or event.at.tzinfo is None:
        return "at has no time zone"
    if type(event.group) is not bool or type(event.addressed) is not bool:
        return "group or addressed is no truth"
    if not all(isinstance(leave, Leave) for leave in event.leaves):
        return "leaves"
    try:
        for value in event.extra.values():
            if isinstance(value, str):
                continue  # cleaned where it is stored
            written = json.dumps(value, allow_nan=False, ensure_ascii=False)
            written.encode()
            if "\\u0000" in written:
                return "extra holds a NUL"
    except (ValueError, TypeError, RecursionError) as error:
        return f"extra: {type(error).__name__}"
    return ""

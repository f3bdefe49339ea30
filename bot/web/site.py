"""What every page and route shares: the office, the templates, and short memories for speed."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anyio import CapacityLimiter, to_thread
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bot.lane import Rank
from bot.web.glances import Glances
from bot.web.rates import Rate
from bot.web.words import PageWords, page_words
from storage import Session
from storage.store import web

if TYPE_CHECKING:
    from bot.office import Office

HERE = Path(__file__).parent
T = TypeVar("T")
K = TypeVar("K")

READERS = 4  # threads that may read pages at once; more only fight the writer for the processor
REMEMBERED = timedelta(seconds=20)  # how long a token or channel is believed without looking


class Memory(Generic[K, T]):
    """The last answers to a question, for a while; at most `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._known: OrderedDict[K, tuple[datetime, T]] = OrderedDict()

    def get(self, key: K, now: datetime) -> T | None:
        found = self._known.get(key)
        if found is None or not timedelta() <= now - found[0] <= REMEMBERED:
            return None
        return found[1]

    def put(self, key: K, value: T, now: datetime) -> None:
        self._known[key] = (now, value)
        self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)


@dataclass(frozen=True)
class Door:
    """A channel as the routes need it."""

    id: str
    platform: str
    community_id: int


@dataclass
class Site:
    """The office as seen from the web, with what the routes remember."""

    office: Office
    doors: Memory[str, dict[str, Door]] = field(default_factory=lambda: Memory(1))
    visitors: Memory[tuple[str, str], web.Visitor] = field(default_factory=lambda: Memory(20_000))
    duty_lines: Memory[tuple[int, int | None, str], Markup] = field(
        default_factory=lambda: Memory(2_000)
    )
    groups: Memory[tuple[str, str], tuple[int, str]] = field(default_factory=lambda: Memory(2_000))

    scenes: dict[tuple[str, int], str | None] = field(default_factory=dict)  # printed codes' links

    def __post_init__(self) -> None:
        self.glances = Glances(self.office.database)
        self._readers: CapacityLimiter | None = None  # made in the loop it belongs to
        limits = self.office.settings.limits
        self.new_sessions = Rate(limits.sessions_per_minute)
        self.messages = Rate(10 * limits.messages_per_minute)
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            undefined=StrictUndefined,
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        digest = hashlib.sha256()
        for path in sorted((HERE / "static").iterdir()):
            digest.update(path.read_bytes())
        self.templates.globals["v"] = digest.hexdigest()[:10]

    def words(self, language: str | None) -> PageWords:
        return page_words(language)

    def page(
        self,
        template: str,
        values: Mapping[str, Any],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        html = self.templates.get_template(template).render(**values)
        return HTMLResponse(html, status, {"Cache-Control": "no-store", **(headers or {})})

    async def read(self, look: Callable[[Session], T]) -> T:
        """Looks much up, for a whole page, in a thread; a few at a time."""

        def work() -> T:
            with self.office.database.read() as session:
                return look(session)

        if self._readers is None:
            self._readers = CapacityLimiter(READERS)
        return await to_thread.run_sync(work, limiter=self._readers)

    async def write(self, work: Callable[[Session], T]) -> T:
        """Changes something through the writer lane; committed when this returns."""
        return await self.office.lane.write(Rank.RECEIPT, work)

    async def is_danger(self, text: str) -> bool:
        """Whether the danger rules hear something in a text."""

        def hear() -> bool:
            return str(self.office.dispatcher.ear.hear(text, alone=True).intent) == "emergency"

        return await run_in_threadpool(hear)

    async def door(self, channel_id: str) -> Door | None:
        """The channel of this id, on whatever platform."""
        now = self.office.clock()
        known = self.doors.get("", now)
        if known is None or channel_id not in known:
            known = {door.id: door for door in await self.every_door()}
            self.doors.put("", known, now)
        return known.get(channel_id)

    async def every_door(self) -> list[Door]:
        return await self.glances.read(
            lambda session: [
                Door(row.id, row.platform, row.community_id) for row in web.channels(session)
            ]
        )

    def url_is_secure(self) -> bool:
        return self.office.settings.http.public_url.startswith("https:")


def site_of(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)
    return site

"""A staff member's browser at the console, and a community with something to do, for tests."""

from __future__ import annotations

import copy
import html
import re
from datetime import timedelta
from typing import Any

import httpx

from bot.rehearsal import Rehearsal
from bot.web import make_app
from storage import Session, Store, community_file
from storage.models import Appeal, Resident
from storage.store.loading import load_community, settle_in
from storage.store.receipts import Received
from tests.bot.office import EXAMPLE, MONDAY, Made

HTML = {"Accept": "text/html", "Accept-Language": "zh-CN"}
HOME = 1  # the example community's id


def browser(made: Made, **extra: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(made.office), raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=HTML, follow_redirects=True, **extra
    )


def move_in(made: Made, community: int = HOME, channel: str = "web") -> None:
    """Everybody of the community file has a web chat."""

    def work(session: Session) -> None:
        store = Store(session, community)
        for person in store.people.everyone():
            settle_in(store, person, channel, f"{channel}-{person.name}", MONDAY)

    made.write(work)


def neighbour(made: Made) -> int:
    """A second community with the same names; gives its id."""
    raw = copy.deepcopy(community_file.read(EXAMPLE).raw)
    raw.update(name="隔壁社区", slug="next", channels=[{"id": "web2", "platform": "web"}])
    file = community_file.parse(raw)
    ident = int(made.write(lambda session: load_community(session, file, MONDAY).id))
    move_in(made, ident, "web2")
    return ident


def tell(made: Made, name: str, text: str, *, channel: str = "web", **extra: Any) -> None:
    """Somebody writes; everything that follows at once is done."""
    now = made.time()
    key = f"{channel}-{name}"
    row = Received(
        channel_id=channel,
        external_id=f"t{now.isoformat()}",
        user_key=key,
        chat_key=extra.pop("chat", key),
        text=text,
        user_name=name,
        **extra,
    )
    Rehearsal(made.office.database, made.office.dispatcher, now).deliver(row)


def later(made: Made, **span: float) -> None:
    """Time moves on, from due moment to due moment."""
    rehearsal = Rehearsal(made.office.database, made.office.dispatcher, made.time())
    rehearsal.move(timedelta(**span))
    made.time.now = rehearsal.now


def person(made: Made, name: str, community: int = HOME) -> Resident:
    found = made.read(lambda session: Store(session, community).people.in_file(name))
    assert isinstance(found, Resident)
    return found


def login_path(made: Made, name: str, community: int = HOME) -> str:
    """A fresh login link, as the handler of 控制台 makes it."""
    code = made.office.code()

    def work(session: Session) -> None:
        store = Store(session, community)
        who = store.people.in_file(name)
        assert who is not None
        store.people.give_credential("login", code, who, made.time() + timedelta(minutes=10))

    made.write(work)
    return f"/console/login/{code}"


async def enter(
    web: httpx.AsyncClient, made: Made, name: str = "小李", community: int = HOME
) -> httpx.Response:
    path = login_path(made, name, community)
    page = await web.post(path, data=hidden(await web.get(path)))
    assert page.status_code == 200, page.text
    assert page.url.path == "/console/"
    return page


def hidden(page: httpx.Response, action: str = "") -> dict[str, str]:
    """The hidden fields of the form that posts to an address (or of the page's last form)."""
    forms = re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page.text, re.S)
    found = [body for where, body in forms if not action or where == action]
    assert found, f"no form for {action}"
    pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[-1])
    return {name: html.unescape(value) for name, value in pairs}


async def press(
    web: httpx.AsyncClient, page: httpx.Response, action: str, **fields: str
) -> httpx.Response:
    return await web.post(action, data={**hidden(page, action), **fields})


def reply_of(page: httpx.Response) -> str:
    """What the bot answered, as the page shows it."""
    found = re.search(r'<p class="reply" id="said"[^>]*>(.*?)</p>', page.text, re.S)
    return html.unescape(found[1]) if found else ""


def words(page: httpx.Response) -> str:
    """The page's main part as somebody reads it."""
    main = page.text.partition('<main id="main">')[2] or page.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def file_case(made: Made, name: str = "王阿姨", text: str = "3栋2单元楼道灯坏了") -> Appeal:
    """A resident reports and confirms."""
    tell(made, name, text)
    tell(made, name, "1")
    return case(made)


def case(made: Made, number: int | None = None) -> Appeal:
    def look(session: Session) -> Appeal | None:
        store = Store(session, HOME)
        return store.appeals.numbered(number) if number else store.appeals.search(limit=1)[0]

    found = made.read(look)
    assert isinstance(found, Appeal)
    return found

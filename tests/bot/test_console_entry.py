"""Into the console and out: the one-time link, the session, the forms' tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import Session, Store
from storage.models import Credential, Role
from storage.store.people import hashed
from tests.bot.console_client import (
    HOME,
    browser,
    enter,
    hidden,
    later,
    login_path,
    move_in,
    person,
    press,
    tell,
    words,
)
from tests.bot.office import Made, close_office, make_office


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = make_office(tmp_path, real=True)
    move_in(made)
    yield made
    close_office(made)


async def test_without_a_session_one_sentence_says_how(made: Made) -> None:
    async with browser(made) as web:
        for path in ("/console", "/console/", "/console/appeals", "/console/notices/7"):
            page = await web.get(path)
            assert page.status_code == 401
            assert "写「控制台」" in page.text
            assert "<form" not in page.text


async def test_the_word_in_the_chat_leads_in(made: Made) -> None:
    tell(made, "小李", "控制台")

    def last(session: Session) -> str:
        return Store(session, HOME).messages.said_after(0)[-1].text

    link = made.read(last).split()[-1]
    assert "/console/login/" in link
    async with browser(made) as web:
        path = link[link.index("/console/login/") :]
        page = await web.post(path, data=hidden(await web.get(path)))
        assert "小李，现在" in page.text


async def test_looking_at_the_link_does_not_use_it_up(made: Made) -> None:
    path = login_path(made, "小李")
    async with browser(made) as web:
        for _ in range(3):
            page = await web.get(path)
            assert page.status_code == 200
            assert page.text.count("<button") == 1
            await web.head(path)
        assert not [c for c in web.cookies.jar if c.name == "console"]
        page = await web.post(path, data=hidden(page))
        assert page.status_code == 200
        cookie = next(c for c in web.cookies.jar if c.name == "console")
    assert cookie.path == "/console"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite").lower() == "lax"
    kept = made.read(lambda s: [c.hash for c in s.query(Credential).filter_by(kind="session")])
    assert kept == [hashed(str(cookie.value))]


async def test_a_link_works_once(made: Made) -> None:
    path = login_path(made, "小李")
    async with browser(made) as web, browser(made) as thief:
        fields = hidden(await web.get(path))
        await web.post(path, data=fields)
        for answer in (await thief.get(path), await thief.post(path, data=fields)):
            assert answer.status_code == 410
            assert "用过了" in answer.text
        assert (await thief.get("/console/")).status_code == 401


async def test_a_link_lives_ten_minutes(made: Made) -> None:
    path = login_path(made, "小李")
    async with browser(made) as web:
        fields = hidden(await web.get(path))
        later(made, minutes=10, seconds=1)
        assert (await web.get(path)).status_code == 410
        assert (await web.post(path, data=fields)).status_code == 410


@pytest.mark.parametrize("code", ["x", "0" * 32, "%00", "é", "a" * 5000, "..%2f.."])
async def test_a_made_up_link_opens_nothing(made: Made, code: str) -> None:
    async with browser(made) as web:
        assert (await web.get(f"/console/login/{code}")).status_code in (404, 410)
        assert (await web.post(f"/console/login/{code}")).status_code in (403, 404)


async def test_an_invite_is_no_login(made: Made) -> None:
    def work(session: Session) -> None:
        store = Store(session, HOME)
        who = store.people.in_file("小李")
        assert who is not None
        store.people.give_credential("invite", "HYABCDEFGH", who, made.time.now.replace(year=2027))

    made.write(work)
    async with browser(made) as web:
        assert (await web.get("/console/login/HYABCDEFGH")).status_code == 410


async def test_a_session_lasts_twelve_hours(made: Made) -> None:
    async with browser(made) as web:
        await enter(web, made)
        later(made, hours=11, minutes=59)
        assert (await web.get("/console/")).status_code == 200
        later(made, minutes=2)
        assert (await web.get("/console/")).status_code == 401


async def test_leaving_ends_the_session_everywhere(made: Made) -> None:
    async with browser(made) as web, browser(made) as copy:
        page = await enter(web, made)
        copy.cookies = web.cookies
        assert (await copy.get("/console/")).status_code == 200
        bye = await press(web, page, "/console/logout")
        assert "出来了" in bye.text
        assert (await copy.get("/console/")).status_code == 401


@pytest.mark.parametrize("role", [Role.VOLUNTEER, Role.RESIDENT])
async def test_who_is_no_longer_staff_is_out(made: Made, role: Role) -> None:
    ident = person(made, "小李").id
    path = login_path(made, "小李")

    def work(session: Session) -> None:
        who = Store(session, HOME).people.resident(ident)
        assert who is not None
        who.role = role

    async with browser(made) as web:
        await enter(web, made)
        made.write(work)
        assert (await web.get("/console/")).status_code == 401
        assert (await web.get(path)).status_code == 410


async def test_residents_get_no_link(made: Made) -> None:
    tell(made, "王阿姨", "控制台")
    assert made.read(lambda s: s.query(Credential).count()) == 0


@pytest.mark.parametrize("token", ["", "x", "0" * 32, "é"])
async def test_a_form_without_its_token_is_refused(made: Made, token: str) -> None:
    async with browser(made) as web:
        page = await enter(web, made)
        for action in (
            "/console/logout",
            "/console/rollcalls",
            "/console/appeals/1/accept",
            "/console/notices/send",
            "/console/roster/1/vouch",
            "/console/questions/1/settled",
        ):
            fields = {**hidden(page, "/console/logout"), "token": token}
            assert (await web.post(action, data=fields)).status_code == 403, action
        assert (await web.get("/console/")).status_code == 200


async def test_a_token_is_good_for_its_own_session_only(made: Made) -> None:
    async with browser(made) as li, browser(made) as zhang:
        mine = hidden(await enter(li, made), "/console/logout")
        await enter(zhang, made, "张主任")
        assert (await zhang.post("/console/logout", data=mine)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://test.evil.example"},
    ],
)
async def test_another_sites_form_is_refused(made: Made, headers: dict[str, str]) -> None:
    path = login_path(made, "张主任")
    async with browser(made) as web:
        page = await enter(web, made)
        fields = hidden(page, "/console/logout")
        assert (await web.post("/console/logout", data=fields, headers=headers)).status_code == 403
        login = await web.post(path, data=hidden(await web.get(path)), headers=headers)
        assert login.status_code == 403
        own = {"Origin": "http://test", "Sec-Fetch-Site": "same-origin"}
        assert (await web.post("/console/logout", data=fields, headers=own)).status_code == 200


async def test_pages_are_not_kept_by_anybody(made: Made) -> None:
    async with browser(made) as web:
        page = await enter(web, made)
        assert page.headers["cache-control"] == "no-store"
        assert "'unsafe" not in page.headers["content-security-policy"]
        assert words(page)

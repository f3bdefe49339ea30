"""Attachments on the console: for staff of the community alone, and nothing in them is run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.shelf import ENOUGH, Shelf
from storage import Session, Store
from storage.models import Keeping
from tests.bot.console_client import browser, enter, file_case, move_in, neighbour, tell, words
from tests.bot.console_media import arrive, change, send
from tests.bot.media_world import DOCX, JPEG, OGG
from tests.bot.office import Made, close_office, make_office


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = make_office(tmp_path, real=True)
    made.office.hub.start()
    move_in(made)
    yield made
    close_office(made)


@pytest.mark.parametrize(
    ("kind", "mime", "content", "how"),
    [
        ("photo", "image/jpeg", JPEG, "inline"),
        ("photo", "image/png", b"\x89PNG\r\n\x1a\n", "inline"),
        ("photo", "image/heic", b"xyz", "attachment"),
        ("voice", "audio/ogg", OGG, "inline"),
        ("voice", "audio/amr", b"#!AMR\n", "attachment"),
        ("video", "video/mp4", b"x" * 5000, "inline"),
        ("video", "video/quicktime", b"xyz", "attachment"),
        ("file", "application/pdf", b"%PDF-", "attachment"),
        ("file", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", DOCX,
         "attachment"),
    ],
)  # fmt: skip
async def test_staff_see_it_and_it_can_do_nothing(
    made: Made, kind: str, mime: str, content: bytes, how: str
) -> None:
    file_case(made)
    ident = send(made, kind)
    arrive(made, ident, mime, content)
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get("/console/appeals/1")
        path = f"/console/media/{ident}"
        assert path in page.text
        found = await web.get(path)
        assert (found.status_code, found.content) == (200, content)
        assert found.headers["content-type"] == mime
        assert found.headers["content-disposition"].startswith(f"{how}; filename=")
        assert found.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.headers["cache-control"] == "private, no-store"
        assert found.headers["x-frame-options"] == "DENY"
        part = await web.get(path, headers={"Range": "bytes=1-2"})
        assert (part.status_code, part.content) == (206, content[1:3])
        assert part.headers["content-security-policy"] == "sandbox; default-src 'none'"
        for odd in ("bytes=99999-", "bytes=a-b", "x", "bytes=" + "0-1," * 200 + "0-1"):
            assert (await web.get(path, headers={"Range": odd})).status_code in (200, 400, 416)
        if how == "attachment":
            assert f'<a href="{path}" download>' in page.text
        else:
            assert f'src="{path}"' in page.text


async def test_an_unknown_type_is_only_bytes(made: Made) -> None:
    file_case(made)
    ident = send(made)
    arrive(made, ident, "image/jpeg", JPEG)
    change(made, ident, mime=None)
    async with browser(made) as web:
        await enter(web, made)
        found = await web.get(f"/console/media/{ident}")
        assert found.headers["content-type"] == "application/octet-stream"
        assert found.headers["content-disposition"].startswith("attachment")


async def test_nobody_else_sees_it(made: Made) -> None:
    other = neighbour(made)
    file_case(made)
    ident = send(made)
    arrive(made, ident, "image/jpeg", JPEG)
    path = f"/console/media/{ident}"
    async with browser(made) as web:
        outside = await web.get(path)
        assert outside.status_code == 401
        assert JPEG not in outside.content
        await enter(web, made, "张主任", community=other)
        foreign = await web.get(path)
        assert foreign.status_code == 404
        assert JPEG not in foreign.content
        web.cookies.clear()
        assert (await web.get(path)).status_code == 401
    async with browser(made) as web:
        await enter(web, made, "小陈")
        assert (await web.get(path)).status_code == 200, "any of the staff"
        for strange in ("0", "999", "x", "1.0", "%2e%2e", "..%2f..%2fsecret.key", "１"):
            assert (await web.get(f"/console/media/{strange}")).status_code == 404, strange
        for method in ("POST", "PUT", "DELETE"):
            assert (await web.request(method, path)).status_code == 405


async def test_the_folder_is_served_nowhere(made: Made) -> None:
    file_case(made)
    ident = send(made)
    arrive(made, ident, "image/jpeg", JPEG)
    name = f"{ident:032x}"
    async with browser(made) as web:
        await enter(web, made)
        for path in (
            f"/media/{name[:2]}/{name}",
            f"/static/../../media/{name[:2]}/{name}",
            f"/static/%2e%2e/%2e%2e/media/{name[:2]}/{name}",
            f"/console/media/{name}",
            f"/data/media/{name[:2]}/{name}",
        ):
            found = await web.get(path)
            assert found.status_code == 404, path


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        (Keeping.WAITING, None, "照片还在下载"),
        (Keeping.WAITING, "network", "照片还在下载"),
        (Keeping.REFUSED, "large", "照片太大，没有留下"),
        (Keeping.REFUSED, "kind", "这种照片打不开，没有留下"),
        (Keeping.FAILED, "gone", "照片在对方那边已经没有了，没有留下"),
        (Keeping.FAILED, "network", "照片一直下载不了，没有留下"),
        (Keeping.ERASED, None, "照片已经删掉了"),
    ],
)
async def test_what_is_not_there_is_said(
    made: Made, state: Keeping, why: str | None, said: str
) -> None:
    file_case(made)
    ident = send(made, text="就是这盏")
    change(made, ident, state=state, why=why)
    async with browser(made) as web:
        await enter(web, made)
        page = await web.get("/console/appeals/1")
        assert said in words(page)
        assert "就是这盏" in words(page)
        assert (await web.get(f"/console/media/{ident}")).status_code == 404
        await web.get("/console/appeals/1?said=1", headers={"Accept-Language": "en"})


async def test_a_file_that_was_taken_away_is_no_page(made: Made) -> None:
    file_case(made)
    ident = send(made)
    arrive(made, ident, "image/jpeg", JPEG)
    Shelf(made.office.settings.folder).remove(f"{ident:032x}")
    async with browser(made) as web:
        await enter(web, made)
        assert (await web.get(f"/console/media/{ident}")).status_code == 404


async def test_a_question_and_a_danger_show_theirs(made: Made) -> None:
    asked = send(made, who="吴婶")
    arrive(made, asked, "image/jpeg", JPEG)
    tell(made, "孙老师", "厨房着火了")
    danger = send(made, "video", who="孙老师")
    arrive(made, danger, "video/mp4", b"x")
    async with browser(made) as web:
        overview = await enter(web, made, "张主任")
        assert f"/console/media/{danger}" in overview.text
        assert f"/console/media/{asked}" not in overview.text
        page = await web.get("/console/channels")
        assert f"/console/media/{asked}" in page.text


async def test_what_is_erased_at_once_is_gone(made: Made) -> None:
    file_case(made)
    ident = send(made)
    arrive(made, ident, "image/jpeg", JPEG)

    def erase(session: Session) -> None:
        store = Store(session, 1)
        person = store.people.in_file("王阿姨")
        assert person is not None
        store.media.erase_of(person)

    async with browser(made) as web:
        await enter(web, made)
        assert (await web.get(f"/console/media/{ident}")).status_code == 200
        made.write(erase)
        assert (await web.get(f"/console/media/{ident}")).status_code == 404


async def test_a_full_disk_is_not_ready(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser(made) as web:
        assert (await web.get("/readyz")).status_code == 200
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=ENOUGH - 1))
        answer = await web.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["missing"] == ["media"]

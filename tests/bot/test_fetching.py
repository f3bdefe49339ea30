"""Downloading attachments: real files, a real database, a platform that gives what it is told."""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import fetching as module
from bot.adapters.base import Fail, TooLarge
from bot.fetching import WAITS
from bot.shelf import ENOUGH, Shelf
from storage.models import MOST, Duty, Keeping, Media
from tests.bot.media_world import DOCX, JPEG, OGG, PAGE, MediaWorld, office, refused

NAME = re.compile(r"[0-9a-f]{2}/([0-9a-f]{32})")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MediaWorld]:
    made = MediaWorld(tmp_path)
    yield made
    made.close()


def told(world: MediaWorld) -> list[str]:
    """Duties that were woken."""
    with world.database.read() as session:
        return [duty.name for duty in session.query(Duty)]


async def test_a_photo_is_kept_under_a_name_of_ours(world: MediaWorld) -> None:
    ident = world.send(JPEG, file_name="../../../etc/passwd", mime="text/html")
    await world.fetching().work_off()
    row = world.media(ident)
    assert (row.state, row.mime, row.size) == (Keeping.KEPT, "image/jpeg", len(JPEG))
    assert (row.due_at, row.why, row.tries) == (None, None, 1)
    (path,) = world.files()
    assert path.read_bytes() == JPEG
    found = NAME.fullmatch(path.relative_to(world.data / "media").as_posix())
    assert found
    assert found[1] == row.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert told(world) == []


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    name=st.one_of(
        st.text(max_size=40),
        st.sampled_from(["../x", "/etc/passwd", "..\\..\\x", "a\x00b", ".", "..", "CON", "~/x"]),
    ),
    kind=st.sampled_from(sorted(MOST)),
)
def test_whatever_a_file_is_called_it_stays_in_the_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: str
) -> None:
    world = MediaWorld(tmp_path_factory.mktemp("m"))
    before = everything(world.data)
    try:
        with contextlib.suppress(UnicodeEncodeError):  # a lone surrogate is no text to a database
            ident = world.send({"voice": OGG}.get(kind, JPEG), kind, file_name=name)
            asyncio.run(world.fetching().work_off())
            assert world.media(ident).state in (Keeping.KEPT, Keeping.REFUSED)
        for path in everything(world.data) - before:
            assert NAME.fullmatch(path.relative_to(world.data / "media").as_posix()), path
    finally:
        world.close()
        shutil.rmtree(world.data)


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and ".db" not in path.name}


@pytest.mark.parametrize(
    "name", ["", "x", "../" * 10 + "f" * 2, "F" * 32, "f" * 33, "f" * 31 + "/"]
)
def test_no_other_name_is_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Shelf(tmp_path).path(name)


@pytest.mark.parametrize("kind", sorted(MOST))
@pytest.mark.parametrize("honest", [True, False])
async def test_what_is_too_large_is_refused(world: MediaWorld, kind: str, honest: bool) -> None:
    world.giver.honest = honest
    ident = world.send(b"\xff\xd8\xff" + b"x" * MOST[kind], kind)
    await world.fetching().work_off()
    row = world.media(ident)
    assert (row.state, row.why, row.name) == (Keeping.REFUSED, "large", None)
    assert world.files() == []
    assert told(world) == ["tell_lost_media"]
    assert row.due_at is not None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PAGE, "photo"),
        (b"<svg/>", "photo"),
        (b"MZ\x90", "file"),
        (b"#!/bin/sh\n", "file"),
        (office("a.html"), "file"),
        (b"%PDF-1.7", "photo"),  # a kind we know, but not of this one
        (DOCX, "photo"),
        (OGG, "video"),
        (JPEG, "voice"),
    ],
    ids=lambda v: repr(v[:8]),
)
async def test_what_is_of_another_kind_is_refused(
    world: MediaWorld, content: bytes, kind: str
) -> None:
    ident = world.send(content, kind, mime="image/jpeg")
    await world.fetching().work_off()
    row = world.media(ident)
    assert (row.state, row.why) == (Keeping.REFUSED, "kind")
    assert world.files() == []


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        (refused(fail=Fail.GONE), Keeping.FAILED, "gone"),
        (refused(fail=Fail.REJECTED), Keeping.FAILED, "gone"),
        (refused(fail=Fail.RETRY), Keeping.WAITING, "network"),
        (refused(fail=Fail.THROTTLED, retry_after=1.0), Keeping.WAITING, "network"),
        (refused(fail=Fail.CONFIG), Keeping.WAITING, None),
        (TooLarge(), Keeping.REFUSED, "large"),
        (KeyError("file_id"), Keeping.WAITING, "network"),  # a defect of an adapter
        (ConnectionResetError(), Keeping.WAITING, "network"),
        (TimeoutError(), Keeping.WAITING, "network"),
        (b"", Keeping.WAITING, "network"),
    ],
    ids=repr,
)
async def test_what_a_platform_says(
    world: MediaWorld, error: Any, state: Keeping, why: str | None
) -> None:
    ident, fine = world.send(error), world.send(JPEG, channel="b")
    loop = world.fetching()
    await loop.work_off()
    row = world.media(ident)
    assert (row.state, row.why) == (state, why)
    assert (row.due_at is not None) or state is Keeping.KEPT
    assert world.media(fine).state is Keeping.KEPT
    assert loop.trouble == ""
    assert len(world.files()) == 1


@pytest.mark.parametrize("error", [refused(fail=Fail.REJECTED), KeyError("file_id")], ids=repr)
async def test_an_adapter_that_refuses_before_it_streams(world: MediaWorld, error: Any) -> None:
    """As the contract's own `fetch` does, of a platform without attachments."""

    def fetch(extra: Any, most: int) -> Any:
        raise error

    ident = world.send(JPEG)
    world.giver.fetch = fetch  # type: ignore[method-assign]
    loop = world.fetching()
    await loop.work_off()
    assert world.media(ident).why in ("gone", "network")
    assert loop.trouble == ""
    assert world.files() == []


async def test_it_is_tried_six_times_and_then_given_up(world: MediaWorld) -> None:
    ident = world.send(refused(fail=Fail.RETRY))
    loop = world.fetching()
    for tried, wait in enumerate(WAITS, 1):
        await loop.work_off()
        row = world.media(ident)
        assert (row.state, row.tries) == (Keeping.WAITING, tried)
        assert row.due_at == world.time.now + wait
        world.later(seconds=wait.total_seconds() - 1)
        await loop.work_off()
        assert len(world.giver.asked) == tried
        world.later(seconds=1)
    await loop.work_off()
    row = world.media(ident)
    assert (row.state, row.why, row.tries) == (Keeping.FAILED, "network", len(WAITS) + 1)
    assert told(world) == ["tell_lost_media"]


async def test_a_platform_says_how_long_to_wait(world: MediaWorld) -> None:
    ident = world.send(refused(fail=Fail.THROTTLED, retry_after=900))
    await world.fetching().work_off()
    due = world.media(ident).due_at
    assert due is not None
    assert (due - world.time.now).total_seconds() == 900


async def test_wrong_credentials_cost_no_try_and_stop_no_other_channel(world: MediaWorld) -> None:
    first, second = world.send(refused(fail=Fail.CONFIG)), world.send(JPEG)
    other = world.send(JPEG, channel="b")
    loop = world.fetching()
    await loop.work_off()
    assert world.media(first).tries == 0
    assert world.media(second).state is Keeping.WAITING
    assert world.media(other).state is Keeping.KEPT
    world.giver.files["f1"] = JPEG
    world.later(minutes=5)
    await loop.work_off()
    assert world.media(first).state is Keeping.KEPT
    assert world.media(second).state is Keeping.KEPT


# A crash at each point


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["begin", "write", "sniff", "keep", "kept", "mark"])
async def test_a_crash_at_any_point_loses_and_doubles_nothing(
    world: MediaWorld, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    ident = world.send(JPEG)
    with monkeypatch.context() as patch, pytest.raises(Crash):
        crash_at(patch, world, point)
        await world.fetching().work_off()
    assert world.media(ident).state is Keeping.WAITING
    left = len(world.files())
    assert left == (1 if point in ("kept", "mark") else 0)
    again = world.fetching()
    await again.sweep()
    assert world.files() == []
    world.giver.files["f1"] = JPEG
    await again.work_off()
    row = world.media(ident)
    assert row.state is Keeping.KEPT
    assert row.name
    assert world.files() == [world.shelf.path(row.name)]


def crash_at(patch: pytest.MonkeyPatch, world: MediaWorld, point: str) -> None:
    def crash(*_: Any) -> None:
        raise Crash

    if point == "begin":
        world.giver.files["f1"] = Crash()
    elif point == "write":
        sent: list[bytes] = []

        def half() -> bytes:
            sent.append(JPEG)
            patch.setattr(module.asyncio, "to_thread", crash)
            return JPEG

        world.giver.files["f1"] = half
    elif point == "sniff":
        patch.setattr(module, "sniff", crash)
    elif point == "keep":
        patch.setattr(Shelf, "keep", crash)
    elif point == "kept":
        keep = Shelf.keep

        def after_keeping(self: Shelf, *args: Any) -> None:
            keep(self, *args)
            raise Crash

        patch.setattr(Shelf, "keep", after_keeping)
    else:
        patch.setattr(module.media, "mark", crash)


async def test_a_power_cut_leaves_a_draft_and_the_start_removes_it(world: MediaWorld) -> None:
    kept = world.send(JPEG)
    loop = world.fetching()
    await loop.work_off()
    name = world.media(kept).name
    assert name
    folder = world.shelf.folder
    (folder / name[:2] / f"{'0' * 32}.part").write_bytes(b"half")
    (folder / name[:2] / ("f" * 32)).write_bytes(b"nobody names it")
    (folder / name[:2] / "note.txt").write_bytes(b"not ours")
    (world.data / "media" / "README").write_bytes(b"not ours")
    await world.fetching().sweep()
    left = {path.name for path in world.files()}
    assert left == {name, "note.txt", "README"}


async def test_the_database_gives_up_at_the_mark(
    world: MediaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ident = world.send(JPEG)
    loop = world.fetching()

    def full(*_: Any) -> bool:
        raise module_error()

    with monkeypatch.context() as patch:
        patch.setattr(module.media, "mark", full)
        await loop.work_off()
    assert world.media(ident).state is Keeping.WAITING
    assert world.files() == []
    assert loop.trouble == "database: Unavailable"
    await loop.work_off()
    assert world.media(ident).state is Keeping.WAITING, "it is left alone for a while"
    world.later(minutes=1)
    await loop.work_off()
    assert world.media(ident).state is Keeping.KEPT
    assert loop.trouble == ""


def module_error() -> Exception:
    from storage import Unavailable

    return Unavailable("full")


# The disk


async def test_a_disk_that_is_nearly_full_takes_nothing_and_loses_nothing(
    world: MediaWorld,
) -> None:
    ident = world.send(JPEG)
    world.free = lambda folder: ENOUGH - 1
    loop = world.fetching()
    await loop.work_off()
    assert (world.media(ident).state, world.media(ident).tries) == (Keeping.WAITING, 0)
    assert world.giver.asked == []
    assert loop.trouble == "full"
    world.free = lambda folder: ENOUGH
    world.later(minutes=1)
    await loop.work_off()
    assert world.media(ident).state is Keeping.KEPT
    assert loop.trouble == ""


async def test_a_write_that_fails_costs_no_try(world: MediaWorld) -> None:
    """A real error of the system: no file of this process may grow past 1 MB."""
    ident = world.send(b"\xff\xd8\xff" + b"x" * 5_000_000)
    loop = world.fetching()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        await loop.work_off()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    row = world.media(ident)
    assert (row.state, row.tries) == (Keeping.WAITING, 0)
    assert loop.trouble.startswith("disk: ")
    assert world.files() == []
    world.later(minutes=1)
    await loop.work_off()
    assert world.media(ident).state is Keeping.KEPT
    assert loop.trouble == ""


async def test_something_stands_where_the_folder_should(world: MediaWorld) -> None:
    ident = world.send(JPEG)
    place = world.data / "media"
    place.write_text("a file")
    loop = world.fetching()
    await loop.work_off()
    assert world.media(ident).state is Keeping.WAITING
    assert loop.trouble == "unwritable"
    place.unlink()
    world.later(minutes=1)
    await loop.work_off()
    assert world.media(ident).state is Keeping.KEPT


# Erasing


async def test_what_is_erased_is_gone_with_the_next_round(world: MediaWorld) -> None:
    ident, other = world.send(JPEG), world.send(JPEG)
    loop = world.fetching()
    await loop.work_off()
    with world.database.write() as session:
        session.get_one(Media, ident).state = Keeping.ERASED
    await loop.erase()
    row = world.media(ident)
    assert (row.state, row.name, row.mime, row.size) == (Keeping.ERASED, None, None, None)
    name = world.media(other).name
    assert name
    assert world.files() == [world.shelf.path(name)]
    await loop.erase()
    assert world.media(other).state is Keeping.KEPT


async def test_what_is_erased_while_it_is_downloaded_is_not_kept(world: MediaWorld) -> None:
    def erase() -> bytes:
        with world.database.write() as session:
            session.get_one(Media, ident).state = Keeping.ERASED
        return JPEG

    ident = world.send(erase)
    await world.fetching().work_off()
    assert world.media(ident).state is Keeping.ERASED
    assert world.media(ident).name is None
    assert world.files() == []


async def test_deleted_records_leave_files_that_go_at_the_start(world: MediaWorld) -> None:
    ident = world.send(JPEG)
    await world.fetching().work_off()
    with world.database.write() as session:
        session.delete(session.get_one(Media, ident))
    await world.fetching().sweep()
    assert world.files() == []


# The loop


async def test_it_runs_until_it_is_closed(world: MediaWorld) -> None:
    orphan = world.shelf.folder / "ff" / ("f" * 32)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    idents = [world.send(JPEG) for _ in range(5)]
    loop = world.fetching()
    running = asyncio.create_task(loop.run())
    await until(lambda: all(world.media(n).state is Keeping.KEPT for n in idents))
    assert len(world.files()) == 5, "swept first"
    new = world.send(JPEG, channel="b")
    loop.wake()
    await until(lambda: world.media(new).state is Keeping.KEPT)
    assert len(world.giver.asked) == 5, "each once, though two work at it"
    await loop.close()
    await running
    await loop.run()  # closed is closed


async def test_closing_cuts_off_what_hangs(world: MediaWorld) -> None:
    hung = asyncio.Event()
    ident = world.send(JPEG)

    async def hang(extra: Any, most: int) -> Any:
        yield JPEG[:10]
        hung.set()
        await asyncio.get_running_loop().create_future()

    world.giver.fetch = hang  # type: ignore[method-assign, assignment]
    loop = world.fetching()
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(10):
        await hung.wait()
    assert len(world.files()) == 1, "a draft"
    async with asyncio.timeout(2):
        await loop.close()
        await running
    assert world.files() == []
    assert world.media(ident).state is Keeping.WAITING


async def test_a_download_that_never_ends_is_given_up_for_now(
    world: MediaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(extra: Any, most: int) -> Any:
        yield JPEG[:10]
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(module, "LIMIT", 0.05)
    ident = world.send(JPEG)
    world.giver.fetch = hang  # type: ignore[method-assign, assignment]
    await world.fetching().work_off()
    row = world.media(ident)
    assert (row.state, row.why, row.tries) == (Keeping.WAITING, "network", 1)
    assert world.files() == []


async def until(look: Any) -> None:
    async with asyncio.timeout(10):
        while not look():
            await asyncio.to_thread(lambda: None)


def test_a_name_is_used_once(world: MediaWorld) -> None:
    """O_EXCL: were a name ever given twice, the first file stays as it is."""
    with world.shelf.draft("a" * 32), pytest.raises(FileExistsError), world.shelf.draft("a" * 32):
        pass

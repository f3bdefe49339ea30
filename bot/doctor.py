"""Self-check: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bot.app import make_adapters
from bot.ears import make_ear
from bot.node import SPOOLS
from bot.opening import CannotStart, read_files
from bot.settings import Settings
from bot.shelf import ENOUGH, Shelf
from nlp.second import SecondEar
from storage import Database, Unavailable
from storage.migrations import current, head
from storage.models import Keeping
from storage.store import media
from storage.store.loading import communities
from storage.store.receipts import troubles

Finding = tuple[bool, str, str]  # fine?, what, words


def examine(settings: Settings, *, as_json: bool) -> int:
    """Prints every finding; exit code 0 when all is well, 1 otherwise."""
    findings = list(_findings(settings))
    if as_json:
        rows = [{"ok": ok, "what": what, "words": words} for ok, what, words in findings]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for ok, what, words in findings:
            print(f"{'好' if ok else '✗ '}  {what}：{words}")
    return 0 if all(ok for ok, _, _ in findings) else 1


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _clock()
    yield _disk(settings)
    try:
        files = read_files(settings)
        yield True, "社区文件", "、".join(file.name for file in files)
    except CannotStart as error:
        yield False, "社区文件", str(error)
    yield from _database(settings)
    yield from _ear(settings)


def _clock() -> Finding:
    year = datetime.now(UTC).year
    return year >= 2024, "时钟", f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"


def _disk(settings: Settings) -> Finding:
    folder = settings.folder if settings.folder.exists() else Path()
    free = shutil.disk_usage(folder).free
    return free >= ENOUGH, "磁盘", f"还有 {free // 2**20} MB"


def _attachments(settings: Settings, standing: Mapping[Keeping, int]) -> Finding:
    trouble = Shelf(settings.folder).trouble()
    lost = sum(standing.get(state, 0) for state in media.LOST)
    words = f"等着下载 {standing.get(Keeping.WAITING, 0)}，没留下 {lost}"
    if trouble == "full":
        words = f"磁盘不到 {ENOUGH // 2**20} MB，先不下载，腾出地方会接着下。{words}"
    elif trouble:
        words = f"{Shelf(settings.folder).folder} 写不进去，先不下载。{words}"
    return not trouble, "照片和文件", words


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        database = Database(settings.database)
    except Unavailable as error:
        yield False, "数据库", f"打不开：{error}"
        return
    if database.sqlite and not Path(str(database.url.database)).exists():
        yield True, "数据库", "还没有建，第一次启动时会建"
        return
    try:
        with database.read() as session:
            stands = current(session.connection())
        ok = stands == head()
        yield ok, "数据库", f"版本 {stands}" if ok else f"版本 {stands}，请运行 huiyin migrate"
        with database.read() as session:
            names = "、".join(c.name for c in communities(session))
            yield bool(names), "社区", names or "一个也没有，请运行 huiyin community add"
            waiting, failed = troubles(session)
            standing = media.counts(session)
        yield waiting < 1000, "等着处理的消息", str(waiting)
        if not database.sqlite:
            left = [path.name for path in sorted(settings.folder.glob(SPOOLS))]
            words = f"{'、'.join(left)} 里还有，程序开着就会交进数据库" if left else "没有"
            yield not left, "存在旁边的消息", words
        yield _attachments(settings, standing)
        words = "；".join(f"{row[0]}：{row[1]}" for row in failed)
        hint = f"{words}。主任在控制台「没办好的消息」里可以再试一次"
        yield not failed, "没办好的消息", hint if failed else "没有"
        adapters = make_adapters(database, settings)
        yield True, "外部渠道", "、".join(adapters) or "没有（只有网页）"
    except CannotStart as error:
        yield False, "外部渠道", str(error)
    except Unavailable as error:
        yield False, "数据库", f"打不开：{error}"
    finally:
        database.close()


def _ear(settings: Settings) -> Iterator[Finding]:
    began = time.perf_counter()
    try:
        ear = make_ear(settings, settings.folder if settings.folder.is_dir() else None)
    except ValueError as error:
        yield False, "听懂人话", str(error)
        return
    spent = time.perf_counter() - began
    yield ear.hear("厨房着火了").danger == "fire", "听懂人话", f"载入 {spent:.1f} 秒"
    without = "用不了，现在只按词表听，容易听漏。请重新安装，或改 ear.model："
    yield ear.fault is None, "听力模型", "好的" if ear.fault is None else f"{without}{ear.fault}"
    yield from _second_ear(ear.second)


def _second_ear(second: SecondEar | None) -> Iterator[Finding]:
    """Asked once, with words of our own: from outside, a silent one looks like one that agrees."""
    if second is not None:
        answers = second.chances("楼道灯坏了") is not None
        words = f"{second.name} 有回答" if answers else f"{second.name} 没有回答，现在只听第一只"
        yield answers, "第二只耳朵", words

"""huiyin run: prepares, says four lines one can act on, and runs until Ctrl-C."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable

from bot import app, demo
from bot.ears import open_ear
from bot.node import taken_part
from bot.opening import CannotStart, bind, load_files, open_database, read_files
from bot.settings import Settings
from storage import Unavailable
from storage.store.loading import communities


def run(settings: Settings, only: str) -> int:
    """Runs the parts named (all without a name). Raises CannotStart."""
    parts = [part.strip() for part in only.split(",") if part.strip()] or list(app.PARTS)
    unknown = [part for part in parts if part not in app.PARTS]
    if unknown:
        raise CannotStart(f"--only 只认 {'、'.join(app.PARTS)}，不认 {'、'.join(unknown)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for noisy in ("apscheduler", "httpx", "httpcore", "jieba", "uvicorn", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if "web" in parts:
        bind(settings.http.host, settings.http.port).close()  # before anything slow
    files = read_files(settings)
    database = open_database(settings)
    if database.sqlite and (part := taken_part(settings.folder, parts)):
        where = f"{part} 已经有一个程序开着，用的是同一个数据目录 {settings.folder}"
        raise CannotStart(f"{where}。先关掉它，或换一个：make run DATA=另一个目录")
    ear = open_ear(settings, settings.folder)
    try:
        with database.alone():
            now = app.clock()
            load_files(database, files, now)
            demo.fill(database, ear, now)
    except Unavailable as error:
        raise CannotStart(f"数据库现在用不了：{error}") from error
    application = app.App(settings, database, ear, parts)
    _say(application)
    gc.collect()
    gc.freeze()  # the ear and the libraries stay for good: not to be looked through again and again
    gc.set_threshold(20_000, 50, 100)  # a batch makes many short-lived rows: a tenth of its time
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_until_stopped(application))
    return 0


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where there is one (not on Windows): a third less time on each request."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _until_stopped(application: app.App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, application.stop)
    await application.run()


def _say(application: app.App) -> None:
    """What one can do now."""
    office = application.office
    url = office.settings.public_url
    lines = []
    with office.database.read() as session:
        found = communities(session)
        links = demo.links(session, office.secret, url)
    for community in found:
        lines.append(f"{community.name} 开门了。Ctrl-C 关门。")
    if "web" in application.parts:
        lines += [f"  居民  {url}/chat/web" if not links else ""]
        lines += [f"  {name}\t{link}" for name, link in links]
        lines.append(f"  控制台  {url}/console（工作人员在聊天里写「控制台」拿一次性链接）")
    if links:
        lines.append("  这是演示，记录是编的；huiyin demo remove 一次删净。")
    print("\n".join(line for line in lines if line), flush=True)
    sys.stdout.flush()

"""What `huiyin run` holds: at rest with everything loaded, and while 500 messages/s arrive."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from evening import Evening
from ground import Server, prepare, serving
from wire import Pool

from bars.common import Line, Setup
from bars.town import CHANNEL

RATE = 500
SENDERS = 100
TOGETHER = 10  # messages that come in one moment


def megabytes(pid: int) -> tuple[float, float]:
    """RSS and PSS of a process now."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rss, pss = (int(re.findall(rf"(?m)^{name}:\s+(\d+) kB", text)[0]) for name in ("Rss", "Pss"))
    return rss / 1024, pss / 1024


def measure(setup: Setup) -> Iterator[Line]:
    folder = setup.home / "memory"
    prepare(folder)
    with serving("huiyin", folder, setup.home / "memory.log") as server:
        tokens = uvloop.run(_wake(server))
        rest = megabytes(server.pid)
        most, rate = uvloop.run(_load(setup, server, tokens))
    yield _line("memory at rest, everything loaded", rest, 250, 180)
    yield _line(f"memory while {rate:.0f} messages/s arrive", most, 350, 240)


def _line(what: str, found: tuple[float, float], bar: int, aim: int) -> Line:
    rss, pss = found
    said = f"{rss:.0f} MB RSS ({pss:.0f} MB PSS)"
    figures = {"rss": rss, "pss": pss}
    return Line(what, said, f"{bar} MB", f"{aim} MB", rss <= bar, rss <= aim, (), figures)


async def _wake(server: Server) -> list[str]:
    """Sessions, and a few messages so that everything lazy is loaded; then a little rest."""
    pool, path, tokens = Pool(server.port), f"/api/chat/{CHANNEL}", []
    for n in range(SENDERS):
        _, found = await pool.post(f"{path}/sessions", {"name": f"居民{n}"})
        tokens.append(found["token"])
    for n, text in enumerate(("你好", "3栋2单元楼道灯坏了", "我家着火了，在3栋2单元501", "1")):
        await pool.post(f"{path}/messages", {"id": f"w{n}", "text": text, "group": None}, tokens[0])
        await asyncio.sleep(1)
    pool.close()
    return tokens


async def _load(
    setup: Setup, server: Server, tokens: list[str]
) -> tuple[tuple[float, float], float]:
    """The most it held, and how many messages a second were taken."""
    pool, path = Pool(server.port), f"/api/chat/{CHANNEL}/messages"
    evening, count = Evening(setup.texts(), 1), RATE * setup.size(20, 2)
    most, begun, posts = (0.0, 0.0), time.perf_counter(), []
    for n in range(count):
        if n % TOGETHER == 0:
            await asyncio.sleep(max(0.0, begun + n / RATE - time.perf_counter()))
            most = max(most, megabytes(server.pid)) if n % 500 == 0 else most
        fields = {"id": f"m{n}", "text": evening.say("", 0).text, "group": None}
        posts.append(asyncio.create_task(pool.post(path, fields, tokens[n % SENDERS])))
    answers = await asyncio.gather(*posts)
    seconds = time.perf_counter() - begun
    assert {status for status, _ in answers} == {202}
    most = max(most, megabytes(server.pid))
    pool.close()
    return most, count / seconds

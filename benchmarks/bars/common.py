"""What the rows share: where they run, how a line of the table looks, how ways are measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evening import sources
from sqlalchemy import Engine, event

DELAY = 0.002  # seconds added to each commit: what fsync costs on a disk that is one


@dataclass(frozen=True)
class Setup:
    """How large, where, and on what words the rows are measured."""

    home: Path
    quick: bool = False
    data: Path | None = None  # the real messages; None: made-up ones
    postgres: str = ""  # url of an empty database; "" where there is none
    no_postgres: str = ""  # why there is none
    rounds: int = 3
    largest: int = 1_000_000  # residents of the largest town of `growth`

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def texts(self) -> dict[str, list[str]]:
        return sources(self.data)


@dataclass(frozen=True)
class Line:
    """One line of the table. `held` and `met` are of the bar and the aim; None: not measured."""

    what: str
    said: str
    bar: str = ""
    aim: str = ""
    held: bool | None = None
    met: bool | None = None
    notes: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)

    def text(self) -> str:
        lines = [f"{self.what}: {self.said}"]
        if self.bar:
            lines.append(f"    bar {self.bar}: {verdict(self.held)}")
        if self.aim:
            lines.append(f"    aim {self.aim}: {verdict(self.met)}")
        return "\n".join([*lines, *(f"    {note}" for note in self.notes)])


def verdict(held: bool | None) -> str:
    return {True: "held", False: "NOT HELD", None: "not measured"}[held]


@dataclass(frozen=True)
class Run:
    """One way, once: how many, in how many seconds of wall and of processor time."""

    count: int
    seconds: float
    cpu: float
    waits: Sequence[float] = ()  # seconds, sorted
    more: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time of one, ms."""
        return 1000 * self.cpu / self.count


class Watch:
    """Wall and processor seconds of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def run(self, count: int, waits: Sequence[float] = (), **more: float) -> Run:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Run(count, wall, cpu, sorted(waits), more)


def alternate(ways: Mapping[str, Callable[[int], Run]], rounds: int) -> dict[str, list[Run]]:
    """Each way so many times, in turn and back again, so that a busy minute hits all alike."""
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for n in range(rounds):
        for name in list(ways)[:: 1 if n % 2 == 0 else -1]:
            found[name].append(ways[name](n))
    return found


def middle(runs: Sequence[Run], what: str = "rate") -> float:
    return statistics.median(float(getattr(run, what)) for run in runs)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank; nan of nothing."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def p99_ms(runs: Sequence[Run]) -> float:
    return 1000 * statistics.median(percentile(run.waits, 0.99) for run in runs)


def slow_commits(engine: Engine, seconds: float) -> None:
    """Adds what a real disk would cost to each commit of an engine."""
    if seconds:
        event.listen(engine, "commit", lambda _connection: time.sleep(seconds))


def number(value: float) -> str:
    return f"{value:,.0f}"


def way(name: str, runs: Sequence[Run]) -> str:
    """ "naive 212/s (4.61 ms cpu)"."""
    return f"{name} {number(middle(runs))}/s ({middle(runs, 'cpu_ms'):.3f} ms cpu)"


def with_delay(text: str, delay: float) -> str:
    return f"{text}, +{1000 * delay:.0f} ms in the commit" if delay else text


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[n : n + size] for n in range(0, len(items), size)]

"""What a message costs as a town grows from a thousand residents to a million, with ten messages
each: processor time of the same messages, on each size in turn."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator

from evening import Evening

from bars.common import Line, Setup, percentile
from bars.filling import FIRST, TG, fill
from bars.town import Town, now
from nlp import Ear
from storage.store.receipts import Received, receive

SIZES = (1_000, 10_000, 100_000, 1_000_000)
BYTES = 6_000  # of disk for a resident and all their rows, with room for the log
WRITERS = 200


def measure(setup: Setup) -> Iterator[Line]:
    ear = Ear(setup.home)
    sizes = [size for size in SIZES if size <= setup.size(setup.largest, 2_000)]
    towns: dict[int, Town] = {}
    notes = []
    for size in sizes:
        if shutil.disk_usage(setup.home).free < 2 * BYTES * size:
            notes.append(f"{size:,} residents: no room on the disk")
            continue
        begun = time.perf_counter()
        towns[size] = Town(setup.home / f"growth-{size}", extra=TG)
        fill(towns[size], size, history=True)
        notes.append(
            f"{size:,} residents, {10 * size:,} messages: filled in"
            f" {time.perf_counter() - begun:.0f} s"
        )
    costs: dict[int, list[float]] = {size: [] for size in towns}
    turns = {size: _Turns(town, ear, setup.texts()) for size, town in towns.items()}
    rounds = setup.size(6, 2)
    for n in range(rounds + 1):
        for size in list(towns)[:: 1 if n % 2 == 0 else -1]:
            cost = turns[size].one(n)
            if n:
                costs[size].append(cost)
    for town in towns.values():
        town.database.close()
    middles = {size: statistics.median(found) for size, found in costs.items()}
    least, most = (middles[size] for size in (min(middles), max(middles)))
    each = ", ".join(f"{size:,}: {1000 * cost:.2f} ms" for size, cost in middles.items())
    ratio = most / least
    whole = max(middles) >= SIZES[-1]
    yield Line(
        f"cost per message from {min(middles):,} to {max(middles):,} residents",
        f"{ratio:.2f}× ({each}, processor time of receipt, ear and turn)",
        "1.5×",
        "1.15×",
        ratio <= 1.5 if whole or setup.quick else None,
        ratio <= 1.15 if whole or setup.quick else None,
        notes,
        {"ratio": ratio, **{str(size): 1000 * cost for size, cost in middles.items()}},
    )


class _Turns:
    """The same residents write the same to each town."""

    def __init__(self, town: Town, ear: Ear, texts: dict[str, list[str]]) -> None:
        self._town, self._texts = town, texts
        self._dispatcher = town.app(ear).office.dispatcher

    def one(self, n: int) -> float:
        """Processor seconds of one message in round `n`, a few at a time as on a quiet day."""
        evening = Evening(self._texts, seed=n)
        people = [f"u{FIRST + 7 * (WRITERS * n + one) % 1000}" for one in range(WRITERS)]
        spent = []
        for start in range(0, WRITERS, 5):
            rows = [self._row(evening, user, n, start) for user in people[start : start + 5]]
            begun = time.process_time()
            with self._town.database.write() as session:
                receive(session, rows, now())
            self._settle()
            spent.append((time.process_time() - begun) / len(rows))
        return percentile(sorted(spent), 0.5)

    def _row(self, evening: Evening, user: str, n: int, start: int) -> Received:
        text = evening.say("", 0).text
        return Received("tg", f"{user}:{n}-{start}", user, user, "居民", text=text)

    def _settle(self) -> None:
        while guesses := self._dispatcher.listen(self._town.database, now()):
            with self._town.database.write() as session:
                self._dispatcher.turns(session, guesses, now())

"""A busy evening played against a running server, and against the naive way in the same run.

Real messages (../shared/data: personal messages, complaint titles, flood posts) from 400 residents
come in through the web API at a steady rate; 2 % are sent twice with the same id; many answer what
the bot asks, by digits or with an address. Counted from the moment a message is due until the bot's
first answer is read on the resident's stream. Afterwards the database is asked whether every
accepted message was handled and answered once.

    python benchmarks/replay.py                      # 100 messages/s for a minute, both servers
    python benchmarks/replay.py --rounds 3           # three times, alternating
    python benchmarks/replay.py --only huiyin --rate 200 --seconds 30
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import uvloop  # noqa: E402
from crowd import Crowd, Outcome  # noqa: E402
from evening import DATA, Evening, sources  # noqa: E402
from ground import Ledger, Server, check, fsync_times, prepare, serving  # noqa: E402

BAR = 0.300  # seconds, p95 at 100 messages/s for a minute on two cores
KINDS = ("huiyin", "naive")


@dataclass
class Run:
    """One evening on one server."""

    kind: str
    outcome: Outcome
    ledger: Ledger
    server_cpu: float
    rate: float

    def times(self) -> list[float]:
        return sorted(one.answered - one.due for one in self.outcome.said if one.answered)

    def tenths(self) -> list[float]:
        """The p95 of each tenth of the evening, seconds: whether it is one moment or all along."""
        said = self.outcome.said
        size = max(1, -(-len(said) // 10))
        parts = [said[n : n + size] for n in range(0, len(said), size)]
        return [
            percentile(sorted(one.answered - one.due for one in part if one.answered), 0.95)
            for part in parts
        ]

    def figures(self) -> dict[str, Any]:
        out, ledger, times = self.outcome, self.ledger, self.times()
        receipts = sorted(one.taken - one.due for one in out.said if one.taken)
        last = max((one.answered for one in out.said if one.answered), default=0.0)
        first = min((one.due for one in out.said), default=0.0)
        return {
            "sent": len(out.said),
            "accepted": out.accepted,
            "answered": ledger.answered,
            "lost": ledger.lost,
            "duplicates": ledger.duplicates,
            "sent_twice": out.sent_twice,
            "refused": sum(out.refused.values()),
            "errors": ledger.errors,
            "p50_ms": 1000 * percentile(times, 0.50),
            "p95_ms": 1000 * percentile(times, 0.95),
            "p99_ms": 1000 * percentile(times, 0.99),
            "receipt_p95_ms": 1000 * percentile(receipts, 0.95),
            "receipts_per_s": out.accepted / out.seconds if out.seconds else 0.0,
            "answers_per_s": len(times) / (last - first) if last > first else 0.0,
            "server_ms_per_message": 1000 * self.server_cpu / max(1, len(out.said)),
            "server_cores": self.server_cpu / out.seconds if out.seconds else 0.0,
            "client_cores": out.own_cpu / out.seconds if out.seconds else 0.0,
            "behind_ms": 1000 * out.behind,
            "appeals": ledger.appeals,
            "outbound": ledger.outbound,
        }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest rank; nan of nothing."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def play(
    kind: str, options: argparse.Namespace, rate: float, seconds: float, seed: int, home: Path
) -> Run:
    """One evening on a fresh folder. `rate` 0: as fast as the answers come."""
    folder = home / f"{kind}-{seed}-{rate:g}"
    codes = prepare(folder)
    texts = sources(None if options.made_up else options.data)

    async def visit(server: Server) -> tuple[Outcome, float]:
        crowd = Crowd(server.port, Evening(texts, seed))
        await crowd.enter(options.residents, codes)
        await asyncio.sleep(0.5)
        before = server.cpu()
        outcome = await (crowd.steady(rate, seconds) if rate else crowd.eager(seconds))
        return outcome, server.cpu() - before

    with serving(kind, folder, home / f"{kind}.log") as server:
        outcome, cpu = uvloop.run(visit(server))
        ledger = check(folder / "huiyin.db", outcome)
    return Run(kind, outcome, ledger, cpu, rate)


ROWS = (
    ("sent", "messages sent", "{:.0f}"),
    ("accepted", "accepted", "{:.0f}"),
    ("answered", "answered", "{:.0f}"),
    ("lost", "lost (must be 0)", "{:.0f}"),
    ("duplicates", "duplicates (must be 0)", "{:.0f}"),
    ("sent_twice", "sent twice with one id", "{:.0f}"),
    ("refused", "refused", "{:.0f}"),
    ("errors", "errors in a turn", "{:.0f}"),
    ("p50_ms", "p50 to the first answer, ms", "{:.1f}"),
    ("p95_ms", "p95, ms", "{:.1f}"),
    ("p99_ms", "p99, ms", "{:.1f}"),
    ("receipt_p95_ms", "p95 to the receipt (202), ms", "{:.1f}"),
    ("receipts_per_s", "receipts/s", "{:.1f}"),
    ("answers_per_s", "answers/s", "{:.1f}"),
    ("server_ms_per_message", "server CPU, ms a message", "{:.2f}"),
    ("server_cores", "server CPU, cores", "{:.2f}"),
    ("client_cores", "client CPU, cores", "{:.2f}"),
    ("behind_ms", "longest wait for an idle resident, ms", "{:.1f}"),
    ("appeals", "appeals filed", "{:.0f}"),
    ("outbound", "messages said", "{:.0f}"),
)
WITH_RATIO = (
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "receipt_p95_ms",
    "answers_per_s",
    "server_ms_per_message",
)


def table(runs: Sequence[Run]) -> str:
    """Medians over the rounds, the spread in brackets, side by side, and naive ÷ huiyin."""
    kinds = [kind for kind in KINDS if any(run.kind == kind for run in runs)]
    found = {kind: [run.figures() for run in runs if run.kind == kind] for kind in kinds}
    heads = [*kinds, *(["naive ÷ huiyin"] if len(kinds) == 2 else [])]
    lines = [f"{'':38}" + "".join(f"{head:>26}" for head in heads)]
    for key, name, form in ROWS:
        middles, cells = [], []
        for kind in kinds:
            values = [one[key] for one in found[kind]]
            middles.append(statistics.median(values))
            cell = form.format(middles[-1])
            if len(values) > 1 and min(values) != max(values):
                cell += f" [{form.format(min(values))}–{form.format(max(values))}]"
            cells.append(f"{cell:>26}")
        if len(kinds) == 2 and key in WITH_RATIO and middles[0]:
            cells.append(f"{middles[1] / middles[0]:>25.2f}×")
        lines.append(f"{name:38}" + "".join(cells))
    return "\n".join(lines)


def shares(counts: Counter[str]) -> str:
    whole = sum(counts.values()) or 1
    return "  ".join(f"{name} {100 * n / whole:.1f}%" for name, n in counts.most_common())


def main() -> int:
    options = arguments()
    if not options.made_up and not options.data.is_dir():
        print(f"SKIPPED: the real messages are not here ({options.data}); nothing was measured.")
        return 0
    kinds = [kind for kind in KINDS if options.only in ("", kind)]
    if "naive" in kinds and find_spec("aiosqlite") is None:
        print("The naive way is left out: aiosqlite is not installed (it is in the dev extra).")
        kinds.remove("naive")
    with tempfile.TemporaryDirectory(prefix="huiyin-replay-") as name:
        home = Path(name)
        fsync = fsync_times(home)
        steady: list[Run] = []
        eager: list[Run] = []
        for n in range(options.rounds):
            for kind in kinds if n % 2 == 0 else kinds[::-1]:
                seed = options.seed + n
                steady.append(play(kind, options, options.rate, options.seconds, seed, home))
                if options.full:
                    eager.append(play(kind, options, 0, options.full, seed, home))
        failed = "".join((home / f"{kind}.log").read_text(errors="replace") for kind in kinds)
    report(options, fsync, steady, eager)
    if options.log and failed:
        print(failed)
    if options.json:
        print(
            json.dumps(
                [{"kind": run.kind, "rate": run.rate, **run.figures()} for run in steady + eager]
            )
        )
    ours = [run.ledger for run in steady + eager if run.kind == "huiyin"]
    return 1 if any(one.lost or one.duplicates for one in ours) else 0


def report(
    options: argparse.Namespace, fsync: tuple[float, float], steady: list[Run], eager: list[Run]
) -> None:
    said = Counter(one.source for run in steady for one in run.outcome.said)
    load = os.getloadavg()[0]
    evening = (
        f"{options.residents} residents, {options.rate:g} messages/s for {options.seconds:g} s"
    )
    machine = f"{os.cpu_count()} cores, load {load:.1f} at the end"
    print(f"{evening}, {options.rounds} round(s); {machine}")
    print(f"fsync of 4 KiB here: p50 {1000 * fsync[0]:.2f} ms, p95 {1000 * fsync[1]:.2f} ms")
    print(f"written: {shares(said)}\n")
    print(table(steady))
    for run in steady:
        tenths = " ".join(f"{1000 * each:.0f}" for each in run.tenths())
        print(f"p95 by tenth of the time, {run.kind}: {tenths} ms")
    for kind in KINDS:
        heard: Counter[str] = Counter()
        for run in steady:
            heard.update(run.ledger.intents if run.kind == kind else {})
        if heard:
            print(f"intents heard by {kind}: {shares(heard)}")
    ours = [run.figures()["p95_ms"] for run in steady if run.kind == "huiyin"]
    if ours:
        worst = max(ours)
        verdict = "held" if worst < 1000 * BAR else "NOT HELD"
        print(f"bar: p95 under {1000 * BAR:.0f} ms: {verdict} (worst round {worst:.1f} ms)")
    if eager:
        print(f"\nas fast as the answers come, all residents at once, {options.full:g} s:")
        print(table(eager))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Plays a busy evening against the server and against the naive way."
    )
    parser.add_argument("--rate", type=float, default=100, help="messages a second (100)")
    parser.add_argument("--seconds", type=float, default=60, help="how long (60)")
    parser.add_argument("--residents", type=int, default=400, help="how many write (400)")
    parser.add_argument("--rounds", type=int, default=1, help="times to repeat, alternating (1)")
    parser.add_argument(
        "--full",
        type=float,
        default=10,
        metavar="SECONDS",
        help="also as fast as answers come, so long (10; 0: not)",
    )
    parser.add_argument("--only", choices=["", *KINDS], default="", help="one server only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA, help=f"real messages ({DATA})")
    parser.add_argument("--made-up", action="store_true", help="our own few messages instead")
    parser.add_argument("--json", action="store_true", help="also the figures, as the last line")
    parser.add_argument("--log", action="store_true", help="also what the servers printed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""An hour of a city: 10,000 communities ask 20 million residents whether they are safe.

A third answer. Every answer walks through queues (web, database, turns, its own community's turn,
database again) whose costs were measured on the real code (unit_costs.py); what is not measured
stands in ASSUMED. First come, first served, computed exactly for each answer; seeded, no clock.

    python benchmarks/city.py                      # the tables of docs/scale.md
    python benchmarks/city.py --measure            # first measures what things cost here
    python benchmarks/city.py --communities 500    # a smaller city
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from unit_costs import KEPT, Costs, measure  # noqa: E402

Times = NDArray[np.float64]
MINUTE, HOUR, FAR = 60.0, 3600.0, 1e6  # seconds; FAR is longer than any queue here

# Not measured, and said so. A node is a machine of 8 cores: 2 web, 4 turn and 2 sending processes.
ASSUMED = {
    "a resident who answers does so after (median, minutes)": 5.0,
    "spread of that (sigma of the logarithm)": 1.2,
    "spread of the communities' sizes (sigma of the logarithm)": 0.6,
    "one call to a platform (ms of our processor)": 1.4,
    "cores of a database machine": 16.0,
    "of which asking may take": 0.5,
    "what a replica replays (MB/s)": 50.0,
    "a shard that is lost comes back after (s)": 60.0,
    "a 公众号 tries again for (s)": 10.0,
}
DELAY, SPREAD, SIZES, CALL, CORES, ASKING, REPLAY, OUTAGE, RETRY = ASSUMED.values()
WEB, TURNS, SENDING = 2, 4, 2  # processes of a node, one core each


@dataclass(frozen=True)
class Kind:
    """A way to reach residents: their share, and what one account may send a second."""

    name: str
    share: float
    rate: float  # inf: read by the resident, nothing is sent


KINDS = (
    Kind("公众号", 0.60, 20.0),
    Kind("微信客服", 0.15, 20.0),
    Kind("Telegram", 0.10, 30.0),
    Kind("web", 0.15, np.inf),
)
ACCOUNTS = (("a community", 1), ("a street of 20", 20), ("a district of 500", 500), ("the city", 0))


@dataclass(frozen=True)
class City:
    """Who lives where, and what those who answer write."""

    communities: int = 10_000
    residents: int = 20_000_000
    answer: float = 1 / 3
    words: float = 0.098  # of the answers: free text
    danger: float = 0.002  # cries for help
    seed: int = 1

    def sizes(self) -> NDArray[np.int64]:
        """Residents by community, with a heavy tail."""
        dice = np.random.default_rng(self.seed)
        raw = dice.lognormal(0, SIZES, self.communities)
        return np.maximum(1, np.rint(raw * self.residents / raw.sum())).astype(np.int64)


@dataclass(frozen=True)
class Setup:
    """So many nodes, and a database in so many shards by the community's hash."""

    nodes: int
    shards: int
    outage: float | None = None  # when the first shard goes away, seconds after the start


@dataclass
class Run:
    """What came of it, answer by answer, in seconds after the start."""

    setup: Setup
    arrived: Times  # at the webhook
    received: Times  # committed
    board: Times  # committed as an answer that staff see
    asked: float  # when the last question had left our side
    shard: NDArray[np.int64]
    kind: NDArray[np.int64]
    busy: dict[str, float] = field(default_factory=dict)  # by station: its fullest minute

    def late(self, share: float) -> float:
        return float(np.quantile(self.board - self.arrived, share))


def fifo(at: Times, service: Times | float, group: NDArray[np.int64] | None = None) -> Times:
    """When each leaves a server (one for each group) that takes them as they come."""
    order = np.argsort(at, kind="stable") if group is None else np.lexsort((at, group))
    begin = at[order] if group is None else at[order] + group[order] * FAR
    length = np.broadcast_to(service, at.shape)[order]
    done = np.cumsum(length)
    done += np.maximum.accumulate(begin - (done - length))
    left = np.empty_like(done)
    left[order] = done if group is None else done - group[order] * FAR
    return left


def pooled(at: Times, service: Times | float, servers: float) -> Times:
    """The same for many servers with one queue: as one that is so many times as fast."""
    return fifo(at, service / servers) + service * (1 - 1 / servers)


def fullest(at: Times, work: Times | float, group: NDArray[np.int64] | None = None) -> float:
    """The most work that arrives in a minute (at one group), as a share of that minute."""
    minute = (at / MINUTE).astype(np.int64)
    place = minute if group is None else minute * (int(group.max()) + 1) + group
    return float(np.bincount(place, np.broadcast_to(work, at.shape)).max() / MINUTE)


@dataclass
class Answers:
    """Everybody who answers: where they live, how they are reached, what they write, how soon."""

    community: NDArray[np.int64]
    kind: NDArray[np.int64]
    rank: Times  # their place among all of their community, 0 to 1
    sort: NDArray[np.int64]  # 0 safe, 1 words, 2 danger
    delay: Times

    @classmethod
    def of(cls, city: City, sizes: NDArray[np.int64]) -> Answers:
        dice = np.random.default_rng(city.seed + 1)
        home = np.repeat(np.arange(len(sizes)), np.rint(sizes * city.answer).astype(np.int64))
        count = len(home)
        kind = dice.choice(len(KINDS), count, p=[one.share for one in KINDS])
        odds = [1 - city.words - city.danger, city.words, city.danger]
        delay = dice.lognormal(np.log(DELAY * MINUTE), SPREAD, count)
        while (over := delay > HOUR).any():  # who answers at all does so within the hour
            delay[over] = dice.lognormal(np.log(DELAY * MINUTE), SPREAD, int(over.sum()))
        return cls(home, kind, dice.random(count), dice.choice(3, count, p=odds), delay)


def simulate(city: City, setup: Setup, costs: Costs) -> Run:
    """One hour and whatever is left after it."""
    sizes = city.sizes()
    who = Answers.of(city, sizes)
    shard_of = (np.arange(len(sizes)) * 2654435761 % 2**32) % setup.shards
    shard, nodes = shard_of[who.community], setup.nodes

    # Asking: planned and marked by the shards, sent by the nodes, at each account's pace.
    homes = np.bincount(shard_of, sizes, setup.shards)
    by_shard = homes * (costs.pg_plan + costs.pg_send) / 1000 / (CORES * ASKING)
    sending = sizes.sum() * (costs.plan + costs.send + CALL) / 1000 / (SENDING * nodes)
    ours = np.maximum(by_shard, sending)
    share, rate = (np.array([getattr(one, key) for one in KINDS]) for key in ("share", "rate"))
    paced = sizes[who.community] * share[who.kind] / rate[who.kind]
    arrived = who.rank * np.maximum(ours[shard], paced) + who.delay

    last = max(float(ours.max()), float((sizes.max() * share / rate).max()))

    # Answers.
    turn = np.array([costs.safe, costs.words, costs.danger])[who.sort] / 1000
    slow = np.where(arrived < ours[shard], 1 / (1 - ASKING), 1.0)  # a shard that still asks
    write, work = slow * costs.pg_receipt / 1000, slow * costs.pg_turn / 1000
    flush = 1.5 * costs.fsync / 1000  # half of the one under way, and the one that is shared
    at = pooled(arrived, costs.receipt / 1000, WEB * nodes)
    at = _back(setup, at, shard)
    received = fifo(at, write / CORES, shard) + write * (1 - 1 / CORES) + flush
    at = pooled(received, turn, TURNS * nodes)
    at = _back(setup, at, shard)
    alone = work + flush  # the community's next turn waits for this one's commit
    at = fifo(at - turn, turn + alone, who.community) - alone
    board = fifo(at, work / CORES, shard) + work * (1 - 1 / CORES) + flush
    busy = {
        "web processes": fullest(arrived, costs.receipt / 1000) / (WEB * nodes),
        "turn processes": fullest(arrived, turn) / (TURNS * nodes),
        "the fullest shard": fullest(arrived, write + work, shard) / CORES,
        "the fullest community": fullest(arrived, turn + alone, who.community),
        "sending processes": sending / last,
        "asking on a shard": float(by_shard.max()) / last,
    }
    return Run(setup, arrived, received, board, last, shard, who.kind, busy)


def _back(setup: Setup, at: Times, shard: NDArray[np.int64]) -> Times:
    """What the lost shard is asked for waits until it is back."""
    if setup.outage is None:
        return at
    away = (shard == 0) & (at >= setup.outage) & (at < setup.outage + OUTAGE)
    return np.where(away, setup.outage + OUTAGE, at)


def lost(run: Run) -> int:
    """Answers by 公众号 that are gone for good where nothing takes them while the shard is away."""
    start = run.setup.outage
    assert start is not None
    gone = (run.arrived >= start) & (run.arrived < start + OUTAGE - RETRY)
    return int((gone & (run.shard == 0) & (run.kind == 0)).sum())


def lag(city: City, run: Run, costs: Costs) -> tuple[float, float]:
    """The most WAL a shard writes (MB/s), and how far a replica falls behind (s)."""
    mine = run.shard == np.bincount(run.shard).argmax()
    seconds = int(run.board.max()) + 1
    each_second = np.bincount(run.board[mine].astype(np.int64), minlength=seconds)
    wal = each_second * float(costs.wal_answer)
    asking = max(1, min(seconds, int(run.asked)))
    wal[:asking] += city.residents * mine.mean() * costs.wal_question / asking
    behind = worst = 0.0
    for each in wal:
        behind = max(0.0, behind + each / 1e6 - REPLAY)
        worst = max(worst, behind)
    return float(wal.max()) / 1e6, worst / REPLAY


# What is printed

SETUPS = (Setup(1, 1), Setup(16, 1), Setup(64, 1), Setup(64, 4), Setup(128, 8), Setup(128, 16))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def span(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 48 * HOUR else f"{seconds / HOUR / 24:.1f} days"


COSTS = (
    ("a webhook's receipt", "receipt", "pg_receipt"),
    ("a question planned", "plan", "pg_plan"),
    ("a message through the outbox", "send", "pg_send"),
    ("平安, alone in its batch", "safe", "pg_turn"),
    ("平安, 50 to a batch", "safe_many", "pg_many"),
    ("free text, alone", "words", ""),
    ("a cry for help, alone", "danger", ""),
)


def of_costs(costs: Costs) -> Iterator[str]:
    rows = [
        (name, f"{getattr(costs, ours):g}", f"{getattr(costs, theirs):g}" if theirs else "")
        for name, ours, theirs in COSTS
    ]
    where = f"{costs.measured}, {costs.machine}; ms"
    yield from table((where, "our processors", "PostgreSQL's"), rows)
    more = [
        ("one flush to disk (ms)", f"{costs.fsync:g}"),
        ("WAL of a question / of an answer (bytes)",
         f"{costs.wal_question:,.0f} / {costs.wal_answer:,.0f}"),
        ("left behind by a resident: rows / bytes on disk",
         f"{costs.rows_resident:g} / {costs.disk_resident:,.0f}"),
    ]  # fmt: skip
    yield from table(("what is written", ""), more)
    yield from table(("assumed", "value"), [(name, f"{v:g}") for name, v in ASSUMED.items()])


def of_load(city: City, run: Run, costs: Costs) -> Iterator[str]:
    people, answers = int(city.sizes().sum()), len(run.arrived)
    peak = fullest(run.arrived, 1.0)
    disk = people * costs.disk_resident / 1e9
    wal = (people * costs.wal_question + answers * costs.wal_answer) / 1e9
    rows = [
        ("questions", f"{people:,}"),
        ("answers in the hour", f"{answers:,}"),
        ("answers a second, mean / fullest minute", f"{answers / HOUR:,.0f} / {peak:,.0f}"),
        (
            "cores busy then: web, turns, databases",
            ", ".join(
                f"{peak * each / 1000:,.0f}"
                for each in (costs.receipt, costs.safe, costs.pg_receipt + costs.pg_turn)
            ),
        ),
        ("commits a second then, each a flush unless shared", f"{peak:,.0f} and more"),
        ("flushes a second one disk takes", f"{1000 / costs.fsync:,.0f}"),
        ("core-hours of asking, ours / the databases'",
         f"{people * (costs.plan + costs.send + CALL) / 1000 / HOUR:,.0f} / "
         f"{people * (costs.pg_plan + costs.pg_send) / 1000 / HOUR:,.0f}"),
        ("of answering", f"{answers * (costs.receipt + costs.safe) / 1000 / HOUR:,.0f} / "
         f"{answers * (costs.pg_receipt + costs.pg_turn) / 1000 / HOUR:,.0f}"),
        ("rows left behind", f"{people * costs.rows_resident / 1e6:,.0f} million"),
        ("on disk / WAL written", f"{disk:,.0f} GB / {wal:,.0f} GB"),
    ]  # fmt: skip
    yield from table(("the hour", ""), rows)


def of_pace(city: City) -> Iterator[str]:
    """How long an account takes to say one thing to all of its residents."""
    sizes = city.sizes()
    rows = []
    for name, number in ACCOUNTS:
        people = sizes.mean() * number if number else sizes.sum()
        rows.append((f"{name}: {people:,.0f}", *(span(people / rate) for rate in (20.0, 30.0))))
    rows.append((f"the largest community: {sizes.max():,}",
                 *(span(sizes.max() / rate) for rate in (20.0, 30.0))))  # fmt: skip
    yield from table(("one account for", "at 20/s (公众号, 微信客服)", "at 30/s (Telegram)"), rows)


def of_setups(city: City, runs: Sequence[Run], costs: Costs) -> Iterator[str]:
    rows = []
    for run in runs:
        full = sorted(run.busy.items(), key=lambda one: -one[1])
        wal, behind = lag(city, run, costs)
        rows.append(
            (
                f"{run.setup.nodes} / {run.setup.shards}",
                span(run.asked),
                f"{span(run.late(0.5))} / {span(run.late(0.99))}",
                span(float(run.board.max())),
                "; ".join(f"{name} {100 * share:.0f} %" for name, share in full[:3]),
                f"{wal:.0f} MB/s, {span(behind)}",
            )
        )
    heads = ("nodes / shards", "all asked after", "answer to board, p50 / p99",
             "last one there", "fullest minute", "WAL of a shard, replica behind")  # fmt: skip
    yield from table(heads, rows)


def of_outage(run: Run) -> Iterator[str]:
    start = run.setup.outage or 0.0
    hit = (run.shard == 0) & (run.arrived >= start) & (run.arrived < start + OUTAGE)
    wait = np.quantile((run.board - run.arrived)[hit], [0.5, 0.99])
    rows = [
        ("answers that came to the shard meanwhile", f"{int(hit.sum()):,}"),
        ("lost, if nothing else took them (公众号 only)", f"{lost(run):,}"),
        ("lost with a spool on each node, or a log", "0"),
        ("on one node's spool: late if its disk dies too", f"{hit.sum() / run.setup.nodes:,.0f}"),
        ("with either, answer to board p50 / p99", f"{span(wait[0])} / {span(wait[1])}"),
    ]
    yield from table((f"a shard of {run.setup.shards} away for {OUTAGE:.0f} s", ""), rows)


def report(city: City, costs: Costs, setups: Sequence[Setup]) -> Iterator[str]:
    yield from of_costs(costs)
    runs = [simulate(city, setup, costs) for setup in setups]
    yield from of_load(city, runs[-1], costs)
    yield from of_pace(city)
    yield from of_setups(city, runs, costs)
    peak = int(np.bincount((runs[-1].arrived / MINUTE).astype(np.int64)).argmax()) * MINUTE
    yield from of_outage(simulate(city, replace(setups[-1], outage=peak), costs))


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulates a city's emergency roll call.")
    parser.add_argument("--communities", type=int, default=City.communities)
    parser.add_argument("--residents", type=int, default=0, help="2,000 a community")
    parser.add_argument("--seed", type=int, default=City.seed)
    parser.add_argument("--measure", action="store_true", help="measure the unit costs first")
    options = parser.parse_args()
    costs = measure() if options.measure else KEPT
    if options.measure:
        print(f"KEPT = {costs!r}  # to be kept in unit_costs.py\n")
    people = options.residents or 2000 * options.communities
    city = City(options.communities, people, seed=options.seed)
    for line in report(city, costs, SETUPS):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

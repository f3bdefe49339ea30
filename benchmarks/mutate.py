"""Mutated webhook bodies for every adapter: no 5xx, and nothing stored that was not signed.

Half of them are signed after the mutation, so that what reads them behind the signature is reached;
the others had been signed before. One in twenty goes through the whole web app into a real
database, the rest straight to the adapter (whose events must then be such as can be stored).
Exit code 1 when one platform did not hold.

    python benchmarks/mutate.py --count 100000
    python benchmarks/mutate.py --count 5000 --platform qq --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from tests.bot.doors import DOORS  # noqa: E402
from tests.bot.knocking import Tally, knock  # noqa: E402

HEADS = ("bodies", "signed: 200", "(events)", "400", "not signed: 4xx", "5xx", "let in", "shut out")


def line(tally: Tally, seconds: float) -> str:
    found = (
        tally.bodies,
        tally.taken,
        tally.kept,
        tally.unread,
        tally.refused,
        tally.broken,
        tally.let_in,
        tally.shut_out,
    )
    cells = "".join(
        f"{number:>{max(9, len(head) + 2)}}" for head, number in zip(HEADS, found, strict=True)
    )
    return f"{tally.platform:14}{cells}{1000 * tally.slowest:>11.1f}{seconds:>8.0f}"


def main() -> int:
    options = arguments()
    logging.disable(logging.CRITICAL)
    heads = "".join(f"{head:>{max(9, len(head) + 2)}}" for head in HEADS)
    print(f"{'':14}{heads}{'slowest ms':>11}{'s':>8}")
    held = True
    for name in [options.platform] if options.platform else DOORS:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="huiyin-mutate-") as folder:
            tally = asyncio.run(knock(name, options.count, Path(folder), seed=options.seed))
        print(line(tally, time.perf_counter() - started), flush=True)
        for wrong in tally.wrong:
            print(f"  {wrong}")
        held = held and tally.held
    print("bar: no 5xx, nobody let in unsigned, a signed one 200 or 400:", end=" ")
    print("held" if held else "NOT HELD")
    return 0 if held else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Knocks at every webhook with mutated bodies.")
    parser.add_argument("--count", type=int, default=100_000, help="bodies a platform (100000)")
    parser.add_argument("--platform", choices=list(DOORS), help="one platform only")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

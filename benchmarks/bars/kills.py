"""kill -9 during load: `benchmarks/kills.py` does it; here it is only called."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bars.common import Line, Setup

SCRIPT = Path(__file__).resolve().parents[1] / "kills.py"


def measure(setup: Setup) -> Iterator[Line]:
    times = setup.size(200, 3)
    what, bar = f"kill -9 during load, {times} times", "lost 0, repeated 0, again ≤ 1 claim each"
    if not SCRIPT.exists():
        yield Line(what, f"SKIPPED: {SCRIPT.name} is not here", bar)
        return
    command = [sys.executable, str(SCRIPT), "--times", str(times), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines:
        yield Line(what, f"FAILED: {done.stderr.strip()[-300:]}", bar, held=False)
        return
    found = json.loads(lines[-1])
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in found.items())
    yield Line(what, said, bar, held=done.returncode == 0)

"""Both benchmarks of adapters run. No times are asserted: this machine is not the benchmark's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.bot.doors import DOORS

ROOT = Path(__file__).parents[2]


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )


def test_costs_are_printed_beside_the_bare_library() -> None:
    done = run("adapters.py", "--rounds", "1")
    assert done.returncode in (0, 1), done.stderr  # 1: over the bar, on this machine
    assert "Traceback" not in done.stderr
    found = re.findall(r"(?m)^(\w+) +(in|out) +[\d.]+ +[\d.]+ +[\d.]+×", done.stdout)
    assert {("telegram", "in"), ("telegram", "out"), ("qq", "in"), ("qq", "out")} <= set(found)
    assert "bar: within 1.3×" in done.stdout


def test_mutations_hold_platform_by_platform() -> None:
    done = run("mutate.py", "--count", "400")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {(line[0], line[1]) for line in lines if line[0] in DOORS} == {
        (name, "400") for name in DOORS
    }
    assert done.stdout.strip().endswith("held")

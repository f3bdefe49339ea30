"""The whole table is printed, at tiny sizes. No times are asserted: only that figures are sane."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def promise(rows: str) -> tuple[str, list[dict[str, Any]]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "promise.py"), "--quick", "--made-up"]
    done = subprocess.run(
        [*command, "--json", "--rows", rows],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr  # 1: a bar is not held, on this machine
    return done.stdout, json.loads(done.stdout.splitlines()[-1])


def test_receipts_and_turns_stand_beside_the_bare_driver_and_the_naive_way() -> None:
    said, lines = promise("receipts,turns")
    assert "fsync of 4 KiB here" in said
    assert "MADE-UP MESSAGES" in said
    assert [line["what"] for line in lines] == [
        "receipts, SQLite",
        "receipts, SQLite, +2 ms in the commit",
        "receipts, PostgreSQL",
        "whole turns, SQLite, one process",
        "whole turns, SQLite, one process, +2 ms in the commit",
    ]
    receipts, _, postgres, turns, _ = lines
    assert {"bare driver", "naive"} <= {note.split(" over")[0].rsplit(" ", 4)[0].strip()
                                        for note in receipts["notes"][:2]}  # fmt: skip
    assert receipts["figures"]["bare"] > receipts["figures"]["rate"] > 0
    assert postgres["figures"].get("rate", 1) > 0
    assert 0 < turns["figures"]["ear_share"] < 1
    assert turns["figures"]["times"] == pytest.approx(
        turns["figures"]["rate"] / turns["figures"]["naive"]
    )


def test_everybody_is_planned_called_and_kept_at_pace() -> None:
    _, lines = promise("broadcast,pace,rollcall,growth,memory")
    found = {line["what"].partition(":")[0].partition(" of ")[0]: line for line in lines}
    figures: dict[str, float] = {}
    for line in lines:
        assert all(math.isfinite(value) for value in line["figures"].values()), line
        figures |= line["figures"]
    assert found
    assert figures["refused"] == 0
    assert figures["lost"] == 0
    assert figures["safe"] == figures["people"] > 0
    assert 0.5 < figures["kept"] <= 1.05
    assert 20 < figures["pss"] <= figures["rss"] < 2000

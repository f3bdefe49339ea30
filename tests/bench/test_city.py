"""The city's simulation keeps every answer, goes forward in time, and gains by every machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def city() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import city as found
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return found


def small(city: ModuleType, seed: int = 1) -> object:
    return city.City(communities=200, residents=60_000, seed=seed)


def test_a_queue_serves_one_after_another_and_groups_apart(city: ModuleType) -> None:
    at = np.array([5.0, 0.0, 0.5, 0.0])
    assert city.fifo(at, 1.0).tolist() == [6.0, 1.0, 3.0, 2.0]
    groups = np.array([0, 0, 0, 1])
    assert np.allclose(city.fifo(at, 1.0, groups), [6.0, 1.0, 2.0, 1.0])


@pytest.mark.parametrize("outage", [None, 120.0])
def test_every_answer_ends_on_the_board_after_it_was_received(
    city: ModuleType, outage: float | None
) -> None:
    made = small(city)
    run = city.simulate(made, city.Setup(2, 2, outage), city.KEPT)
    expected = sum(round(int(size) / 3) for size in made.sizes())  # type: ignore[attr-defined]
    assert len(run.board) == len(run.arrived) == expected > 19_000
    assert np.isfinite(run.board).all() and (run.arrived >= 0).all()
    assert (run.received > run.arrived).all() and (run.board > run.received).all()
    assert all(share > 0 for share in run.busy.values())
    if outage is not None:
        late = (run.shard == 0) & (run.arrived >= outage) & (run.arrived < outage + city.OUTAGE)
        assert late.any() and (run.board[late] >= outage + city.OUTAGE).all()
        assert 0 < city.lost(run) < late.sum()


def test_twice_the_machines_are_never_slower(city: ModuleType) -> None:
    made = small(city)
    before = None
    for number in (1, 2, 4, 8):
        run = city.simulate(made, city.Setup(number, number), city.KEPT)
        found = [run.asked, *np.quantile(run.board, [0.25, 0.5, 0.99, 1.0])]
        if before is not None:
            assert all(now <= then + 1e-3 for now, then in zip(found, before, strict=True))
        before = found


def test_the_same_seed_is_the_same_city(city: ModuleType) -> None:
    one, same, other = (
        city.simulate(small(city, seed), city.Setup(1, 1), city.KEPT) for seed in (1, 1, 2)
    )
    assert (one.board == same.board).all()
    assert one.board.sum() != other.board.sum()


def test_the_document_names_what_the_script_assumes(city: ModuleType) -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    for name, value in city.ASSUMED.items():
        assert f"| {name} | {value:g} |" in text


def test_it_prints_its_tables() -> None:
    script = str(ROOT / "benchmarks" / "city.py")
    command = [sys.executable, script, "--communities", "20", "--residents", "4000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert "| nodes / shards |" in done.stdout
    assert "nan" not in done.stdout

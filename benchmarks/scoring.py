"""Which rows are held out, a confusion table, and how far scores are from the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import md5


def held_out(group: str) -> bool:
    """Whether a group's rows are scored on only; the other half may be looked at while building."""
    return int(md5(group.encode()).hexdigest(), 16) % 2 == 1


def fold_of(group: str, folds: int = 5) -> int:
    """Which of the folds a group belongs to, whatever else is in the file."""
    return int(md5(group.encode()).hexdigest(), 16) % folds


def ece(scores: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: |score − share right| over equal bins, weighted by their rows."""
    error = 0.0
    for number in range(bins):
        rows = [i for i, s in enumerate(scores) if min(int(s * bins), bins - 1) == number]
        if rows:
            score = sum(scores[i] for i in rows) / len(rows)
            error += len(rows) * abs(score - sum(right[i] for i in rows) / len(rows))
    return error / len(scores)


def confusion(truth: Sequence[str], heard: Sequence[str], labels: Sequence[str]) -> str:
    """Rows are what is true, columns what was heard."""
    pairs = Counter(zip(truth, heard, strict=True))
    width = max(len(label) for label in labels)
    lines = [" " * width + "".join(f"{label[:7]:>8}" for label in labels)]
    for t in labels:
        lines.append(f"{t:<{width}}" + "".join(f"{pairs[t, h] or '·':>8}" for h in labels))
    return "\n".join(lines)

"""Samples of a process, and how fast what they show grows."""

import statistics
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

Sample = dict[str, Any]


def sample(pid: int) -> Sample:
    """Octets resident and their proportional share, descriptors, threads. Raises OSError when the process has ended."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    return {
        "rss": _kib(rollup, "Rss:"),
        "pss": _kib(rollup, "Pss:"),
        "private": _kib(rollup, "Private_Dirty:"),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": int(_value(status, "Threads:")),
    }


def _kib(text: str, name: str) -> int:
    return int(_value(text, name)) * 1024


def _value(text: str, name: str) -> str:
    return next(line.split()[1] for line in text.splitlines() if line.startswith(name))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second value grows while the first grows by one: the median of all pairs (Theil and Sen), which a
    few samples that caught a password being hashed do not move. 0 for fewer than two points."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    return statistics.median(slopes) if slopes else 0.0


def second_half(samples: Sequence[Sample]) -> list[Sample]:
    """Those later than the middle between the first and the last."""
    if not samples:
        return []
    middle = (samples[0]["at"] + samples[-1]["at"]) / 2
    return [each for each in samples if each["at"] >= middle]


def growth(samples: Sequence[Sample], name: str) -> float:
    """Of a figure, an hour, within the second half; `at` of a sample is in seconds."""
    return 3600 * slope([(each["at"], each[name]) for each in second_half(samples) if name in each])

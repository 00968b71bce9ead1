"""Figures of many runs: percentiles, spread, numbers as people read them, and Markdown tables."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest of the values that `part` (0 to 1) of them do not exceed; 0 without values."""
    ordered = sorted(values)
    # 0.07 × 100 is a little more than 7.
    return ordered[max(0, math.ceil(round(part * len(ordered), 9)) - 1)] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and the least and the greatest of them."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError without values."""
    return Spread(statistics.median(values), min(values), max(values))


def number(value: float) -> str:
    """With the digits that count: 0.123, 1.23, 12.3, 123, 12,345."""
    size = abs(value)
    if size >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.95 else f"{value:.2f}" if size >= 0.995 else f"{value:.3f}"


def row(*cells: object) -> str:
    """One row of a Markdown table; numbers with a fraction get two digits of it."""
    texts = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
    return "| " + " | ".join(texts) + " |"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A whole Markdown table."""
    return "\n".join([row(*columns), "|" + "---|" * len(columns), *(row(*cells) for cells in rows)])


class Table:
    """Prints its heading at once, and each row as it comes."""

    def __init__(self, title: str, *columns: str) -> None:
        print(f"\n### {title}\n\n{table(columns, [])}", flush=True)

    def row(self, *cells: object) -> None:
        print(row(*cells), flush=True)

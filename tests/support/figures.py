"""Figures of many runs: percentiles, and Markdown tables that are printed row by row."""

from collections.abc import Sequence


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` (0 to 1) of the values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(part * len(ordered)) - 1))] if ordered else 0.0


class Table:
    """Prints its heading at once, and each row as it comes."""

    def __init__(self, title: str, *columns: str) -> None:
        print(f"\n### {title}\n")
        self.row(*columns)
        print("|" + "---|" * len(columns), flush=True)

    def row(self, *cells: object) -> None:
        """Numbers with a fraction get two digits of it."""
        texts = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in cells)
        print("| " + " | ".join(texts) + " |", flush=True)

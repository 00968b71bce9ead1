"""The tables of docs/PERFORMANCE.md and the plots beside it, from the figures that were kept."""

from pathlib import Path

from tests.benchmarks.figures import Report


def write(report: Report, folder: Path) -> None:
    """Raises OSError."""

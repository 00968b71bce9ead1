"""The tables of docs/PERFORMANCE.md, between their marks, and the plots beside it, from the figures that were kept."""

from pathlib import Path

from tests.benchmarks.figures import load
from tests.benchmarks.plots import draw
from tests.benchmarks.tables import TITLES, aims_table, case_table, summary
from tests.support import marked


def write(figures: Path, another_day: Path, document: Path = marked.PERFORMANCE) -> None:
    """Raises OSError; ValueError when the marks are not there."""
    report = load(figures)
    draw(report, figures.parent)
    marked.write(document, "summary", summary(report))
    for case in TITLES:
        mine = [figure for figure in report.figures if figure.case == case]
        marked.write(document, f"case {case}", case_table(mine) if mine else "Not measured yet.")
    if another_day.exists():
        marked.write(document, "another day", aims_table(load(another_day)))

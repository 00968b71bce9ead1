"""Figures as the tables of docs/PERFORMANCE.md."""

from collections.abc import Iterable

from tests.benchmarks.figures import Figure, Report
from tests.support.figures import number, table

TITLES = {
    "a": "fan-out at full load",
    "b": "fan-out at other loads",
    "c": "latency",
    "d": "commits",
    "e": "log-ins",
    "f": "a killed server",
    "g": "long logs",
    "h": "memory",
    "i": "starting",
    "j": "idle",
    "k": "coming back",
}
_VERDICT = {True: "yes", False: "**no**", None: ""}


def summary(report: Report) -> str:
    """What the figures were taken on, and of each case how many of its aims hold."""
    machine = table(("machine", ""), report.machine.items())
    cases = []
    for case, title in TITLES.items():
        held = [figure for figure in report.figures if figure.case == case and figure.holds is not None]
        if case in report.taken:
            kept = sum(bool(figure.holds) for figure in held)
            missed = "; ".join(_missed(figure) for figure in held if not figure.holds)
            cases.append((case, title, f"{kept} of {len(held)}", missed, report.taken[case]))
    return f"{machine}\n\n{table(('case', '', 'aims that hold', 'missed', 'measured'), cases)}"


def _missed(figure: Figure) -> str:
    at = f", {figure.at}" if figure.at else ""
    return f"{figure.name} ({figure.subject}{at}): {number(figure.median)} {figure.unit}, aim {figure.aim}"


def case_table(figures: Iterable[Figure]) -> str:
    """Medians of the rounds, the least and the greatest of them, and the aims."""
    rows = [
        (
            figure.name,
            figure.at,
            figure.subject,
            f"{number(figure.median)} {figure.unit}",
            figure.between,
            figure.aim,
            _VERDICT[figure.holds],
            figure.note,
        )
        for figure in figures
    ]
    return table(("measured", "at", "whose", "median", "rounds", "aim", "holds", ""), rows)

"""Figures as the tables of docs/PERFORMANCE.md."""

from collections.abc import Iterable, Iterator

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
            missed = [figure for figure in held if not figure.holds]
            near = "; ".join(_missed(figure) for figure in missed if not figure.beyond_floor)
            far = "; ".join(_missed(figure) for figure in missed if figure.beyond_floor)
            cases.append((case, title, f"{kept} of {len(held)}", near, far, report.taken[case]))
    columns = ("case", "", "aims that hold", "missed", "missed, and beyond the floor", "measured")
    return f"{machine}\n\n{table(columns, cases)}"


def aims_table(report: Report) -> str:
    """Only what is held against an aim, of all cases, and the days of the cases."""
    days = "; ".join(f"{case}: {day}" for case, day in _runs(report.taken))
    rows = [
        (
            figure.case,
            figure.name,
            figure.at,
            figure.subject,
            f"{number(figure.median)} {figure.unit}",
            figure.aim,
            _verdict(figure),
            "" if figure.floor is None else f"{number(figure.floor)} {figure.unit}",
        )
        for figure in report.figures
        if figure.holds is not None
    ]
    columns = ("case", "measured", "at", "whose", "median", "aim", "holds", "the floor")
    return f"{days}\n\n{table(columns, rows)}"


def _runs(taken: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Cases of one day together."""
    by_day: dict[str, list[str]] = {}
    for case, day in taken.items():
        by_day.setdefault(day, []).append(case)
    return ((", ".join(cases), day) for day, cases in by_day.items())


def _verdict(figure: Figure) -> str:
    return _VERDICT[figure.holds] + (" (beyond the floor)" if figure.beyond_floor and not figure.holds else "")


def _missed(figure: Figure) -> str:
    at = f", {figure.at}" if figure.at else ""
    told = f"{figure.name} ({figure.subject}{at}): {number(figure.median)} {figure.unit}, aim {figure.aim}"
    return f"{told}, floor {number(figure.floor)}" if figure.beyond_floor and figure.floor is not None else told


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
            _verdict(figure),
            figure.note,
        )
        for figure in figures
    ]
    return table(("measured", "at", "whose", "median", "rounds", "aim", "holds", ""), rows)

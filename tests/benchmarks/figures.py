"""What a case reports: figures with their rounds, and the aims that they are held against."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import spread


@dataclass(frozen=True, slots=True)
class Figure:
    """`values`: one for each round. `subject`: whose it is (the product on a database, or a peer). `at`: the load, as
    people read it. `aim`: the bound as text and whether it is an upper one, when this figure is held against one."""

    case: str
    name: str
    unit: str
    subject: str
    at: str
    values: tuple[float, ...]
    most: float | None = None
    least: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return spread(self.values).median

    @property
    def holds(self) -> bool | None:
        """Whether the aim holds; None without one."""
        if self.most is not None:
            return self.median <= self.most
        if self.least is not None:
            return self.median >= self.least
        return None

    @property
    def aim(self) -> str:
        if self.most is not None:
            return f"≤ {number(self.most)}"
        return f"≥ {number(self.least)}" if self.least is not None else ""


@dataclass
class Report:
    """All figures of a run. `settings` says how it was taken."""

    settings: dict[str, str]
    figures: list[Figure] = field(default_factory=list)

    def add(
        self, case: str, name: str, unit: str, subject: str, at: str, values: Sequence[float], **more: Any
    ) -> Figure:
        figure = Figure(case, name, unit, subject, at, tuple(values), **more)
        self.figures.append(figure)
        print(line(figure), flush=True)
        return figure

    def find(self, case: str, name: str, at: str, subject: str) -> Figure | None:
        wanted = (case, name, at, subject)
        return next((f for f in self.figures if (f.case, f.name, f.at, f.subject) == wanted), None)

    def save(self, file: Path) -> None:
        """Adds to what is there: a run of some cases keeps the figures of the others."""
        old = load(file).figures if file.exists() else []
        mine = {figure.case for figure in self.figures}
        kept = [figure for figure in old if figure.case not in mine]
        self.figures = sorted(kept + self.figures, key=lambda figure: figure.case)
        document = {"settings": self.settings, "figures": [asdict(figure) for figure in self.figures]}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def load(file: Path) -> Report:
    document = json.loads(file.read_text())
    figures = [Figure(**{**item, "values": tuple(item["values"])}) for item in document["figures"]]
    return Report(document["settings"], figures)


def number(value: float) -> str:
    """As people read it: three digits that count, thousands apart."""
    if value != value:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def line(figure: Figure) -> str:
    """For the terminal, while it is measured."""
    around = spread(figure.values)
    verdict = {True: "  holds", False: "  MISSED", None: ""}[figure.holds]
    between = f"{number(around.low)} to {number(around.high)}" if len(figure.values) > 1 else ""
    aim = f"  aim {figure.aim}{verdict}" if figure.aim else ""
    return (
        f"{figure.case}  {figure.name:34} {figure.subject:11} {figure.at:28} "
        f"{number(around.median):>8} {figure.unit:14} {between:20}{aim} {figure.note}"
    )

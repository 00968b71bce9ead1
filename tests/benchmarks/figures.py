"""What a case reports: figures with their rounds and the aims that they are held against, and curves for the plots."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.support.figures import number, percentile, spread

# The parts of the values at which a distribution is kept.
PARTS = (*(part / 100 for part in range(1, 100)), 0.993, 0.995, 0.997, 0.999)


@dataclass(frozen=True, slots=True)
class Figure:
    """`values`: one for each round. `subject`: whose it is (the product on a database, or a peer). `at`: the load, as
    people read it. `most`, `least`: the bound that the median is held against, when there is one. `floor`: what
    a program reached in the same run that does only what the promises ask for; a better one is not excluded."""

    case: str
    name: str
    unit: str
    subject: str
    at: str
    values: tuple[float, ...]
    most: float | None = None
    least: float | None = None
    note: str = ""
    floor: float | None = None

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
    def beyond_floor(self) -> bool:
        """Whether the aim asks for more than the floor reached."""
        if self.floor is None:
            return False
        return self.floor > self.most if self.most is not None else self.floor < (self.least or 0.0)

    @property
    def aim(self) -> str:
        if self.most is not None:
            return f"≤ {number(self.most)}"
        return f"≥ {number(self.least)}" if self.least is not None else ""

    @property
    def between(self) -> str:
        """The least and the greatest of several rounds."""
        around = spread(self.values)
        return f"{number(around.low)} to {number(around.high)}" if len(self.values) > 1 else ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A distribution: the value (in `unit`) that each part of PARTS does not exceed."""

    case: str
    name: str
    unit: str
    subject: str
    at: str
    values: tuple[float, ...]


@dataclass
class Report:
    """All figures of a run. `machine`: what they were taken on. `taken`: the day of each case."""

    machine: dict[str, str]
    today: str
    taken: dict[str, str] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def step(self, text: str) -> None:
        """Says what is going on."""
        print(f"   {text}", file=sys.stderr, flush=True)

    def add(
        self, case: str, name: str, unit: str, subject: str, at: str, values: Sequence[float], **more: Any
    ) -> Figure:
        """Raises ValueError when there are no values."""
        if not values:
            raise ValueError(f"nothing was measured: {name}, {subject}, {at}")
        figure = Figure(case, name, unit, subject, at, tuple(values), **more)
        self.figures.append(figure)
        self.taken[case] = self.today
        print(line(figure), flush=True)
        return figure

    def add_curve(self, case: str, name: str, unit: str, subject: str, at: str, values: Sequence[float]) -> None:
        points = tuple(round(percentile(values, part), 4) for part in PARTS)
        self.curves.append(Curve(case, name, unit, subject, at, points))

    def find(self, case: str, name: str, at: str, subject: str) -> Figure | None:
        wanted = (case, name, at, subject)
        return next((f for f in self.figures if (f.case, f.name, f.at, f.subject) == wanted), None)

    def save(self, file: Path) -> None:
        """Adds to what is there: a run of some cases keeps the figures of the others."""
        old = load(file) if file.exists() else Report(self.machine, self.today)
        mine = {figure.case for figure in self.figures}
        figures = [figure for figure in old.figures if figure.case not in mine] + self.figures
        curves = [curve for curve in old.curves if curve.case not in mine] + self.curves
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f'{{"machine": {_json(self.machine)},\n'
            f'"taken": {_json(dict(sorted((old.taken | self.taken).items())))},\n'
            f'"figures": [\n{_lines(figures)}\n],\n"curves": [\n{_lines(curves)}\n]}}\n',
            encoding="utf-8",
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(items: Sequence[Figure | Curve]) -> str:
    """One item on a line, by case, so that a change can be read."""
    return ",\n".join(_json(asdict(item)) for item in sorted(items, key=lambda item: item.case))


def load(file: Path) -> Report:
    """Raises OSError, ValueError."""
    document = json.loads(file.read_text(encoding="utf-8"))
    figures = [Figure(**{**item, "values": tuple(item["values"])}) for item in document["figures"]]
    curves = [Curve(**{**item, "values": tuple(item["values"])}) for item in document["curves"]]
    return Report(document["machine"], "", document["taken"], figures, curves)


def line(figure: Figure) -> str:
    """For the terminal, while it is measured."""
    verdict = {True: "  holds", False: "  MISSED", None: ""}[figure.holds]
    aim = f"  aim {figure.aim}{verdict}" if figure.aim else ""
    return (
        f"{figure.case}  {figure.name:34} {figure.subject:11} {figure.at:28} "
        f"{number(figure.median):>8} {figure.unit:4} {figure.between:20}{aim} {figure.note}"
    )

"""The plots beside docs/PERFORMANCE.md, as SVG with its text as text, the same octets for the same figures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tests.benchmarks.fanout import FLOOR, FLOORS, NAME, NATIVE, PEERS, PRODUCT, load_name
from tests.benchmarks.figures import PARTS, Report
from tests.benchmarks.latency import LOSSY
from tests.support.figures import number

_COLOURS = {"SQLite": "#2563eb", "MariaDB": "#7c3aed", "ngircd": "#b45309", "mosquitto": "#6b7280"}
_COLOURS |= {FLOOR: "#111827", NATIVE: "#15803d"}
_NAMES = {"SQLite": "LAN Chat, SQLite", "MariaDB": "LAN Chat, MariaDB"}
_NAMES |= {FLOOR: "the least for LAN Chat's promises", NATIVE: "the same in C"}
_WAYS = {"UDP": "-", "TCP": "-", "TLS only": "--", LOSSY: ":"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lanchat",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def draw(report: Report, folder: Path) -> None:
    """Writes fan-out.svg and latency.svg, each when there are figures for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        if any(figure.name == NAME for figure in report.figures):
            _save(_fan_out(report), folder / "fan-out.svg")
        if any(curve.case == "c" for curve in report.curves):
            _save(_latency(report), folder / "latency.svg")


def _save(canvas: Canvas, file: Path) -> None:
    canvas.savefig(file, format="svg", metadata={"Date": None})


def _fan_out(report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4), layout="constrained")
    quiet, busy = canvas.subplots(1, 2, sharey=True)
    _cost(quiet, report, "50 messages/s", dict.fromkeys((10, 50, 100, 400), 50))
    _cost(busy, report, "1,000 messages/s (400 clients: 250)", {10: 1000, 50: 1000, 100: 1000, 400: 250})
    quiet.set_ylabel("server processor time per delivery, µs")
    quiet.legend()
    return canvas


def _cost(axes: Axes, report: Report, title: str, loads: dict[int, int]) -> None:
    for subject in (*PRODUCT, *FLOORS, *PEERS):
        found = {
            clients: figure.median
            for clients, rate in loads.items()
            for case in "ab"
            if (figure := report.find(case, NAME, load_name(clients, rate), subject))
        }
        if not found:  # that day it was not measured
            continue
        style = "o:" if subject in FLOORS else "o-"
        axes.plot([*found], [*found.values()], style, color=_COLOURS[subject], label=_NAMES.get(subject, subject))
    axes.set(title=title, xlabel="clients in the room", xscale="log", yscale="log")
    axes.xaxis.set_major_locator(FixedLocator([*loads]))
    axes.xaxis.set_minor_locator(NullLocator())
    _plain(axes, x=True, y=True)


def _latency(report: Report) -> Canvas:
    canvas = Canvas(figsize=(9, 4.2), layout="constrained")
    axes = canvas.subplots()
    for curve in report.curves:
        if curve.case != "c" or not curve.name.endswith("shown"):
            continue
        # Distance from the top: 99 % and 99.9 % are as far apart as 90 % and 99 %.
        rest = [1 - part for part in PARTS]
        label = f"{_NAMES.get(curve.subject, curve.subject)}, {curve.at}"
        axes.plot(curve.values, rest, _WAYS[curve.at], color=_COLOURS[curve.subject], label=label)
    axes.set(
        xscale="log", yscale="log", xlabel="from send to shown, ms", ylabel="part of the deliveries that took longer"
    )
    axes.set_title("50 messages/s to 100 clients")
    axes.yaxis.set_major_locator(FixedLocator([0.5, 0.1, 0.01, 0.001]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:g} %"))
    _plain(axes, x=True)
    axes.legend(fontsize=8)
    return canvas


def _plain(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Numbers instead of powers of ten."""
    for axis in [axes.xaxis] * x + [axes.yaxis] * y:
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value) if value < 1 else f"{value:g}"))

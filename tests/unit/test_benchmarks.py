"""Calculations of the benchmarks: what is kept, merged and written into the documents."""

from pathlib import Path
from random import Random

import pytest

from tests.benchmarks import floor, hops_server
from tests.benchmarks.__main__ import CASES
from tests.benchmarks.figures import PARTS, Figure, Report, load
from tests.benchmarks.repair import Gaps
from tests.benchmarks.tables import TITLES, aims_table, case_table, summary


def report(day: str = "2026-01-02") -> Report:
    made = Report({"processor": "abacus"}, day)
    made.add("a", "cost", "µs", "SQLite", "10 clients", [3.0, 1.0, 2.0], most=2.5, note="quiet")
    made.add("a", "cost", "µs", "ngircd", "10 clients", [4.0])
    made.add("e", "log-ins", "/s", "SQLite", "", [250.0, 240.0], least=300.0)
    made.add_curve("c", "shown", "ms", "SQLite", "UDP", list(range(1, 1001)))
    return made


def test_measured_functions_exist() -> None:
    """The table of hops is made by hand now and then; what it measures may have moved meanwhile."""
    assert [
        (owner, name)
        for _, owner, names in (*floor.POINTS, *hops_server.POINTS)
        for name in names
        if not hasattr(owner, name)
    ] == []


class TestReport:
    def test_target_is_compared_with_the_median(self) -> None:
        cost, peer, logins = report().figures
        assert (cost.median, cost.holds, cost.aim) == (2.0, True, "≤ 2.50")
        assert (peer.holds, peer.aim, peer.between) == (None, "", "")
        assert (logins.holds, logins.aim, logins.between) == (False, "≥ 300", "240 to 250")

    def test_target_below_the_measured_floor_is_marked(self) -> None:
        made = Report({}, "2026-01-02")
        dear = made.add("b", "cost", "µs", "SQLite", "", [5.0], most=2.0, floor=3.0)
        near = made.add("b", "cost", "µs", "MariaDB", "", [5.0], most=4.0, floor=3.0)
        slow = made.add("b", "rate", "×", "SQLite", "", [1.0], least=5.0, floor=4.0)
        assert [figure.beyond_floor for figure in (dear, near, slow)] == [True, False, True]
        (row,) = [line for line in summary(made).splitlines() if line.startswith("| b |")]
        *_, missed, beyond, _day, _end = row.split("|")
        assert "MariaDB" in missed
        assert "SQLite" not in missed
        assert "cost (SQLite): 5.00 µs, aim ≤ 2.00, floor 3.00; rate" in beyond

    def test_empty_measurement_raises_an_error(self) -> None:
        with pytest.raises(ValueError, match="nothing was measured"):
            report().add("a", "cost", "µs", "SQLite", "", [])

    def test_curve_keeps_percentiles(self) -> None:
        (curve,) = report().curves
        assert dict(zip(PARTS, curve.values, strict=True))[0.5] == 500
        assert dict(zip(PARTS, curve.values, strict=True))[0.999] == 999

    def test_report_is_saved_and_loaded(self, tmp_path: Path) -> None:
        made = report()
        made.save(tmp_path / "docs" / "figures.json")
        read = load(tmp_path / "docs" / "figures.json")
        assert (read.machine, read.figures, read.curves) == (made.machine, made.figures, made.curves)
        assert read.taken == {"a": "2026-01-02", "e": "2026-01-02"}

    def test_new_run_of_one_case_keeps_the_others(self, tmp_path: Path) -> None:
        file = tmp_path / "figures.json"
        report().save(file)
        later = Report({"processor": "slide rule"}, "2026-03-04")
        later.add("a", "cost", "µs", "SQLite", "10 clients", [9.0])
        later.save(file)
        read = load(file)
        assert [(figure.case, figure.median) for figure in read.figures] == [("a", 9.0), ("e", 245.0)]
        assert read.taken == {"a": "2026-03-04", "e": "2026-01-02"}
        assert [curve.case for curve in read.curves] == ["c"]


class TestTables:
    def test_every_case_has_a_title(self) -> None:
        assert list(TITLES) == list(CASES)

    def test_missed_target_is_in_the_summary(self) -> None:
        text = summary(report())
        assert "| processor | abacus |" in text
        assert "| a | fan-out at full load | 1 of 1 |  |  | 2026-01-02 |" in text
        assert "| e | log-ins | 0 of 1 | log-ins (SQLite): 245 /s, aim ≥ 300 |  | 2026-01-02 |" in text

    def test_targets_of_another_day_are_listed_alone(self) -> None:
        made = report("2026-01-02, a slow one")
        made.add("b", "cost", "µs", "SQLite", "", [5.0], most=2.0, floor=3.0)
        days, _, _, _, *rows = aims_table(made).splitlines()
        assert days == "a, e, b: 2026-01-02, a slow one"
        assert rows == [
            "| a | cost | 10 clients | SQLite | 2.00 µs | ≤ 2.50 | yes |  |",
            "| e | log-ins |  | SQLite | 245 /s | ≥ 300 | **no** |  |",
            "| b | cost |  | SQLite | 5.00 µs | ≤ 2.00 | **no** (beyond the floor) | 3.00 µs |",
        ]

    def test_case_table_lists_figures(self) -> None:
        rows = case_table(figure for figure in report().figures if figure.case == "a").splitlines()
        assert rows[2:] == [
            "| cost | 10 clients | SQLite | 2.00 µs | 1.00 to 3.00 | ≤ 2.50 | yes | quiet |",
            "| cost | 10 clients | ngircd | 4.00 µs |  |  |  |  |",
        ]

    def test_missed_target_is_bold(self) -> None:
        missed = Figure("e", "log-ins", "/s", "SQLite", "", (1.0,), least=2.0)
        assert "| **no** |" in case_table([missed])


def test_plots_of_equal_figures_are_equal(tmp_path: Path) -> None:
    plots = pytest.importorskip("tests.benchmarks.plots", exc_type=ImportError)
    made = Report({}, "")
    for clients, rate in ((10, 50), (100, 50), (10, 1000)):
        for subject in ("SQLite", "ngircd"):
            at = plots.load_name(clients, rate)
            made.add("b", plots.NAME, "µs", subject, at, [1.0 + clients])
    made.add_curve("c", "send → shown", "ms", "SQLite", "UDP", [1.0, 2.0, 3.0])
    plots.draw(made, tmp_path / "one")
    plots.draw(made, tmp_path / "two")
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == ["fan-out.svg", "latency.svg"]
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


class TestGaps:
    """A light client that loses datagrams."""

    def test_early_records_are_shown_in_order(self) -> None:
        shown: list[int] = []
        gaps = Gaps(1, 4, Random(1), shown.append)
        gaps.took([5], 5, 0.0)
        gaps.took([7, 8], 8, 0.1)
        assert shown == [5]
        assert gaps.nack(0.1) is None
        nack = gaps.nack(0.2)
        assert nack is not None
        assert nack.missing == [6]
        gaps.took([6], 8, 0.3)
        assert shown == [5, 6, 7, 8]
        assert gaps.nack(9.0) is None

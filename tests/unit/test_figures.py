"""Percentiles and tables that benchmarks, chaos and lab tests write into the documents."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.figures import Spread, Table, number, percentile, spread, table


class TestPercentile:
    def test_percentile_of_a_hundred_values(self) -> None:
        values = list(range(100, 0, -1))
        assert [percentile(values, part) for part in (0.01, 0.07, 0.5, 0.9, 0.99, 1.0)] == [1, 7, 50, 90, 99, 100]

    def test_percentile_of_few_values(self) -> None:
        assert percentile([5.0, 1.0, 3.0], 0.5) == 3.0
        assert percentile([5.0, 1.0], 0.5) == 1.0
        assert percentile([5.0, 1.0], 0.51) == 5.0
        assert percentile([5.0], 0.0) == 5.0

    def test_percentile_of_no_values(self) -> None:
        assert percentile([], 0.99) == 0.0

    @given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 100))
    def test_percentile_matches_its_definition(self, values: list[float], percent: int) -> None:
        found = percentile(values, percent / 100)
        covered = sum(value <= found for value in values)
        below = sum(value < found for value in values)
        assert found in values
        assert covered * 100 >= percent * len(values)
        assert below * 100 < percent * len(values)


def test_spread_is_median_and_range() -> None:
    assert spread([3.0, 1.0, 2.0, 9.0]) == Spread(2.5, 1.0, 9.0)
    with pytest.raises(statistics.StatisticsError):
        spread([])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0123, "0.012"),
        (0.9951, "1.00"),
        (1.234, "1.23"),
        (9.949, "9.95"),
        (9.96, "10.0"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,234"),
        (-12.34, "-12.3"),
    ],
)
def test_numbers_are_formatted_for_reading(value: float, text: str) -> None:
    assert number(value) == text


def test_table_printed_row_by_row_equals_the_whole_table(capsys: pytest.CaptureFixture[str]) -> None:
    printed = Table("Kills", "what", "how often")
    printed.row("server", 2.0)
    printed.row("client", 3)
    whole = table(("what", "how often"), [("server", 2.0), ("client", 3)])
    assert capsys.readouterr().out == f"\n### Kills\n\n{whole}\n"
    assert whole.splitlines() == ["| what | how often |", "|---|---|", "| server | 2.00 |", "| client | 3 |"]

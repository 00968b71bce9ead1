"""What packaging/windows/suites.py makes of the results of the suites under Wine."""

import runpy
from pathlib import Path

import pytest

SUITES = runpy.run_path(str(Path(__file__).parents[2] / "packaging" / "windows" / "suites.py"))
REPORT = r"""<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_one[a]" file="tests\unit\test_a.py"/>
<testcase classname="tests.unit.test_a.TestKind" name="test_two" file="tests\unit\test_a.py"><failure/></testcase>
<testcase classname="tests.unit.test_a" name="test_three" file="tests\unit\test_a.py"><skipped/></testcase>
<testcase classname="tests.unit.test_a" name="test_four" file="tests\unit\test_a.py"/>
<testcase classname="tests.unit.test_a" name="test_four" file="tests\unit\test_a.py"><error/></testcase>
</testsuite></testsuites>"""
ONE, TWO, THREE, FOUR = (
    "tests/unit/test_a.py::test_one[a]",
    "tests/unit/test_a.py::TestKind::test_two",
    "tests/unit/test_a.py::test_three",
    "tests/unit/test_a.py::test_four",
)


def test_reports_name_tests_as_pytest_does() -> None:
    assert SUITES["read_outcomes"](REPORT) == {ONE: "passed", TWO: "failed", THREE: "skipped", FOUR: "failed"}


def test_a_failure_that_is_not_listed_is_new() -> None:
    verdict = SUITES["judge"](SUITES["read_outcomes"](REPORT), {TWO: "no such thing there"})
    assert (verdict.new, verdict.listed, verdict.passing, verdict.unknown) == ([FOUR], [TWO], [], [])


def test_a_listed_test_that_passes_and_one_that_is_gone_are_reported() -> None:
    gone = "tests/unit/test_gone.py::test_x"
    known = {ONE: "once", f"{TWO[:-3]}*": "a pattern", gone: "removed", "tests/e2e/test_b.py::test_y": "not run"}
    verdict = SUITES["judge"](SUITES["read_outcomes"](REPORT), known)
    assert (verdict.listed, verdict.passing, verdict.unknown) == ([TWO], [ONE], [gone])


def test_each_listed_failure_has_a_reason() -> None:
    assert SUITES["read_list"]("# text\n\na::b  because\n") == {"a::b": "because"}
    with pytest.raises(ValueError, match="no reason"):
        SUITES["read_list"]("a::b\n")
    SUITES["read_list"](SUITES["LIST"].read_text(encoding="utf-8"))

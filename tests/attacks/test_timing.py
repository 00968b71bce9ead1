"""The AUC figure that compares response times; `python -m tests.attacks rights` measures real ones."""

import itertools
import re

from tests.attacks.outcome import faults
from tests.attacks.timing import Question, auc, measured
from tests.support.marked import DOCS, RELIABILITY


def test_auc_of_equal_and_separated_times() -> None:
    times = [1.0, 2.0, 3.0, 3.0]
    assert auc(times, times) == 0.5
    assert auc([each + 5 for each in times], times) == 1
    assert auc(times, [each + 5 for each in times]) == 0
    assert auc([2.0], [1.0, 2.0, 3.0, 4.0]) == 0.375


def test_distinguishable_times_are_faults_and_answers_are_accepted() -> None:
    ticks = itertools.count()
    pairs = [("there", "nothing")] * 200

    def ask(number: int, what: str) -> tuple[object, float]:
        return "no such room", 1 + next(ticks) % 7 + (what == "there") * 2

    assert faults([measured(Question("slower", ask, pairs))])
    assert not faults([measured(Question("alike", lambda number, what: ("no", next(ticks) % 7), pairs))])
    assert measured(Question("another answer", lambda number, what: (what, 1.0), pairs)).accepted == 200


def test_threats_document_states_the_largest_measured_difference() -> None:
    areas = [float(area) for area in re.findall(r"AUC (\d\.\d+); medians", RELIABILITY.read_text(encoding="utf-8"))]
    stated = re.search(r"AUC at most (\d\.\d+) away from 0\.5", (DOCS / "THREATS.md").read_text(encoding="utf-8"))
    assert stated is not None
    assert max(abs(area - 0.5) for area in areas) <= float(stated[1])

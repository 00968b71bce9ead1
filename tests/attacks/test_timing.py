"""The figure that tells whether times tell; `python -m tests.attacks rights` measures real ones."""

import itertools

from tests.attacks.outcome import faults
from tests.attacks.timing import Question, auc, measured


def test_auc_is_a_half_for_equal_times_and_one_or_nothing_for_times_apart() -> None:
    times = [1.0, 2.0, 3.0, 3.0]
    assert auc(times, times) == 0.5
    assert auc([each + 5 for each in times], times) == 1
    assert auc(times, [each + 5 for each in times]) == 0
    assert auc([2.0], [1.0, 2.0, 3.0, 4.0]) == 0.375


def test_times_that_tell_are_a_fault_and_answers_that_tell_are_accepted() -> None:
    ticks = itertools.count()
    pairs = [("there", "nothing")] * 200

    def ask(number: int, what: str) -> tuple[object, float]:
        return "no such room", 1 + next(ticks) % 7 + (what == "there") * 2

    assert faults([measured(Question("slower", ask, pairs))])
    assert not faults([measured(Question("alike", lambda number, what: ("no", next(ticks) % 7), pairs))])
    assert measured(Question("another answer", lambda number, what: (what, 1.0), pairs)).accepted == 200

"""Signatures of large batches are checked in threads beside the writer: same results, same order."""

import threading
from collections.abc import Iterator

import pytest

from lanchat.protocol.log.messages import Message
from lanchat_server.core.sequencing.sequencer import Submission
from lanchat_server.service.work.checking import WORTH_A_THREAD, Checker
from tests.support.rig import Rig, make_author


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def checker(rig: Rig) -> Iterator[Checker]:
    checker = Checker(rig.directory)
    yield checker
    checker.close()


def run(checker: Checker, batch: list[Submission]) -> None:
    """Checks a batch and waits for the end."""
    done = threading.Event()
    checker.check(batch, done.set)
    assert done.wait(10)


def test_every_signature_of_a_large_batch_is_checked(rig: Rig, checker: Checker) -> None:
    author, unknown_author = rig.authors[1], make_author(77)
    good = [author.message(f"no. {number}") for number in range(WORTH_A_THREAD)]
    forged = Message(good[0].header, b"something else", good[0].signature)
    batch = [rig.submission(message) for message in (*good, forged, unknown_author.message("hello"))]
    run(checker, batch)
    assert [submission.genuine for submission in batch] == [True] * len(good) + [False, None]


def test_sequencer_uses_the_results(rig: Rig, checker: Checker) -> None:
    author = rig.authors[1]
    batch = [rig.submission(author.message(f"no. {number}")) for number in range(WORTH_A_THREAD)]
    batch[-1].message = Message(batch[-1].message.header, b"something else", batch[-1].message.signature)
    run(checker, batch)
    outcome = rig.sequencer.commit(rig.store, batch, 1_000)
    assert [decision.code for _, decision in outcome.decided] == [0] * (WORTH_A_THREAD - 1) + [101]


def test_small_batch_is_passed_on_at_once_but_in_order(rig: Rig, checker: Checker) -> None:
    author = rig.authors[1]
    small = [rig.submission(author.message("alone"))]
    order: list[str] = []
    checker.check(small, lambda: order.append("at once"))
    assert order == ["at once"]
    assert small[0].genuine is None
    large = [rig.submission(author.message(f"no. {number}")) for number in range(300)]
    checker.check(large, lambda: order.append("large"))
    run(checker, small)
    order.append("small")
    assert order == ["at once", "large", "small"]

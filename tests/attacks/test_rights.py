"""Members, finders, other users of the computer, in a small form; `python -m tests.attacks piles rights ground
neighbours` does it in full. What takes long, or is looked at by a test of its own, runs there only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import ground, local, piles, rights
from tests.attacks.outcome import Outcome, faults
from tests.attacks.tapped import Tapped, watched
from tests.support.procs import ServerProcess

Watched = tuple[ServerProcess, Tapped]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("server") / "data") as house:
        yield house


def assert_in_vain(outcome: Outcome, attempts: int) -> None:
    assert outcome.attempts >= attempts
    assert faults([outcome]) == []


def test_what_waits_in_a_revoked_session_is_not_carried_out(house: Watched) -> None:
    assert_in_vain(rights.waiting_requests(*house, rounds=2), 22)


def test_finder_of_a_device_does_not_stay(house: Watched) -> None:
    assert_in_vain(rights.finder(house[0]), 7)


def test_recovery_code_ends_with_the_password(house: Watched) -> None:
    assert_in_vain(rights.old_codes(house[0]), 1)


def test_answers_do_not_tell_private_rooms(house: Watched) -> None:
    assert_in_vain(rights.private_names(house[0], 5), 5)


def test_answers_do_not_tell_messages_from_before_joining(house: Watched) -> None:
    assert_in_vain(rights.numbers_before_joining(house[0], 5), 5)


def test_rooms_with_long_names_keep_nobody_out(house: Watched) -> None:
    assert_in_vain(piles.rooms(*house, accounts=2, each=20), 40)


def test_impostor_gets_neither_token_nor_password(tmp_path: Path) -> None:
    assert_in_vain(local.impostor(tmp_path / "server"), 12)


def test_links_in_a_profile_lead_nowhere_and_an_export_is_private(tmp_path: Path) -> None:
    assert_in_vain(local.links_and_modes(tmp_path), 5)


def test_clock_that_was_ahead_leaves_nothing_behind(tmp_path: Path) -> None:
    assert_in_vain(ground.clock_ahead(tmp_path), 3)


def test_scrapes_and_slow_readers_of_the_figures_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CHAT_P99", 30.0)
    assert_in_vain(local.scrapes(tmp_path, 1.0, 50, 200), 200)

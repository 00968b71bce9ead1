"""Members, finders of devices, other users of the computer, in a small form; `python -m tests.attacks piles rights
ground neighbours` runs it in full. What takes long, or has a test of its own, runs there only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import local, mass_creation, replaced_databases, rights
from tests.attacks.outcome import Outcome, faults
from tests.attacks.recording_client import RecordingClient, observed_server
from tests.support.procs import ServerProcess

ObservedServer = tuple[ServerProcess, RecordingClient]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedServer]:
    with observed_server(tmp_path_factory.mktemp("server") / "data") as observed:
        yield observed


def assert_no_effect(outcome: Outcome, attempts: int) -> None:
    assert outcome.attempts >= attempts
    assert faults([outcome]) == []


def test_queued_requests_of_a_revoked_session_are_dropped(observed: ObservedServer) -> None:
    assert_no_effect(rights.queued_requests_after_revocation(*observed, rounds=2), 22)


def test_finder_of_a_device_cannot_keep_access(observed: ObservedServer) -> None:
    assert_no_effect(rights.lost_device(observed[0]), 7)


def test_password_change_voids_recovery_codes(observed: ObservedServer) -> None:
    assert_no_effect(rights.recovery_codes_after_password_change(observed[0]), 1)


def test_answers_do_not_reveal_private_rooms(observed: ObservedServer) -> None:
    assert_no_effect(rights.private_room_names(observed[0], 5), 5)


def test_answers_do_not_reveal_messages_before_joining(observed: ObservedServer) -> None:
    assert_no_effect(rights.numbers_before_joining(observed[0], 5), 5)


def test_rooms_with_long_names_do_not_block_logins(observed: ObservedServer) -> None:
    assert_no_effect(mass_creation.many_rooms(*observed, accounts=2, each=20), 40)


def test_impostor_receives_neither_token_nor_password(tmp_path: Path) -> None:
    assert_no_effect(local.impostor(tmp_path / "server"), 12)


def test_links_in_a_profile_are_not_followed_and_exports_are_private(tmp_path: Path) -> None:
    assert_no_effect(local.symbolic_links_and_modes(tmp_path), 5)


def test_clock_set_ahead_has_no_lasting_effect(tmp_path: Path) -> None:
    assert_no_effect(replaced_databases.clock_set_ahead(tmp_path), 3)


def test_metrics_scrapes_and_slow_readers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "CHAT_P99", 30.0)
    assert_no_effect(local.metrics_scrapes(tmp_path, 1.0, 50, 200), 200)

"""Forged messages of members, and former members; `python -m tests.attacks members rowdy` runs it in full."""

from pathlib import Path

from tests.attacks import members
from tests.attacks.outcome import faults
from tests.attacks.recording_client import observed_server


def test_forged_messages_are_refused_and_use_no_number(tmp_path: Path) -> None:
    with observed_server(tmp_path / "data") as (_, watcher):
        outcomes = [
            members.messages_of_others(watcher, 40),
            members.messages_of_another_log(watcher),
            members.two_bodies_under_one_number(watcher, 15),
        ]
    assert not faults(outcomes)


def test_removed_members_and_revoked_devices_receive_nothing(tmp_path: Path) -> None:
    with observed_server(tmp_path / "data") as (_, watcher):
        outcomes = [members.removed_member(watcher), members.revoked_device(watcher)]
    assert all(outcome.attempts >= 7 for outcome in outcomes)
    assert not faults(outcomes)

"""Forged and replayed datagrams have no effect; `python -m tests.attacks forgeries replays` tries a million."""

from pathlib import Path

from tests.attacks import replays
from tests.attacks.forgeries import against_a_client, against_the_opener, against_the_socket, record_two_sessions
from tests.attacks.outcome import faults
from tests.attacks.recording_client import RecordingClient, observed_server


def test_server_accepts_none_of_100000_forged_datagrams(tmp_path: Path) -> None:
    with observed_server(tmp_path / "data") as (server, watcher):
        tape, stranger = record_two_sessions(server)
        assert len(tape.up) >= 8
        assert len(tape.down) >= 8
        socket = against_the_socket(watcher, 10_000, seed=2)
    opener = against_the_opener(tape, stranger, 100_000, seed=1)
    assert opener.attempts >= 100_000
    assert socket.attempts == 10_000
    assert not faults([opener, socket])


def test_server_accepts_no_replayed_traffic(tmp_path: Path) -> None:
    with observed_server(tmp_path / "data") as (server, watcher):
        datagrams, tape = replays.replay_datagrams(watcher)
        proofs, messages = replays.replay_proofs(server, 4), replays.replay_messages(server, 24)
        server.stop()
    with server.restart() as again, RecordingClient(again.port, key=watcher.key) as back:
        back.log_in_by_key()
        restarted = replays.replay_after_restart(back, tape)
    outcomes = [datagrams, proofs, messages, restarted]
    assert all(outcome.attempts for outcome in outcomes)
    assert not faults(outcomes)


def test_client_accepts_no_forged_datagrams(tmp_path: Path) -> None:
    outcome = against_a_client(tmp_path, 20_000, seed=3)
    assert outcome.attempts >= 20_000
    assert not faults([outcome])


def test_client_accepts_no_replayed_datagrams(tmp_path: Path) -> None:
    outcome = replays.replay_to_clients(tmp_path)
    assert outcome.attempts >= 3_000
    assert not faults([outcome])

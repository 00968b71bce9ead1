"""No forged and no repeated datagram has an effect; `python -m tests.attacks forgeries replays` tries a million."""

from pathlib import Path

from tests.attacks import replays
from tests.attacks.forgeries import against_a_client, against_the_opener, against_the_socket, tapes
from tests.attacks.outcome import faults
from tests.attacks.tapped import Tapped, watched


def test_a_hundred_thousand_forgeries_and_none_is_accepted(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as (server, watcher):
        tape, stranger = tapes(server)
        assert len(tape.up) >= 8
        assert len(tape.down) >= 8
        socket = against_the_socket(watcher, 10_000, seed=2)
    opener = against_the_opener(tape, stranger, 100_000, seed=1)
    assert opener.attempts >= 100_000
    assert socket.attempts == 10_000
    assert not faults([opener, socket])


def test_what_was_recorded_does_nothing_a_second_time(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as (server, watcher):
        datagrams, tape = replays.of_datagrams(watcher)
        proofs, messages = replays.of_proofs(server, 4), replays.of_messages(server, 24)
        server.stop()
    with server.restart() as again, Tapped(again.port, key=watcher.key) as back:
        back.log_in_by_key()
        restarted = replays.after_a_restart(back, tape)
    outcomes = [datagrams, proofs, messages, restarted]
    assert all(outcome.attempts for outcome in outcomes)
    assert not faults(outcomes)


def test_a_client_takes_nothing_that_somebody_on_the_way_made(tmp_path: Path) -> None:
    outcome = against_a_client(tmp_path, 20_000, seed=3)
    assert outcome.attempts >= 20_000
    assert not faults([outcome])


def test_a_client_takes_nothing_a_second_time(tmp_path: Path) -> None:
    outcome = replays.at_a_client(tmp_path)
    assert outcome.attempts >= 3_000
    assert not faults([outcome])

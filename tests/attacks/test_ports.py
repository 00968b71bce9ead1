"""The server's ports as strangers see them: what UDP answers, and which TLS is spoken."""

import socket
from pathlib import Path

from tests.attacks.handshakes import matrix
from tests.attacks.outcome import faults
from tests.attacks.reflection import ask, reflect
from tests.attacks.tapped import watched
from tests.support.ports import free_port


def test_no_answer_to_a_stranger_is_larger_than_its_question(tmp_path: Path) -> None:
    discovery = free_port()
    with watched(tmp_path / "data", discovery_port=discovery) as (server, watcher):
        key = watcher.tape.keys.key_id.to_bytes(4, "big")
        outcomes = [
            reflect(discovery, "the discovery port", 101, key, answers=True),
            reflect(server.port, "the relay port", 101, key, answers=False),
        ]
    assert all(outcome.attempts > 250 for outcome in outcomes)
    assert not faults(outcomes)


def test_an_answer_that_is_larger_would_be_seen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 0))
        port = echo.getsockname()[1]
        # Its answer is there before anybody looks for it: the first of these sources asks the echo itself.
        found = ask(port, [b"x" * 10], wait=0.05)
        assert found.answers == 0
        from tests.attacks.strangers import source

        question, address = echo.recvfrom(100)
        assert (len(question), address[0]) == (10, source(20_000))


def test_tls_1_3_and_nothing_else(tmp_path: Path) -> None:
    with watched(tmp_path / "data") as (server, _):
        outcome = matrix(server.port)
    assert outcome.attempts >= 8
    assert not faults([outcome])

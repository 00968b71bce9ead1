"""The server's ports without authentication: answers by UDP, and TLS versions."""

import socket
from pathlib import Path

from tests.attacks.handshakes import check_tls_configuration
from tests.attacks.outcome import faults
from tests.attacks.recording_client import observed_server
from tests.attacks.reflection import measure_reflection, send_probes
from tests.support.ports import free_port


def test_no_unauthenticated_answer_is_larger_than_its_request(tmp_path: Path) -> None:
    discovery = free_port()
    with observed_server(tmp_path / "data", discovery_port=discovery) as (server, watcher):
        key = watcher.tape.keys.key_id.to_bytes(4, "big")
        outcomes = [
            measure_reflection(discovery, "the discovery port", 101, key, answers=True),
            measure_reflection(server.port, "the relay port", 101, key, answers=False),
        ]
    assert all(outcome.attempts > 250 for outcome in outcomes)
    assert not faults(outcomes)


def test_probe_source_addresses_are_distinct() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 0))
        port = echo.getsockname()[1]
        # Its answer is there before anybody looks for it: the first of these sources asks the echo itself.
        found = send_probes(port, [b"x" * 10], wait=0.05)
        assert found.answers == 0
        from tests.attacks.unauthenticated_floods import source_address

        question, address = echo.recvfrom(100)
        assert (len(question), address[0]) == (10, source_address(20_000))


def test_only_tls_1_3_is_accepted(tmp_path: Path) -> None:
    with observed_server(tmp_path / "data") as (server, _):
        outcome = check_tls_configuration(server.port)
    assert outcome.attempts >= 8
    assert not faults([outcome])

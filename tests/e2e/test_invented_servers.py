"""A host that answers discovery with hundreds of invented servers, and with forged adverts of the real one: client
commands find the real one.
"""

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lanchat.protocol.datagram.beacon import Advert
from lanchat.store.profile import ProfileStore
from tests.support.neighbours import Neighbours, invented
from tests.support.ports import free_port
from tests.support.procs import ServerProcess, json_lines, run_client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.x.x is this computer on Linux alone")

FORGER_ADDRESS, HONEST_ADDRESS = "127.0.0.66", "127.0.0.10"
INVENTED = [invented(number) for number in range(300)]
PASSWORD = {"LANCHAT_PASSWORD": "long enough"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "server", name="Office") as server:
        yield server


@contextlib.contextmanager
def answering_hosts(answers: Sequence[tuple[str, Sequence[Advert]]]) -> Iterator[Neighbours]:
    crowd = Neighbours("127.0.0.1", answers)
    try:
        yield crowd
    finally:
        crowd.close()


def test_discover_lists_the_real_server_and_reports_truncation(server: ServerProcess, tmp_path: Path) -> None:
    office = Advert(b"o" * 16, server.fingerprint, server.port, "Office")
    with answering_hosts([(FORGER_ADDRESS, INVENTED), (HONEST_ADDRESS, [office])]) as crowd:
        found = run_client(
            ["discover", "--json", "--timeout", "3", "--discovery-port", str(crowd.port)], tmp_path / "anna"
        )
    assert found.returncode == 0, found.stderr
    assert server.fingerprint in {json.loads(line)["fingerprint"] for line in found.stdout.splitlines()}
    assert found.stderr.count("More servers answer") == 1


def test_truncation_report_is_translated(tmp_path: Path) -> None:
    with answering_hosts([(FORGER_ADDRESS, INVENTED)]) as crowd:
        found = run_client(
            ["discover", "--timeout", "2", "--language", "ru", "--discovery-port", str(crowd.port)], tmp_path / "anna"
        )
    assert "Отвечает больше серверов" in found.stderr


def test_finds_a_moved_known_server_beside_a_forged_advert(server: ServerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    done = run_client(["register", "--user", "anna", "--invite", server.invite], folder, env=PASSWORD)
    assert done.returncode == 0, done.stderr
    known = ProfileStore.open(folder).last_server()
    assert known is not None
    server.stop()
    with server.restart(port=free_port()) as moved:
        lie = Advert(known.log_id, known.fingerprint, free_port(), "Office")
        truth = Advert(known.log_id, known.fingerprint, moved.port, "Office")
        with answering_hosts([(FORGER_ADDRESS, [lie, *INVENTED]), (HONEST_ADDRESS, [truth])]) as crowd:
            sent = run_client(
                ["send", "general", "still here", "--json", "--discovery-port", str(crowd.port)], folder, timeout=60
            )
    assert sent.returncode == 0, sent.stderr
    assert json_lines(sent.stdout)

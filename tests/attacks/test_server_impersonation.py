"""A fake server takes over the server's address while clients run.

Clients that start while a fake server runs: tests/e2e/test_fake_server.py.
"""

from pathlib import Path

from lanchat.store.profile import ProfileStore
from tests.e2e.test_fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.procs import ClientProcess, Event, ServerProcess, run_client
from tests.support.waiting import wait_until

PASSWORD = {"LANCHAT_PASSWORD": "correct horse battery"}


def test_running_client_sends_nothing_to_an_impersonator(tmp_path: Path) -> None:
    discovery, profile = free_port(), tmp_path / "anna"
    with ServerProcess(tmp_path / "real", name="Office", discovery_port=discovery) as real:
        args = ["register", "--user", "anna", "--server", real.address, "--fingerprint", real.fingerprint]
        assert run_client(args, profile, env=PASSWORD).returncode == 0
        (known,) = ProfileStore.open(profile).servers()
        options = ["--server", real.address, "--discovery-port", str(discovery)]
        with ClientProcess([*options, "listen", "general", "--json"], profile) as listener:
            listener.wait_for(lambda event: event["event"] == "live", 20)
            real.kill()
            fake = FakeServer(tmp_path / "fake", "Office", known.log_id, discovery, real.port)
            try:
                wait_until(lambda: fake.handshakes >= 2, 30, "the client has met the fake, more than once")
                done = run_client(
                    [*options, "send", "general", "for the real one", "--timeout", "4"], profile, env=PASSWORD
                )
                assert done.returncode == 5
            finally:
                fake.close()
            assert fake.received == b""
            with real.restart():
                assert run_client([*options, "send", "general", "and again"], profile, env=PASSWORD).returncode == 0
                listener.wait_for(is_and_again, 40, "the listener is back at the real server")


def is_and_again(event: Event) -> bool:
    return bool(event["event"] == "message" and event["text"] == "and again")

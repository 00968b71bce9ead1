"""The first account of a server, from its own computer and from others."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.netns import Computer, Lab
from tests.support.procs import ServerProcess, json_lines, run_client

pytestmark = pytest.mark.lab
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


class ServerAndClient:
    """A server and a stranger, each on a computer of their own."""

    def __init__(self, lab: Lab, folder: Path, stack: ExitStack) -> None:
        lan = lab.lan()
        self.own, self.other = (lab.computer((lan, f"10.0.0.{number}/24")) for number in (1, 2))
        self.folder = folder
        self.server = stack.enter_context(ServerProcess(folder / "server", namespace=self.own.name))

    def register(self, computer: Computer, user: str, *more: str, host: str = "10.0.0.1") -> tuple[int, str, str]:
        """Exit code, role, and what was said."""
        args = ["register", "--user", user, "--server", f"{host}:{self.server.port}", "--accept-new", "--json", *more]
        done = run_client(args, self.folder / user, env=PASSWORD, namespace=computer.name)
        return done.returncode, json_lines(done.stdout)[0]["role"] if done.stdout else "", done.stderr


@pytest.fixture
def server_and_client(lab: Lab, tmp_path: Path) -> Iterator[ServerAndClient]:
    with ExitStack() as stack:
        yield ServerAndClient(lab, tmp_path, stack)


def test_remote_client_is_refused_until_an_account_exists(server_and_client: ServerAndClient) -> None:
    code, _role, said = server_and_client.register(server_and_client.other, "mallory")
    assert code == 4
    assert "set-up code" in said
    assert len(said.splitlines()) == 1
    code, _role, said = server_and_client.register(server_and_client.other, "mallory", "--setup-code", "0000-0000-0000")
    assert code == 4
    assert "set-up code is wrong" in said
    # By its address on the network, which makes no difference on the server's own computer.
    assert server_and_client.register(server_and_client.own, "anna")[:2] == (0, "administrator")
    assert server_and_client.register(server_and_client.other, "boris")[:2] == (0, "member")
    assert (
        server_and_client.register(
            server_and_client.other, "clara", "--setup-code", server_and_client.server.setup_code
        )[0]
        == 4
    )


def test_loopback_makes_the_first_account(server_and_client: ServerAndClient) -> None:
    assert server_and_client.register(server_and_client.own, "anna", host="127.0.0.1")[:2] == (0, "administrator")


def test_setup_code_makes_the_first_account_from_another_host(server_and_client: ServerAndClient) -> None:
    code = f" {server_and_client.server.setup_code.lower().replace('-', ' ')}"
    assert server_and_client.register(server_and_client.other, "anna", "--setup-code", code)[:2] == (0, "administrator")
    server_and_client.server.stop()
    with server_and_client.server.restart() as again:
        assert "setup_code" not in again.ready


def test_each_start_without_an_account_has_a_new_code(server_and_client: ServerAndClient) -> None:
    server_and_client.server.stop()
    with server_and_client.server.restart() as again:
        assert again.setup_code != server_and_client.server.setup_code
        again.add_account("anna")
    with again.restart() as third:
        assert "setup_code" not in third.ready

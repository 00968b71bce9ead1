"""The first account of a server, from its own computer and from others."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.netns import Computer, Lab
from tests.support.procs import ServerProcess, json_lines, run_client

pytestmark = pytest.mark.lab
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}


class House:
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
def house(lab: Lab, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(lab, tmp_path, stack)


def test_stranger_is_refused_until_there_is_an_account(house: House) -> None:
    code, _role, said = house.register(house.other, "mallory")
    assert code == 4
    assert "set-up code" in said
    assert len(said.splitlines()) == 1
    code, _role, said = house.register(house.other, "mallory", "--setup-code", "0000-0000-0000")
    assert code == 4
    assert "set-up code is wrong" in said
    # By its address on the network, which makes no difference on the server's own computer.
    assert house.register(house.own, "anna")[:2] == (0, "administrator")
    assert house.register(house.other, "boris")[:2] == (0, "member")
    assert house.register(house.other, "clara", "--setup-code", house.server.setup_code)[0] == 4


def test_loopback_makes_the_first_account(house: House) -> None:
    assert house.register(house.own, "anna", host="127.0.0.1")[:2] == (0, "administrator")


def test_setup_code_makes_the_first_account_from_elsewhere(house: House) -> None:
    code = f" {house.server.setup_code.lower().replace('-', ' ')}"
    assert house.register(house.other, "anna", "--setup-code", code)[:2] == (0, "administrator")
    house.server.stop()
    with house.server.restart() as again:
        assert "setup_code" not in again.ready


def test_each_start_without_an_account_has_another_code(house: House) -> None:
    house.server.stop()
    with house.server.restart() as again:
        assert again.setup_code != house.server.setup_code
        again.add_account("anna")
    with again.restart() as third:
        assert "setup_code" not in third.ready

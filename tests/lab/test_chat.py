"""Chat between computers of the lab: the whole product over real kernels, with datagrams blocked or lost."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.netns import Computer, Lab
from tests.support.procs import ClientProcess, ServerProcess, json_lines, run_client

pytestmark = pytest.mark.lab
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}
MESSAGES = 30


class Office:
    """A server and two people, each on a computer of their own; found by discovery, no address typed."""

    def __init__(self, lab: Lab, folder: Path, stack: ExitStack) -> None:
        lan = lab.lan()
        self.computers = [lab.computer((lan, f"10.0.0.{number}/24")) for number in (1, 2, 3)]
        self.folder = folder
        self.stack = stack
        namespace = self.computers[0].name
        config = folder / "server.toml"
        config.write_text("[limits]\nmessage_rate = 1000\nmessage_burst = 1000\ntotal_rate = 1000\n")
        self.server = stack.enter_context(
            ServerProcess(
                folder / "server",
                discovery_port=47474,
                namespace=namespace,
                extra=["--config", str(config)],
            )
        )
        self.setup_code = self.server.setup_code

    def person(self, number: int) -> tuple[Path, Computer]:
        return self.folder / f"person{number}", self.computers[number]

    def register(self, number: int) -> None:
        profile, computer = self.person(number)
        args = ["register", "--user", f"person{number}", "--accept-new"]
        if self.setup_code:  # of the first one, who is on another computer than the server
            args += ["--setup-code", self.setup_code]
            self.setup_code = ""
        result = run_client(args, profile, env=PASSWORD, namespace=computer.name)
        assert result.returncode == 0, result.stderr

    def listen(self, number: int, *more: str) -> ClientProcess:
        profile, computer = self.person(number)
        args = ["listen", "general", "--json", *more]
        return self.stack.enter_context(ClientProcess(args, profile, namespace=computer.name))

    def chat(self, number: int, texts: list[str], timeout: float = 60) -> None:
        """Type lines into `lanchat chat`; returns when it has ended."""
        profile, computer = self.person(number)
        lines = "".join(f"{text}\n" for text in texts)
        result = run_client(["chat", "general"], profile, stdin=lines, namespace=computer.name, timeout=timeout)
        assert result.returncode == 0, result.stderr


@pytest.fixture
def office(lab: Lab, tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(lab, tmp_path, stack)


def is_live(event: dict[str, object]) -> bool:
    return event.get("event") == "live"


def is_message(event: dict[str, object]) -> bool:
    return event.get("event") == "message"


def exchange(office: Office, count: int = MESSAGES) -> list[str]:
    """Person 1 listens, person 2 types; what person 1 saw."""
    listener = office.listen(1)
    listener.wait_for(is_live, 20)
    office.chat(2, [f"message {i}" for i in range(count)])
    seen = listener.wait_for_count(is_message, count, 30)
    assert [event["seq"] for event in seen] == list(range(1, count + 1))
    return [str(event["text"]) for event in seen]


def expected(count: int = MESSAGES) -> list[str]:
    return [f"message {i}" for i in range(count)]


def test_clients_chat_through_a_discovered_server(office: Office) -> None:
    for number in (1, 2):
        office.register(number)
    assert exchange(office) == expected()
    result = run_client(["rooms", "--json"], office.person(1)[0], namespace=office.computers[1].name)
    assert [row["room"] for row in json_lines(result.stdout)] == ["general"]


def test_messages_use_tls_when_udp_is_blocked(office: Office) -> None:
    port = office.server.port
    office.computers[0].nft(
        "add table inet block\n"
        "add chain inet block in { type filter hook input priority 0; }\n"
        f"add rule inet block in udp dport {port} counter drop\n"
    )
    for number in (1, 2):
        office.register(number)
    assert exchange(office) == expected()
    counters = json.loads(office.computers[0].run("nft", "-j", "list", "chain", "inet", "block", "in"))
    packets = [
        part["counter"]["packets"]
        for item in counters["nftables"]
        for part in item.get("rule", {}).get("expr", [])
        if "counter" in part
    ]
    assert sum(packets) > 0, "no client even tried UDP: nothing was blocked"


@pytest.mark.parametrize("loss", [10, 30])
def test_lossy_network_neither_loses_nor_duplicates_messages(office: Office, loss: int) -> None:
    for number in (1, 2):
        office.register(number)
    for computer in office.computers[1:]:
        computer.nft(
            "add table inet loss\n"
            "add chain inet loss in { type filter hook input priority 0; }\n"
            "add chain inet loss out { type filter hook output priority 0; }\n"
            f"add rule inet loss in udp sport {office.server.port} numgen random mod 100 < {loss} drop\n"
            f"add rule inet loss out udp dport {office.server.port} numgen random mod 100 < {loss} drop\n"
        )
    assert exchange(office, 60) == expected(60)


def test_queued_message_is_sent_after_server_restart(office: Office) -> None:
    for number in (1, 2):
        office.register(number)
    listener = office.listen(1)
    listener.wait_for(is_live, 20)
    office.server.kill()
    listener.wait_for(lambda event: event.get("state") == "away", 20, "state away")
    profile, computer = office.person(2)
    args = ["send", "general", "typed while it was away", "--allow-pending", "--timeout", "3", "--json"]
    result = run_client(args, profile, namespace=computer.name)
    assert result.returncode == 0, result.stderr
    (row,) = json_lines(result.stdout)
    assert row["stored"] is False
    office.stack.enter_context(office.server.restart())
    # Whatever runs next with this profile hands in what waits.
    result = run_client(["listen", "general", "--for", "8"], profile, namespace=computer.name)
    assert result.returncode == 0, result.stderr
    message = listener.wait_for(is_message, 40)
    assert message["text"] == "typed while it was away"
    assert message["id"] == row["id"]

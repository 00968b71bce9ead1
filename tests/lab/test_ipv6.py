"""Networks without IPv4: computers with loopback, a link-local address and, where said, one of a private network."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat.protocol.text.identity import DEFAULT_PORT
from tests.lab.netns import Computer, Lab, Lan
from tests.lab.test_discovery import NOBODY, first_found, seek, seek_until, serve
from tests.support.procs import ClientProcess, ServerProcess, json_lines, run_client
from tests.support.waiting import wait_until

pytestmark = pytest.mark.lab
PASSWORD = {"LANCHAT_PASSWORD": "correct horse"}
LINK_LOCAL = "fe80::1%eth0"
PRIVATE = "fd77::1"
MESSAGES = 10


def connect(lab: Lab, lan: Lan, number: int, *, private: bool = False) -> Computer:
    """A computer with fe80::<number> on eth0, and fd77::<number> when it is to have one of a private network."""
    computer = lab.computer()
    plug(computer, lan, number, private=private)
    return computer


def plug(computer: Computer, lan: Lan, number: int, *, private: bool = False) -> None:
    """One more network device, with the same addresses."""
    device = computer.new_device()
    lan.plug(computer, device)
    computer.ip(
        f"link set {device} addrgenmode none",
        f"address add fe80::{number}/64 dev {device} nodad",
        *([f"address add fd77::{number}/64 dev {device} nodad"] if private else []),
        f"link set {device} up",
    )


def drop_multicast_datagrams(lan: Lan) -> None:
    """Neighbours are still found, which takes multicast of another protocol."""
    lan.drop("ether daddr & ff:ff:00:00:00:00 == 33:33:00:00:00:00 meta l4proto udp")


class TestDiscovery:
    @pytest.mark.parametrize("private", [False, True])
    def test_probe_and_dns_sd_find_the_server(self, lab: Lab, private: bool) -> None:
        lan = lab.lan()
        one, two = (connect(lab, lan, number, private=private) for number in (1, 2))
        server = serve(one, "Office", 4242)
        found = ["Office", "Office", LINK_LOCAL, 4242]
        assert first_found(two, "use_zeroconf=False")["servers"] == [[*found, "probe"]]
        announced = PRIVATE if private else LINK_LOCAL
        assert seek_until(two, bool, NOBODY) == [["Office", "Office", announced, 4242, "zeroconf"]]
        assert first_found(two, NOBODY)["servers"] == [["Office", "Office", announced, 4242, "zeroconf"]]
        assert server.stop() == 0
        assert server.stderr == []
        assert seek(two, 0.5, NOBODY)[0]["servers"] == []

    @pytest.mark.parametrize("host", [LINK_LOCAL, PRIVATE])
    def test_remembered_address_is_asked_by_unicast(self, lab: Lab, host: str) -> None:
        lan = lab.lan()
        one, two = (connect(lab, lan, number, private=True) for number in (1, 2))
        serve(one, "Office", 4242)
        drop_multicast_datagrams(lan)
        assert seek(two, 0.5)[0]["servers"] == []
        search = first_found(two, f"last_known=[({host!r}, 1)]", "use_zeroconf=False")
        assert search["servers"] == [["Office", "Office", host, 4242, "probe"]]

    @pytest.mark.parametrize("host", [LINK_LOCAL, PRIVATE])
    def test_server_on_one_address_is_found_at_that_one(self, lab: Lab, host: str) -> None:
        lan = lab.lan()
        one, two = (connect(lab, lan, number, private=True) for number in (1, 2))
        one.ip("address add fd78::1/64 dev eth0 nodad", "address add 10.0.0.1/24 dev eth0")
        two.ip("address add 10.0.0.2/24 dev eth0")
        serve(one, "Office", 4242, f"host={host!r}")
        assert first_found(two, "use_zeroconf=False")["servers"] == [["Office", "Office", host, 4242, "probe"]]
        assert seek_until(two, bool, NOBODY) == [["Office", "Office", host, 4242, "zeroconf"]]

    def test_server_on_ipv6_loopback_is_found_there_only(self, lab: Lab) -> None:
        lan = lab.lan()
        one, two = (connect(lab, lan, number) for number in (1, 2))
        serve(one, "Private", 4242, "host='::1'")
        assert first_found(one, "use_zeroconf=False")["servers"] == [["Private", "Private", "::1", 4242, "probe"]]
        assert seek(two, 1.0)[0]["servers"] == []

    def test_server_has_its_name_on_an_interface_added_later(self, lab: Lab) -> None:
        lans = [lab.lan(), lab.lan()]
        server = connect(lab, lans[0], 1)
        clients = [connect(lab, lan, 9) for lan in lans]
        serve(server, "Office", 4242, "rescan_interval=0.3")
        assert seek_until(clients[0], bool, NOBODY) == [["Office", "Office", LINK_LOCAL, 4242, "zeroconf"]]
        plug(server, lans[1], 2)
        assert seek_until(clients[1], bool, NOBODY) == [["Office", "Office", "fe80::2%eth0", 4242, "zeroconf"]]

    def test_both_families_name_one_server_once(self, lab: Lab) -> None:
        lan = lab.lan()
        one, two = (connect(lab, lan, number, private=True) for number in (1, 2))
        for number, computer in enumerate((one, two), 1):
            computer.ip(f"address add 10.0.0.{number}/24 broadcast + dev eth0")
        serve(one, "Office", 4242)
        assert first_found(two)["servers"] == [["Office", "Office", "10.0.0.1", 4242, "probe"]]
        assert seek_until(two, bool, NOBODY) == [["Office", "Office", "10.0.0.1", 4242, "zeroconf"]]
        assert len(seek_until(two, bool, seconds=2.0)) == 1


class Office:
    """A server and two people, each on a computer of their own, without IPv4."""

    def __init__(self, lab: Lab, folder: Path, stack: ExitStack) -> None:
        self.lan = lab.lan()
        self.computers = [connect(lab, self.lan, number, private=True) for number in (1, 2, 3)]
        self.folder = folder
        self.stack = stack
        self.server = stack.enter_context(
            ServerProcess(
                folder / "server",
                discovery_port=DISCOVERY_PORT,
                port=DEFAULT_PORT,
                namespace=self.computers[0].name,
            )
        )
        self.server.add_account("boss")

    def client(self, number: int, *args: str, stdin: str = "", code: int = 0) -> str:
        """What a command of person `number` says on stdout."""
        profile, namespace = self.folder / f"person{number}", self.computers[number].name
        done = run_client(args, profile, env=PASSWORD, namespace=namespace, stdin=stdin, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    def register(self, number: int, *where: str) -> None:
        self.client(number, "register", "--user", f"person{number}", *(where or ("--accept-new",)))

    def exchange(self, *where: str) -> None:
        """Person 1 listens, person 2 types."""
        args = ["listen", "general", "--json", *where]
        profile = self.folder / "person1"
        listener = self.stack.enter_context(ClientProcess(args, profile, namespace=self.computers[1].name))
        listener.wait_for(lambda event: event.get("event") == "live", 20)
        texts = [f"message {i}" for i in range(MESSAGES)]
        self.client(2, "chat", "general", *where, stdin="".join(f"{text}\n" for text in texts))
        seen = listener.wait_for_count(lambda event: event.get("event") == "message", MESSAGES, 30)
        assert [event["text"] for event in seen] == texts

    def count_datagrams(self, verdict: str) -> None:
        """`verdict`: accept or drop what comes by UDP to the server's port."""
        self.computers[0].nft(
            "add table inet relay\n"
            "add chain inet relay in { type filter hook input priority 0; }\n"
            "add chain inet relay out { type filter hook output priority 0; }\n"
            f"add rule inet relay in udp dport {self.server.port} counter {verdict}\n"
            f"add rule inet relay out udp sport {self.server.port} counter accept\n"
        )

    def datagrams(self, chain: str) -> int:
        """How many have come `in` to the server's port, or gone `out` of it, since `count_datagrams`."""
        counters = json.loads(self.computers[0].run("nft", "-j", "list", "chain", "inet", "relay", chain))
        parts = [part for item in counters["nftables"] for part in item.get("rule", {}).get("expr", [])]
        return sum(part["counter"]["packets"] for part in parts if "counter" in part)


@pytest.fixture
def office(lab: Lab, tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        yield Office(lab, tmp_path, stack)


def test_clients_discover_the_server_and_chat(office: Office) -> None:
    for number in (1, 2):
        office.register(number)
    office.count_datagrams("accept")
    office.exchange()
    assert office.datagrams("in")
    assert office.datagrams("out")


@pytest.mark.parametrize("host", [LINK_LOCAL, PRIVATE])
@pytest.mark.parametrize("verdict", ["accept", "drop"])
def test_chat_by_datagram_and_by_tls_alone(office: Office, host: str, verdict: str) -> None:
    where = ("--server", f"[{host}]:{office.server.port}")
    for number in (1, 2):
        office.register(number, *where, "--accept-new")
    office.count_datagrams(verdict)
    office.exchange(*where)
    assert office.datagrams("in")
    assert bool(office.datagrams("out")) == (verdict == "accept")


@pytest.mark.parametrize(
    "address",
    ["fe80::1%eth0", "fe80::1%25eth0", "[fe80::1%eth0]", "[fe80::1%25eth0]:{port}", "fe80::1", "fd77::1", "[fd77::1]"],
)
def test_typed_address_forms_are_accepted(office: Office, address: str) -> None:
    office.register(1, "--server", address.format(port=office.server.port), "--accept-new")
    assert json_lines(office.client(1, "rooms", "--json"))[0]["room"] == "general"


@pytest.mark.parametrize("host", ["[fe80::1%25eth0]", "[fe80::1%25wlan7]", "[fe80::1]", "[fd77::1]"])
def test_pasted_invite_link_is_accepted(office: Office, host: str) -> None:
    """Also one whose zone is an interface of another computer."""
    link = f"lanchat://{host}:{office.server.port}/#{office.server.fingerprint}"
    office.register(1, "--invite", link)
    assert json_lines(office.client(1, "rooms", "--json"))[0]["room"] == "general"


def test_invite_link_of_the_server_is_reachable(office: Office) -> None:
    assert f"[{PRIVATE}]:{office.server.port}" in office.server.invite
    assert "127.0.0.1" not in office.server.invite
    office.register(1, "--invite", office.server.invite)


@pytest.mark.parametrize("host", [LINK_LOCAL, PRIVATE])
def test_remembered_server_is_found_at_another_port(office: Office, host: str) -> None:
    """Where it is known by its last address alone: nothing goes to many."""
    office.register(1, "--server", f"[{host}]:{office.server.port}", "--accept-new")
    drop_multicast_datagrams(office.lan)
    office.server.stop()
    office.stack.enter_context(office.server.restart(port=DEFAULT_PORT + 50))
    office.client(1, "send", "general", "found again")
    rows = json_lines(office.client(1, "history", "general", "--json"))
    assert [row["text"] for row in rows] == ["found again"]


@pytest.mark.parametrize("host", ["fe80::1%eth0", "fd77::1", "::"])
def test_server_listens_on_an_ipv6_address(office: Office, host: str) -> None:
    office.server.stop()
    office.server = office.stack.enter_context(office.server.restart(host=host))
    office.register(1)
    office.register(2)
    office.exchange()
    assert wait_until(lambda: office.client(1, "discover", "--json"), 10, "it is found")

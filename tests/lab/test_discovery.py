"""Discovery with real sockets: on this computer's loopback, and between computers made of network namespaces.

A search whose discovery port is NOBODY probes where no server listens, so DNS-SD alone can find something.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import pytest

from lanchat.discovery.browse import Browser, DiscoveredServer, discover
from lanchat.protocol.datagram.beacon import (
    DISCOVERY_PORT,
    PROBE_SIZE,
    TOKEN_SIZE,
    Advert,
    decode_answer,
    encode_answer,
    encode_probe,
)
from lanchat_server.service.net.beacon import ANSWERS_PER_SECOND
from tests.lab.discovery_peer import fingerprint, log_id
from tests.lab.netns import Computer, Lab
from tests.support.child import Child
from tests.support.ports import free_port
from tests.support.waiting import patient, wait_until

SEARCH = 60.0  # seconds that a search may take; one that stops at the first answer takes a part of it
SOON = 20.0
NOBODY = "discovery_port=9"
STRANGER = (sys.executable, "-m", "tests.lab.mdns_stranger")
PEER = (sys.executable, "-m", "tests.lab.discovery_peer")
# With nothing imported before: an option of Python's own says so (tests/support/warm_start.py).
COLD_PEER = (sys.executable, "-X", "utf8", "-m", "tests.lab.discovery_peer")


def serve(computer: Computer, name: str, port: int, *options: str) -> Child:
    """A server, from when its beacon answers."""
    child = computer.start(*PEER, "serve", name, str(port), *options)
    child.wait_for_line(lambda line: "ready" in line, 10, f"{name} is ready")
    return child


def seek(computer: Computer, seconds: float, *options: str, peer: Sequence[str] = PEER) -> list[dict[str, Any]]:
    lines = computer.run(*peer, "seek", "1", str(seconds), *options, timeout=10 + seconds)
    return [json.loads(line) for line in lines.splitlines()]


def first_found(computer: Computer, *options: str) -> dict[str, Any]:
    """A search that ends when it has found a server. How quick that is, the benchmarks measure."""
    return seek(computer, SEARCH, "stop_after_first=True", *options)[0]


def seek_until(
    computer: Computer, accept: Callable[[list[Any]], bool], *options: str, seconds: float = 0.5
) -> list[Any]:
    """Searches until the answer is the wanted one."""

    def look() -> list[Any] | None:
        servers: list[Any] = seek(computer, seconds, *options)[0]["servers"]
        return servers if accept(servers) else None

    return wait_until(look, 8.0, f"a list of servers that fits, {options}") or []


class TestOnOneComputer:
    """No root needed: loopback, and a port of our own."""

    @pytest.fixture
    def port(self) -> int:
        return free_port()

    @pytest.fixture
    def server(self, port: int) -> Iterator[Child]:
        yield from self.serve("Here", 4242, port)

    @pytest.fixture
    def other(self, port: int) -> Iterator[Child]:
        yield from self.serve("There", 4243, port)

    @staticmethod
    def serve(name: str, control_port: int, port: int) -> Iterator[Child]:
        """On loopback only, so that nothing is announced on the network of whoever runs the tests."""
        child = Child([*PEER, "serve", name, str(control_port), f"discovery_port={port}", "host='127.0.0.1'"])
        try:
            child.wait_for_line(lambda line: "ready" in line, 10, f"{name} is ready")
            yield child
        finally:
            child.kill()

    def test_server_is_found_quickly(self, server: Child, port: int) -> None:
        async def search() -> tuple[float, list[DiscoveredServer]]:
            began = time.perf_counter()
            found = await discover(SEARCH, discovery_port=port, stop_after_first=True)
            return time.perf_counter() - began, found

        seconds, found = asyncio.run(search())
        assert seconds <= SOON
        assert [(s.name, s.port, s.fingerprint, s.log_id, s.via) for s in found] == [
            ("Here", 4242, fingerprint("Here"), log_id("Here"), "probe")
        ]

    def test_both_of_two_servers_are_found(self, server: Child, other: Child, port: int) -> None:
        def names() -> set[tuple[str, int]]:
            found = asyncio.run(discover(0.7, discovery_port=port, use_zeroconf=False))
            return {(server.name, server.port) for server in found}

        wait_until(lambda: names() == {("Here", 4242), ("There", 4243)}, 8.0, "both are found")

    def test_each_server_is_reported_once(self, server: Child, port: int) -> None:
        reported: list[DiscoveredServer] = []

        def search() -> list[DiscoveredServer]:
            return asyncio.run(discover(0.6, discovery_port=port, use_zeroconf=False, on_found=reported.append))

        found = wait_until(search, 8.0, "the server is found")
        assert reported == found
        assert len(found) == 1

    def test_search_without_servers_returns_an_empty_list_in_time(self, port: int) -> None:
        began = time.perf_counter()
        assert asyncio.run(discover(0.3, discovery_port=port, use_zeroconf=False)) == []
        assert 0.3 <= time.perf_counter() - began < patient(1.0)

    @pytest.mark.parametrize("first", [True, False])
    def test_search_leaks_no_resources(self, server: Child, port: int, first: bool) -> None:
        async def search() -> None:
            await discover(0.4, discovery_port=port, stop_after_first=first)
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        assert_nothing_leaks(search)

    def test_cancelled_search_and_stopped_browser_leak_nothing(self, server: Child, port: int) -> None:
        async def search() -> None:
            browser = Browser(discovery_port=port)
            browser.start(lambda servers: None)
            task = asyncio.create_task(discover(30.0, discovery_port=port))
            await asyncio.sleep(0.4)
            task.cancel()
            await asyncio.wait([task])
            await browser.stop()
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        assert_nothing_leaks(search)

    def test_invalid_probes_get_no_answer_and_answers_are_smaller(self, server: Child, port: int) -> None:
        token = bytes(range(TOKEN_SIZE))
        advert = Advert(log_id("x"), fingerprint("x"), 1, "x")
        garbage = [
            b"",
            b"x",
            os.urandom(PROBE_SIZE),
            encode_probe(token)[:-1],
            encode_probe(token) + b"\0",
            encode_probe(token)[:-1] + b"\1",
            encode_answer(token, advert),
            bytes(60_000),
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            for octets in [*garbage, encode_probe(token)]:
                sock.sendto(octets, ("127.0.0.1", port))
            answer, source = sock.recvfrom(65535)
            assert decode_answer(answer)[0] == token
            assert source == ("127.0.0.1", port)
            assert len(answer) <= PROBE_SIZE
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                sock.recvfrom(65535)

    def test_answers_to_an_address_are_rate_limited(self, server: Child, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            for n in range(40):
                sock.sendto(encode_probe(bytes([n]) * TOKEN_SIZE), ("127.0.0.1", port))
            answers = [decode_answer(sock.recv(65535))[0][0] for _ in range(ANSWERS_PER_SECOND)]
            assert answers == list(range(ANSWERS_PER_SECOND))
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                sock.recv(65535)

    def test_answers_with_another_token_are_ignored(self, port: int) -> None:
        advert = Advert(log_id("x"), fingerprint("x"), 1, "x")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
            liar.bind(("127.0.0.1", port))
            liar.settimeout(5)

            def lie() -> None:
                _, address = liar.recvfrom(65535)
                for octets in (b"", os.urandom(80), encode_answer(bytes(TOKEN_SIZE), advert), bytes(9000)):
                    liar.sendto(octets, address)

            thread = threading.Thread(target=lie)
            thread.start()
            found = asyncio.run(discover(0.4, discovery_port=port, use_zeroconf=False))
            thread.join()
        assert found == []


def assert_nothing_leaks(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """`work` opens no file descriptor that outlives it, and starts no thread that outlives the event loop."""

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def measured() -> None:
        await work()  # loads what is loaded once
        before = descriptors()
        await work()
        # A busy computer closes the last ones a little later.
        deadline = time.monotonic() + patient(2.0)
        while descriptors() > before and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        assert descriptors() <= before

    threads = set(threading.enumerate())
    asyncio.run(measured())
    assert set(threading.enumerate()) <= threads


@pytest.mark.lab
class TestOnOneNetwork:
    @pytest.fixture
    def computers(self, lab: Lab) -> tuple[Computer, Computer]:
        self.lan = lab.lan()
        return lab.computer((self.lan, "10.77.0.1/24")), lab.computer((self.lan, "10.77.0.2/24"))

    def test_every_discovery_method_finds_the_server(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        server = serve(one, "Büro 2.0", 4242)
        by_probe = ["Büro 2.0", "Büro 2.0", "10.77.0.1", 4242, "probe"]

        search = first_found(two)
        assert search["servers"] == [by_probe]
        assert search["seconds"] <= SOON
        asked = f"last_known=[('10.77.0.1', {DISCOVERY_PORT})]"
        assert seek(two, 0.2, NOBODY, asked, "use_zeroconf=False")[0]["servers"] == []

        self.lan.drop_broadcast()
        time.sleep(1.0)  # the limit of answers per second, after three searches
        search = first_found(two, "use_zeroconf=False")
        assert search["servers"] == [by_probe]
        assert search["seconds"] <= SOON

        by_dns_sd = [*by_probe[:4], "zeroconf"]
        assert seek_until(two, bool, NOBODY) == [by_dns_sd]
        search = first_found(two, NOBODY)
        assert search["servers"] == [by_dns_sd]
        assert search["seconds"] <= SOON

        self.lan.nft("flush ruleset")
        self.lan.drop_multicast()
        search = first_found(two, "use_zeroconf=False")
        assert search["servers"] == [by_probe]
        assert search["seconds"] <= SOON
        assert seek(two, 0.5, NOBODY)[0]["servers"] == []

        self.lan.drop_broadcast()
        time.sleep(1.0)
        assert seek(two, 0.5)[0]["servers"] == []
        search = first_found(two, "last_known=[('a.name', 1), ('10.77.0.1', 1)]")
        assert search["servers"] == [by_probe]
        assert search["seconds"] <= SOON
        assert server.stop() == 0

    def test_dns_sd_answers_by_multicast_only(self, computers: tuple[Computer, Computer]) -> None:
        """What a stranger makes the server send to somebody's address is no longer than what he sent: nothing."""
        one, two = computers
        server = serve(one, "Office", 4242)
        assert seek_until(two, bool, NOBODY)
        time.sleep(1.0)  # what was just announced is not announced again
        asked = json.loads(two.run(*STRANGER, "10.77.0.2", "10.77.0.1", timeout=20))
        assert asked["group"] >= 1
        assert len(asked["alone"]) == 4
        assert not any(asked["alone"].values()), asked
        assert server.stop() == 0

    def test_search_merges_answers_without_blocking_the_loop(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        serve(one, "Office", 4242)
        seek_until(two, bool, NOBODY)
        found = [["Office", "Office", "10.77.0.1", 4242, "probe"]]
        searches = []
        for _ in range(10):  # each in a new process, which imports and opens everything; the computer may be busy
            searches.append(seek(two, 0.7, peer=COLD_PEER)[0])
            if searches[-1]["servers"] == found and searches[-1]["widest_gap"] < 0.05:
                return
        raise AssertionError(searches)

    def test_two_servers_with_one_name_on_one_computer_are_found(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        serve(one, "Office", 4242, "key='first'")
        seek_until(two, bool, NOBODY)
        serve(one, "Office", 4243, "key='second'")
        for client in (one, two):
            probed = seek_until(client, lambda rows: len(rows) == 2, "use_zeroconf=False")
            assert {(row[0], row[1], row[3]) for row in probed} == {
                ("first", "Office", 4242),
                ("second", "Office", 4243),
            }
        announced = seek_until(two, lambda rows: len(rows) == 2, NOBODY)
        assert {(row[0], row[1], row[3]) for row in announced} == {
            ("first", "Office", 4242),
            ("second", "Office-2", 4243),
        }

    def test_browser_shows_server_start_and_stop_quickly(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        browser = two.start(*PEER, "browse", "30", "lifetime=2.5", "interval=1.0")
        server = serve(one, "Office", 4242)
        shown = browser.wait_for_line(lambda line: "Office" in line, 3.0, "the browser shows the server")
        assert json.loads(shown)["servers"][0][:4] == ["Office", "Office", "10.77.0.1", 4242]
        seek_until(two, bool, NOBODY)
        assert server.stop() == 0
        times = {key: value for line in server.stdout for key, value in json.loads(line).items()}
        assert times["ready"] < patient(0.5)
        assert times["stopped"] < patient(1.0)
        start = len(browser.stdout)
        browser.wait_for_line(lambda line: line == '{"servers": []}', 2.0, "gone after the goodbye", start - 1)

        start = len(browser.stdout)
        server = serve(one, "Office", 4242)
        browser.wait_for_line(lambda line: '"probe"' in line, 3.0, "the browser shows it again", start)
        start = len(browser.stdout)
        server.kill()
        browser.wait_for_line(lambda line: line == '{"servers": []}', 5.0, "gone after its silence", start)

    def test_port_in_use_disables_only_the_beacon(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        stranger = one.start(
            sys.executable,
            "-c",
            "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM);"
            f"s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); s.bind(('', {DISCOVERY_PORT}));"
            "print('bound', flush=True)\nwhile True: s.recvfrom(1)",
        )
        stranger.wait_for_line(lambda line: line == "bound", 5, "the stranger has the port")
        server = serve(one, "Office", 4242, "rescan_interval=0.3")
        wait_until(lambda: bool(server.stderr), 5, "the server says that the port is taken")
        assert "discovery port 47474 cannot be used" in server.stderr[0]
        assert seek_until(two, bool)[0][4] == "zeroconf"
        stranger.kill()
        assert seek_until(two, bool, "use_zeroconf=False")[0][4] == "probe"
        assert len(server.stderr) == 1

    def test_interface_added_later_is_announced(self, lab: Lab) -> None:
        lan = lab.lan()
        lan.drop_broadcast()
        one, two = lab.computer(), lab.computer((lan, "10.77.0.2/24"))
        serve(one, "Office", 4242, "rescan_interval=0.3")
        assert seek_until(one, bool, NOBODY)[0][2] == "127.0.0.1"  # no other network: loopback has to do
        one.connect(lan, "10.77.0.1/24")
        assert seek_until(two, bool, "use_zeroconf=False")[0][2] == "10.77.0.1"
        assert seek_until(two, bool, NOBODY)[0][2] == "10.77.0.1"

    def test_loopback_server_is_announced_on_loopback_only(self, computers: tuple[Computer, Computer]) -> None:
        one, two = computers
        serve(one, "Private", 4242, "host='127.0.0.1'")
        assert first_found(one)["servers"][0][2] == "127.0.0.1"
        assert seek(two, 1.0)[0]["servers"] == []


@pytest.mark.lab
def test_each_network_gets_its_reachable_address(lab: Lab) -> None:
    offices = [lab.lan(), lab.lan()]
    server = lab.computer((offices[0], "10.1.0.1/24"), (offices[1], "10.2.0.1/24"))
    clients = [lab.computer((lan, f"10.{n}.0.9/24")) for n, lan in enumerate(offices, 1)]
    serve(server, "Office", 4242)
    for number, client in enumerate(clients, 1):
        expected = ["Office", "Office", f"10.{number}.0.1", 4242]
        assert seek_until(client, bool, "use_zeroconf=False") == [[*expected, "probe"]]
        assert seek_until(client, bool, NOBODY) == [[*expected, "zeroconf"]]


AVAHI = """
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/avahi-daemon
chown avahi:avahi /run/avahi-daemon
dbus-daemon --system --fork
cat > /run/avahi.conf <<END
[server]
host-name=judge
use-ipv6=no
allow-interfaces=eth0
[publish]
publish-workstation=no
END
avahi-daemon --no-drop-root --no-rlimits --no-chroot -f /run/avahi.conf >/dev/null 2>&1 &
until avahi-browse -prt _lanchat-relay._tcp 2>/dev/null; do sleep 0.1; done
exec avahi-browse -pr _lanchat-relay._tcp
"""


@pytest.mark.lab
def test_avahi_resolves_the_service_and_its_removal(lab: Lab) -> None:
    """Judged by another implementation of multicast DNS: private daemons that end with the test."""
    lan = lab.lan()
    one, two = lab.computer((lan, "10.77.0.1/24")), lab.computer((lan, "10.77.0.2/24"))
    avahi = two.start(
        "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", AVAHI
    )
    server = serve(one, "Büro 2.0", 4242)
    line = avahi.wait_for_line(lambda line: line.startswith("=;eth0;IPv4;"), 15, "avahi resolves the service")
    fields = line.split(";", 9)
    assert fields[3:6] == [r"B\195\188ro\0322\226\128\1640", "_lanchat-relay._tcp", "local"]
    assert fields[7:9] == ["10.77.0.1", "4242"]
    assert set(fields[9].split()) == {
        '"txtvers=1"',
        '"proto=1"',
        f'"id={log_id("Büro 2.0").hex()}"',
        f'"fp={fingerprint("Büro 2.0")}"',
    }
    assert not any(line.startswith("-") for line in avahi.stdout)
    assert server.stop() == 0
    avahi.wait_for_line(lambda line: line.startswith("-;eth0;IPv4;"), 5, "avahi hears the goodbye")

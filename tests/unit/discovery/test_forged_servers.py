"""Forged servers on the network: known servers are found beside them, none is hidden for ever, memory is bounded."""

import asyncio
import contextlib
import random
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from lanchat.discovery import mdns
from lanchat.discovery.browse import discover
from lanchat.discovery.listing import ADDRESSES_MAX, ANNOUNCED_LIFETIME, SERVERS_MAX, DiscoveredServer, ServerList
from lanchat.platform.network.interfaces import list_interfaces
from lanchat.protocol.datagram.beacon import SERVICE_TYPE, Advert
from tests.support.neighbours import Neighbours, invented
from tests.support.ports import free_port

KNOWN = Advert(b"K" * 16, "aa" * 32, 4242, "Office")
NEW = Advert(b"N" * 16, "bb" * 32, 4343, "Workshop")
linux = pytest.mark.skipif(sys.platform != "linux", reason="every 127.x.x.x is this computer on Linux alone")


def is_known(server: DiscoveredServer) -> bool:
    return server.key == (KNOWN.log_id, KNOWN.fingerprint)


def server(advert: Advert, host: str, via: Any = "probe") -> DiscoveredServer:
    return DiscoveredServer(advert.name, host, advert.port, advert.fingerprint, advert.log_id, via)


def names(listing: ServerList) -> set[str]:
    return {found.name for found in listing.servers}


# --- The list -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_dns_sd", [False, True])
def test_known_server_has_an_entry_reserved(by_dns_sd: bool) -> None:
    listing = ServerList(is_known=is_known)
    for number in range(3 * SERVERS_MAX):
        listing.answered(server(invented(number), f"10.0.{number}.66"), 0.0)
    if by_dns_sd:
        assert listing.announced(server(KNOWN, "10.0.0.10", "zeroconf"), "a", 0.0)
    else:
        assert listing.answered(server(KNOWN, "10.0.0.10"), 0.0)
    for number in range(1000, 1000 + 3 * SERVERS_MAX):
        listing.answered(server(invented(number), f"10.0.{number}.66"), 0.0)
        listing.announced(server(invented(-number % 5000), f"10.1.{number}.66", "zeroconf"), number, 0.0)
    assert "Office" in names(listing)
    assert len(listing.servers) == SERVERS_MAX + 1


@pytest.mark.parametrize("honest_first", [False, True])
def test_one_forging_host_does_not_hide_others(honest_first: bool) -> None:
    listing = ServerList()
    if honest_first:
        listing.answered(server(NEW, "10.0.0.10"), 0.0)
    for number in range(5 * SERVERS_MAX):
        listing.answered(server(invented(number), "10.0.0.66"), 0.0)
    listing.answered(server(NEW, "10.0.0.10"), 0.0)
    for number in range(5 * SERVERS_MAX):
        listing.answered(server(invented(number), "10.0.0.66"), 0.0)
    assert NEW.name in names(listing)
    assert listing.left_out


def test_forged_announcements_at_the_server_address_do_not_hide_it() -> None:
    listing = ServerList()
    for number in range(5 * SERVERS_MAX):
        listing.announced(server(invented(number), "10.0.0.10", "zeroconf"), number, 0.0)
    assert listing.answered(server(NEW, "10.0.0.10"), 0.0)
    for number in range(5 * SERVERS_MAX):
        listing.announced(server(invented(number), "10.0.0.10", "zeroconf"), number, 0.0)
    assert NEW.name in names(listing)


def test_each_of_a_thousand_sources_has_the_same_chance() -> None:
    """No server is hidden for ever: the next search may show what this one left out."""
    searches, shown = 120, 0
    for seed in range(searches):
        listing = ServerList(chance=random.Random(seed))
        for number in range(4 * SERVERS_MAX - 1):
            listing.answered(server(invented(number), f"10.{number}.0.66"), 0.0)
        listing.answered(server(NEW, "10.0.0.10"), 0.0)
        shown += NEW.name in names(listing)
    assert searches // 8 < shown < searches // 2


def test_left_out_is_set_only_while_entries_are_missing() -> None:
    listing = ServerList(lifetime=25.0)
    for number in range(SERVERS_MAX):
        listing.answered(server(invented(number), "10.0.0.66"), 0.0)
    assert not listing.left_out
    listing.answered(server(NEW, "10.0.0.10"), 0.0)
    assert listing.left_out
    listing.expire(30.0)
    assert not listing.left_out
    assert not listing.servers


def test_announcement_without_goodbye_expires() -> None:
    listing = ServerList()
    listing.announced(server(NEW, "10.0.0.66", "zeroconf"), "a", 0.0)
    listing.expire(ANNOUNCED_LIFETIME - 1)
    assert listing.servers
    listing.expire(ANNOUNCED_LIFETIME)
    assert not listing.servers


def test_all_addresses_claimed_for_a_known_server_are_kept() -> None:
    """A forged answer may arrive before that of the server."""
    listing = ServerList(is_known=is_known)
    assert listing.answered(server(KNOWN, "10.0.0.66"), 0.0)
    assert listing.answered(server(KNOWN, "10.0.0.10"), 0.1)
    assert not listing.answered(server(KNOWN, "10.0.0.10"), 0.2)
    assert listing.announced(server(KNOWN, "10.0.0.67", "zeroconf"), "a", 0.2)
    (found,) = listing.servers
    assert {found.host, *(host for host, _port in found.also)} == {"10.0.0.66", "10.0.0.10", "10.0.0.67"}
    for number in range(10 * ADDRESSES_MAX):
        listing.answered(server(KNOWN, f"10.1.0.{number}"), 0.3)
    (found,) = listing.servers
    assert len(found.also) <= ADDRESSES_MAX


# --- Probes over real sockets ---------------------------------------------------------------------------------------


async def search(
    address: str, answers: Sequence[tuple[str, Sequence[Advert]]], wanted: Callable[[DiscoveredServer], bool]
) -> tuple[list[DiscoveredServer], int, int]:
    """A search until a wanted server was reported: the found servers, the number of reports, and how often some were
    reported as left out."""
    neighbours = Neighbours(address, answers)
    reports: list[DiscoveredServer] = []
    left_out_reports: list[None] = []
    there = asyncio.Event()

    def receive(server: DiscoveredServer) -> None:
        reports.append(server)
        if wanted(server):
            there.set()

    async def seek(seconds: float) -> list[DiscoveredServer]:
        return await discover(
            seconds,
            discovery_port=neighbours.port,
            use_zeroconf=False,
            wanted=is_known,
            on_found=receive,
            on_left_out=lambda: left_out_reports.append(None),
        )

    try:
        found = await seek(0.6)
        for _ in range(20):
            if there.is_set():
                return found, len(reports), len(left_out_reports)
            reports.clear()
            left_out_reports.clear()
            found = await seek(0.6)
        raise AssertionError("the server was not found")
    finally:
        await asyncio.to_thread(neighbours.close)


FORGED_SERVERS = [invented(number) for number in range(300)]


@linux
def test_probe_finds_a_new_server_beside_hundreds_of_forged_ones() -> None:
    answers = [("127.0.0.66", FORGED_SERVERS), ("127.0.0.10", [NEW])]
    found, reports, left_out_reports = asyncio.run(search("127.0.0.1", answers, lambda server: server.name == NEW.name))
    assert NEW.name in {server.name for server in found}
    assert len(found) <= SERVERS_MAX
    assert left_out_reports == 1
    assert reports < 20 * SERVERS_MAX


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_probe_finds_a_known_server_beside_forged_ones(address: str) -> None:
    found, _, left_out_reports = asyncio.run(
        search(address, [(address, [*FORGED_SERVERS, KNOWN, *FORGED_SERVERS])], is_known)
    )
    assert KNOWN.name in {server.name for server in found}
    assert len(found) <= SERVERS_MAX + 1
    assert left_out_reports == 1


@linux
def test_probe_keeps_all_addresses_claimed_for_a_known_server() -> None:
    answers = [("127.0.0.66", [KNOWN]), ("127.0.0.10", [KNOWN])]
    found, *_ = asyncio.run(search("127.0.0.1", answers, lambda server: server.host == "127.0.0.10"))
    (known,) = [server for server in found if is_known(server)]
    assert {known.address, *known.also} >= {("127.0.0.66", KNOWN.port), ("127.0.0.10", KNOWN.port)}


# --- Forged DNS-SD --------------------------------------------------------------------------------------------------

_PTR, _A, _TXT, _SRV = 12, 1, 16, 33
_UNIQUE = 0x8001


def _name(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


_TYPE = _name(*(label.encode() for label in SERVICE_TYPE.rstrip(".").split(".")))


def _record(name: bytes, kind: int, data: bytes, ttl: int = 4500) -> bytes:
    return name + struct.pack(">HHIH", kind, 1 if kind == _PTR else _UNIQUE, ttl, len(data)) + data


def announcement(label: bytes, advert: Advert, address: str, *, txt: bytes | None = None, port: int = -1) -> bytes:
    """A multicast DNS answer that announces one server."""
    instance = bytes([len(label)]) + label + _TYPE
    host = _name(b"h" + advert.log_id[8:].hex().encode(), b"local")
    keys = [b"txtvers=1", b"proto=1", b"id=" + advert.log_id.hex().encode(), b"fp=" + advert.fingerprint.encode()]
    text = b"".join(bytes([len(key)]) + key for key in keys) if txt is None else txt
    records = [
        _record(_TYPE, _PTR, instance),
        _record(instance, _SRV, struct.pack(">3H", 0, 0, advert.port if port < 0 else port) + host),
        _record(instance, _TXT, text),
        _record(host, _A, socket.inet_aton(address)),
    ]
    return struct.pack(">6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def forged(number: int) -> Iterator[bytes]:
    """Announcements that break one rule each."""
    advert = invented(number)
    label = f"Forged {number}".encode()
    draw = random.Random(number)
    for address in ("127.0.0.1", "224.0.0.251", "255.255.255.255", "0.0.0.0", "240.0.0.1"):
        yield announcement(label, advert, address)
    yield announcement(label, advert, "198.51.100.77", port=0)
    yield announcement(b"\xff\xfe\x00\n\x1b[2J" + label, advert, "198.51.100.77")
    yield announcement("\u202eeciffO.".encode() + label, advert, "198.51.100.77")
    yield announcement(label, advert, "198.51.100.77", txt=(b"\xff" + b"x" * 255) * 30)
    yield announcement(label, advert, "198.51.100.77", txt=b"\xff" + b"id=" + b"z" * 252)
    yield announcement(label, advert, "198.51.100.77", txt=draw.randbytes(200))
    yield announcement(label, advert, "198.51.100.77")[: draw.randrange(12, 120)]
    yield draw.randbytes(300)


def network_address() -> str:
    """The address of an interface that is attached to a network."""
    for interface in list_interfaces():
        if not interface.is_loopback and interface.addresses:
            return str(interface.addresses[0].ip)
    pytest.skip("no interface but loopback")


@contextlib.contextmanager
def announcing_host(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", 5353))
        yield sock


GROUP = ("224.0.0.251", 5353)


async def forge(address: str, rounds: int, stations: list[Any]) -> tuple[int, list[str]]:
    """A search while another host announces thousands of servers, until the known one is found: the most octets of
    remembered texts at a time, and the errors."""
    loop = asyncio.get_running_loop()
    troubles: list[str] = []
    loop.set_exception_handler(lambda _, context: troubles.append(repr(context)))
    most = 0
    arrived = asyncio.Event()

    def receive(server: DiscoveredServer) -> None:
        if is_known(server):
            arrived.set()

    searching = asyncio.create_task(
        discover(60.0, discovery_port=free_port(), wanted=is_known, on_found=receive, use_zeroconf=True)
    )
    with announcing_host(address) as sock:
        number = 0
        while number < rounds or not arrived.is_set():
            for octets in forged(number):
                sock.sendto(octets, GROUP)
            for step in range(20):
                sock.sendto(announcement(b"Twin %d.%d" % (number, step), invented(number * 20 + step), address), GROUP)
            sock.sendto(announcement(b"Office", KNOWN, address), GROUP)
            number += 1
            await asyncio.sleep(0.005)
            for station in stations:
                records = station.zeroconf.cache.cache.values()
                most = max(
                    most, sum(len(record.text) if hasattr(record, "text") else 0 for of in records for record in of)
                )
        searching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await searching
    return most, troubles


def test_forged_announcements_hide_no_server_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    address = network_address()
    stations: list[Any] = []
    honest = mdns.AsyncZeroconf

    def opened(*args: Any, **named: Any) -> Any:
        stations.append(honest(*args, **named))
        return stations[-1]

    monkeypatch.setattr(mdns, "AsyncZeroconf", opened)
    monkeypatch.setattr(mdns, "REMEMBERED_OCTETS_MAX", 256 * 1024)
    most, troubles = asyncio.run(asyncio.wait_for(forge(address, 150, stations), 120))
    assert troubles == []
    assert stations
    assert most < 512 * 1024

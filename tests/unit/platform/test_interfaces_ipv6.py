"""IPv6 addresses of interfaces: where a server is reached, which sources its beacon answers, which address DNS-SD
announces."""

import asyncio
import logging
import socket
import sys
from collections.abc import Sequence
from ipaddress import IPv4Interface, IPv6Interface, ip_address

import pytest
from zeroconf import IPVersion, ServiceInfo

from lanchat.discovery.mdns import MdnsEndpoint, Watcher
from lanchat.platform.network.interfaces import Interface, is_host, serving, with_zone
from lanchat.protocol.datagram.beacon import PROBE_SIZE, SERVICE_TYPE, TOKEN_SIZE, Advert, encode_probe, encode_txt
from lanchat_server.service.net.beacon import Beacon
from tests.support.ports import free_port

OWN = (IPv6Interface("fe80::5/64"), IPv6Interface("fd77::5/64"))
LAN = Interface("eth0", 2, (IPv4Interface("10.1.2.3/24"),), OWN)
LINK_LOCAL = Interface("eth1", 3, (), (IPv6Interface("fe80::5/64"),))
LOOPBACK = Interface("lo", 1, (IPv4Interface("127.0.0.1/8"),), (IPv6Interface("::1/128"),))
EVERYTHING = [LOOPBACK, LAN, LINK_LOCAL]
ADVERT = Advert(b"l" * 16, "ab" * 32, 47400, "Office")


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        (None, EVERYTHING),
        ("::1", [Interface("lo", 1, (), LOOPBACK.ipv6)]),
        ("fd77::5", [Interface("eth0", 2, (), OWN[1:])]),
        ("fe80::5", [Interface("eth0", 2, (), OWN[:1]), LINK_LOCAL]),
        ("fe80::5%eth1", [LINK_LOCAL]),
        ("fe80::5%2", [Interface("eth0", 2, (), OWN[:1])]),
        ("fe80::5%eth7", []),
        ("10.1.2.3", [Interface("eth0", 2, LAN.addresses)]),
    ],
)
def test_server_is_reached_where_it_listens(host: str | None, reached: list[Interface]) -> None:
    assert serving(EVERYTHING, host) == reached


@pytest.mark.parametrize(
    ("address", "one"), [("fe80::1", True), ("fd77::1", True), ("::1", True), ("ff02::1", False), ("::", False)]
)
def test_multicast_group_is_no_host(address: str, one: bool) -> None:
    assert is_host(ip_address(address)) == one


def test_zone_is_an_interface_name() -> None:
    """But a number on Windows, which knows no others."""
    index, name = socket.if_nameindex()[0]
    assert with_zone("fe80::1", index) == f"fe80::1%{index if sys.platform == 'win32' else name}"
    assert with_zone("fe80::1", 999_999) == "fe80::1%999999"


@pytest.mark.parametrize(
    ("host", "source", "reason"),
    [
        (None, ("fe80::9%eth0", 999, 0, 2), ""),
        (None, ("fd99::9", 999, 0, 0), ""),
        (None, ("::1", 999, 0, 0), ""),
        (None, ("2a00::9", 999, 0, 0), "source is on another network"),
        (None, ("fe80::9%eth0", 0, 0, 2), "source is no single computer"),
        (None, ("ff02::1%eth0", 999, 0, 2), "source is no single computer"),
        (None, ("::", 999, 0, 0), "source is no single computer"),
        ("::1", ("fe80::9%eth0", 999, 0, 2), "source is on another network"),
        ("fd77::5", ("fd99::9", 999, 0, 0), "source is on another network"),
    ],
)
def test_beacon_answers_local_sources_only(host: str | None, source: tuple[str, int, int, int], reason: str) -> None:
    async def play() -> list[str]:
        beacon = Beacon(ADVERT, free_port(), host, logging.getLogger("test"))
        beacon.speak_ipv6()
        assert beacon._ipv6 is not None
        await beacon.reconcile(EVERYTHING)
        beacon._ipv6.datagram_received(encode_probe(bytes(TOKEN_SIZE)), source)
        beacon._ipv6.datagram_received(b"x" * PROBE_SIZE, source)
        dropped = list(beacon.dropped)
        beacon.close()
        return [text for text in dropped if text.startswith("source")]

    assert asyncio.run(play()) == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("addresses", "place", "host"),
    [
        (["fe80::1"], LINK_LOCAL, "fe80::1%3"),
        (["fe80::1", "fd77::1"], LAN, "fd77::1"),
        (["fe80::1", "fd77::1", "10.1.2.9"], LAN, "10.1.2.9"),
        (["10.9.9.9", "fe80::1"], LAN, "fe80::1%2"),
        (["10.9.9.9", "fe80::1"], LINK_LOCAL, "fe80::1%3"),
        (["::1", "ff02::1", "::"], LAN, None),
    ],
)
def test_browser_takes_the_address_reachable_from_its_interface(
    addresses: Sequence[str], place: Interface, host: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_name(index: int) -> str:
        raise OSError(index)

    monkeypatch.setattr(socket, "if_indextoname", no_name)
    found: list[str] = []
    watcher = Watcher(
        MdnsEndpoint(place, IPVersion.V6Only), lambda advert, host, source: found.append(host), lambda s: None
    )
    packed = [ip_address(address).packed for address in addresses]
    name = f"Office.{SERVICE_TYPE}"
    watcher._report(ServiceInfo(SERVICE_TYPE, name, port=47400, properties=encode_txt(ADVERT), addresses=packed))
    assert found == ([host] if host else [])

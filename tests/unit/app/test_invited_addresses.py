"""Which addresses a server's invite link contains, and in which order a client tries those of a link."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.login.trust import Candidate, server_view
from lanchat.platform.network import interfaces
from lanchat.protocol.text.identity import make_invite, parse_invite_untrusted
from lanchat.transport import connecting
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.scripted_client import Person


def adapters(found: dict[str, Sequence[str]]) -> list[Any]:
    return [
        SimpleNamespace(
            name=name,
            index=number,
            ips=[
                SimpleNamespace(
                    ip=(text, 0, number) if ":" in text else text, is_IPv4=":" not in text, network_prefix=24
                )
                for text in texts
            ],
        )
        for number, (name, texts) in enumerate(found.items(), 1)
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"lo": ["127.0.0.1", "::1"]}, []),
        ({"lo": ["127.0.0.1"], "eth0": ["192.168.1.5"]}, ["192.168.1.5"]),
        # A VPN has the default route; the colleagues are in the other network.
        ({"eth0": ["192.168.1.5"], "tun0": ["10.8.0.2"]}, ["10.8.0.2", "192.168.1.5"]),
        ({"eth0": ["192.168.1.5", "192.168.2.5", "fd00::5", "fe80::5"]}, ["192.168.1.5", "192.168.2.5", "fd00::5"]),
        (
            {
                "docker0": ["172.17.0.1"],
                "br-0123456789ab": ["172.18.0.1"],
                "virbr0": ["192.168.122.1"],
                "veth1": ["fe80::7"],
                "eth0": ["192.168.1.5", "169.254.3.4"],
            },
            ["192.168.1.5"],
        ),
        ({"br0": ["192.168.1.5"]}, ["192.168.1.5"]),
        ({"docker0": ["172.17.0.1"]}, ["172.17.0.1"]),
        ({"lo": ["::1"], "eth0": ["fe80::5"], "docker0": ["fe80::6"]}, ["fe80::5"]),
        ({"eth0": ["0.0.0.0", "::", "2001:db8::5"]}, ["2001:db8::5"]),
    ],
)
def test_outside_addresses_omit_local_ones(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Sequence[str]], expected: list[str]
) -> None:
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters(found))
    monkeypatch.setattr(interfaces, "_towards", lambda host, family: "10.8.0.2")
    assert interfaces.outside_addresses() == expected


OWN = """127.0.0.1 127.1 127.255.0.9 2130706433 0x7f000001 0 0.0.0.0 :: ::1 ::ffff:127.0.0.1 localhost LOCALHOST.
chat.localhost localhost.localdomain localhost4 localhost6.localdomain6 ip6-localhost ip6-loopback"""


@pytest.mark.parametrize("host", OWN.split())
def test_invite_link_never_contains_loopback(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters({"lo": ["127.0.0.1"], "eth0": ["192.168.1.5"]}))
    assert interfaces.invited_hosts(host) == ["192.168.1.5"]
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters({"lo": ["127.0.0.1", "::1"]}))
    assert interfaces.invited_hosts(host) == [socket.gethostname()]


@pytest.mark.parametrize("host", ["192.168.1.5", "10.8.0.2", "fd00::5", "fd00:0::5"])
def test_server_on_this_computer_is_invited_to_by_all_its_addresses(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    found = {"lo": ["127.0.0.1"], "eth0": ["192.168.1.5", "fd00::5"], "tun0": ["10.8.0.2"]}
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters(found))
    monkeypatch.setattr(interfaces, "_towards", lambda host, family: "10.8.0.2")
    assert interfaces.invited_hosts(host) == ["10.8.0.2", "192.168.1.5", "fd00::5"]
    for other in ("192.168.1.6", "chat.example", "notlocalhost", "fe80::9"):
        assert interfaces.invited_hosts(other) == [other]


def test_client_on_the_server_computer_invites_by_outside_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ifaddr.get_adapters", lambda: adapters({"eth0": ["192.168.1.5", "fd00::5"]}))
    view = server_view(Candidate("127.0.0.1", 47400, "Office", "probe"), "ab" * 32, api.Trust.PINNED)
    assert view.invite == make_invite("192.168.1.5", 47400, "ab" * 32, ["fd00::5"])
    view = server_view(Candidate("fe80::1%eth0", 47400, "Office", "probe"), "ab" * 32, api.Trust.PINNED)
    assert parse_invite_untrusted(view.invite).host == "fe80::1"


def test_further_addresses_of_a_link_are_tried(tmp_path: Any) -> None:
    """Nothing listens at the first, another server at the second, the server is at the third."""

    async def scenario() -> None:
        async with FakeServer() as server, FakeServer(identity=41) as other_server:
            link = f"lanchat://127.0.0.1:{free_port()}/?also={other_server.address}&also={server.address}"
            person = Person(tmp_path)
            try:
                seen = await person.call(api.ConnectCommand(invite=f"{link}#{server.fingerprint}"))
                assert (seen.host, seen.port) == (server.host, server.port)
                known = person.profile.servers()[0]
                assert (known.host, known.port) == (server.host, server.port)
            finally:
                await person.client.close()

    asyncio.run(scenario())


def test_link_without_reachable_address_finds_no_server(tmp_path: Any) -> None:
    async def scenario() -> None:
        person = Person(tmp_path)
        try:
            link = f"lanchat://127.0.0.1:{free_port()}/?also=127.0.0.1:{free_port()}#{'ab' * 32}"
            error = await person.fails(api.ConnectCommand(invite=link))
            assert error.kind is api.ErrorKind.NO_SERVER
        finally:
            await person.client.close()

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform == "win32", reason="interfaces by name")
@pytest.mark.parametrize("host", ["fe80::1", "fe80::1%absent9"])
def test_link_local_address_is_tried_on_every_interface(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    tried: list[Any] = []

    async def connect_first(places: Sequence[Any]) -> Any:
        tried.extend(places)

    monkeypatch.setattr(connecting, "_knock", connect_first)
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0"), (3, "wlan0")])
    asyncio.run(connecting.connect(host, 5))
    assert [address for _family, address in tried] == [("fe80::1", 5, 0, 2), ("fe80::1", 5, 0, 3)]

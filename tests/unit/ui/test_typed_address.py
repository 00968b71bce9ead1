"""An IPv6 address typed or pasted into the window, and the address that is connected to."""

import pytest

from lanchat.app import api
from lanchat.protocol.text.identity import DEFAULT_PORT, parse_address, parse_invite_untrusted
from lanchat.ui.kit.fields.forms import address_problem
from tests.support.ui_desk import Workbench


@pytest.mark.parametrize(
    ("typed", "host", "port"),
    [
        ("fe80::1%eth0", "fe80::1%eth0", DEFAULT_PORT),
        ("fe80::1%25eth0", "fe80::1%eth0", DEFAULT_PORT),
        ("FE80::1%3", "fe80::1%3", DEFAULT_PORT),
        ("[fe80::1%eth0]", "fe80::1%eth0", DEFAULT_PORT),
        (" [fe80::1%eth0]:45000 ", "fe80::1%eth0", 45000),
        ("[fe80::1%25wlan0.1]:45000", "fe80::1%wlan0.1", 45000),
        ("fe80::1", "fe80::1", DEFAULT_PORT),
        ("fd77::1", "fd77::1", DEFAULT_PORT),
        ("[fd77::1]:1", "fd77::1", 1),
        ("\u2066[fd77::1]:45000\u2069", "fd77::1", 45000),
    ],
)
def test_typed_ipv6_address_is_used(typed: str, host: str, port: int) -> None:
    assert address_problem(typed) == ""
    bench = Workbench()
    bench.flow.connect(typed)
    (command,) = bench.engine.called(api.ConnectCommand)
    assert command.invite == ""
    assert parse_address(command.address, DEFAULT_PORT) == (host, port)


def test_pasted_link_keeps_the_zone() -> None:
    link = f"lanchat://[fe80::1%25eth0]:45000/#{'ab' * 32}"
    bench = Workbench()
    bench.flow.connect(link)
    (command,) = bench.engine.called(api.ConnectCommand)
    assert command.address == ""
    assert parse_invite_untrusted(command.invite).host == "fe80::1%eth0"


def test_found_server_keeps_its_zone() -> None:
    bench = Workbench()
    bench.flow.choose(api.Server("Office", "fe80::1%eth0", 45000, "ab" * 32, "", "zeroconf", api.Trust.NEW))
    (command,) = bench.engine.called(api.ConnectCommand)
    assert parse_address(command.address, 1) == ("fe80::1%eth0", 45000)


@pytest.mark.parametrize(
    "typed", ["fe80::1%", "[fe80::1%eth0", "fe80::1%eth/0", "192.168.1.5%eth0", "[fe80::1%eth0]:x"]
)
def test_invalid_ipv6_address_is_refused_with_a_message(typed: str) -> None:
    assert "not an address" in address_problem(typed)

"""Which connections end in a program of this computer that its user may trust."""

import os
import socket
import sys
from pathlib import Path

import pytest

from lanchat.platform.network import own_end
from lanchat.platform.network.own_end import is_trusted_end

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's table of sockets")


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.5"), (socket.AF_INET6, "::1")]
)
def test_own_listener_is_trusted(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip("no such address here")
        listener.listen()
        client = socket.create_connection(listener.getsockname()[:2], source_address=(host, 0))
        server, _address = listener.accept()
        with client, server:
            assert is_trusted_end(client.getsockname(), client.getpeername())


@pytest.mark.parametrize(
    ("own", "peer"),
    [
        (("192.168.1.5", 40000), ("192.168.1.6", 47400)),
        (("127.0.0.1", 40000), ("192.168.1.6", 47400)),
        (("fe80::1%eth0", 40000, 0, 2), ("fe80::2%eth0", 47400, 0, 2)),
        ((), ()),
    ],
)
def test_other_computers_are_not_trusted(own: tuple[object, ...], peer: tuple[object, ...]) -> None:
    assert not is_trusted_end(own, peer)


@linux
@pytest.mark.parametrize(
    ("user", "trusted"),
    [(0, True), (112, True), (999, True), (61184, True), (1000, False), (65534, False), (100_000, False)],
)
def test_listeners_of_other_people_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, trusted: bool
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    table = tmp_path / "tcp"
    line = f"   2: 0100007F:B928 0100007F:AB34 01 00000000:00000000 00:00000000 00000000 {user:5d} 0 15 2 0"
    if sys.byteorder == "big":
        line = line.replace("0100007F", "7F000001")
    table.write_text(f"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n{line}\n")
    monkeypatch.setitem(own_end._TABLES, socket.AF_INET, table)
    monkeypatch.setitem(own_end._TABLES, socket.AF_INET6, tmp_path / "absent")
    assert is_trusted_end(("127.0.0.1", 0xAB34), ("127.0.0.1", 0xB928)) is trusted
    assert is_trusted_end(("::ffff:127.0.0.1", 0xAB34), ("127.0.0.1", 0xB928)) is trusted
    assert not is_trusted_end(("127.0.0.1", 0xAB35), ("127.0.0.1", 0xB928))

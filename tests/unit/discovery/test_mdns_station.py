"""A DNS-SD endpoint receives from its own interface only, from its first datagram on."""

import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.discovery import mdns


@pytest.mark.skipif(sys.platform != "linux", reason="other systems deliver by interface")
def test_datagrams_received_before_interface_choice_are_discarded() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        for _ in range(3):
            sender.sendto(b"an announcement on another interface", ours.getsockname())
        zeroconf: Any = SimpleNamespace(engine=SimpleNamespace(_listen_socket=None, _respond_sockets=[ours]))
        mdns._limit_to_own_interface(zeroconf)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        sender.sendto(b"later", ours.getsockname())
        assert ours.recv(16) == b"later"

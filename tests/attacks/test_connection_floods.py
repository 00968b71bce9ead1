"""Many connections, handshakes in single octets, frames above the budget."""

import contextlib
import random
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from lanchat.protocol import wire
from lanchat.protocol.wire import pack_frame
from tests.attacks.recording_client import RecordingClient, observed_server
from tests.attacks.unauthenticated_floods import client_hello, source_address
from tests.support.raw import RawClient
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingClient]:
    with observed_server(tmp_path_factory.mktemp("server") / "data") as (_, watcher):
        yield watcher


def connections(port: int, count: int, first: int, octets: bytes = b"") -> Iterator[socket.socket]:
    for number in range(first, first + count):
        sock = socket.create_connection(("127.0.0.1", port), 5, (source_address(number), 0))
        if octets:
            sock.send(octets)
        yield sock


@pytest.mark.parametrize(
    "octets", [b"", b"\x16", client_hello()[:100], client_hello()], ids=["silent", "an octet", "a part", "a greeting"]
)
def test_connections_from_many_addresses_do_not_block_logins(watcher: RecordingClient, octets: bytes) -> None:
    """More connections than slots of their kind, each from an address of its own."""
    crowd = list(connections(watcher.port, 700 if len(octets) < 200 else 150, 1000, octets))
    try:
        with RawClient(watcher.port) as client:
            name = f"late{random.getrandbits(40):x}"
            assert isinstance(client.register(name), wire.LoggedIn)
        with RawClient(watcher.port, key=client.key) as again:
            assert isinstance(again.log_in_by_key(), wire.LoggedIn)
        wait_until(lambda: watcher.counter("tls_crowded_out"), 5, "some of the crowd had to go")
    finally:
        for sock in crowd:
            sock.close()


def test_client_hello_may_arrive_octet_by_octet(watcher: RecordingClient) -> None:
    """A slow connection is no attack: the handshake succeeds however it is fragmented. The first 64 octets come one
    by one, and the last one: all of them would take a busy machine longer than a handshake may."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["lanchat/1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    with socket.create_connection(("127.0.0.1", watcher.port), 5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                octets = outgoing.read()
                for piece in (*(octets[i : i + 1] for i in range(64)), octets[64:-1], octets[-1:]):
                    if piece:
                        sock.send(piece)
                        time.sleep(0.0005)
                incoming.write(sock.recv(65536))
    assert tls.version() == "TLSv1.3"


def test_invalid_or_truncated_client_hello_is_closed_at_once(watcher: RecordingClient) -> None:
    for octets in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x00\x01\x00\x00\x00", random.Random(1).randbytes(500)):
        with socket.create_connection(("127.0.0.1", watcher.port), 5) as sock:
            sock.send(octets)
            with contextlib.suppress(ConnectionError):
                assert sock.recv(100) == b""
    # A greeting that ends in the middle, too: nothing more will come.
    with socket.create_connection(("127.0.0.1", watcher.port), 5) as sock:
        sock.send(client_hello()[:-1])
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            assert sock.recv(100) == b""


def test_frames_over_the_budget_are_delayed_not_lost(watcher: RecordingClient) -> None:
    count = 1000
    with RawClient(watcher.port) as client:
        client.register(f"hasty{random.getrandbits(40):x}")
        began = time.monotonic()
        client.sock.sendall(b"".join(pack_frame(wire.Ping(number)) for number in range(1, count + 1)))
        tokens = [client.wait_for(wire.Pong).token for _ in range(count)]
        took = time.monotonic() - began
    assert tokens == list(range(1, count + 1))
    # 520 at once, 140 a second.
    assert took > (count - 600) / 200
    assert watcher.counter("tls_slowed_down") > 0


def test_datagrams_over_the_budget_are_dropped(watcher: RecordingClient) -> None:
    with RecordingClient(watcher.port) as client:
        client.register(f"torrent{random.getrandbits(40):x}")
        taken, dropped = watcher.counter("udp_in"), watcher.counter("udp_over_rate")
        took = _send_until_counted(watcher, client, [wire.Ping(1)], taken + dropped + 1500)
        # 520 at once, 140 a second.
        assert 520 <= watcher.counter("udp_in") - taken <= 520 + 140 * (took + 1)
        assert watcher.counter("udp_over_rate") > dropped
        client.frames()
        wait_until(lambda: client.send_datagram(wire.Ping(9999)) and client.frames(0.1), 5, "datagrams are taken again")


def test_each_frame_of_a_datagram_counts_in_the_budget(watcher: RecordingClient) -> None:
    with RecordingClient(watcher.port) as client:
        client.register(f"dense{random.getrandbits(40):x}")
        taken, dropped = watcher.counter("udp_in"), watcher.counter("udp_over_rate")
        pings = [wire.Ping(number) for number in range(1, 17)]
        took = _send_until_counted(watcher, client, pings, taken + dropped + 100)
        # 520 frames at once, 140 a second.
        assert 32 <= watcher.counter("udp_in") - taken <= (520 + 140 * (took + 1)) / 16


def _send_until_counted(
    watcher: RecordingClient, client: RecordingClient, frames: list[wire.Ping], count: int
) -> float:
    """Datagrams of these frames until the server has counted `count`: on a busy computer the kernel drops some. Returns
    the seconds that it took."""
    began = time.monotonic()

    def send() -> bool:
        for _ in range(50):
            client.send_datagram(*frames)
        return _datagrams_counted(watcher) >= count

    wait_until(send, 20, "the server has seen so many", interval=0.0)
    return time.monotonic() - began


def _datagrams_counted(watcher: RecordingClient) -> int:
    return watcher.counter("udp_in", "udp_over_rate")

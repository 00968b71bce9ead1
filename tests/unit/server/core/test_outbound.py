"""Efficient fan-out: full datagrams, one system call for several, gathered batches."""

import asyncio
import errno
import itertools
import socket
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanchat.platform.network import segmentation
from lanchat.platform.network.segmentation import SEGMENTS_MAX
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram import seal
from lanchat.protocol.limits import DATAGRAM_MAX, INLINE_BODY_MAX
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import decode_server_datagram_untrusted
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.relay.outbound import PAYLOAD_MAX, _chunks, _filler, merged, pack_frames, pack_records
from lanchat_server.service.net.datagrams import DatagramRelay
from tests.support.rig import GENERAL, Rig

LOG_ID = b"l" * 16
HEAD = Head(1, 2**62, 9, bytes(32), 2**40, bytes(64))
HEADER = b"h" * 60


def records(sizes: list[int]) -> list[Record]:
    return [Record(i, 2**40, HEADER, bytes(64), b"x" * size) for i, size in enumerate(sizes, 1)]


def bodies(datagrams: tuple[bytes, ...]) -> list[list[int]]:
    """The lengths of the bodies in each datagram."""
    frames = [decode_server_datagram_untrusted(datagram) for datagram in datagrams]
    return [[len(record.body or b"") for frame in each for record in frame.records] for each in frames]


# --- Packing -----------------------------------------------------------------------------------------------------


def test_three_short_messages_share_a_datagram_with_the_head() -> None:
    packed = pack_records(2**62, records([200] * 3), HEAD, INLINE_BODY_MAX)
    assert bodies(packed.datagrams) == [[200, 200, 200]]


def test_head_of_a_full_datagram_follows_in_the_next_one() -> None:
    packed = pack_records(2**62, records([INLINE_BODY_MAX]), HEAD, INLINE_BODY_MAX)
    assert all(len(datagram) <= PAYLOAD_MAX + 3 for datagram in packed.datagrams)
    assert bodies(packed.datagrams) == [[INLINE_BODY_MAX], []]
    assert decode_server_datagram_untrusted(packed.datagrams[-1])[-1].head == HEAD


@given(st.lists(st.integers(0, INLINE_BODY_MAX), max_size=40), st.booleans())
def test_datagrams_are_full_and_never_too_long(sizes: list[int], with_head: bool) -> None:
    packed = pack_records(2**62, records(sizes), HEAD if with_head else None, INLINE_BODY_MAX)
    assert all(len(datagram) <= PAYLOAD_MAX + 3 for datagram in packed.datagrams)
    found = bodies(packed.datagrams)
    assert [size for each in found for size in each] == sizes
    for one, other in itertools.pairwise(found[:-1]):
        extra = len(encode(Record(1, 2**40, HEADER, bytes(64), b""))) + 2
        assert sum(one) + len(one) * extra + other[0] + extra > PAYLOAD_MAX - 40


@pytest.mark.parametrize("missing", [1, 2, 3, 100, 257, 258, 259, 300])
def test_several_datagrams_are_padded_to_one_length(missing: int) -> None:
    packed = pack_records(2**62, records([900 - missing, 900, 900, 900, 900, 300]), None, INLINE_BODY_MAX)
    lengths = [len(datagram) for datagram in packed.datagrams]
    assert len(set(lengths[:-1])) == 1
    assert lengths[-1] <= lengths[0]
    assert bodies(packed.datagrams) == [[900 - missing], [900], [900], [900], [900], [300]]


def test_expensive_padding_is_omitted() -> None:
    plain = pack_records(2**62, records([300, 900]), None, INLINE_BODY_MAX).datagrams
    assert sum(map(len, plain)) < 300 + 900 + 2 * 180


@given(st.lists(st.tuples(st.integers(1, 2**63 - 1), st.lists(st.integers(0, 1000), min_size=1)), max_size=12))
def test_rooms_share_datagrams_without_loss(rooms: list[tuple[int, list[int]]]) -> None:
    parts = [pack_records(room, records(sizes), HEAD, INLINE_BODY_MAX) for room, sizes in rooms]
    whole = merged(parts)
    assert all(len(datagram) <= PAYLOAD_MAX + 3 for datagram in whole.datagrams)
    assert len(whole.datagrams) <= sum(len(part.datagrams) for part in parts)
    frames = [frame for datagram in whole.datagrams for frame in decode_server_datagram_untrusted(datagram)]
    alone = [f for part in parts for datagram in part.datagrams for f in decode_server_datagram_untrusted(datagram)]
    assert frames == alone
    assert whole.stream == b"".join(part.stream for part in parts)
    assert whole.large == b"".join(part.large for part in parts)


def test_sixty_rooms_with_a_short_message_need_twenty_datagrams() -> None:
    parts = [pack_records(2**62 + i, records([20]), HEAD, INLINE_BODY_MAX) for i in range(60)]
    assert len(merged(parts).datagrams) == 20


def test_many_small_frames_are_sixteen_to_a_datagram() -> None:
    packed = pack_frames([wire.Pong(1)] * 40)
    assert [len(decode_server_datagram_untrusted(datagram)) for datagram in packed.datagrams] == [16, 16, 8]


# --- Sending together ----------------------------------------------------------------------------------------------


class Receiver:
    """A client's socket and key."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(2)
        self.keys = wire.SessionKeys(7, b"a" * 32, b"b" * 32, 3_600_000)
        self.opener = seal.Opener(self.keys.to_client, 7, LOG_ID, 1)

    def hello(self, port: int) -> None:
        sealer = seal.Sealer(self.keys.to_server, 7, LOG_ID, 1)
        self.sock.sendto(sealer.seal(encode([wire.Ping(1)])), ("127.0.0.1", port))

    def receive(self, count: int) -> list[bytes]:
        return [self.opener.open_untrusted(self.sock.recv(2048)) for _ in range(count)]


class RefusingSocket:
    """A socket that refuses several datagrams at once; EIO: on a device that computes no checksums."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self._number = number
        self.sendto = sock.sendto
        self.fileno = sock.fileno
        self.close = sock.close

    def sendmsg(self, *_: object) -> int:
        raise OSError(self._number, "refused")


def send_batch(payloads: list[bytes], *, refused: int = 0, expected: int = -1) -> tuple[list[bytes], dict[str, int]]:
    """What a client receives of a batch, and what the relay counted."""
    counted: dict[str, int] = {}

    def count(reason: str, number: int = 1) -> None:
        counted[reason] = counted.get(reason, 0) + number

    async def run() -> list[bytes]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        known = asyncio.Event()
        relay = DatagramRelay(sock, LOG_ID, 1, lambda session, frame: known.set(), lambda: None, count)
        relay.start()
        receiver = Receiver()
        try:
            relay.open_channel(3, receiver.keys)
            assert relay.send_all([3, 4], payloads) == [3, 4], "no address is known yet"
            receiver.hello(sock.getsockname()[1])
            await asyncio.wait_for(known.wait(), 2)
            if refused:
                relay._sock = RefusingSocket(relay._sock, refused)  # type: ignore[assignment]
            assert relay.send_all([3], payloads) == []
            found = await asyncio.to_thread(receiver.receive, len(payloads) if expected < 0 else expected)
            assert relay._segments == (segmentation.cuts_up(sock) and refused != errno.EIO)
            return found
        finally:
            relay.close()
            receiver.sock.close()

    return asyncio.run(run()), counted


@pytest.mark.parametrize("count", [1, 2, 21, SEGMENTS_MAX, SEGMENTS_MAX + 1, 2 * SEGMENTS_MAX + 5])
def test_batch_arrives_as_separate_datagrams(count: int) -> None:
    payloads = [bytes([i % 256]) * 1150 for i in range(count - 1)] + [b"last" * 50]
    got, counted = send_batch(payloads)
    assert got == payloads
    assert counted["udp_out"] == count


def test_payloads_of_different_lengths_are_sent_one_by_one() -> None:
    payloads = [b"a" * 100, b"b" * 900, b"c" * 20]
    got, counted = send_batch(payloads)
    assert got == payloads
    assert counted["udp_out"] == 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux cuts datagrams up")
def test_device_without_segmentation_is_detected_without_loss() -> None:
    payloads = [bytes([i]) * 1150 for i in range(5)]
    got, counted = send_batch(payloads, refused=errno.EIO)
    assert got == payloads
    assert counted["udp_out"] == 5


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux cuts datagrams up")
def test_unreachable_client_is_counted_and_raises_nothing() -> None:
    got, counted = send_batch([bytes([i]) * 1150 for i in range(5)], refused=errno.ENETUNREACH, expected=0)
    assert got == []
    assert counted["udp_send_failed"] == 5


def test_sealed_payload_fits_a_datagram() -> None:
    sealer = seal.Sealer(b"k" * 32, 1, LOG_ID, 1)
    assert len(sealer.seal(bytes(PAYLOAD_MAX))) <= DATAGRAM_MAX


# --- Gathering -----------------------------------------------------------------------------------------------------


def submit(rig: Rig, count: int, now: float) -> None:
    author = rig.authors[2]
    rig.core.receive(2, wire.Submit([author.message(f"m{now}-{i}") for i in range(count)]), Transport.TLS, now)


@pytest.fixture
def rig() -> Rig:
    rig = Rig(CoreConfig(message_rate=1000, message_burst=1000, total_rate=1000))
    rig.core.add_session(2, 2, rig.authors[2].device, 0.0)
    rig.core.handle_timer(0.9)  # presence
    return rig


def commit(rig: Rig, now: float) -> int:
    """The size of the batch that is due now; 0 for none."""
    batch = rig.core.next_batch(now)
    if batch is None:
        return 0
    rig.core.committed(rig.sequencer.commit(rig.store, batch, int(now * 1000)), now)
    return len(batch)


def test_first_message_after_a_pause_is_sent_at_once(rig: Rig) -> None:
    submit(rig, 1, 1.0)
    assert commit(rig, 1.0) == 1
    submit(rig, 1, 1.001)
    assert commit(rig, 1.001) == 0
    due = rig.core.timer()
    assert due == 1.0 + rig.config.gather
    submit(rig, 2, 1.003)
    assert commit(rig, 1.003) == 0
    assert commit(rig, due) == 3
    submit(rig, 1, due + rig.config.gather)
    assert commit(rig, due + rig.config.gather) == 1


@pytest.mark.parametrize(
    ("size", "wait"), [(1, 0.005), (3, 0.005), (4, 0.01), (8, 0.02), (12, 0.03), (39, 0.095), (40, 0.1), (127, 0.1)]
)
def test_gather_time_grows_with_the_batch_size(rig: Rig, size: int, wait: float) -> None:
    submit(rig, size, 1.0)
    assert commit(rig, 1.0) == size
    submit(rig, 1, 1.001)
    assert rig.core.timer() == pytest.approx(1.0 + wait)


@pytest.mark.parametrize(("receivers", "wait"), [(99, 0.005), (100, 0.005), (101, 0.0052), (400, 0.065), (1000, 0.1)])
def test_gather_time_grows_with_the_number_of_receivers(rig: Rig, receivers: int, wait: float) -> None:
    for session in range(100, 100 + receivers):
        rig.core.add_session(session, 1, rig.authors[1].device, 0.0)
        rig.core.subscribe(session, [GENERAL])
    rig.core.handle_timer(0.9)  # presence
    submit(rig, 1, 1.0)
    assert commit(rig, 1.0) == 1
    submit(rig, 1, 1.001)
    assert rig.core.timer() == pytest.approx(1.0 + wait)


def test_enough_messages_do_not_wait(rig: Rig) -> None:
    submit(rig, 1, 1.0)
    assert commit(rig, 1.0) == 1
    submit(rig, rig.config.gather_enough, 1.001)
    assert commit(rig, 1.001) == rig.config.gather_enough
    assert len(rig.texts()) == 1 + rig.config.gather_enough


@pytest.mark.parametrize("size", [*range(1, 5), *range(250, 265), 700])
def test_filler_has_the_requested_size(size: int) -> None:
    assert len(encode(_filler(size))) == size


def test_chunks_are_as_full_as_allowed() -> None:
    chunks = list(_chunks([msgspec.Raw(bytes(10))] * 5, 20))
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [len(chunk) for chunk in _chunks([msgspec.Raw(bytes(10))] * 3, 19)] == [1, 1, 1]
    assert [len(chunk) for chunk in _chunks([msgspec.Raw(bytes(30))] * 2, 20)] == [1, 1]
    assert list(_chunks([], 20)) == []

"""The side of a server that carries contents of files, in memory: does what a test tells it.

It believes every ticket once, keeps what is offered and gives it to everybody. `fault` is called with each part of a
client (a frame, or the number of a chunk) before it is taken: it may cut connections, or return a frame that is sent
instead of an answer.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Callable
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log.files import check_chunk, check_leaves, chunk_count, leaf_hash, root_hash
from lanchat.protocol.wire.bulk import PART_HEAD_OCTETS, pack_bulk, part_head, part_head_untrusted

Fault = Callable[[Any], Any]


class FakeBulk:
    """`contents` by root, `leaves` by root; `partial`: chunks of contents that are not whole yet. `heard`: frames, and
    numbers of chunks, in order."""

    def __init__(self) -> None:
        self.contents: dict[bytes, bytes] = {}
        self.leaves: dict[bytes, bytes] = {}
        self.partial: dict[bytes, list[bytes]] = {}
        self.heard: list[Any] = []
        self.fault: Fault = lambda part: None
        self.largest = 1 << 31
        self._tickets: set[bytes] = set()
        self._numbers = itertools.count(1)
        self._transports: list[asyncio.Transport] = []

    def ticket(self) -> wire.TransferTicket:
        ticket = next(self._numbers).to_bytes(32, "big")
        self._tickets.add(ticket)
        return wire.TransferTicket(ticket, 10_000, self.largest)

    def take(self, transport: asyncio.Transport) -> None:
        """A connection of the bulk ALPN."""
        self._transports.append(transport)
        transport.set_protocol(_Connection(self, transport))

    def cut(self) -> None:
        """Every connection ends, as after a power cut."""
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.abort()

    def put(self, contents: bytes) -> bytes:
        """The root of contents that the server has from now on."""
        leaves = b"".join(leaf_hash(part) for part in chunks_of(contents))
        root = root_hash(len(contents), leaves)
        self.contents[root], self.leaves[root] = contents, leaves
        return root

    def use(self, ticket: bytes) -> bool:
        try:
            self._tickets.remove(ticket)
        except KeyError:
            return False
        return True


def chunks_of(contents: bytes) -> list[bytes]:
    return [contents[first : first + CHUNK_OCTETS] for first in range(0, len(contents), CHUNK_OCTETS)]


class _Connection(asyncio.Protocol):
    def __init__(self, bulk: FakeBulk, transport: asyncio.Transport) -> None:
        self._bulk = bulk
        self._transport = transport
        self._octets = bytearray()
        self._offer: wire.OfferContents | None = None
        self._ours = False

    def data_received(self, data: bytes) -> None:
        self._octets += data
        while len(self._octets) >= PART_HEAD_OCTETS and not self._transport.is_closing():
            head = part_head_untrusted(self._octets[:PART_HEAD_OCTETS])
            end = PART_HEAD_OCTETS + head.length
            if len(self._octets) < end:
                return
            payload = bytes(self._octets[PART_HEAD_OCTETS:end])
            del self._octets[:end]
            part = wire.decode_bulk_from_client_untrusted(payload) if not head.number else head.number
            self._bulk.heard.append(part)
            answer = self._bulk.fault(part)
            if self._transport.is_closing():
                return
            if answer is not None:
                self._offer = None
                self.send(answer)
            elif head.number:
                self._chunk(head.number, payload)
            else:
                self._frame(part)

    def send(self, frame: Any) -> None:
        self._transport.write(pack_bulk(frame))

    def _frame(self, frame: Any) -> None:
        bulk = self._bulk
        match frame:
            case wire.UseTicket():
                self._ours = bulk.use(frame.ticket)
                self.send(wire.TransferDone() if self._ours else wire.TransferRefused(wire.Code.NOT_ALLOWED, ""))
            case wire.OfferContents():
                check_leaves(frame.root, frame.size, frame.leaves)
                self._offered(frame)
            case wire.GetLeaves():
                contents = bulk.contents[frame.root]
                self.send(wire.Leaves(frame.root, len(contents), bulk.leaves[frame.root]))
            case wire.GetChunks():
                chunks = chunks_of(bulk.contents[frame.root])
                for number in range(frame.first, frame.first + frame.count):
                    self._transport.write(part_head(len(chunks[number - 1]), number) + chunks[number - 1])

    def _offered(self, offer: wire.OfferContents) -> None:
        have = self._bulk.partial.setdefault(offer.root, [])
        if offer.root in self._bulk.contents or len(have) == chunk_count(offer.size):
            self._keep(offer)
            return
        self._offer = offer
        self.send(wire.ContentsWanted(len(have) + 1))

    def _chunk(self, number: int, octets: bytes) -> None:
        offer = self._offer
        if offer is None:
            return  # passed over
        check_chunk(offer.leaves, offer.size, number, octets)
        have = self._bulk.partial[offer.root]
        assert number == len(have) + 1
        have.append(octets)
        if len(have) == chunk_count(offer.size):
            self._keep(offer)

    def _keep(self, offer: wire.OfferContents) -> None:
        self._offer = None
        contents = self._bulk.contents.get(offer.root) or b"".join(self._bulk.partial.pop(offer.root, []))
        assert hashlib.sha256(contents).digest() == offer.sha256
        self._bulk.contents[offer.root], self._bulk.leaves[offer.root] = contents, offer.leaves
        self.send(wire.ContentsKept(offer.root))

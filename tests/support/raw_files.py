"""A connection for files that speaks the wire by hand, for tests against a real server."""

from typing import Any, Self

from lanchat.protocol import wire
from lanchat.protocol.limits import BULK_ALPN, CHUNK_OCTETS
from lanchat.protocol.wire.bulk import PART_HEAD_OCTETS
from tests.support.raw import ANSWER_MAX, RawClient, tls_connect
from tests.vectors.files import leaves_of, manifest_of


def offer_of(contents: bytes) -> wire.OfferContents:
    """The offer of these contents."""
    manifest = manifest_of(contents)
    return wire.OfferContents(manifest.root, manifest.size, manifest.sha256, leaves_of(contents))


def chunks_of(contents: bytes) -> dict[int, bytes]:
    """Chunks by number."""
    parts = range(0, len(contents), CHUNK_OCTETS)
    return {number: contents[first : first + CHUNK_OCTETS] for number, first in enumerate(parts, start=1)}


class RawTransfer:
    """Blocking. `ticket`: of the session of `client`, unless another one is given."""

    def __init__(self, client: RawClient, ticket: bytes | None = None, timeout: float = ANSWER_MAX) -> None:
        self.sock = tls_connect(client.port, alpn=BULK_ALPN, timeout=timeout)
        given = client.request(wire.OpenTransfers()).ticket if ticket is None else ticket
        self.opened = self.ask(wire.UseTicket(given))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def ask(self, frame: Any) -> Any:
        """The frame that answers."""
        self.sock.sendall(wire.pack_bulk(frame))
        return self.frame()

    def send_chunk(self, number: int, octets: bytes) -> None:
        """A chunk, whatever becomes of it."""
        self.sock.sendall(wire.part_head(len(octets), number) + octets)

    def frame(self) -> Any:
        """The next part, a frame."""
        number, octets = self.part()
        assert number == 0, "a chunk instead of a frame"
        return wire.decode_bulk_from_server_untrusted(octets)

    def part(self) -> tuple[int, bytes]:
        """The next part: number and octets. Raises EOFError when the server closed."""
        length, number = wire.part_head_untrusted(self._exactly(PART_HEAD_OCTETS))
        return number, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        found = bytearray(count)
        view, filled = memoryview(found), 0
        while filled < count:
            try:
                more = self.sock.recv_into(view[filled:])
            except (TimeoutError, ConnectionError) as error:
                raise EOFError from error
            if not more:
                raise EOFError
            filled += more
        return bytes(found)

    def bring(self, contents: bytes) -> Any:
        """Offer contents and send what is wanted; the last answer."""
        answer = self.ask(offer_of(contents))
        if isinstance(answer, wire.ContentsWanted):
            for number, octets in chunks_of(contents).items():
                if number >= answer.first:
                    self.send_chunk(number, octets)
            answer = self.frame()
        return answer

    def fetch(self, room: int, seq: int, contents: bytes) -> bytes:
        """What the server gives for these contents, without the leaves."""
        root, count = manifest_of(contents).root, len(chunks_of(contents))
        found = []
        for first in range(1, count + 1, 64):
            wanted = min(64, count + 1 - first)
            self.sock.sendall(wire.pack_bulk(wire.GetChunks(room, seq, root, first, wanted)))
            found += [self.part()[1] for _ in range(wanted)]
        return b"".join(found)

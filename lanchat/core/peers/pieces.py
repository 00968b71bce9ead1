"""Messages that are too large for a datagram, fetched in pieces from whoever offered them.

An offer has all but the body, whose hash the author signed: it is proven before anything is fetched. A few pieces are
asked for at a time; what does not come is asked for again, and given up after a while. Then another holder offers.
"""

from collections.abc import Iterator

import msgspec

from lanchat.core.timers import earliest
from lanchat.protocol import wire
from lanchat.protocol.log.keys import sha256
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.wire.peers import PIECE_OCTETS

# Of all bodies that are being fetched.
ASSEMBLY_OCTETS_MAX = 1 << 20
# Of those that one end offered: it may offer and never bring them.
END_OCTETS_MAX = ASSEMBLY_OCTETS_MAX // 8
# Pieces that are asked for at a time: 4 KiB are on their way.
WINDOW = 4
ASK_AGAIN = 0.4
TRIES = 8


class Fetched(msgspec.Struct, frozen=True):
    """A message that is complete, and where it came from."""

    message: Message
    end: PeerEnd
    user: int
    hops: int


class PieceSet:
    """So many octets that come in pieces, in any order."""

    def __init__(self, total: int) -> None:
        """Nothing is here."""
        self.total = total
        self._pieces: dict[int, bytes] = {}

    def missing(self) -> list[int]:
        """Offsets."""
        return [offset for offset in range(0, self.total, PIECE_OCTETS) if offset not in self._pieces]

    def add(self, offset: int, octets: bytes) -> bool:
        """Whether it is one that was missing."""
        if offset not in self.missing() or len(octets) != min(PIECE_OCTETS, self.total - offset):
            return False
        self._pieces[offset] = octets
        return True

    def is_window_full(self) -> bool:
        """Whether all pieces came that were asked for at a time."""
        return len(self._pieces) % WINDOW == 0

    def octets(self) -> bytes:
        """All of them, when nothing is missing."""
        return b"".join(part for _, part in sorted(self._pieces.items()))


class _Assembly:
    def __init__(self, end: PeerEnd, user: int, offer: wire.OfferMessage) -> None:
        self.end = end
        self.user = user
        self.offer = offer
        self.pieces = PieceSet(offer.octets)
        self.ask_at = 0.0
        self.tries = 0


class PieceCollector:
    """Bodies that are being fetched, by name."""

    def __init__(self) -> None:
        """None."""
        self._assemblies: dict[MessageKey, _Assembly] = {}

    def __contains__(self, key: MessageKey) -> bool:
        """Whether it is being fetched."""
        return key in self._assemblies

    def begin(
        self, key: MessageKey, end: PeerEnd, user: int, offer: wire.OfferMessage, now: float
    ) -> list[wire.WantPiece]:
        """Fetch what was offered and is proven; nothing when there is no room for it."""
        octets = sum(assembly.offer.octets for assembly in self._assemblies.values())
        of_end = sum(assembly.offer.octets for assembly in self._assemblies.values() if assembly.end == end)
        if (
            key in self._assemblies
            or octets + offer.octets > ASSEMBLY_OCTETS_MAX
            or of_end + offer.octets > END_OCTETS_MAX
        ):
            return []
        assembly = self._assemblies[key] = _Assembly(end, user, offer)
        return self._ask(key, assembly, now)

    def take(self, end: PeerEnd, piece: wire.Piece, now: float) -> tuple[Fetched | None, list[wire.WantPiece]]:
        """A piece came: the message, when it was the last one, and what to ask for next."""
        key = MessageKey(*msgspec.structs.astuple(piece.name))
        assembly = self._assemblies.get(key)
        if assembly is None or assembly.end != end or not assembly.pieces.add(piece.offset, piece.octets):
            return None, []
        assembly.tries = 0
        if assembly.pieces.missing():
            return None, self._ask(key, assembly, now) if assembly.pieces.is_window_full() else []
        del self._assemblies[key]
        offer, body = assembly.offer, assembly.pieces.octets()
        if sha256(body) != offer.body_hash:
            return None, []
        message = Message(offer.header, body, offer.signature)
        return Fetched(message, end, assembly.user, offer.hops), []

    def _ask(self, key: MessageKey, assembly: _Assembly, now: float) -> list[wire.WantPiece]:
        assembly.ask_at = now + ASK_AGAIN
        return [wire.WantPiece(wire.MessageName(*key), offset) for offset in assembly.pieces.missing()[:WINDOW]]

    def timer(self) -> float | None:
        """When `due` has something to ask for."""
        return earliest(*(assembly.ask_at for assembly in self._assemblies.values()))

    def due(self, now: float) -> Iterator[tuple[PeerEnd, list[wire.WantPiece]]]:
        """What is to be asked for again, and from whom; what was asked for too often is given up."""
        for key, assembly in list(self._assemblies.items()):
            if assembly.ask_at > now:
                continue
            assembly.tries += 1
            if assembly.tries > TRIES:
                del self._assemblies[key]
            else:
                yield assembly.end, self._ask(key, assembly, now)

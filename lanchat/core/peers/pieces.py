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
_WINDOW = 4
_ASK_AGAIN = 0.4
_TRIES = 8


class Fetched(msgspec.Struct, frozen=True):
    """A message that is complete, and where it came from."""

    message: Message
    end: PeerEnd
    user: int
    hops: int


class _Assembly:
    def __init__(self, end: PeerEnd, user: int, offer: wire.OfferMessage) -> None:
        self.end = end
        self.user = user
        self.offer = offer
        self.pieces: dict[int, bytes] = {}
        self.ask_at = 0.0
        self.tries = 0

    def missing(self) -> list[int]:
        """Offsets."""
        return [offset for offset in range(0, self.offer.octets, PIECE_OCTETS) if offset not in self.pieces]


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
        if assembly is None or assembly.end != end or piece.offset not in assembly.missing():
            return None, []
        if len(piece.octets) != min(PIECE_OCTETS, assembly.offer.octets - piece.offset):
            return None, []
        assembly.pieces[piece.offset] = piece.octets
        assembly.tries = 0
        if assembly.missing():
            return None, self._ask(key, assembly, now) if len(assembly.pieces) % _WINDOW == 0 else []
        del self._assemblies[key]
        offer, body = assembly.offer, b"".join(part for _, part in sorted(assembly.pieces.items()))
        if sha256(body) != offer.body_hash:
            return None, []
        message = Message(offer.header, body, offer.signature)
        return Fetched(message, end, assembly.user, offer.hops), []

    def _ask(self, key: MessageKey, assembly: _Assembly, now: float) -> list[wire.WantPiece]:
        assembly.ask_at = now + _ASK_AGAIN
        return [wire.WantPiece(wire.MessageName(*key), offset) for offset in assembly.missing()[:_WINDOW]]

    def timer(self) -> float | None:
        """When `due` has something to ask for."""
        return earliest(*(assembly.ask_at for assembly in self._assemblies.values()))

    def due(self, now: float) -> Iterator[tuple[PeerEnd, list[wire.WantPiece]]]:
        """What is to be asked for again, and from whom; what was asked for too often is given up."""
        for key, assembly in list(self._assemblies.items()):
            if assembly.ask_at > now:
                continue
            assembly.tries += 1
            if assembly.tries > _TRIES:
                del self._assemblies[key]
            else:
                yield assembly.end, self._ask(key, assembly, now)

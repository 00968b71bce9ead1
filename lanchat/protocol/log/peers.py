"""What a running client says of itself to other clients: a key for this start of it, signed with its device key.

The key is new at each start, so that no two starts seal under the same keys, and two processes of one profile are two
ends.
"""

from typing import Annotated, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codec import U63, Key16, Key32, Signature, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log import keys

PEER_INFO_MAX = 128


class PeerEnd(NamedTuple):
    """One start of a client: its device, and 63 bits that were drawn then."""

    device: bytes
    boot: int


class PeerBody(msgspec.Struct, array_like=True, frozen=True):
    """What the device key signed. `exchange_key`: X25519. `made_ms`: the client's clock; nothing follows from it."""

    log_id: Key16
    device: Key16
    boot: U63
    exchange_key: Key32
    made_ms: U63

    @property
    def end(self) -> PeerEnd:
        """Whose key it is."""
        return PeerEnd(self.device, self.boot)


class PeerInfo(msgspec.Struct, array_like=True, frozen=True):
    """Signed octets of a PeerBody."""

    octets: Annotated[bytes, msgspec.Meta(max_length=PEER_INFO_MAX)]
    signature: Signature


_decode = decoder(PeerBody)


def sign_peer(key: Ed25519PrivateKey, body: PeerBody) -> PeerInfo:
    """Sign with the device key."""
    octets = encode(body)
    return PeerInfo(octets, key.sign(keys.PEER_CONTEXT + octets))


def open_peer_untrusted(public_key: bytes, log_id: bytes, info: PeerInfo) -> PeerBody:
    """What the device with this public key said; raises ProtocolError."""
    keys.check_signature(public_key, info.signature, keys.PEER_CONTEXT, info.octets)
    body: PeerBody = _decode(info.octets)
    if body.log_id != log_id or body.device != keys.device_id(public_key):
        raise ProtocolError("peer of another log or device")
    return body

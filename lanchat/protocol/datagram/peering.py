"""Datagrams between clients: keys of a link, and the one that opens it.

    link datagram = as of the relay (seal.py), of kind 3, with epoch 0
    open datagram = kind u8 (2) || random 32 || ciphertext || tag 16, always 1,024 octets
    its key       = HKDF-SHA256(log's peer secret, salt random, info "lanchat/1 open\\0"), nonce 12 zero octets
    AD            = kind || random || log_id
    plaintext     = length u16 || content || zeros

The peer secret is known to everybody who has an account: it keeps strangers from learning anything, and proves nothing.
Open datagrams have one length, so that an answer is never larger than its question.
"""

import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lanchat.protocol.datagram.seal import KEY_OCTETS, TAG, SealLimits
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerEnd

OPEN_KIND = 2
LINK_KIND = 3
RANDOM_OCTETS = 32
OPEN_OCTETS = 1024
# A link's keys are new with each start of either end. The counter never comes near the end of its 64 bits.
LINK_LIMITS = SealLimits(packets_per_key=1 << 40)
_LENGTH = struct.Struct(">H")
_CONTENT = OPEN_OCTETS - 1 - RANDOM_OCTETS - TAG
CONTENT_MAX = _CONTENT - _LENGTH.size
_KEY_ID_OCTETS = 4


class LinkKeys(NamedTuple):
    """Keys of a link as one end has them."""

    send: bytes
    send_id: int
    receive: bytes
    receive_id: int


def link_keys(private: X25519PrivateKey, public: bytes, log_id: bytes, own: PeerEnd, other: PeerEnd) -> LinkKeys:
    """`private`: the key of `own`, `public`: that of `other`. Raises ProtocolError for a key that everybody would
    share."""
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise ProtocolError("key of small order") from error
    low, high = sorted((own, other))
    size = KEY_OCTETS + _KEY_ID_OCTETS
    octets = _hkdf(shared, log_id, b"lanchat/1 link\0" + _end(low) + _end(high), 2 * size)
    (low_key, low_id), (high_key, high_id) = (
        (part[:KEY_OCTETS], int.from_bytes(part[KEY_OCTETS:], "big")) for part in (octets[:size], octets[size:])
    )
    if own == low:
        return LinkKeys(low_key, low_id, high_key, high_id)
    return LinkKeys(high_key, high_id, low_key, low_id)


def _end(end: PeerEnd) -> bytes:
    return end.device + end.boot.to_bytes(8, "big")


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def seal_open(secret: bytes, log_id: bytes, random: bytes, content: bytes) -> bytes:
    """The datagram. `random`: 32 octets, fresh for each. Raises ProtocolError for more than CONTENT_MAX octets."""
    if len(content) > CONTENT_MAX:
        raise ProtocolError("open datagram too large")
    padded = (_LENGTH.pack(len(content)) + content).ljust(_CONTENT, b"\0")
    header = bytes([OPEN_KIND]) + random
    return header + _open_cipher(secret, random).encrypt(bytes(12), padded, header + log_id)


def unseal_open_untrusted(secret: bytes, log_id: bytes, datagram: bytes) -> bytes:
    """The content; raises ProtocolError."""
    if len(datagram) != OPEN_OCTETS or datagram[0] != OPEN_KIND:
        raise ProtocolError("not an open datagram")
    header, sealed = datagram[: 1 + RANDOM_OCTETS], datagram[1 + RANDOM_OCTETS :]
    try:
        padded = _open_cipher(secret, header[1:]).decrypt(bytes(12), sealed, header + log_id)
    except InvalidTag as error:
        raise ProtocolError("seal does not hold") from error
    length = _LENGTH.unpack_from(padded)[0]
    if length > CONTENT_MAX:
        raise ProtocolError("open datagram too large")
    return padded[_LENGTH.size : _LENGTH.size + length]


def _open_cipher(secret: bytes, random: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_hkdf(secret, random, b"lanchat/1 open\0", KEY_OCTETS))

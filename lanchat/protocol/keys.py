"""Ed25519 in one place, and the context strings that keep one signature from meaning another thing."""

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from lanchat.protocol.errors import ProtocolError

MESSAGE_CONTEXT = b"lanchat/1 message\0"
RECORD_CONTEXT = b"lanchat/1 record\0"
GENESIS_CONTEXT = b"lanchat/1 genesis\0"
HEAD_CONTEXT = b"lanchat/1 head\0"
CERTIFICATE_CONTEXT = b"lanchat/1 certificate\0"
ENROL_CONTEXT = b"lanchat/1 enrol\0"
LOGIN_CONTEXT = b"lanchat/1 login\0"

# The y coordinates, also those beyond the field's prime, of the points of small order on Curve25519 (RFC 8032 does not
# exclude them as keys). Under such a key one signature fits many texts, so whoever enrols it could say that a message
# was another one; the last two are the roots of d*y^4 + 2*y^2 = 1, where doubling twice gives the neutral point.
_PRIME = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _PRIME - 1, _PRIME, _PRIME + 1, _ORDER_8, _PRIME - _ORDER_8})


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the parts in order."""
    return hashlib.sha256(b"".join(parts)).digest()


def public_octets(key: Ed25519PrivateKey) -> bytes:
    """The raw 32-octet public key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def private_octets(key: Ed25519PrivateKey) -> bytes:
    """The raw 32-octet private key, for a file with mode 0600."""
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def private_key(octets: bytes) -> Ed25519PrivateKey:
    """The signing key of 32 raw octets; raises ValueError on any other length."""
    return Ed25519PrivateKey.from_private_bytes(octets)


def device_id(public_key: bytes) -> bytes:
    """A device is named by its key: the first 16 octets of the key's SHA-256."""
    return sha256(public_key)[:16]


def check_signature(public_key: bytes, signature: bytes, *parts: bytes) -> None:
    """Raise ProtocolError unless `signature` over the joined parts was made by the owner of `public_key`."""
    try:
        _public_key(public_key).verify(signature, b"".join(parts))
    except (InvalidSignature, ValueError) as error:
        raise ProtocolError("bad signature") from error


# Attacker: shows many keys. Honest need: the devices that write within minutes. Memory: some 300 octets each.
@lru_cache(maxsize=2048)
def _public_key(octets: bytes) -> Ed25519PublicKey:
    """Ready to check with; raises ValueError for octets that are no key, or one of small order."""
    if int.from_bytes(octets, "little") & (2**255 - 1) in _SMALL_ORDER:
        raise ValueError("a key of small order")
    return Ed25519PublicKey.from_public_bytes(octets)

"""Ed25519 in one place, and the context strings that keep one signature from meaning another thing."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from lanchat.protocol.errors import ProtocolError

MESSAGE_CONTEXT = b"lanchat/1 message\0"
RECORD_CONTEXT = b"lanchat/1 record\0"
GENESIS_CONTEXT = b"lanchat/1 genesis\0"
HEAD_CONTEXT = b"lanchat/1 head\0"
CERTIFICATE_CONTEXT = b"lanchat/1 certificate\0"
ENROL_CONTEXT = b"lanchat/1 enrol\0"
LOGIN_CONTEXT = b"lanchat/1 login\0"
ACCOUNT_CONTEXT = b"lanchat/1 account\0"
ROOM_CONTEXT = b"lanchat/1 room\0"
PEER_CONTEXT = b"lanchat/1 peer\0"
REVOCATIONS_CONTEXT = b"lanchat/1 revocations\0"


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the parts in order."""
    return hashlib.sha256(b"".join(parts)).digest()


def public_octets(key: Ed25519PrivateKey) -> bytes:
    """The raw 32-octet public key."""
    return key.public_key().public_bytes_raw()


def private_octets(key: Ed25519PrivateKey) -> bytes:
    """The raw 32-octet private key, for a file with mode 0600."""
    return key.private_bytes_raw()


def private_key(octets: bytes) -> Ed25519PrivateKey:
    """The signing key of 32 raw octets; raises ValueError on any other length."""
    return Ed25519PrivateKey.from_private_bytes(octets)


def device_id(public_key: bytes) -> bytes:
    """A device is named by its key: the first 16 octets of the key's SHA-256."""
    return sha256(public_key)[:16]


def check_signature(public_key: bytes, signature: bytes, *parts: bytes) -> None:
    """Raise ProtocolError unless `signature` over the joined parts was made by the owner of `public_key`. A key of
    small order is nobody's: one signature would fit many texts."""
    if len(public_key) != 32 or len(signature) != 64:  # libsodium trusts its caller
        raise ProtocolError("bad signature")
    try:
        crypto_sign_open(b"".join((signature, *parts)), public_key)
    except CryptoError as error:
        raise ProtocolError("bad signature") from error

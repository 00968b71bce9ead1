"""Signatures that this process has seen to be good are not checked again: a tenth of the simulator's time.

The product's code is the same. What is remembered are whole triples of public key, signature and text; whatever is
not among them is verified.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lanchat.protocol.log import keys

_FORGET_AT = 200_000
_verify = keys.check_signature
_good: set[tuple[bytes, bytes, bytes]] = set()


def _remember(public_key: bytes, signature: bytes, text: bytes) -> None:
    if len(_good) >= _FORGET_AT:
        _good.clear()
    _good.add((public_key, signature, text))


def check_signature(public_key: bytes, signature: bytes, *parts: bytes) -> None:
    """As lanchat.protocol.log.keys.check_signature."""
    text = b"".join(parts)
    if (public_key, signature, text) not in _good:
        _verify(public_key, signature, text)
        _remember(public_key, signature, text)


class SigningKey:
    """An Ed25519 key whose signatures are known to be good."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = keys.public_octets(key)

    def sign(self, text: bytes) -> bytes:
        signature = self._key.sign(text)
        _remember(self._public, signature, text)
        return signature

    def private_bytes_raw(self) -> bytes:
        return self._key.private_bytes_raw()

    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()


def signing_key(key: Ed25519PrivateKey) -> Any:
    return SigningKey(key)

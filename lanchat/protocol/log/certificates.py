"""Device certificates: the server says which user a device key belongs to, until when.

A certificate travels as the octets that were signed, so it can be handed on by anybody.
"""

from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.protocol.codec import U63, Key16, Key32, Positive, Signature, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DISPLAY_NAME_MAX, USER_NAME_MAX
from lanchat.protocol.log import keys

CERTIFICATE_LIFETIME = 72 * 3600.0
CERTIFICATE_MAX = 640


class CertificateBody(msgspec.Struct, array_like=True, frozen=True):
    """What the log key signed. The device is `keys.device_id(public_key)`. `imported`: it is nobody's device: the log
    itself made the key, for messages of this user that were brought in from another program."""

    log_id: Key16
    user: Positive
    public_key: Key32
    user_name: Annotated[str, msgspec.Meta(max_length=USER_NAME_MAX)]
    display_name: Annotated[str, msgspec.Meta(max_length=DISPLAY_NAME_MAX)]
    not_after_ms: U63
    serial: U63
    imported: bool = False

    @property
    def device(self) -> bytes:
        """The device id: the first 16 octets of SHA-256(`public_key`)."""
        return keys.device_id(self.public_key)


class Certificate(msgspec.Struct, array_like=True, frozen=True):
    """Signed octets of a CertificateBody."""

    octets: Annotated[bytes, msgspec.Meta(max_length=CERTIFICATE_MAX)]
    signature: Signature


_decode = decoder(CertificateBody)


def issue_certificate(key: Ed25519PrivateKey, body: CertificateBody) -> Certificate:
    """Sign with the log key."""
    octets = encode(body)
    return Certificate(octets, key.sign(keys.CERTIFICATE_CONTEXT + octets))


def certificate_serial(certificate: Certificate) -> int:
    """The serial of a certificate that was checked before; 0 when it cannot be read."""
    try:
        body: CertificateBody = _decode(certificate.octets)
    except ProtocolError:
        return 0
    return body.serial


def open_certificate_untrusted(log_key: bytes, log_id: bytes, certificate: Certificate) -> CertificateBody:
    """The content of a certificate of this log; raises ProtocolError. Expiry is the caller's to judge: an expired
    certificate still tells whose a stored record is."""
    keys.check_signature(log_key, certificate.signature, keys.CERTIFICATE_CONTEXT, certificate.octets)
    body = _decode(certificate.octets)
    assert isinstance(body, CertificateBody)
    if body.log_id != log_id:
        raise ProtocolError("certificate of another log")
    return body

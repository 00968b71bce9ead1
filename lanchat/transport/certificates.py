"""Self-signed certificates, a server's identity: no authority signs anything on a local network."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lanchat.protocol.limits import ALPN, BULK_ALPN


def self_signed(key: Ed25519PrivateKey) -> x509.Certificate:
    """A certificate for this key that never expires, because clients pin it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lanchat")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        # RFC 5280 section 4.1.2.5: "no well-defined expiration date".
        .not_valid_after(datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC))
        .sign(key, None)
    )


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """The key as PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """TLS 1.3 with a self-signed certificate. Raises OSError (also ssl.SSLError)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([ALPN, BULK_ALPN])
    # Clients come back by device key, not by ticket; a ticket would only be more state.
    context.num_tickets = 0
    context.load_cert_chain(certificate_file, key_file)
    return context

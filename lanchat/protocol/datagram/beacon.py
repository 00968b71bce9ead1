"""What discovery says on the wire: the beacon's two datagrams, and the TXT record and instance name of DNS-SD.

A client that looks for a server sends a probe to the well-known port (broadcast, multicast, unicast); each server
answers with an advert. All of it is a hint, an address and never an identity: whoever hears a probe can answer it
with anything, so the client compares the pinned key before it sends a secret.

    probe    exactly 256 octets   "LCBN"  version  kind 1  token 16  zeros
    answer   at most 137 octets   "LCBN"  version  kind 2  token 16  log_id 16  fingerprint 32  port 2  length 1  name

The token is random and comes back in the answer: only those who heard the probe can answer it, so nobody plants
servers blindly from outside. The probe is padded so that the answer is always smaller than the question; the beacon
is of no use to amplify an attack with a forged source address. Integers are big-endian. Padding must be zero and
nothing may follow the name: what version 1 does not define, it refuses, and a later version has another number.

The same advert goes out by DNS-SD (RFC 6763) as TXT `txtvers=1 proto=1 id=<log_id> fp=<fingerprint>`, in hex.
"""

import struct
from collections.abc import Mapping

import msgspec

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import PROTOCOL_VERSION
from lanchat.protocol.text.names import inert

DISCOVERY_PORT = 47474
# Administratively scoped (RFC 2365, section 6.1): routers keep it inside the site.
DISCOVERY_GROUP = "239.255.71.71"
# All hosts of one cable; the last four octets are those that a beacon datagram begins with.
DISCOVERY_GROUP_IPV6 = "ff02::4c43:424e"
SERVICE_TYPE = "_lanchat-relay._tcp.local."

BEACON_VERSION = 1
TOKEN_SIZE = 16
LOG_ID_SIZE = 16
FINGERPRINT_SIZE = 32
PROBE_SIZE = 256
NAME_OCTETS_MAX = 64
DEFAULT_NAME = "LAN Chat"
# A DNS label has 63 octets; three are left for the "-2" … "-99" that a name clash appends.
LABEL_OCTETS_MAX = 60

_MAGIC = b"LCBN"
_KIND_PROBE = 1
_KIND_ANSWER = 2
_HEADER = struct.Struct(f">4sBB{TOKEN_SIZE}s")
_BODY = struct.Struct(f">{LOG_ID_SIZE}s{FINGERPRINT_SIZE}sHB")
_PADDING = bytes(PROBE_SIZE - _HEADER.size)
ANSWER_SIZE_MAX = _HEADER.size + _BODY.size + NAME_OCTETS_MAX
# A dot ends a label in python-zeroconf, whose writer knows no escape; this one looks the same.
_DOT_IN_LABEL = "\u2024"


class Advert(msgspec.Struct, frozen=True):
    """Where a server says that it is: control port, 16 octets of `log_id`, fingerprint as 64 hex digits, name."""

    log_id: bytes
    fingerprint: str
    port: int
    name: str


def encode_probe(token: bytes) -> bytes:
    """A probe of PROBE_SIZE octets with this token of TOKEN_SIZE octets."""
    assert len(token) == TOKEN_SIZE
    return _HEADER.pack(_MAGIC, BEACON_VERSION, _KIND_PROBE, token) + _PADDING


def decode_probe(octets: bytes) -> bytes:
    """The probe's token. Raises ProtocolError."""
    if len(octets) != PROBE_SIZE:
        raise ProtocolError("probe of another size")
    token = _decode_header(octets, _KIND_PROBE)
    if octets[_HEADER.size :] != _PADDING:
        raise ProtocolError("probe padding is not zero")
    return token


def encode_answer(token: bytes, advert: Advert) -> bytes:
    """The answer to a probe with this token; ANSWER_SIZE_MAX octets at most. A longer name is cut."""
    assert len(token) == TOKEN_SIZE
    name = clean_name(advert.name).encode()
    header = _HEADER.pack(_MAGIC, BEACON_VERSION, _KIND_ANSWER, token)
    fingerprint = bytes.fromhex(advert.fingerprint)
    return header + _BODY.pack(advert.log_id, fingerprint, advert.port, len(name)) + name


def decode_answer(octets: bytes) -> tuple[bytes, Advert]:
    """The token and the advert; the name is safe to show. Raises ProtocolError."""
    if not _HEADER.size + _BODY.size < len(octets) <= ANSWER_SIZE_MAX:
        raise ProtocolError("answer of another size")
    token = _decode_header(octets, _KIND_ANSWER)
    log_id, fingerprint, port, length = _BODY.unpack_from(octets, _HEADER.size)
    if port == 0:
        raise ProtocolError("answer without a port")
    name = octets[_HEADER.size + _BODY.size :]
    if length != len(name):
        raise ProtocolError("answer with another name length")
    return token, Advert(log_id, fingerprint.hex(), port, _decode_name(name))


def encode_txt(advert: Advert) -> dict[str, str]:
    """The TXT record of DNS-SD."""
    return {
        "txtvers": "1",
        "proto": str(PROTOCOL_VERSION),
        "id": advert.log_id.hex(),
        "fp": advert.fingerprint,
    }


def decode_txt(txt: Mapping[bytes, bytes | None], port: int | None, label: str) -> Advert:
    """The advert of a TXT record, an SRV port and an instance label. Unknown keys are passed over (RFC 6763, section
    6.4). Raises ProtocolError."""
    if txt.get(b"txtvers") != b"1" or txt.get(b"proto") != str(PROTOCOL_VERSION).encode():
        raise ProtocolError("TXT record of another version")
    if not port:
        raise ProtocolError("service without a port")
    log_id = _decode_hex(txt.get(b"id"), LOG_ID_SIZE)
    fingerprint = _decode_hex(txt.get(b"fp"), FINGERPRINT_SIZE)
    return Advert(log_id, fingerprint.hex(), port, clean_name(label.replace(_DOT_IN_LABEL, ".")))


def service_label(name: str) -> str:
    """A server's name as the instance label of DNS-SD: not empty, LABEL_OCTETS_MAX octets at most, no dot."""
    label = _cut(clean_name(name).replace(".", _DOT_IN_LABEL), LABEL_OCTETS_MAX)
    # This one label means "subtypes" to DNS-SD (RFC 6763, section 7.1).
    return label.lstrip("_") if label.lower() == "_sub" else label


def clean_name(name: str) -> str:
    """A server's name as it is shown: inert characters, NAME_OCTETS_MAX octets at most, never empty."""
    return _cut(inert(name), NAME_OCTETS_MAX).strip() or DEFAULT_NAME


def _decode_header(octets: bytes, kind: int) -> bytes:
    magic, version, its_kind, token = _HEADER.unpack_from(octets)
    if magic != _MAGIC:
        raise ProtocolError("not a beacon datagram")
    if version != BEACON_VERSION:
        raise ProtocolError("beacon of another version")
    if its_kind != kind:
        raise ProtocolError("beacon datagram of another kind")
    return bytes(token)


def _decode_name(octets: bytes) -> str:
    try:
        return clean_name(octets.decode())
    except UnicodeDecodeError:
        raise ProtocolError("answer with a broken name") from None


def _decode_hex(digits: bytes | None, size: int) -> bytes:
    if digits is None or len(digits) != 2 * size:
        raise ProtocolError("TXT value of another size")
    try:
        octets = bytes.fromhex(digits.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        raise ProtocolError("TXT value is not hex") from None
    # Blanks between octets are nothing to Python.
    if len(octets) != size:
        raise ProtocolError("TXT value is not hex")
    return octets


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode(errors="ignore")

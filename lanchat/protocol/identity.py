"""How a server's identity is shown and handed on: fingerprint, words, invite link.

The fingerprint is the SHA-256 of the server's TLS certificate (DER). People compare eight words (64 bits) or the hex
digits; an invite link carries all 256 bits: `lanchat://host:port/#fingerprint`.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.wordlist import WORDS

WORD_COUNT = 8
INVITE_MAX = 512


class Invite(NamedTuple):
    """Where a server is and who it is."""

    host: str
    port: int
    fingerprint: str


def fingerprint_words(fingerprint: str) -> str:
    """Eight words for the first 64 bits of a fingerprint in hex."""
    return " ".join(WORDS[octet] for octet in bytes.fromhex(fingerprint)[:WORD_COUNT])


def clean_fingerprint(text: str) -> str:
    """64 lower-case hex digits; colons and blanks between them are dropped; raises ProtocolError."""
    digits = text.replace(":", "").replace(" ", "").strip().lower()
    if len(digits) != 64 or any(char not in "0123456789abcdef" for char in digits):
        raise ProtocolError("a fingerprint has 64 hex digits")
    return digits


def make_invite(host: str, port: int, fingerprint: str) -> str:
    """The invite link."""
    shown = f"[{host}]" if ":" in host else host
    return f"lanchat://{shown}:{port}/#{fingerprint}"


def parse_invite_untrusted(link: str) -> Invite:
    """Take an invite link apart; raises ProtocolError."""
    link = link.strip()
    if len(link) > INVITE_MAX:
        raise ProtocolError("not an invite link")
    try:
        parts = urlsplit(link)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProtocolError("not an invite link") from error
    if parts.scheme != "lanchat" or not host or not port or not host.isprintable() or " " in host:
        raise ProtocolError("not an invite link")
    return Invite(host, port, clean_fingerprint(parts.fragment))


def parse_address(text: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address; raises ProtocolError."""
    text = text.strip()
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProtocolError("not an address") from error
    if not host or port == 0 or parts.path or parts.query or "@" in text or any(c.isspace() for c in text):
        raise ProtocolError("not an address")
    return host, port or default_port

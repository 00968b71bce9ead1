"""How a server's identity is shown and handed on: fingerprint, words, invite link.

The fingerprint is the SHA-256 of the server's TLS certificate (DER). People compare eight words (64 bits) or the hex
digits; an invite link carries all 256 bits: `lanchat://host:port/#fingerprint`.
"""

from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text import IGNORED, clean_line
from lanchat.protocol.wordlist import WORDS

WORD_COUNT = 8
INVITE_MAX = 512
HOST_MAX = 253
# Where a server listens, TCP and UDP, unless it is told otherwise: an address that is typed without a port means it.
DEFAULT_PORT = 47400


class Invite(NamedTuple):
    """Where a server is and who it is."""

    host: str
    port: int
    fingerprint: str


# Full-width letters, digits and signs, as East Asian keyboards type them, and the ideographic full stop.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: ord(".")}
_AROUND_A_LINK = " <>\"'\u2018\u2019\u201c\u201d\u00ab\u00bb"


def tidy_address(text: str) -> str:
    """An address or invite link that somebody typed or pasted, without what was copied along: unseen marks, quotation
    marks, the line breaks of a mail in a link. Whether it is one is for the readers below."""
    text = IGNORED.sub("", clean_line(text)).translate(_NARROW).strip(_AROUND_A_LINK)
    return "".join(text.split()) if text.startswith("lanchat:") else text


def tidy_fingerprint(text: str) -> str:
    """A fingerprint that somebody typed or pasted, without unseen marks and blanks."""
    return "".join(IGNORED.sub("", clean_line(text)).translate(_NARROW).split())


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
    parts, host, port = _split(link, "not an invite link")
    if parts.scheme != "lanchat" or not port or parts.path not in ("", "/"):
        raise ProtocolError("not an invite link")
    return Invite(host, port, clean_fingerprint(parts.fragment))


def parse_address(text: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address; raises ProtocolError."""
    text = text.strip()
    if text.count(":") > 1 and not set(text) & set("[]"):
        text = f"[{text}]"
    parts, host, port = _split(f"//{text}", "not an address")
    if port == 0 or parts.path or "#" in text:
        raise ProtocolError("not an address")
    return host, port or default_port


def _split(text: str, complaint: str) -> tuple[SplitResult, str, int | None]:
    """The parts, host and port of a URL. Nothing that urlsplit would drop silently, or that makes an address look like
    another one (user@host), gets through; a host is at most 253 characters, as in DNS."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProtocolError(complaint) from error
    plain = text.isprintable() and not any(char.isspace() for char in text)
    if not plain or not host or len(host) > HOST_MAX or "@" in parts.netloc or "?" in text:
        raise ProtocolError(complaint)
    return parts, host, port

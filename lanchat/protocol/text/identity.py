"""How a server's identity is shown and handed on: fingerprint, words, invite link.

The fingerprint is the SHA-256 of the server's TLS certificate (DER). People compare eight words (64 bits) or the hex
digits; an invite link carries all 256 bits: `lanchat://host:port/#fingerprint`, or with further addresses of the same
server `lanchat://host:port/?also=host:port&also=host:port#fingerprint`. In a link the zone of an IPv6 address stands
behind `%25` (RFC 6874).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.cleaning import IGNORED, OTHER, UNASSIGNED, clean_line, kind
from lanchat.protocol.text.wordlist import WORDS

WORD_COUNT = 8
INVITE_MAX = 2048
# Of one server. Honest need: one for each network that it is in, twice with IPv6.
ADDRESSES_MAX = 8
# Of a fingerprint in hex.
DIGITS = 64
HOST_MAX = 253
LABEL_MAX = 63
# Where a server listens, TCP and UDP, unless it is told otherwise: an address that is typed without a port means it.
DEFAULT_PORT = 47400

# An interface's name or number. IFNAMSIZ of Linux is 16, BSD's too; Windows has numbers.
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,15}")


# Signs that no name or address has; at its beginning a hyphen, which commands take for an option.
_NO_HOST = re.compile(r"^-|[\x00-\x20\x7f!\"#$&'()*+,/;<=>?@\[\\\]^`{|}~]")


class InviteLink(NamedTuple):
    """Where a server is and who it is. `also`: its other addresses."""

    host: str
    port: int
    fingerprint: str
    also: tuple[tuple[str, int], ...] = ()


# Full-width letters, digits and signs, as East Asian keyboards type them, and the ideographic full stop.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3002: ord(".")}
_AROUND_A_LINK = " <>\"'\u2018\u2019\u201c\u201d\u00ab\u00bb"


# A scheme that only begins like ours is another version's.
_BEGIN = r"lanchat[a-z0-9+.-]{0,16}:\s*/\s*/"
_LINK_BEGIN = re.compile(_BEGIN, re.IGNORECASE)
# Up to the last digit of the fingerprint; directly behind it may stand another link, and no letter or digit.
_WHOLE_LINK = re.compile(
    rf"{_BEGIN}(?:(?!{_BEGIN})[^#])*#(?:[\s:]*[0-9a-f]){{{DIGITS}}}(?!(?!lanchat)[0-9a-z])", re.IGNORECASE
)


def tidy_address(text: str) -> str:
    """An address or invite link that somebody typed or pasted, without what was copied along: unseen marks, quotation
    marks, the words around a link, the line breaks of a mail in it. Links that differ stay together. Whether it is one
    is for the readers below."""
    text = IGNORED.sub("", clean_line(text)).translate(_NARROW).strip(_AROUND_A_LINK)
    begin = _LINK_BEGIN.search(text)
    if begin is None:
        return text
    whole = (_joined(found.group()) for found in _WHOLE_LINK.finditer(text))
    if links := {link.lower(): link for link in whole}:
        return "".join(links.values())
    return _joined(begin.group()) + "".join(text[begin.end() :].split(maxsplit=1)[:1])


def _joined(link: str) -> str:
    """Without blanks, its scheme in lower case."""
    scheme, colon, rest = "".join(link.split()).partition(":")
    return f"{scheme.lower()}{colon}{rest}"


def is_invite(text: str) -> bool:
    """Whether a tidied text is meant as an invite link, also a broken one or another version's."""
    return _LINK_BEGIN.match(text) is not None


def tidy_fingerprint(text: str) -> str:
    """A fingerprint that somebody typed or pasted, without unseen marks and blanks."""
    return "".join(IGNORED.sub("", clean_line(text)).translate(_NARROW).split())


def fingerprint_words(fingerprint: str) -> str:
    """Eight words for the first 64 bits of a fingerprint in hex."""
    return " ".join(WORDS[octet] for octet in bytes.fromhex(fingerprint)[:WORD_COUNT])


def clean_fingerprint(text: str) -> str:
    """64 lower-case hex digits; colons and blanks between them are dropped; raises ProtocolError."""
    digits = text.replace(":", "").replace(" ", "").strip().lower()
    if len(digits) != DIGITS or any(char not in "0123456789abcdef" for char in digits):
        raise ProtocolError("a fingerprint has 64 hex digits")
    return digits


def make_invite(host: str, port: int, fingerprint: str, also: Sequence[str] = ()) -> str:
    """The invite link. `also`: other hosts of the same server, as many as a link may have."""
    more = "&".join(f"also={_in_link(other)}:{port}" for other in also[: ADDRESSES_MAX - 1])
    return f"lanchat://{_in_link(host)}:{port}/{'?' if more else ''}{more}#{fingerprint}"


def _in_link(host: str) -> str:
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def parse_invite_untrusted(link: str) -> InviteLink:
    """Take an invite link apart; raises ProtocolError, whose text says what is wrong."""
    link = link.strip()
    if len(link) > INVITE_MAX:
        raise ProtocolError("invite link too long" if is_invite(link) else "not an invite link")
    if len(_LINK_BEGIN.findall(link)) > 1:
        raise ProtocolError("several invite links")
    place, _hash, fragment = link.partition("#")
    place, _mark, query = place.partition("?")
    if is_invite(link) and len(fragment) < DIGITS:
        raise ProtocolError("invite link cut short")
    parts, host, port = _split(place, "not an invite link")
    if is_invite(link) and (parts.scheme != "lanchat" or parts.path not in ("", "/")):
        raise ProtocolError("invite link of another version")
    if parts.scheme != "lanchat" or not port or not _is_plain(link):
        raise ProtocolError("not an invite link")
    try:
        return InviteLink(host, port, clean_fingerprint(fragment), _others(query, (host, port)))
    except ProtocolError:
        raise ProtocolError("not an invite link") from None


def _others(query: str, first: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    """The further addresses of a link. What a later version may put there besides is passed over."""
    found = {first: None}
    for part in query.split("&") if query else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise ProtocolError("not an invite link")
        if key != "also":
            continue
        try:
            found[parse_address(value, first[1])] = None
        except ProtocolError:
            raise ProtocolError("not an invite link") from None
    return tuple(found)[1:ADDRESSES_MAX]


def parse_address(text: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address, also with a zone (`fe80::1%eth0`, or `%25eth0` as in
    links); raises ProtocolError."""
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
    host, percent, zone = (host or "").partition("%")
    if percent:
        zone = zone[2:] if zone.startswith("25") and len(zone) > 2 else zone
        if not _ZONE.fullmatch(zone) or ":" not in host:
            raise ProtocolError(complaint)
        host = f"{host}%{zone}"
    if not _is_plain(text) or not _is_host(host) or "@" in parts.netloc or "?" in text:
        raise ProtocolError(complaint)
    return parts, host, port


def _is_host(host: str) -> bool:
    """Whether it may be a name in DNS, with letters of any script, or an IP address with its zone."""
    if len(host) > HOST_MAX or _NO_HOST.search(host):
        return False
    return ":" in host or all(0 < len(label) <= LABEL_MAX for label in host.removesuffix(".").split("."))


def _is_plain(text: str) -> bool:
    """Whether each character is seen, the same on every Python, and none is a blank or an @."""
    if text.isascii():
        return text.isprintable() and " " not in text and "@" not in text
    return not any(char.isspace() or char == "@" or kind(char) in (UNASSIGNED, OTHER) for char in text)

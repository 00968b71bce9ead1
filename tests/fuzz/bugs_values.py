"""Deliberate faults of those who turn octets into values: msgpack, the TLS stream, certificates, headers, texts."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lanchat.protocol import wire
from lanchat.protocol.codec import Decoder, decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import BODY_CHARACTERS_MAX
from lanchat.protocol.log import certificates, keys, messages
from lanchat.protocol.log.certificates import CertificateBody
from lanchat.protocol.log.messages import Header, Kind
from lanchat.protocol.text import names
from lanchat.protocol.text.cleaning import IGNORED
from lanchat.protocol.wire import FrameReader
from tests.fuzz.planting import Plants
from tests.fuzz.scan import DEEP, Scan, scan
from tests.support.planting import Change

# --- msgpack --------------------------------------------------------------------------------------------------------


def value_with_a_tail() -> list[Change]:
    """An octet that belongs to nothing may follow a value."""
    honest = Decoder.__call__

    def decoded(self: Decoder, octets: bytes) -> Any:
        try:
            return honest(self, octets)
        except ProtocolError:
            return honest(self, octets[:-1])

    return [(Decoder, "__call__", decoded)]


def too_deep() -> list[Change]:
    """A value that nests too deeply ends the reader with another error than its own."""
    return [(Decoder, "__call__", _failing(RecursionError("too deep"), lambda found: found.depth > DEEP))]


def no_text() -> list[Change]:
    """A text that is no UTF-8 ends the reader with another error than its own."""
    error = UnicodeDecodeError("utf-8", b"", 0, 0, "no text")
    return [(Decoder, "__call__", _failing(error, lambda found: not found.is_text))]


def _failing(error: Exception, fails: Callable[[Scan], bool]) -> Any:
    """Decoder.__call__ that ends with `error` where `fails` says so of what it should refuse."""
    honest = Decoder.__call__

    def decoded(self: Decoder, octets: bytes) -> Any:
        try:
            return honest(self, octets)
        except ProtocolError:
            if fails(scan(octets)):
                raise error from None
            raise

    return decoded


def numbers_as_text() -> list[Change]:
    """A text of digits is taken where a number belongs."""
    return [
        (wire, "decode_from_client_untrusted", Decoder(msgspec.msgpack.Decoder(wire.FromClient, strict=False))),
        (wire, "decode_from_server_untrusted", Decoder(msgspec.msgpack.Decoder(wire.FromServer, strict=False))),
    ]


# --- The TLS stream -------------------------------------------------------------------------------------------------


def frame_one_too_long() -> list[Change]:
    """A frame may be an octet longer than the limit."""
    return [(FrameReader, "feed_untrusted", _feeding(more=1))]


def long_frame_waited_for() -> list[Change]:
    """A frame that is too long is refused when all of it is there, and kept until then."""
    honest = _feeding(more=1 << 32)

    def fed(self: FrameReader, octets: bytes) -> list[bytes]:
        frames: list[bytes] = honest(self, octets)
        if any(len(frame) > self.limit for frame in frames):
            raise ProtocolError("frame too long")
        return frames

    return [(FrameReader, "feed_untrusted", fed)]


def _feeding(more: int) -> Any:
    """FrameReader.feed_untrusted with another limit."""
    honest = FrameReader.feed_untrusted

    def fed(self: FrameReader, octets: bytes) -> list[bytes]:
        self.limit += more
        try:
            return honest(self, octets)
        finally:
            self.limit -= more

    return fed


# --- Certificates, headers, texts -----------------------------------------------------------------------------------


def signatures_unchecked() -> list[Change]:
    """Any 64 octets are a signature."""
    return [(keys, "check_signature", lambda public_key, signature, *parts: None)]


def key_of_small_order() -> list[Change]:
    """A public key of small order is somebody's, so that one signature fits many texts."""

    def check(public_key: bytes, signature: bytes, *parts: bytes) -> None:
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(signature, b"".join(parts))
        except (InvalidSignature, ValueError) as error:
            raise ProtocolError("bad signature") from error

    return [(keys, "check_signature", check)]


class _LooseBody(CertificateBody, frozen=True):
    public_key: bytes


class _LooseHeader(Header, frozen=True):
    device: bytes


class _AnyKind(Header, frozen=True):
    kind: int  # type: ignore[assignment]


def key_of_any_length() -> list[Change]:
    """The public key in a certificate may have any length."""
    return [(certificates, "_decode", decoder(_LooseBody))]


def device_of_any_length() -> list[Change]:
    """The device in a message's header may have any length."""
    return [(messages, "decode_header_untrusted", decoder(_LooseHeader))]


def kind_of_any_number() -> list[Change]:
    """The kind in a message's header may be any number."""
    return [(messages, "decode_header_untrusted", decoder(_AnyKind))]


def control_characters() -> list[Change]:
    """Control characters from U+0080 on may stand in a text."""
    return [(names, "_FORBIDDEN_IN_TEXT", _forbidden_but("\x80-\x9f"))]


def lone_surrogates() -> list[Change]:
    """Lone surrogates may stand in a text."""

    def text_of(kind: Kind, body: bytes) -> str:
        try:
            text = body.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise ProtocolError("text is not UTF-8") from error
        names.check_text(text, BODY_CHARACTERS_MAX)
        return text

    return [(names, "_FORBIDDEN_IN_TEXT", _forbidden_but("\ud800-\udfff")), (messages, "body_text_untrusted", text_of)]


def invisible_letters() -> list[Change]:
    """Letters that are drawn as nothing may stand in a name."""
    honest = names._may_be_in_name

    def may_be(name: str, place: int, joiners: bool) -> bool:
        return bool(IGNORED.match(name[place])) or honest(name, place, joiners)

    return [(names, "_may_be_in_name", may_be)]


def _forbidden_but(allowed: str) -> re.Pattern[str]:
    """What the product refuses, without a range of it."""
    return re.compile(f"(?![{allowed}]){names._FORBIDDEN_IN_TEXT.pattern}")


_FRAMES = ("frame-to-server", "frame-to-client")
BUGS: Plants = {
    value_with_a_tail: (*_FRAMES, "payload-to-server", "payload-to-client", "certificate", "message"),
    too_deep: (*_FRAMES, "certificate", "message", "records"),
    no_text: (*_FRAMES, "certificate"),
    numbers_as_text: _FRAMES,
    frame_one_too_long: ("tls-stream",),
    long_frame_waited_for: ("tls-stream",),
    signatures_unchecked: ("any-certificate", "any-statement", "message", "records", "signature"),
    key_of_small_order: ("signature",),
    key_of_any_length: ("certificate",),
    device_of_any_length: ("message",),
    kind_of_any_number: ("message",),
    control_characters: ("message",),
    lone_surrogates: ("message",),
    invisible_letters: ("name",),
}

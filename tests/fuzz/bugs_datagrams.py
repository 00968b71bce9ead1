"""Deliberate faults of those who read datagrams: sealed ones, their payloads, and the beacon's."""

from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codec import decoder
from lanchat.protocol.datagram import beacon, seal
from lanchat.protocol.datagram.replay import ReplayWindow
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import DATAGRAM_MAX
from lanchat.transport import udp
from lanchat_server.service.net import datagrams
from tests.fuzz.planting import Plants
from tests.support.planting import Change

# --- Sealed datagrams -----------------------------------------------------------------------------------------------


def seal_header_too_early() -> list[Change]:
    """The header of a sealed datagram is read before its length is known."""
    honest = seal.key_id_untrusted

    def key_id(datagram: bytes) -> int:
        seal._HEADER.unpack_from(datagram)
        return honest(datagram)

    return [(seal, "key_id_untrusted", key_id)]


def number_of_16_bits() -> list[Change]:
    """The replay window gets the low 16 bits of a datagram's number."""
    honest = ReplayWindow.accept
    return [(ReplayWindow, "accept", lambda self, number: honest(self, number & 0xFFFF))]


def broken_seal_counts_as_seen() -> list[Change]:
    """The number of a datagram whose seal does not hold counts as seen."""
    honest = seal.Opener.open_untrusted

    def opened(self: seal.Opener, datagram: bytes) -> bytes:
        try:
            return honest(self, datagram)
        except ProtocolError:
            if len(datagram) >= seal.OVERHEAD:
                self._window.accept(seal._HEADER.unpack_from(datagram)[2])
            raise

    return [(seal.Opener, "open_untrusted", opened)]


def datagram_too_long() -> list[Change]:
    """A sealed datagram may be an octet longer than its bound."""
    return [(module, "DATAGRAM_MAX", DATAGRAM_MAX + 1) for module in (datagrams, udp)]


# --- Payloads -------------------------------------------------------------------------------------------------------

_TO_SERVER, _TO_CLIENT = "decode_client_datagram_untrusted", "decode_server_datagram_untrusted"


def _payloads_read(to_server: Any, to_client: Any) -> list[Change]:
    """These decoders wherever there are others."""
    server = [(module, _TO_SERVER, to_server) for module in (wire, datagrams)]
    return [*server, *((module, _TO_CLIENT, to_client) for module in (wire, udp))]


def any_number_of_frames() -> list[Change]:
    """A datagram may hold any number of frames."""
    return _payloads_read(decoder(list[wire.LiveFromClient]), decoder(list[wire.LiveFromServer]))


def place_as_promised() -> list[Change]:
    """A list gets the place that its length promises before an element is there."""

    def after_making_place(decode: Any) -> Any:
        def decoded(octets: bytes) -> Any:
            size = {0xDC: 2, 0xDD: 4}.get(octets[0] if octets else 0, 0)
            place = [None] * min(int.from_bytes(octets[1 : 1 + size], "big"), 1 << 14)
            frames = decode(octets)
            del place
            return frames

        return decoded

    return _payloads_read(*map(after_making_place, (getattr(wire, _TO_SERVER), getattr(wire, _TO_CLIENT))))


def octets_in_pairs() -> list[Change]:
    """Whether something is in a payload twice is found out by comparing each octet with all before it."""

    def after_comparing(decode: Any) -> Any:
        def decoded(octets: bytes) -> Any:
            same = sum(octets[place] == octets[before] for place in range(len(octets)) for before in range(place))
            return decode(octets) if same >= 0 else []

        return decoded

    return _payloads_read(*map(after_comparing, (getattr(wire, _TO_SERVER), getattr(wire, _TO_CLIENT))))


# --- Discovery ------------------------------------------------------------------------------------------------------


def probe_of_any_size() -> list[Change]:
    """A probe may be shorter than the answer to it."""
    honest = beacon.decode_probe
    return [(beacon, "decode_probe", lambda octets: honest(octets.ljust(beacon.PROBE_SIZE, b"\0")))]


def answer_header_too_early() -> list[Change]:
    """The header of a beacon's answer is read before its length is known."""
    honest = beacon.decode_answer

    def decoded(octets: bytes) -> Any:
        beacon._decode_header(octets, beacon._KIND_ANSWER)
        return honest(octets)

    return [(beacon, "decode_answer", decoded)]


def answer_too_long() -> list[Change]:
    """A beacon's answer may be as long as its name's length allows: 255 octets of a name."""
    return [(beacon, "ANSWER_SIZE_MAX", beacon.ANSWER_SIZE_MAX - beacon.NAME_OCTETS_MAX + 255)]


def answer_with_a_tail() -> list[Change]:
    """Something may follow the name in a beacon's answer."""
    honest, fixed = beacon.decode_answer, beacon.ANSWER_SIZE_MAX - beacon.NAME_OCTETS_MAX

    def decoded(octets: bytes) -> Any:
        return honest(octets[: fixed + octets[fixed - 1]] if fixed <= len(octets) <= beacon.ANSWER_SIZE_MAX else octets)

    return [(beacon, "decode_answer", decoded)]


def name_of_no_text() -> list[Change]:
    """A name in a beacon's answer that is no UTF-8 ends the reader with another error than its own."""
    return [(beacon, "_decode_name", lambda octets: beacon.clean_name(octets.decode()))]


def blanks_among_digits() -> list[Change]:
    """Blanks among the digits of a TXT record are passed over, so that an id is shorter than an id."""

    def decoded(digits: bytes | None, size: int) -> bytes:
        if digits is None or len(digits) != 2 * size:
            raise ProtocolError("TXT value of another size")
        try:
            return bytes.fromhex(digits.decode("ascii"))
        except ValueError:
            raise ProtocolError("TXT value is not hex") from None

    return [(beacon, "_decode_hex", decoded)]


_SOCKETS = ("udp-to-server", "udp-to-client")
_PAYLOADS = ("payload-to-server", "payload-to-client", "sealed-to-server", "sealed-to-client")
BUGS: Plants = {
    seal_header_too_early: _SOCKETS,
    number_of_16_bits: _SOCKETS,
    broken_seal_counts_as_seen: _SOCKETS,
    datagram_too_long: _SOCKETS,
    any_number_of_frames: _PAYLOADS,
    place_as_promised: _PAYLOADS,
    octets_in_pairs: _PAYLOADS,
    probe_of_any_size: ("beacon-probe",),
    answer_header_too_early: ("beacon-answer",),
    answer_too_long: ("beacon-answer",),
    answer_with_a_tail: ("beacon-answer",),
    name_of_no_text: ("beacon-answer",),
    blanks_among_digits: ("dns-sd",),
}

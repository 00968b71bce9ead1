"""Deliberate faults of those who read files: bodies, names, heads of parts, chunks."""

import re

from lanchat.protocol import wire
from lanchat.protocol.limits import CHUNK_OCTETS
from lanchat.protocol.log import files
from lanchat.protocol.text import file_names
from lanchat.protocol.wire import bulk
from tests.fuzz.planting import Plants
from tests.support.planting import Change


def leaves_of_anything() -> list[Change]:
    """Any leaves of the right number belong to a root."""
    return [(files, "root_hash", lambda size, leaves: _Anything())]


class _Anything(bytes):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


def part_one_too_long() -> list[Change]:
    """A chunk may be an octet longer than it is."""
    honest = bulk.part_head_untrusted

    def read(octets: bytes) -> wire.PartHead:
        length, number = int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:], "big")
        if number == 1 and length == CHUNK_OCTETS + 1:
            return wire.PartHead(length, number)
        return honest(octets)

    return [(wire, "part_head_untrusted", read)]


def backslash_in_name() -> list[Change]:
    """A backslash separates nothing."""
    return [(file_names, "_SEPARATORS", re.compile("/"))]


def device_names() -> list[Change]:
    """A name may be that of a device of Windows."""
    return [(file_names, "_DEVICE", re.compile(r"\Z\A."))]


def any_media_type() -> list[Change]:
    """A media type may be anything."""
    return [(files, "_MEDIA_TYPE", re.compile(".*", re.DOTALL))]


BUGS: Plants = {
    leaves_of_anything: ("chunk",),
    part_one_too_long: ("part-head",),
    backslash_in_name: ("file-name",),
    device_names: ("file-name",),
    any_media_type: ("file-body",),
}

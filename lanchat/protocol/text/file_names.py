"""Names of files that others chose, as they may stand on a disk and on a screen.

A manifest's name is data: it may have separators, characters that turn a line around, the name of a device of Windows.
What is made of it here is one name in a folder on every system, and ends as the sender's does, so that what opens it
is what people see.
"""

import re

from lanchat.protocol.text import cleaning
from lanchat.protocol.text.cleaning import SURROGATE
from lanchat.protocol.text.names import inert, is_blank

NAME_OCTETS_MAX = 255
UNNAMED = "file"
_SUFFIX_CHARACTERS_MAX = 16
_SEPARATORS = re.compile(r"[/\\]")
# What Windows takes in no name; the colon also begins an alternate stream there.
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\.|\Z)", re.I)


def safe_file_name(name: str) -> str:
    """One name for a file in a folder, 1 to NAME_OCTETS_MAX octets: the last part of `name` without what a system takes
    for something else and what is not seen. Never hidden, never `.` or `..`."""
    last = _SEPARATORS.split(name.rstrip("/\\"))[-1]
    last = _FORBIDDEN.sub("_", SURROGATE.sub("_", last))
    last = cleaning.without_unseen(inert(last, len(last)).replace("\ufffd", "_"))
    # Windows drops dots and spaces at the end; a dot in front hides a file.
    last = last.strip().lstrip(".").rstrip(". ")
    if is_blank(last):
        return UNNAMED
    if _DEVICE.match(last):
        last = "_" + last
    return _shortened(last, NAME_OCTETS_MAX)


def numbered_file_name(name: str, number: int) -> str:
    """Another name for a file beside one that has `name` already: `report (2).pdf`. `name` is safe."""
    stem, suffix = _parts(name)
    mark = f" ({number})"
    return _cut(stem, NAME_OCTETS_MAX - len((mark + suffix).encode())) + mark + suffix


def _shortened(name: str, octets: int) -> str:
    stem, suffix = _parts(name)
    if len(name.encode()) <= octets:
        return name
    return _cut(stem, octets - len(suffix.encode())).rstrip(". ") + suffix


def _parts(name: str) -> tuple[str, str]:
    """What stands before the last dot, and that dot with what follows where it is short enough for a suffix."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > _SUFFIX_CHARACTERS_MAX:
        return name, ""
    return stem, dot + suffix


def _cut(text: str, octets: int) -> str:
    return text.encode()[:octets].decode(errors="ignore")

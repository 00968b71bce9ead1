"""What frames are made of: their base, and bounded types that several of them have."""

from typing import Annotated

import msgspec

from lanchat.protocol.limits import LIST_ENTRIES_MAX, PLACE_OCTETS_MAX, ROOMS_PER_SUBSCRIPTION
from lanchat.protocol.redacted import RedactedStruct

# A text that a person typed into a form; names.py judges it, this bound only keeps memory small.
Short = Annotated[str, msgspec.Meta(max_length=256)]
Password = Annotated[str, msgspec.Meta(max_length=512)]
# Of lists: entries in one frame.
MANY = msgspec.Meta(max_length=LIST_ENTRIES_MAX)
ROOMS = msgspec.Meta(max_length=ROOMS_PER_SUBSCRIPTION)
# Where a list that comes in pages goes on: what the page before said as `next`. Empty: from its beginning, or its end.
Place = Annotated[bytes, msgspec.Meta(max_length=PLACE_OCTETS_MAX)]


class Frame(RedactedStruct, array_like=True, frozen=True):
    """Base of frames: an array with the tag first. Secrets in it are not printed."""

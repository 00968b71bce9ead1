"""Contents of files by their SHA-256 (blobs): what both sides ask of the place where they are kept.

The hash is the whole name: it says which content is meant, and whoever receives it can check that it came. So any end
may hand a blob on, and the same content is kept once.
"""

from typing import Protocol

from lanchat.protocol.errors import ProtocolError

ADDRESS_OCTETS = 32
# Octets of one range: what one end can make another hold in memory for one answer. Larger blobs are read in several.
RANGE_MAX = 1 << 20


class BlobMismatch(ProtocolError):
    """The content is not the one that its address or size announced."""


class BlobWriter(Protocol):
    """One blob on its way in. One thread at a time; ends with `finish` or `abandon`."""

    def write(self, part: bytes) -> None:
        """The next octets. Raises BlobMismatch when they are more than was announced, OSError when they cannot be
        kept; then it is abandoned."""

    def finish(self) -> None:
        """That was all: the blob is here, durably. Raises BlobMismatch when it has another hash or size, OSError when
        it cannot be kept; then it is abandoned."""

    def abandon(self) -> None:
        """Forget what came, if it is not finished. Raises nothing."""


class BlobStore(Protocol):
    """Blobs, each whole or not at all. An address is the 32 octets of the content's SHA-256; anything else raises
    ProtocolError. Any thread; each call waits for the disk, and raises OSError when that fails."""

    def writer(self, address: bytes, size: int) -> BlobWriter:
        """Take in a blob of `size` octets. Nobody sees it before it is finished; after a crash it is here or not. One
        that is here already may be written again. Raises ProtocolError for a size below 0 or above what is taken."""

    def has(self, address: bytes) -> bool:
        """Whether it is here."""

    def read(self, address: bytes, first: int, count: int) -> bytes:
        """`count` octets from number `first` (0 is the first) on; fewer, or none, where the blob ends. Raises
        FileNotFoundError when it is not here, ProtocolError for a number below 0 or a count above RANGE_MAX. What the
        disk damaged is not noticed: who has put all ranges together checks the hash."""

    def delete(self, address: bytes) -> bool:
        """Remove it, durably; False when it was not here."""

    def total_size(self) -> int:
        """Octets of all blobs that are here. Looks at each of them."""

"""What stored messages take: the same figures whatever the database, so that a quota means the same in each."""

from collections.abc import Iterable

from lanchat_server.core.model import NewRecord

# A row with hashes, signature and numbers, and its entries in the indices.
RECORD_OCTETS = 500
REJECTION_OCTETS = 150


def message_octets(header: int, body: int) -> int:
    """Of a record with a header and a body of so many octets. The body counts twice: once as it is, once as the words
    that a search finds it by."""
    return RECORD_OCTETS + header + 2 * body


def body_octets(body: int) -> int:
    """What a deletion gives back of a body of so many octets."""
    return 2 * body


def records_octets(records: Iterable[NewRecord]) -> int:
    """What these records take together, `message_octets` of each."""
    return sum(message_octets(len(new.record.header), len(new.record.body or b"")) for new in records)

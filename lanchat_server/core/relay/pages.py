"""Pages of history and repairs: what a member may read, read from the store and bound to the room's signed head."""

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, NamedTuple

from msgspec.structs import replace

from lanchat.protocol.limits import PAGE_CERTIFICATES_MAX, PAGE_OCTETS_MAX, SEARCH_HITS_MAX
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Header, Kind, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.text.reactions import BACK, normal_reaction
from lanchat.protocol.wire import Found, History, Hit, Page, Search
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import MembershipRow, RoomHead
from lanchat_server.core.ports import Store
from lanchat_server.core.relay.outbound import record_size

SignHead = Callable[[int, RoomHead], Head]


def read_page(
    store: Store, directory: Directory, member: MembershipRow, head: Head, request: History, sign: SignHead
) -> Page:
    """A page up to `head`, which the caller took before: what is newer comes live. A page that ends below the head is
    proven by a head signed for its last record."""
    if not head.seq:
        return Page(request.room, [], head.hash, head, [])
    page = store.page(
        request.room,
        anchor=request.anchor if request.forward else min(request.anchor, head.seq),
        forward=request.forward,
        limit=request.limit,
        first_seq=member.first_seq,
        octets=PAGE_OCTETS_MAX,
    )
    records = [record for record in page.records if record.seq <= head.seq]
    proof = None
    if records and records[-1].seq < head.seq:
        last = records[-1]
        proof = sign(request.room, RoomHead(last.seq, page.after, last.time_ms))
    return Page(request.room, records, page.before, head, authors(directory, records)[:PAGE_CERTIFICATES_MAX], proof)


def search_rooms(store: Store, directory: Directory, user: int, request: Search) -> Found:
    """Hits in the rooms of a user, and what changed them since."""
    rooms = {
        room: member.first_seq
        for room in ([request.room] if request.room else sorted(directory.rooms_of(user)))
        if (member := directory.membership(room, user)) is not None
    }
    limit = min(request.limit, SEARCH_HITS_MAX)
    # In all rooms a number alone says nothing.
    before_room = 0 if request.room else request.before_room
    before = request.before if request.room or before_room else 0
    words = request.words
    if before_room and (before_room not in rooms or before < rooms[before_room]):
        rooms = {}
    found = store.search(rooms, words, before=before, limit=limit, before_room=before_room) if rooms else []
    by_room: dict[int, list[int]] = {}
    for room, record in found:
        by_room.setdefault(room, []).append(record.seq)
    changes: dict[tuple[int, int], list[Record]] = {}
    for room, seqs in by_room.items():
        for target, change in what_counts(directory, store.changes(room, seqs)):
            changes.setdefault((room, target), []).append(change)
    hits = _that_fit([Hit(room, record, changes.get((room, record.seq), [])) for room, record in found])
    # Those of the texts first: a client asks for what is left out.
    shown = [hit.record for hit in hits] + [record for hit in hits for record in hit.changes]
    return Found(hits, authors(directory, shown)[:PAGE_CERTIFICATES_MAX], len(hits) < len(found))


def _that_fit(hits: list[Hit]) -> list[Hit]:
    """The first hits that PAGE_OCTETS_MAX hold, one always; its changes as far as they fit."""
    left = PAGE_OCTETS_MAX
    fitting: list[Hit] = []
    for hit in hits:
        sizes = [record_size(record) for record in (hit.record, *hit.changes)]
        if sum(sizes) > left and fitting:
            break
        count = sum(total <= left for total in accumulate(sizes))
        fitting.append(replace(hit, changes=hit.changes[: max(0, count - 1)]))
        left -= sum(sizes)
    return fitting


class _Counting(NamedTuple):
    target: int
    record: Record
    text: str = ""


def what_counts(directory: Directory, changes: Iterable[Record]) -> list[tuple[int, Record]]:
    """Of ascending edits, deletions and reactions those that later ones did not replace, each with its target: a text
    that was edited two thousand times must not make an answer that nobody can take."""
    latest: dict[tuple[Any, ...], _Counting] = {}
    for record in changes:
        header: Header = decode_header_untrusted(record.header)
        if header.kind is not Kind.REACTION:
            latest[header.ref, header.kind] = _Counting(header.ref, record)
            continue
        device = directory.devices.get(header.device)
        text = normal_reaction((record.body or b"").decode())
        key = header.ref, header.kind, device.user if device else header.device, text.removeprefix(BACK)
        # What is given once more stands where it was given first.
        if key not in latest or latest[key].text != text:
            latest[key] = _Counting(header.ref, record, text)
    return [(counting.target, counting.record) for counting in latest.values()]


def authors(directory: Directory, records: Iterable[Record]) -> list[Certificate]:
    """Certificates of the devices that signed these records."""
    devices: dict[bytes, None] = {}
    for record in records:
        header: Header = decode_header_untrusted(record.header)
        devices[header.device] = None
    return [directory.devices[device].certificate for device in devices if device in directory.devices]

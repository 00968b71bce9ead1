"""Puts the parts together that a client has for its peers."""

from collections.abc import Callable
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.core.context import CoreContext
from lanchat.core.peers.carried import CarriedMessages
from lanchat.core.peers.handing_in import HandIn
from lanchat.core.peers.links import PeerIdentity, PeerLinks
from lanchat.core.peers.missed import MissedRecords
from lanchat.core.peers.peers import Peers, PeerStart
from lanchat.core.peers.records import RecordExchange
from lanchat.core.peers.talk import PeerTalk
from lanchat.core.people.authors import Authors
from lanchat.core.people.statements import KnownStatements
from lanchat.core.ports import LocalStore
from lanchat.core.rooms.room_set import RoomSet
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import MessageKey, decode_header_untrusted
from lanchat.protocol.log.records import Head

# Records whose names are known when peers offer messages: reading them takes some 10 ms, once for each room.
_RECENT = 1000


def make_peers(
    start: PeerStart,
    user: int,
    device_key: Ed25519PrivateKey,
    log: tuple[bytes, bytes],
    *,
    core_context: CoreContext,
    store: LocalStore,
    statements: KnownStatements,
    authors: Authors,
    rooms: RoomSet,
    check_head: Callable[[Head], bool],
    waits: Callable[[MessageKey], bool],
    random: Callable[[], float],
    now_ms: Callable[[], int],
) -> Peers:
    """`log`: its id and public key. `waits`: whether a message is in the outbox. `now_ms`: the time of the log, as well
    as it is known. What earlier starts carried and whom they knew is taken from the store. Raises LocalStoreError."""
    identity = PeerIdentity(*log, device_key, start.boot, start.exchange_key)
    links = PeerLinks(identity, now_ms=now_ms, random=start.token_bytes, refuses=statements.refuses_owner)
    carried = _carried(store, authors)
    talk = PeerTalk(
        core_context,
        links,
        statements,
        authors,
        carried,
        RecordExchange(log[0], user, statements, rooms.copies, check_head, authors.unknown),
        MissedRecords(user, statements, rooms.copies, rooms.take_given_untrusted),
        store,
        user,
        random,
        now_ms,
        lambda room: _recent_names(store, room),
    )
    rooms.ask_others = talk.ask_for
    peers = Peers(core_context, links, statements, talk, carried, HandIn(core_context, carried, waits, random), store)
    if start.certificate is not None:
        peers.remember(start.certificate)
    return peers


def _carried(store: LocalStore, authors: Authors) -> CarriedMessages:
    carried = CarriedMessages(store)
    for message in store.carried():
        with suppress(ProtocolError):
            owner = authors.owner(decode_header_untrusted(message.header).device)
            carried.adopt(message, owner.user if owner is not None else 0)
    return carried


def _recent_names(store: LocalStore, room: int) -> list[MessageKey]:
    span = store.span(room)
    if span is None:
        return []
    records = store.records(room, max(span.base + 1, span.cursor - _RECENT + 1), span.cursor)
    return [decode_header_untrusted(record.header).key for record in records]

"""The contracts of CarriedStore and RosterStore, on every implementation."""

from lanchat.core.ports import CarriedStore, KnownPeers, RosterStore
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.peers import PeerInfo
from lanchat.protocol.wire import Peer, PeerAddress
from tests.support.local_log import certificate, key, message


def items(*numbers: int) -> list[tuple[MessageKey, Message]]:
    return [(key(number), message(number)) for number in numbers]


def test_messages_are_kept_in_the_order_of_coming(store: CarriedStore) -> None:
    assert store.carried() == []
    store.add_carried(items(3, 1))
    store.add_carried(items(2))
    assert store.carried() == [message(number) for number in (3, 1, 2)]


def test_first_message_under_a_name_stays(store: CarriedStore) -> None:
    store.add_carried(items(1))
    store.add_carried([(key(1), message(2)), *items(3)])
    assert store.carried() == [message(1), message(3)]


def test_removed_messages_are_gone(store: CarriedStore) -> None:
    store.add_carried(items(1, 2, 3))
    store.remove_carried([key(2), key(7)])
    store.remove_carried([])
    assert store.carried() == [message(1), message(3)]
    store.add_carried(items(2))
    assert store.carried() == [message(1), message(3), message(2)]


def test_roster_replaces_the_one_before(store: RosterStore) -> None:
    assert store.roster() is None
    peer = Peer(PeerInfo(b"octets", bytes(64)), certificate(5), [PeerAddress(bytes(4), 7)], True)
    store.save_roster(KnownPeers(b"s" * 32, 5000, [peer, peer]))
    store.save_roster(KnownPeers(b"s" * 32, 5001, [peer]))
    assert store.roster() == KnownPeers(b"s" * 32, 5001, [peer])

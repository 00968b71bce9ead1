"""The client core among its peers: it announces itself, follows the roster, and knows who is reached."""

from typing import Any

from msgspec.structs import replace

from lanchat.core.core import ClientCore
from lanchat.core.events import PeersReached
from lanchat.core.peers.links import DEAD_AFTER
from lanchat.core.peers.peers import PeerStart
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat.protocol.log.statements import AccountBody, issue_statement
from lanchat.protocol.transport import Transport
from tests.support.fake_log import LOG_ID, FakeLog, Wire, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.peer_network import SECRET, PeerHost, PeerNetwork

START = PeerStart(1, b"x" * 32, lambda count: bytes(count))
HOST = bytes([10, 0, 0, 7])


class Announced(FakeLog):
    """A log whose server names `named` to whoever announces itself."""

    def __init__(self) -> None:
        super().__init__()
        self.named: list[wire.Peer] = []
        self.announced: list[wire.AnnouncePeer] = []

    def answer(self, operation: Any) -> Any:
        if isinstance(operation, wire.AnnouncePeer):
            self.announced.append(operation)
            return wire.Roster(self.named)
        return super().answer(operation)

    def logged_in(self, key: Any) -> wire.LoggedIn:
        return replace(super().logged_in(key), peer_secret=SECRET)


class Office:
    """A client with a server, and one peer on a network beside it."""

    def __init__(self) -> None:
        self.log = Announced()
        self.net = PeerNetwork()
        self.peer: PeerHost = self.net.host(9, firewall=False)
        self.client = Wire(self.log, MemoryLocalStore(), peers=START)
        self.core: ClientCore = self.client.core
        self.address = wire.PeerAddress(HOST, 5000)
        self.received: list[tuple[wire.PeerAddress, bytes]] = []

    def connect(self) -> None:
        self.client.connect()
        assert self.client.run_until(lambda: self.core.state is LinkState.LIVE, 5)
        self.core.listen_to_peers(5000, [HOST], self.client.now)
        self.client.run_for(5.0)

    def run_for(self, seconds: float) -> None:
        """Both clocks go on, datagrams go to and fro."""
        for _ in range(int(seconds * 10)):
            self.client.run_for(0.1)
            for address, datagram in self.core.take_datagrams():
                assert address == self.peer.address
                self.peer.take(self.address, datagram)
            self.net.run_for(0.1)
            for source, datagram in self.heard():
                self.core.receive_datagram(source, datagram, self.client.now)
            self.client.pump()

    def heard(self) -> list[tuple[wire.PeerAddress, bytes]]:
        kept, self.net.strays = self.net.strays, []
        return [(source, datagram) for source, destination, datagram in kept if destination == self.address]

    def reached(self) -> list[tuple[int, ...]]:
        return [event.users for event in self.client.of_kind(PeersReached)]


def meet() -> Office:
    office = Office()
    office.log.named = [office.peer.entry()]
    office.connect()
    certificate = office.log.devices[office.core._composer.device]
    own = wire.Peer(office.log.announced[0].info, certificate, [office.address], True)
    office.peer.links.take_roster([own], office.net.now, complete=True)
    office.run_for(3.0)
    return office


def test_client_announces_itself_in_each_session_and_now_and_then() -> None:
    office = Office()
    office.connect()
    (first,) = office.log.announced
    assert (first.port, first.hosts) == (5000, [HOST])
    office.client.cut()
    office.client.run_for(10.0)
    assert len(office.log.announced) == 2
    office.client.beat_every(5)
    office.client.run_for(650.0)
    assert len(office.log.announced) == 3


def test_short_session_announces_nothing() -> None:
    office = Office()
    office.core.listen_to_peers(5000, [HOST], office.client.now)
    office.client.connect()
    office.client.run_for(1.0)
    office.client.cut()
    assert not office.log.announced


def test_client_without_a_socket_announces_nothing() -> None:
    office = Office()
    office.client.connect()
    office.client.run_for(10.0)
    assert not office.log.announced


def test_named_peer_is_reached() -> None:
    office = meet()
    assert office.reached() == [(9,)]
    assert office.core.peers is not None
    (reach,) = office.core.peers.known(office.client.now)
    assert (reach.user, reach.device, reach.live) == (9, office.peer.links.end.device, True)


def test_peer_is_reached_without_the_server() -> None:
    office = meet()
    office.client.hook = lambda direction, path, frame: False
    office.client.cut()
    office.run_for(90.0)
    assert office.reached() == [(9,)]


def test_silence_of_a_peer_is_noticed() -> None:
    office = meet()
    office.peer.alive = False
    office.client.run_for(DEAD_AFTER + 1)
    assert office.reached() == [(9,), ()]


def test_disabled_peer_is_dropped() -> None:
    office = meet()
    body = AccountBody(LOG_ID, 5, 9, "other", "Other", Role.MEMBER, True)
    office.client.to_client(Transport.TLS, wire.Statements([issue_statement(key_of(1), body)]))
    office.client.run_for(1.0)
    assert office.reached() == [(9,), ()]
    office.client.to_client(Transport.TLS, wire.PeersChanged([office.peer.entry()]))
    office.run_for(5.0)
    assert office.reached() == [(9,), ()]


def test_roster_is_remembered_for_a_start_without_the_server() -> None:
    office = meet()
    certificate = office.log.devices[office.core._composer.device]
    store = office.core._store
    again = Wire(office.log, store, run=6, peers=PeerStart(2, b"y" * 32, bytes, certificate))
    assert again.core.peer_port == 5000
    again.hook = lambda direction, path, frame: False
    again._obey = lambda events: None  # type: ignore[method-assign]
    again.core.start(again.now)
    again.core.listen_to_peers(5000, [HOST], again.now)
    assert again.core.take_datagrams() == []
    for _ in range(8):
        again.core.disconnected(again.now)
        again.run_for(1.0)
    assert again.core.state is LinkState.AWAY
    sent = again.core.take_datagrams()
    assert {address for address, _ in sent} == {office.peer.address}
    # The other end does not know this start.
    assert any(datagram[0] == 2 for _, datagram in sent)

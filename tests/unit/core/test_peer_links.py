"""Links between clients: opened through firewalls, kept open, closed to strangers and to those who lost their right."""

import pytest
from msgspec.structs import replace

from lanchat.core.peers import links as links_module
from lanchat.core.peers.links import DEAD_AFTER, KEEP_ALIVE
from lanchat.protocol import wire
from lanchat.protocol.codec import encode
from lanchat.protocol.datagram.peering import OPEN_OCTETS, seal_open
from lanchat.protocol.limits import PEERS_MAX
from lanchat.protocol.log.keys import device_id, public_octets
from tests.support.fake_log import LOG_ID, key_of
from tests.support.peer_network import SECRET, PeerHost, PeerNetwork, certificate_of

FROM_ELSEWHERE = wire.PeerAddress(bytes([10, 9, 9, 9]), 9)


def pair(net: PeerNetwork, **options: bool) -> tuple[PeerHost, PeerHost]:
    one, other = net.host(2), net.host(3)
    one.told_of(other, **options)
    other.told_of(one, **options)
    return one, other


def test_link_opens_through_two_firewalls_from_both_ends() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(1.0)
    assert (one.live(), other.live()) == ({3}, {2})


@pytest.mark.parametrize("seed", range(20))
def test_link_opens_and_stays_open_with_losses(seed: int) -> None:
    net = PeerNetwork(loss=0.1, seed=seed)
    one, other = pair(net)
    net.run_for(5.0)
    assert (one.live(), other.live()) == ({3}, {2})
    net.run_for(600.0)
    assert (one.live(), other.live()) == ({3}, {2})


def test_idle_link_costs_a_small_datagram_each_twenty_seconds() -> None:
    net = PeerNetwork()
    one, _ = pair(net)
    net.run_for(60.0)
    sent, octets = one.sent, one.octets
    net.run_for(1000.0)
    assert (one.sent - sent) in (50, 51)
    assert (one.octets - octets) / (one.sent - sent) <= 64
    assert one.live() == {3}


def test_end_that_is_told_later_is_reached() -> None:
    """The server tells one of the two a moment later."""
    net = PeerNetwork()
    one, other = net.host(2), net.host(3)
    one.told_of(other)
    net.run_for(3.0)
    assert not one.live()
    other.told_of(one)
    net.run_for(5.0)
    assert (one.live(), other.live()) == ({3}, {2})


def test_silent_end_is_dead_after_a_while_and_comes_back() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(5.0)
    other.alive = False
    net.run_for(DEAD_AFTER + KEEP_ALIVE)
    assert not one.live()
    other.alive = True
    net.run_for(130.0)
    assert one.live() == {3}


def test_payload_arrives_with_its_sender() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(1.0)
    assert one.links.send(other.links.end, b"hello", net.now)
    net.run_for(1.0)
    assert other.received == [(2, b"hello")]


def test_nothing_is_sent_to_an_end_that_is_not_heard() -> None:
    net = PeerNetwork()
    net.passes = lambda source, destination: False
    one, other = pair(net)
    net.run_for(10.0)
    assert not one.links.send(other.links.end, b"hello", net.now)
    sent = one.sent
    net.run_for(600.0)
    assert one.sent - sent <= 12


def test_two_starts_of_a_device_are_two_ends() -> None:
    net = PeerNetwork()
    first, second, other = net.host(2, boot=1), net.host(2, boot=2), net.host(3)
    other.told_of(first, second)
    first.told_of(second, other)
    second.told_of(first, other)
    net.run_for(2.0)
    assert len(other.links.live_ends(net.now)) == 2
    assert first.live() == second.live() == {2, 3}


def test_same_roster_again_changes_nothing() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(2.0)
    sent = one.sent
    one.told_of(other, complete=True)
    net.run_for(2.0)
    assert one.sent == sent
    assert one.live() == {3}


def test_link_that_the_roster_no_longer_names_is_let_go() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(2.0)
    one.told_of(complete=True)
    other.told_of(complete=True)
    net.run_for(30.0)
    sent = one.sent + other.sent
    net.run_for(200.0)
    assert one.sent + other.sent == sent
    assert not one.live() | other.live()


def test_link_that_one_end_keeps_open_is_answered() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    other.told_of(complete=True)
    net.run_for(300.0)
    assert (one.live(), other.live()) == ({3}, {2})


def test_other_links_open_when_the_server_is_away() -> None:
    net = PeerNetwork()
    one, other = pair(net, warm=False)
    net.run_for(30.0)
    assert one.sent == 0
    for host in (one, other):
        host.links.set_away(True, net.now)
    net.run_for(1.0)
    assert (one.live(), other.live()) == ({3}, {2})
    for host in (one, other):
        host.links.set_away(False, net.now)
    net.run_for(120.0)
    assert not one.live()


def test_new_start_of_a_known_device_introduces_itself() -> None:
    """While the server is away somebody starts who remembers the other, and is not known to it."""
    net = PeerNetwork()
    one = net.host(2)
    other = net.host(3, firewall=False)
    one.told_of(other)
    one.links.set_away(True, net.now)
    net.run_for(1.0)
    assert (one.live(), other.live()) == ({3}, {2})


def test_address_is_followed_when_it_moves() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(2.0)
    del net.hosts[other.address]
    other.address = wire.PeerAddress(bytes([10, 0, 77, 1]), 6000)
    other.firewall = one.firewall = False
    net.hosts[other.address] = other
    net.run_for(45.0)
    one.links.send(other.links.end, b"hello", net.now)
    net.run_for(1.0)
    assert other.received == [(2, b"hello")]


def test_repeated_datagram_is_dropped_and_moves_no_address() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(1.0)
    kept: list[bytes] = []
    one.links.send(other.links.end, b"hello", net.now)
    for _address, datagram in one.links.take_datagrams():
        kept.append(datagram)
        other.take(one.address, datagram)
    for datagram in kept:
        other.take(FROM_ELSEWHERE, datagram)
    assert other.received == [(2, b"hello")]
    assert other.links.counters["datagram seen before"] == 1
    other.links.send(one.links.end, b"back", net.now)
    assert [address for address, _ in other.links.take_datagrams()] == [one.address]


@pytest.mark.parametrize("datagram", [b"", b"\1", b"\2" * OPEN_OCTETS, b"\3" * 40, b"\4" * 2000, bytes(13)])
def test_rubbish_is_counted_and_not_answered(datagram: bytes) -> None:
    net = PeerNetwork()
    one, _other = pair(net)
    net.run_for(1.0)
    assert one.links.receive_untrusted(FROM_ELSEWHERE, datagram, net.now) is None
    assert one.links.take_datagrams() == []
    assert sum(one.links.counters.values()) == 1


def opening(net: PeerNetwork, meant: PeerHost, number: int = 3, boot: int = 1, **changes: object) -> bytes:
    """An open datagram to `meant`, with changes of its content."""
    host = PeerHost(net, number, boot)
    content = wire.OpenLink(host.links.info, host.certificate, meant.links.end.device, False)
    return seal_open(SECRET, LOG_ID, net.random.randbytes(32), encode(replace(content, **changes)))


def test_open_datagram_is_answered_by_one_of_the_same_size() -> None:
    net = PeerNetwork()
    one = net.host(2)
    one.links.receive_untrusted(FROM_ELSEWHERE, opening(net, one), net.now)
    (_, answer), *rest = one.links.take_datagrams()
    assert len(answer) == OPEN_OCTETS
    assert not rest


def test_open_datagram_of_a_stranger_meets_silence() -> None:
    net = PeerNetwork()
    one = net.host(2)
    forged = certificate_of(3)
    wrong = {
        "another device": opening(net, one, to=device_id(public_octets(key_of(9)))),
        "certificate of another": opening(net, one, certificate=certificate_of(4)),
        "signature": opening(net, one, certificate=replace(forged, signature=bytes(64))),
        "expired": opening(net, one, certificate=certificate_of(3, not_after_ms=5)),
        "secret": seal_open(b"x" * 32, LOG_ID, bytes(32), b""),
        "log": seal_open(SECRET, bytes(16), bytes(32), b""),
        "content": seal_open(SECRET, LOG_ID, bytes(32), b"\xc1"),
    }
    for name, datagram in wrong.items():
        one.links.receive_untrusted(FROM_ELSEWHERE, datagram, net.now)
        assert one.links.take_datagrams() == [], name
    assert one.links.timer() is None


def test_device_without_a_right_is_refused_and_its_link_ended() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(1.0)
    one.refused.add(3)
    one.links.drop_refused(lambda end, user: user in one.refused)
    assert not one.live()
    one.links.receive_untrusted(FROM_ELSEWHERE, opening(net, one), net.now)
    one.told_of(other)
    net.run_for(30.0)
    assert not one.live()


def test_flood_of_open_datagrams_is_bounded() -> None:
    net = PeerNetwork()
    one = net.host(2)
    for boot in range(250):
        one.links.receive_untrusted(FROM_ELSEWHERE, opening(net, one, boot=boot), net.now)
    assert one.links.counters["too many open datagrams"] == 150
    assert len(one.links._links) <= PEERS_MAX


def test_links_that_are_heard_stay_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "PEERS_MAX", 4)
    net = PeerNetwork()
    one, _ = pair(net)
    net.run_for(1.0)
    for boot in range(50):
        one.links.receive_untrusted(FROM_ELSEWHERE, opening(net, one, boot=100 + boot), net.now)
    assert len(one.links._links) == len(one.links._by_id) == 4
    assert one.live() == {3}


def test_open_datagrams_of_strangers_leave_room_for_those_of_devices() -> None:
    net = PeerNetwork()
    one = net.host(2)
    for _ in range(300):
        one.links.receive_untrusted(FROM_ELSEWHERE, b"\2" + net.random.randbytes(OPEN_OCTETS - 1), net.now)
    one.links.receive_untrusted(FROM_ELSEWHERE, opening(net, one), net.now)
    assert len(one.links.take_datagrams()) == 1


def test_open_datagram_that_is_sent_again_brings_no_more_than_its_size() -> None:
    """Somebody else sends it, from an address that is not his."""
    net = PeerNetwork()
    one = net.host(2)
    datagram = opening(net, one)
    for _ in range(20):
        one.links.receive_untrusted(FROM_ELSEWHERE, datagram, net.now)
    net.run_for(100.0)
    octets = sum(len(answer) for _, destination, answer in net.strays if destination == FROM_ELSEWHERE)
    assert octets <= 20 * OPEN_OCTETS


def test_starts_of_one_device_push_out_only_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them are heard, later than the others."""
    monkeypatch.setattr(links_module, "PEERS_MAX", 12)
    net = PeerNetwork()
    one = net.host(2, firewall=False)
    honest = [net.host(number) for number in range(3, 7)]
    greedy = [net.host(9, boot=boot) for boot in range(1, 21)]
    for other in (*honest, *greedy):
        one.told_of(other)
        other.told_of(one)
        net.run_for(1.0)
    assert one.live() == {3, 4, 5, 6, 9}
    assert sum(user == 9 for user in one.links.live_ends(net.now).values()) <= links_module.ENDS_OF_USER_MAX


def test_flood_of_one_peer_is_bounded() -> None:
    net = PeerNetwork()
    one, other = pair(net)
    net.run_for(1.0)
    for _ in range(1000):
        other.links.send(one.links.end, b"x", net.now)
    for _address, datagram in other.links.take_datagrams():
        one.take(other.address, datagram)
    assert 0 < len(one.received) <= 400


def test_addresses_of_many_computers_are_not_sent_to() -> None:
    net = PeerNetwork()
    one, other = net.host(2), net.host(3)
    hosts = ([224, 0, 0, 1], [255] * 4, [0] * 4, [0xFF, 2, *[0] * 13, 1], [0] * 16, [1, 2, 3, 4, 5])
    entry = replace(other.entry(), addresses=[wire.PeerAddress(bytes(host), 5) for host in hosts])
    one.links.take_roster([entry], net.now, complete=True)
    net.run_for(100.0)
    assert one.sent == 0

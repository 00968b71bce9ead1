"""Which clients are neighbours, and where they can be reached."""

import pytest
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.limits import PEER_ADDRESSES_MAX, PEERS_MAX
from lanchat.protocol.log.peers import PeerEnd, PeerInfo
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.model import MembershipRow
from lanchat_server.core.peers import Announced, PeerRegistry, addresses_of, distances
from tests.support.rig import GENERAL, Rig

INFO = PeerInfo(b"", bytes(64))
ADDRESS = wire.PeerAddress(bytes([10, 0, 0, 1]), 5000)


class Office:
    """`count` users in `general`, with a device each, all announced."""

    def __init__(self, count: int, config: CoreConfig | None = None) -> None:
        self.rig = Rig(config)
        directory = self.rig.directory
        self.peers = PeerRegistry(self.rig.config, directory)
        user, device = directory.users[1], directory.devices[self.rig.authors[1].device]
        for number in range(10, 10 + count):
            directory.put_user(replace(user, id=number, name=f"u{number}"))
            directory.put_device(replace(device, id=self.end(number).device, user=number))
            directory.put_members([MembershipRow(GENERAL, number, 0, 1, 0, 0)])
            self.announce(number)

    @staticmethod
    def end(number: int, boot: int = 1) -> PeerEnd:
        return PeerEnd(number.to_bytes(16, "big"), boot)

    def announce(self, number: int, boot: int = 1, session: int = 0) -> PeerEnd:
        end = self.end(number, boot)
        self.peers.announce(Announced(INFO, end, number, (ADDRESS,), session or number * 10 + boot))
        return end

    def warm(self, number: int) -> set[PeerEnd]:
        return {end for end, warm in self.peers.peers_of(self.end(number)).items() if warm}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9, 20, 100, 300, 600])
def test_neighbours_are_mutual_few_and_connected(count: int) -> None:
    office = Office(count)
    warm = {office.end(number): office.warm(number) for number in range(10, 10 + count)}
    assert all(one in warm[other] for one, others in warm.items() for other in others)
    assert all(one not in others and len(others) <= 16 for one, others in warm.items())
    reached, steps = {office.end(10)}, 0
    while len(reached) < count:
        reached |= {other for one in reached for other in warm[one]}
        steps += 1
        assert steps <= 6


@pytest.mark.parametrize("count", [100, 300])
def test_rest_stays_connected_when_a_third_is_gone(count: int) -> None:
    office = Office(count)
    left = {office.end(number) for number in range(10, 10 + count) if number % 3}
    warm = {end: office.warm(int.from_bytes(end.device, "big")) & left for end in left}
    reached = {next(iter(left))}
    for _ in range(20):
        reached |= {other for one in reached for other in warm[one]}
    assert reached == left


def test_distances_grow_up_to_half_of_the_ring() -> None:
    assert [distances(count) for count in (0, 1, 2, 3, 16)] == [[], [], [1], [1], [1, 2, 4, 8]]
    assert distances(10_000)[0] == 1
    assert distances(10_000)[-1] == 5000
    assert len(distances(10_000)) == 8


def test_members_of_a_common_room_are_named_for_later() -> None:
    office = Office(200)
    directory = office.rig.directory
    members = [10, 50, 90, 130]
    directory.put_members([MembershipRow(Rig.PRIVATE, number, 0, 1, 0, 0) for number in members])
    found = office.peers.peers_of(office.end(10))
    assert {office.end(number) for number in members[1:]} <= found.keys()
    assert sum(found.values()) <= 16


def test_roster_is_bounded() -> None:
    office = Office(300)
    directory = office.rig.directory
    for room in range(20):
        users = range(10 + room, 300, 7)
        directory.put_room(replace(directory.rooms[Rig.PRIVATE], id=1000 + room, name=f"r{room}"))
        directory.put_members([MembershipRow(1000 + room, user, 0, 1, 0, 0) for user in {10, *users}])
    found = office.peers.peers_of(office.end(10))
    assert len(found) == PEERS_MAX
    assert sum(found.values()) == len(office.warm(10)) > 10


def test_ended_session_stays_known_until_the_device_starts_anew() -> None:
    office = Office(2)
    office.peers.end_session(111)
    assert office.warm(10) == {office.end(11)}
    assert office.peers.session_of(office.end(11)) == 0
    office.announce(11, boot=2)
    assert office.warm(10) == {office.end(11, 2)}


def test_two_processes_of_a_profile_are_two_ends() -> None:
    office = Office(2)
    office.announce(11, boot=2)
    assert office.warm(10) == {office.end(11), office.end(11, 2)}


def test_session_that_announces_again_replaces_its_end() -> None:
    office = Office(2)
    office.announce(11, boot=2, session=111)
    assert office.warm(10) == {office.end(11, 2)}
    office.announce(11, boot=2, session=111)
    assert office.warm(10) == {office.end(11, 2)}


def test_revoked_and_disabled_are_not_named() -> None:
    office = Office(4)
    directory = office.rig.directory
    directory.revoke_devices([office.end(11).device], 5)
    directory.put_user(replace(directory.users[12], disabled=True))
    assert office.warm(10) == {office.end(13)}


def test_oldest_ended_session_gives_way() -> None:
    office = Office(3, CoreConfig(peer_ends_max=4))
    office.peers.end_session(121)
    office.peers.end_session(111)
    for number in (20, 21):
        office.announce(number)
    assert list(office.peers._ends) == [office.end(10), office.end(11), office.end(20), office.end(21)]
    assert len(office.peers._ring) == 4


def test_addresses_begin_with_the_observed_one() -> None:
    hosts = [bytes([192, 168, 1, 5]), bytes([10, 0, 0, 9]), b"short", bytes(16)]
    found = addresses_of("10.0.0.9", 5000, hosts)
    assert [address.host for address in found] == [bytes([10, 0, 0, 9]), bytes([192, 168, 1, 5]), bytes(16)]
    assert {address.port for address in found} == {5000}
    assert addresses_of("::ffff:10.0.0.9", 1, [])[0].host == bytes([10, 0, 0, 9])
    assert addresses_of("fe80::1%eth0", 1, [])[0].host[:2] == b"\xfe\x80"
    assert addresses_of("no address", 1, []) == ()
    assert len(addresses_of("10.0.0.9", 1, [bytes([10, 0, 1, n]) for n in range(50)])) == PEER_ADDRESSES_MAX

"""Rooms, history, receipts and presence on a real server process, on both databases."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, RoomKind
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.log.records import chain_hash, check_head, genesis_hash
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient, refusal
from tests.support.waiting import patient

Join = Callable[[str], RawClient]


@pytest.fixture(scope="module")
def server(file_database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), database=file_database) as running:
        yield running


@pytest.fixture
def join(server: ServerProcess) -> Iterator[Join]:
    """Registers a new user and returns the session."""
    with ExitStack() as stack:

        def make(name: str) -> RawClient:
            client = stack.enter_context(RawClient(server.port))
            session = client.register(f"{name}{random.getrandbits(40):x}")
            assert isinstance(session, wire.LoggedIn), session
            return client

        yield make


def room_of(client: RawClient, kind: RoomKind, history: HistoryPolicy = HistoryPolicy.EVERYTHING) -> int:
    result = client.request(wire.CreateRoom(f"Room {random.getrandbits(40):x}", kind, history))
    assert isinstance(result, wire.RoomResult), result
    return result.room.id


def changes_of(client: RawClient, room: int) -> wire.MembersChanged:
    """The next change of a room's members; those of other rooms are passed over."""
    while True:
        changed: wire.MembersChanged = client.wait_for(wire.MembersChanged)
        if changed.room == room:
            return changed


def page(client: RawClient, room: int, anchor: int = 1, *, forward: bool = True, limit: int = 50) -> wire.Page:
    result = client.request(wire.History(room, anchor, forward, limit))
    assert isinstance(result, wire.Page), result
    return result


def test_history_page_chains_into_a_signed_head(join: Join) -> None:
    anna = join("anna")
    room = room_of(anna, RoomKind.PUBLIC)
    texts = ["один", "two 😀", "three\n\tlines", "x" * 4000, "trailing   "]
    for text in texts:
        assert anna.say(room, text).seq
    got = page(anna, room)
    assert [record.body.decode() for record in got.records if record.body] == texts
    chain = genesis_hash(anna.welcome.log_id, room)
    assert got.before_hash == chain
    for record in got.records:
        chain = chain_hash(anna.welcome.log_id, room, chain, record)
    assert got.head.hash == chain
    check_head(anna.welcome.log_key, anna.welcome.log_id, got.head)
    middle = page(anna, room, 3, forward=False, limit=2)
    assert [record.seq for record in middle.records] == [2, 3]
    assert middle.proof is not None
    check_head(anna.welcome.log_key, anna.welcome.log_id, middle.proof)
    assert middle.proof.seq == 3
    assert [record.seq for record in page(anna, room, 4, limit=10).records] == [4, 5]
    assert page(anna, room, 6).records == []


def test_public_room_is_listed_joined_and_left(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    room = room_of(anna, RoomKind.PUBLIC)
    seen = bob.wait_for(wire.RoomChanged).room
    assert (seen.id, seen.joined) == (room, False)
    joined = bob.request(wire.JoinRoom(room))
    assert joined.room.joined
    assert joined.room.members == 2
    assert changes_of(anna, room).joined == [wire.Member(bob.user_id, 1)]
    members = bob.request(wire.ListMembers(room)).members
    assert {member.user for member in members} == {anna.user_id, bob.user_id}
    assert isinstance(bob.request(wire.LeaveRoom(room)), wire.Done)
    assert bob.wait_for(wire.RoomGone).room == room
    assert changes_of(anna, room).left == [bob.user_id]
    assert bob.say(room, "still there?").code == Code.NOT_A_MEMBER


def test_general_and_direct_rooms_cannot_be_left(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    assert refusal(anna.request(wire.LeaveRoom(anna.rooms["general"]))) is Code.NOT_ALLOWED
    direct = anna.request(wire.OpenDirect(bob.user_id)).room
    assert (direct.kind, direct.partner, direct.members) == (RoomKind.DIRECT, bob.user_id, 2)
    assert bob.request(wire.OpenDirect(anna.user_id)).room.id == direct.id
    assert refusal(anna.request(wire.LeaveRoom(direct.id))) is Code.NOT_ALLOWED
    assert refusal(anna.request(wire.InviteUser(direct.id, join("carl").user_id))) is Code.NOT_ALLOWED
    low, high = sorted((anna.user_id, bob.user_id))
    squatter = anna.request(wire.CreateRoom(f"Direct:{low}:{high}", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING))
    assert refusal(squatter) is Code.NAME_INVALID


def test_private_room_invitation_and_removal(join: Join) -> None:
    anna, bob, carl = join("anna"), join("bob"), join("carl")
    room = room_of(anna, RoomKind.PRIVATE)
    assert refusal(bob.request(wire.JoinRoom(room))) is Code.NOT_FOUND
    assert isinstance(anna.request(wire.InviteUser(room, bob.user_id)), wire.Done)
    while (changed := bob.wait_for(wire.RoomChanged).room).id != room:
        pass
    assert changed.joined
    assert isinstance(bob.request(wire.InviteUser(room, carl.user_id)), wire.Done)
    first = bob.request(wire.Subscribe([room])).keys[0]
    # Only who made the room, or somebody with a role, removes people.
    assert refusal(bob.request(wire.RemoveUser(room, carl.user_id))) is Code.NOT_ALLOWED
    assert isinstance(anna.request(wire.RemoveUser(room, carl.user_id)), wire.Done)
    assert carl.wait_for(wire.RoomGone).room == room
    renewed = bob.wait_for(wire.RoomKey)
    assert (renewed.room, renewed.number) == (room, first.number + 1)
    assert renewed.key != first.key
    assert not [event for event in carl.events if isinstance(event, wire.RoomKey) and event.number > first.number]


def test_history_since_joining_hides_earlier_records(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    room = room_of(anna, RoomKind.PUBLIC, HistoryPolicy.SINCE_JOINING)
    anna.say(room, "before elephants")
    joined = bob.request(wire.JoinRoom(room)).room
    assert joined.first_seq == 2
    anna.say(room, "after elephants")
    assert [record.seq for record in page(bob, room).records] == [2]
    assert [record.seq for record in page(bob, room, 2, forward=False).records] == [2]
    assert page(bob, room, 1, forward=False).records == []
    found = bob.request(wire.Search(room, "elephants", 0, 10))
    assert [hit.record.seq for hit in found.hits] == [2]
    assert [hit.record.seq for hit in anna.request(wire.Search(room, "elephants", 0, 10)).hits] == [2, 1]


def test_search_respects_edits_and_deletions(join: Join) -> None:
    anna = join("anna")
    room = room_of(anna, RoomKind.PUBLIC)
    for text in ("первый вариант", "nothing here", "secret plan"):
        anna.say(room, text)
    assert anna.say(room, "второй вариант", kind=Kind.EDIT, ref=1).seq == 4
    assert anna.say(room, "", kind=Kind.DELETE, ref=3).seq == 5
    assert anna.request(wire.Search(room, "первый", 0, 10)).hits == []
    (hit,) = anna.request(wire.Search(room, "ВТОР", 0, 10)).hits
    assert (hit.record.seq, [change.seq for change in hit.changes]) == (1, [4])
    assert anna.request(wire.Search(0, "secret", 0, 10)).hits == []
    assert page(anna, room).records[2].body is None
    for words in ("", "   ", "!!!", '"', "*", "+-<>()~@"):
        assert anna.request(wire.Search(room, words, 0, 10)).hits == []


def test_live_records_follow_the_head_of_the_subscription(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    room = room_of(anna, RoomKind.PUBLIC)
    anna.say(room, "one")
    bob.request(wire.JoinRoom(room))
    (head,) = bob.request(wire.Subscribe([room])).heads
    assert head.seq == 1
    anna.say(room, "two")
    records = bob.wait_for(wire.Records)
    assert [record.seq for record in records.records] == [2]
    assert records.head.seq == 2


def test_read_marks_reach_members_and_are_stored(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    room = anna.request(wire.OpenDirect(bob.user_id)).room.id
    for client in (anna, bob):
        client.request(wire.Subscribe([room]))
    anna.say(room, "got it?")
    bob.send(wire.Cursors([wire.Cursor(room, 1, 0)]))
    while (cursors := anna.wait_for(wire.RoomCursors)).room != room:
        pass
    assert cursors.cursors == [wire.MemberCursor(bob.user_id, 1, 0)]
    bob.send(wire.Cursors([wire.Cursor(room, 1, 1)]))
    while (cursors := anna.wait_for(wire.RoomCursors)).room != room:
        pass
    assert cursors.cursors == [wire.MemberCursor(bob.user_id, 1, 1)]
    # Lists tell, besides, since when somebody is a member.
    for client in (anna, bob):
        listed = {cursor.user: cursor for cursor in client.request(wire.ListCursors(room)).cursors}
        assert (listed[bob.user_id].received, listed[bob.user_id].read) == (1, 1)
        assert listed[bob.user_id].joined_ms > 0


def test_presence_changes_reach_other_users(join: Join) -> None:
    anna, bob = join("anna"), join("bob")

    def wait_for_state(state: PresenceState) -> None:
        end = time.monotonic() + patient(5)
        while time.monotonic() < end:
            for user in anna.wait_for(wire.Users).users:
                if user.id == bob.user_id and user.state is state:
                    return
        raise AssertionError(state)

    wait_for_state(PresenceState.ONLINE)
    bob.send(wire.Activity(PresenceState.AWAY))
    wait_for_state(PresenceState.AWAY)
    bob.close()
    wait_for_state(PresenceState.OFFLINE)
    everybody = {user.id: user for user in anna.request(wire.ListUsers()).users}
    assert everybody[anna.user_id].state is PresenceState.ONLINE
    assert abs(everybody[bob.user_id].last_seen_ms / 1000 - time.time()) < 10


def test_room_names_are_unique_and_validated(join: Join) -> None:
    anna = join("anna")
    name = f"Кухня {random.getrandbits(40):x}"
    everything = HistoryPolicy.EVERYTHING
    assert isinstance(anna.request(wire.CreateRoom(name, RoomKind.PUBLIC, everything)), wire.RoomResult)
    assert refusal(anna.request(wire.CreateRoom(name.upper(), RoomKind.PRIVATE, everything))) is Code.NAME_TAKEN
    looks_the_same = name.replace("Кух", "Kyx")
    assert refusal(anna.request(wire.CreateRoom(looks_the_same, RoomKind.PUBLIC, everything))) is Code.NAME_TAKEN
    for bad in ("", " ", "a\nb", "\u202e", "#x", "@x", "y" * 65):
        assert refusal(anna.request(wire.CreateRoom(bad, RoomKind.PUBLIC, everything))) is Code.NAME_INVALID
    assert refusal(anna.request(wire.CreateRoom("direct", RoomKind.DIRECT, everything))) is Code.NAME_INVALID


def test_author_certificates_come_with_pages_and_on_request(join: Join) -> None:
    anna, bob = join("anna"), join("bob")
    room = room_of(anna, RoomKind.PUBLIC)
    anna.say(room, "signed")
    bob.request(wire.JoinRoom(room))
    assert [c.octets for c in page(bob, room).certificates] == [anna.session.certificate.octets]
    answer = bob.request(wire.GetCertificates([anna.device, bytes(16)]))
    assert [c.octets for c in answer.certificates] == [anna.session.certificate.octets]

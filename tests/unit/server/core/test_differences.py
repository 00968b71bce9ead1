"""Differences between two snapshots of the database, and the events sent for them."""

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.records import genesis_hash
from lanchat.protocol.transport import Transport
from lanchat_server.core.directory.differences import Differences, differences
from lanchat_server.core.model import DirectorySnapshot, MembershipRow, RoomHead, RoomKeyRow, RoomRow
from lanchat_server.core.relay.outbound import SendFrames
from lanchat_server.service.notices import EventNotifier
from tests.support.rig import GENERAL, LOG_ID, Rig

NOTHING = Differences((), (), (), (), (), (), (), frozenset(), frozenset(), frozenset(), ())


def snapshot_of(rig: Rig) -> DirectorySnapshot:
    return rig.store.snapshot()


def notifier_of(rig: Rig) -> EventNotifier:
    return EventNotifier(rig.core, rig.directory, rig.sequencer, rig.statements, lambda: 0.0)


def test_unchanged_snapshots_have_no_differences() -> None:
    rig = Rig()
    assert differences(snapshot_of(rig), snapshot_of(rig)) == NOTHING
    assert differences(rig.directory.snapshot(), snapshot_of(rig)) == NOTHING


def test_every_kind_of_change_is_found() -> None:
    rig = Rig()
    database, before = rig.database, snapshot_of(rig)
    database.memberships.pop((Rig.PRIVATE, 2))
    rig.join(Rig.PRIVATE, 3)
    room = RoomRow(20, "new", RoomKind.PUBLIC, HistoryPolicy.EVERYTHING, 1, 0, RoomHead(0, genesis_hash(LOG_ID, 20), 0))
    database.rooms[20] = room
    database.memberships[20, 1] = MembershipRow(20, 1, 0, 1, 0, 0)
    database.rooms[GENERAL] = replace(database.rooms[GENERAL], history=HistoryPolicy.SINCE_JOINING)
    device = rig.authors[3].device
    database.devices[device] = replace(database.devices[device], revoked_ms=5)
    database.users[1] = replace(database.users[1], display_name="Another")
    database.users[2] = replace(database.users[2], disabled=True)
    database.users[3] = replace(database.users[3], password_hash="another")
    changes = differences(before, snapshot_of(rig))
    assert changes == Differences(
        rooms=((room, (1,)),),
        deleted=(),
        changed=(GENERAL,),
        archived=(),
        joined=((Rig.PRIVATE, 3),),
        left=((Rig.PRIVATE, 2),),
        keys=(),
        revoked=frozenset({device}),
        disabled=frozenset({2}),
        passwords=frozenset({3}),
        people=(1,),
    )


def test_replaced_room_key_is_found_but_not_a_first_one() -> None:
    rig = Rig()
    rig.database.room_keys[GENERAL] = RoomKeyRow(GENERAL, 1, bytes(32), 0)
    before = snapshot_of(rig)
    rig.database.room_keys[GENERAL] = RoomKeyRow(GENERAL, 2, bytes(32), 0)
    rig.database.room_keys[Rig.PRIVATE] = RoomKeyRow(Rig.PRIVATE, 1, bytes(32), 0)
    assert differences(before, snapshot_of(rig)).keys == (GENERAL,)


def test_changed_people_are_told_with_the_next_presence() -> None:
    rig = Rig()
    before = rig.directory.snapshot()
    rig.database.users[2] = replace(rig.database.users[2], role=Role.MODERATOR)
    rig.database.users[3] = replace(rig.database.users[3], display_name="Another")
    rig.directory.load(snapshot_of(rig))
    touched: list[int] = []
    rig.core.touch_user = lambda user, _now: touched.append(user)  # type: ignore[method-assign]
    notifier_of(rig).reloaded(differences(before, snapshot_of(rig)))
    assert touched == [2, 3]


def test_removed_member_receives_no_more_records() -> None:
    rig = Rig()
    for user in (1, 2):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
        rig.core.subscribe(user, [Rig.PRIVATE])
    before = rig.directory.snapshot()
    rig.database.memberships.pop((Rig.PRIVATE, 2))
    rig.directory.load(snapshot_of(rig))
    rig.core.take_outputs()
    notifier_of(rig).reloaded(differences(before, snapshot_of(rig)))
    assert [session.id for session in rig.core.sessions.subscribers(Rig.PRIVATE)] == [1]
    sent = [output for output in rig.core.take_outputs() if isinstance(output, SendFrames) and 2 in output.sessions]
    assert [wire.decode_from_server_untrusted(send.payload[4:]) for send in sent] == [wire.RoomGone(Rig.PRIVATE)]


def test_repair_does_not_restore_an_unseen_deletion() -> None:
    rig = Rig()
    rig.core.add_session(1, 1, rig.authors[1].device, 0.0)
    for text in ("one", "two"):
        rig.core.receive(1, wire.Submit([rig.authors[1].message(text)]), Transport.TLS, 1.0)
    rig.run_batches(1.0)
    assert rig.core._recent.find(GENERAL, [1])[0]
    head = rig.database.rooms[GENERAL].head
    newer = rig.sequencer.sign(GENERAL, RoomHead(head.seq + 1, bytes(32), head.time_ms))
    rig.core.reload_heads({GENERAL: newer}, 2.0)
    assert rig.core._recent.find(GENERAL, [1, 2]) == ([], [1, 2])


def test_deleted_and_archived_rooms_are_found_and_sent() -> None:
    rig = Rig()
    for user in (1, 2, 3):
        rig.core.add_session(user, user, rig.authors[user].device, 0.0)
    rig.core.subscribe(2, [Rig.PRIVATE])
    before = snapshot_of(rig)
    rig.database.rooms[GENERAL] = replace(rig.database.rooms[GENERAL], archived=True)
    deleted_room = rig.database.rooms.pop(Rig.PRIVATE)
    rig.database.deleted[Rig.PRIVATE] = 0
    changes = differences(before, snapshot_of(rig))
    assert changes.deleted == ((deleted_room, (1, 2)),)
    assert (changes.archived, changes.left) == ((GENERAL,), ())
    rig.directory.load(snapshot_of(rig))
    rig.core.take_outputs()
    notifier_of(rig).reloaded(changes)
    sent = [out for out in rig.core.take_outputs() if isinstance(out, SendFrames) and out.path is Transport.TLS]
    frames = [(send.sessions, wire.decode_from_server_untrusted(send.payload[4:])) for send in sent]
    assert ((1, 2), wire.RoomsDeleted([Rig.PRIVATE])) in frames
    assert [frame.room.archived for _, frame in frames if isinstance(frame, wire.RoomChanged)] == [True] * 3
    assert Rig.PRIVATE not in rig.core.heads

"""A server that takes its log back from clients: what it believes, and what it does not."""

from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.messages import Kind, decode_header_untrusted
from lanchat.protocol.log.records import Head, Record, chain_hash, sign_head
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    devices_hash,
    issue_statement,
    members_hash,
)
from lanchat_server.core.model import LogState, RoomHead
from lanchat_server.core.reseeding.reseeding import HOLD, RETRY, Reseeding
from lanchat_server.core.reseeding.restoring import LOST_PASSWORD
from lanchat_server.core.sequencing.sequencer import Submission
from lanchat_server.service.requests import login, reseeding, rooms
from tests.explorer.harness import GENERAL, MEMBER, OWNER, ROOM, THIRD
from tests.support.rig import LOG_ID, LOG_KEY, Author, make_author
from tests.unit.server.service.test_room_deletion import DeletionHarness, do

STRANGER = 90
NUMBER = (1 << 40) + 900
NEW_ROOM = 4711


@pytest.fixture
def stage() -> DeletionHarness:
    made = DeletionHarness()
    made.service.directory.log = made.database.log = LogState(LOG_ID, 2)
    made.service.core.reseeding = Reseeding(True, True, made.service.now())
    return made


def head_of(stage: DeletionHarness, room: int) -> RoomHead:
    return stage.database.rooms[room].head


def said(
    stage: DeletionHarness, room: int, *texts: str, author: Author | None = None, after: RoomHead | None = None
) -> tuple[list[Record], Head]:
    """Records of the log as it was, after what it still has, and the head at the last of them."""
    author = author or make_author(OWNER)
    author.run = 4000
    last = after or head_of(stage, room)
    records = []
    for text in texts:
        message = author.message(text, room=room)
        record = Record(last.seq + 1, 1_000 + last.seq, message.header, message.signature, message.body)
        last = RoomHead(record.seq, chain_hash(LOG_ID, room, last.hash, record), record.time_ms)
        records.append(record)
    return records, sign_head(LOG_KEY, LOG_ID, 1, room, last.seq, last.hash, last.time_ms)


def offer(stage: DeletionHarness, user: int, head: Head, first: int = 1) -> Any:
    return do(stage, user, reseeding.offer_records, wire.OfferRecords(head, first))


def give(stage: DeletionHarness, user: int, room: int, records: list[Record], head: Head | None) -> Any:
    return do(stage, user, reseeding.give_records, wire.GiveRecords(room, records, head))


def test_records_come_back_with_their_numbers_and_times(stage: DeletionHarness) -> None:
    before = head_of(stage, ROOM).seq
    records, head = said(stage, ROOM, "one", "two", "three")
    assert offer(stage, OWNER, head).first == before + 1
    assert give(stage, OWNER, ROOM, records, head) == wire.RecordsWanted(0)
    stored = [item.record for item in stage.database.records[ROOM]][before:]
    assert stored == records
    assert stage.service.core.heads[ROOM].seq == before + 3
    state = stage.service.core.reseeding.rooms[ROOM]
    assert (state.taken, len(state.givers), state.goal) == (3, 1, before + 3)


def test_records_without_a_head_are_kept_until_it_comes(stage: DeletionHarness) -> None:
    before = head_of(stage, ROOM).seq
    records, head = said(stage, ROOM, "one", "two", "three")
    offer(stage, OWNER, head)
    assert give(stage, OWNER, ROOM, records[:2], None).first == before + 3
    assert head_of(stage, ROOM).seq == before
    assert give(stage, OWNER, ROOM, records[2:], head).first == 0
    assert head_of(stage, ROOM).seq == before + 3


def test_second_client_waits_and_goes_on_where_the_first_ended(stage: DeletionHarness) -> None:
    before = head_of(stage, ROOM).seq
    _records, head = said(stage, ROOM, "one", "two")
    offer(stage, OWNER, head)
    waiting = offer(stage, MEMBER, head)
    assert (waiting.first, waiting.retry_ms > 0) == (0, True)
    stage.service.core.reseeding.end_session(OWNER)
    assert offer(stage, MEMBER, head).first == before + 1


@pytest.mark.parametrize("lie", ["unsigned", "present epoch", "other room"])
def test_unproven_records_are_not_taken(stage: DeletionHarness, lie: str) -> None:
    before = head_of(stage, ROOM).seq
    records, head = said(stage, ROOM, "made up")
    offer(stage, OWNER, head)
    match lie:
        case "unsigned":
            head = replace(head, signature=bytes(64))
        case "present epoch":
            head = sign_head(LOG_KEY, LOG_ID, 2, ROOM, head.seq, head.hash, head.time_ms)
        case "other room":
            head = sign_head(LOG_KEY, LOG_ID, 1, GENERAL, head.seq, head.hash, head.time_ms)
    assert give(stage, OWNER, ROOM, records, head) is Code.BAD_REQUEST
    assert head_of(stage, ROOM).seq == before


def test_changed_record_is_not_taken(stage: DeletionHarness) -> None:
    """Its author did not sign it, though the head is one of this log."""
    before = head_of(stage, ROOM).seq
    records, head = said(stage, ROOM, "one", "two")
    offer(stage, OWNER, head)
    assert give(stage, OWNER, ROOM, [records[0], replace(records[1], body=b"other")], head) is Code.BAD_REQUEST
    assert head_of(stage, ROOM).seq == before


def test_another_history_is_told_as_a_fork_and_not_mixed_in(stage: DeletionHarness) -> None:
    records, head = said(stage, ROOM, "one", after=RoomHead(head_of(stage, ROOM).seq, b"?" * 32, 0))
    before = head_of(stage, ROOM)
    offer(stage, OWNER, head)
    assert give(stage, OWNER, ROOM, records, head).forked
    assert head_of(stage, ROOM) == before
    assert stage.service.core.reseeding.rooms[ROOM].forks == 1


def test_deletion_that_comes_back_blanks_its_target(stage: DeletionHarness) -> None:
    author, first = make_author(OWNER), head_of(stage, ROOM).seq + 1
    records, head = said(stage, ROOM, "to be deleted", author=author)
    message = author.message("", room=ROOM, kind=Kind.DELETE, ref=first)
    deletion = Record(first + 1, 2_000, message.header, message.signature, message.body)
    head = sign_head(LOG_KEY, LOG_ID, 1, ROOM, first + 1, chain_hash(LOG_ID, ROOM, head.hash, deletion), 2_000)
    offer(stage, OWNER, head)
    give(stage, OWNER, ROOM, [*records, deletion], head)
    assert stage.database.records[ROOM][first - 1].record.body is None


def test_non_member_gives_and_learns_nothing(stage: DeletionHarness) -> None:
    records, head = said(stage, ROOM, "one")
    assert offer(stage, THIRD, head) is Code.NOT_FOUND
    assert give(stage, THIRD, ROOM, records, head) is Code.NOT_FOUND


def test_too_much_without_a_head_is_dropped(stage: DeletionHarness) -> None:
    stage.service.core.reseeding = Reseeding(True, True, stage.service.now(), unproven_max=500)
    records, head = said(stage, ROOM, "one", "two", "three")
    offer(stage, OWNER, head)
    assert give(stage, OWNER, ROOM, records, None).first == 0
    assert stage.service.core.reseeding.rooms[ROOM].parts == []


def test_server_whose_log_is_whole_asks_for_nothing(stage: DeletionHarness) -> None:
    stage.service.core.reseeding = Reseeding(False, False, 0.0)
    records, head = said(stage, ROOM, "one")
    assert offer(stage, OWNER, head) is Code.NOT_ALLOWED
    assert give(stage, OWNER, ROOM, records, head) is Code.NOT_ALLOWED
    assert do(stage, OWNER, reseeding.give_statements, wire.GiveStatements([])) is Code.NOT_ALLOWED


def test_new_messages_wait_in_the_beginning_and_while_a_room_comes_back() -> None:
    state = Reseeding(True, True, 100.0)
    assert state.waits(ROOM, 100.0) > 0
    assert state.waits(ROOM, 100.0 + HOLD) == 0
    assert state.offer(1, OWNER, ROOM, 0, 5, 1, 100.0 + HOLD) == 1
    assert state.waits(ROOM, 100.5 + HOLD) > 0
    assert state.waits(GENERAL, 100.5 + HOLD) == 0


# --- Accounts, rooms, devices -----------------------------------------------------------------------------------------


def account(user: int, name: str, number: int = NUMBER, role: Role = Role.MEMBER, disabled: bool = False) -> Statement:
    return issue_statement(LOG_KEY, AccountBody(LOG_ID, number, user, name, name, role, disabled))


def room(members: dict[int, int], *, number: int = NUMBER, room: int = NEW_ROOM, deleted: bool = False) -> Statement:
    body = RoomBody(
        LOG_ID, number, room, "" if deleted else "returned", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING, OWNER, False,
        deleted, len(members), members_hash(members.items()),
    )  # fmt: skip
    return issue_statement(LOG_KEY, body)


def give_said(stage: DeletionHarness, *statements: Statement, **lists: Any) -> None:
    members = [
        wire.RoomMembers(number, [wire.Member(*one) for one in listing.items()])
        for number, listing in lists.pop("members", {}).items()
    ]
    answer = do(stage, OWNER, reseeding.give_statements, wire.GiveStatements(list(statements), members, **lists))
    assert isinstance(answer, wire.Done)


def certificate(author: Author, name: str) -> Any:
    body = CertificateBody(LOG_ID, author.user, public_octets(author.key), name, name, 1, 1)
    return issue_certificate(LOG_KEY, body)


def test_account_comes_back_with_id_role_and_number_and_without_a_password(stage: DeletionHarness) -> None:
    give_said(stage, account(STRANGER, "nadia", role=Role.MODERATOR))
    row = stage.database.users[STRANGER]
    assert (row.name, row.role, row.password_hash, row.number) == ("nadia", Role.MODERATOR, LOST_PASSWORD, NUMBER)
    assert stage.service.directory.membership(GENERAL, STRANGER) is not None


def test_older_statement_changes_nothing_and_newer_one_does(stage: DeletionHarness) -> None:
    name = stage.database.users[MEMBER].name
    give_said(stage, account(MEMBER, name, number=NUMBER, disabled=True))
    assert stage.database.users[MEMBER].disabled
    give_said(stage, account(MEMBER, name, number=NUMBER - 1))
    assert stage.database.users[MEMBER].disabled


def test_forged_statement_changes_nothing(stage: DeletionHarness) -> None:
    forged = replace(account(STRANGER, "nadia", role=Role.ADMINISTRATOR), signature=bytes(64))
    give_said(stage, forged)
    assert STRANGER not in stage.database.users


def test_room_comes_back_with_the_members_that_its_statement_has_the_hash_of(stage: DeletionHarness) -> None:
    listing = {OWNER: 1, MEMBER: 3}
    give_said(stage, room(listing), members={NEW_ROOM: {OWNER: 1, THIRD: 1}})
    assert NEW_ROOM not in stage.database.rooms
    give_said(stage, room(listing), members={NEW_ROOM: listing})
    assert stage.database.rooms[NEW_ROOM].number == NUMBER
    members = stage.service.directory.members(NEW_ROOM)
    assert {user: row.first_seq for user, row in members.items()} == listing


def test_deleted_room_stays_deleted(stage: DeletionHarness) -> None:
    listing = {OWNER: 1}
    give_said(stage, room({}, number=NUMBER + 1, deleted=True))
    give_said(stage, room(listing), members={NEW_ROOM: listing})
    assert NEW_ROOM not in stage.database.rooms
    assert NEW_ROOM in stage.database.deleted
    give_said(stage, room({}, room=ROOM, number=NUMBER + 2, deleted=True))
    assert ROOM in stage.database.deleted
    assert ROOM not in stage.service.core.heads


def test_revoked_device_does_not_come_back(stage: DeletionHarness) -> None:
    author = make_author(STRANGER)
    body = RevocationsBody(LOG_ID, NUMBER, 1, devices_hash([author.device]))
    give_said(stage, issue_statement(LOG_KEY, body), revoked=[author.device])
    given = certificate(author, "nadia")
    give_said(stage, account(STRANGER, "nadia"), certificates=[given])
    assert author.device not in stage.database.devices
    assert author.device in stage.service.directory.revoked()


def test_forgotten_device_logs_in_with_its_certificate(stage: DeletionHarness) -> None:
    author = make_author(STRANGER)
    given = certificate(author, "nadia")
    found = do(stage, OWNER, lambda context, _c, _o: reseeding.restored_device(context, author.device, given), None)
    assert found.user == STRANGER
    assert stage.database.users[STRANGER].name == "nadia"
    other = certificate(make_author(STRANGER + 1), "nadia")
    again = do(stage, OWNER, lambda context, _c, _o: reseeding.restored_device(context, bytes(16), other), None)
    assert again is None


def test_registration_waits_until_an_account_has_come_back(stage: DeletionHarness) -> None:
    stage.service.directory.users = {}
    with pytest.raises(Exception, match="come back first"):
        login._check_registration(stage.service, None, wire.Register("x", "y", None, "", ""))  # type: ignore[arg-type]


# --- Where memberships begin ------------------------------------------------------------------------------------------


def since_joining(stage: DeletionHarness, reopened_ms: int = 1) -> None:
    """The room shows newcomers nothing, and the log comes back since `reopened_ms`."""
    stage.service.directory.reopened_ms = reopened_ms
    closed = replace(stage.database.rooms[ROOM], history=HistoryPolicy.SINCE_JOINING)
    stage.database.rooms[ROOM] = closed
    stage.service.directory.put_room(closed)
    stage.service.core.reseeding = Reseeding(True, False, stage.service.now())


def begins(stage: DeletionHarness, user: int) -> int:
    kept = stage.database.memberships[ROOM, user]
    assert stage.service.directory.membership(ROOM, user) == kept
    return kept.first_seq


def test_who_joined_before_earlier_records_came_back_does_not_read_them(stage: DeletionHarness) -> None:
    since_joining(stage)
    before = head_of(stage, ROOM).seq
    number = stage.database.rooms[ROOM].number
    members = {user: begins(stage, user) for user in (OWNER, MEMBER)}
    assert isinstance(do(stage, OWNER, rooms.invite_user, wire.InviteUser(ROOM, THIRD)), wire.Done)
    assert begins(stage, THIRD) == before + 1
    records, head = said(stage, ROOM, "one", "two", "three")
    offer(stage, OWNER, head)
    give(stage, OWNER, ROOM, records, head)
    assert begins(stage, THIRD) == head.seq + 1
    assert {user: begins(stage, user) for user in members} == members
    assert stage.database.rooms[ROOM].number > number


def test_who_was_a_member_before_the_loss_reads_what_comes_back(stage: DeletionHarness) -> None:
    since_joining(stage, reopened_ms=stage.service.wall_ms() + 1)
    before = head_of(stage, ROOM).seq
    listing = {OWNER: 1, MEMBER: 1, THIRD: before + 2}
    give_said(stage, room(listing, room=ROOM), members={ROOM: listing})
    records, head = said(stage, ROOM, "one", "two", "three")
    offer(stage, OWNER, head)
    give(stage, OWNER, ROOM, records, head)
    assert begins(stage, THIRD) == before + 2


def test_who_was_to_begin_above_what_nobody_gives_back_begins_with_the_next_message(stage: DeletionHarness) -> None:
    since_joining(stage)
    before = head_of(stage, ROOM).seq
    listing = {OWNER: 1, MEMBER: 1, THIRD: before + 5}
    give_said(stage, room(listing, room=ROOM), members={ROOM: listing})
    message = stage.authors[OWNER].message("new", room=ROOM)
    submission = Submission(0, message, decode_header_untrusted(message.header))
    outcome = stage.service.sequencer.commit(stage.service.store, [submission], stage.service.wall_ms())
    assert [decision.seq for _, decision in outcome.decided] == [before + 1]
    assert [(member.user, member.first_seq) for member in outcome.begin_earlier] == [(THIRD, before + 1)]
    assert begins(stage, THIRD) == before + 1


def test_nobody_joins_while_what_was_said_before_comes_back(stage: DeletionHarness) -> None:
    since_joining(stage)
    _records, head = said(stage, ROOM, "one", "two")
    offer(stage, OWNER, head)
    assert do(stage, OWNER, rooms.invite_user, wire.InviteUser(ROOM, THIRD)) is Code.BUSY


def test_who_holds_only_the_newest_records_of_a_fork_is_told_so(stage: DeletionHarness) -> None:
    """He cannot show it, and would wait for others for ever."""
    _records, head = said(stage, ROOM, "one", "two", "three")
    assert offer(stage, MEMBER, head, first=head.seq) == wire.RecordsWanted(0, round(RETRY * 1000))
    stage.service.core.reseeding.note_new(ROOM)
    assert offer(stage, MEMBER, head, first=head.seq).forked
    assert stage.service.core.reseeding.rooms[ROOM].forks == 1

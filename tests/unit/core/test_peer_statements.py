"""What the log has said goes from client to client without the server, and counts by its own signature."""

from typing import Any

import pytest

from lanchat.core.peers import hearsay as hearsay_module
from lanchat.core.peers.hearsay import StatementExchange
from lanchat.core.ports import LocalStoreError
from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerEnd
from lanchat.protocol.log.statements import AccountBody, RoomBody, Statement, issue_statement, members_hash
from lanchat.protocol.problems import Problem
from lanchat.protocol.wire.peers import MEMBERS_TOLD
from tests.support.fake_log import LOG_ID, device_of, key_of
from tests.support.peer_network import LOG_KEY
from tests.support.peer_office import GENERAL, SECRET_ROOM, PeerOffice, Talker

END = PeerEnd(bytes(16), 7)


def account(user: int, number: int, *, disabled: bool = False) -> Statement:
    return issue_statement(LOG_KEY, AccountBody(LOG_ID, number, user, f"user{user}", "", Role.MEMBER, disabled))


def room(number: int, members: list[int], room: int = SECRET_ROOM) -> Statement:
    listing = [(user, 1) for user in members]
    kind = RoomKind.PUBLIC if room == GENERAL else RoomKind.PRIVATE
    rights = (kind, HistoryPolicy.EVERYTHING, 0, False, False, len(members), members_hash(listing))
    return issue_statement(LOG_KEY, RoomBody(LOG_ID, number, room, f"room {room}", *rights))


def hear(talker: Talker, *statements: Statement, **members: list[int]) -> None:
    """From the server, before it went away."""
    talker.statements.take_untrusted(statements)
    for listing in members.values():
        talker.statements._set_members(SECRET_ROOM, dict.fromkeys(listing, 1))
    talker.statements.save()


def told(statement: Statement, *members: int, part: int = 0) -> wire.Told:
    return wire.Told(statement, part, [wire.Member(user, 1) for user in members])


def exchange_of(talker: Talker) -> StatementExchange:
    return talker.talk._hearsay


def test_revoked_device_is_refused_by_who_has_heard_of_it_from_others() -> None:
    office = PeerOffice(5)
    office.link((2, 3), (3, 4), (4, 5))
    office.talkers[2].hear_revocation(device_of(key_of(5)))
    office.talkers[2].statements.save()
    office.away()
    office.net.run_for(30.0)
    knowing = {number for number in (2, 3, 4) if office.talkers[number].statements.is_revoked(device_of(key_of(5)))}
    assert knowing == {2, 3, 4}
    message = office.talkers[5].say("still here")
    office.net.run_for(10.0)
    assert message.body.decode() not in office.talkers[4].texts()
    assert office.talkers[4].store.statements().revoked == []  # `save` is called by the core
    office.talkers[4].statements.save()
    assert office.talkers[4].store.statements().revoked == [device_of(key_of(5))]


def test_removed_member_is_refused_by_who_has_heard_of_it_from_others() -> None:
    office = PeerOffice(4, secret=(2, 3, 4))
    office.link((2, 3), (3, 4), (4, 5))
    hear(office.talkers[2], room(20, [2, 3]), members=[2, 3])
    office.away()
    office.net.run_for(20.0)
    assert office.talkers[3].statements.members(SECRET_ROOM) == {2: 1, 3: 1}
    office.talkers[4].say("without a right", SECRET_ROOM)
    office.talkers[2].say("among us", SECRET_ROOM)
    office.net.run_for(10.0)
    assert office.talkers[3].texts() == {"among us"}
    # Who is not in the room any more is told nothing of it.
    assert office.talkers[4].statements.rooms[SECRET_ROOM].number == 1
    assert SECRET_ROOM not in office.talkers[5].statements.rooms


def test_room_of_many_comes_in_parts_and_losses_are_made_good() -> None:
    office = PeerOffice(2, loss=0.2)
    office.link()
    members = list(range(2, 200))
    statement = room(20, members, GENERAL)
    office.talkers[2].statements.take_untrusted([statement, account(70, 30)])
    office.talkers[2].statements._set_members(GENERAL, dict.fromkeys(members, 1))
    office.talkers[2].statements.save()
    office.away()
    office.net.run_for(400.0)
    assert office.talkers[3].statements.members(GENERAL) == dict.fromkeys(members, 1)
    assert office.talkers[3].statements.accounts[70].number == 30


def test_who_missed_something_learns_it_from_somebody_who_has_the_server() -> None:
    office = PeerOffice(2)
    office.link()
    hear(office.talkers[2], account(3, 9, disabled=True))
    office.talkers[3].away()
    office.net.run_for(15.0)
    assert office.talkers[3].statements.accounts[3].disabled


def test_nothing_is_asked_when_both_know_the_same() -> None:
    office = PeerOffice(2)
    office.link()
    office.away()
    office.net.run_for(30.0)
    one, other = office.talkers[2], office.talkers[3]
    assert exchange_of(one).digest(3) == exchange_of(other).digest(2) != 0
    assert not exchange_of(one)._ends
    assert not exchange_of(other)._ends


def test_forged_or_older_statement_changes_nothing() -> None:
    talker = PeerOffice(2).talkers[2]
    good = account(3, 9, disabled=True)
    forged = Statement(good.kind, account(3, 10).octets, good.signature)
    with pytest.raises(ProtocolError):
        exchange_of(talker).take(END, 3, told(forged), 0.0)
    exchange_of(talker).take(END, 3, told(good), 0.0)
    assert talker.statements.accounts[3].disabled
    exchange_of(talker).take(END, 3, told(account(3, 8)), 0.0)
    assert talker.statements.accounts[3].disabled


def test_room_is_not_believed_without_its_members() -> None:
    talker = PeerOffice(3, secret=(2, 3)).talkers[2]
    statement = room(20, [2, 3, 4])
    with pytest.raises(ProtocolError, match="does not fit"):
        exchange_of(talker).take(END, 3, told(statement, 2, 3, 5), 0.0)
    assert talker.statements.members(SECRET_ROOM) == {2: 1, 3: 1}
    with pytest.raises(ProtocolError, match="part that no list has"):
        exchange_of(talker).take(END, 3, told(statement, 2, part=1), 0.0)
    exchange_of(talker).take(END, 3, told(statement, 2, 3, 4), 0.0)
    assert talker.statements.members(SECRET_ROOM) == {2: 1, 3: 1, 4: 1}


def test_unfinished_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearsay_module, "PARTS_MAX", 3)
    talker = PeerOffice(2).talkers[2]
    members = list(range(2, 2 + 2 * MEMBERS_TOLD))
    for number in range(6):
        statement = room(20, members, 100 + number)
        exchange_of(talker).take(END, 3, told(statement, *members[:MEMBERS_TOLD]), 0.0)
    assert len(exchange_of(talker)._lists) == 3
    exchange_of(talker).forget([])
    assert not exchange_of(talker)._lists


def test_who_asks_or_tells_too_much_is_not_answered() -> None:
    talker = PeerOffice(2).talkers[2]
    exchange = exchange_of(talker)
    asked = [exchange.take(END, 3, wire.WantStatements(0), 0.0) for _ in range(4)]
    assert all(asked)
    with pytest.raises(ProtocolError, match="too many statements asked for"):
        exchange.take(END, 3, wire.WantStatements(0), 0.0)
    for _ in range(200):
        exchange.take(END, 3, told(account(3, 1)), 0.0)
    with pytest.raises(ProtocolError, match="too many statements of a peer"):
        exchange.take(END, 3, told(account(3, 1)), 0.0)


def test_local_copy_that_cannot_be_read_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    talker = PeerOffice(2).talkers[2]

    def fail() -> Any:
        raise LocalStoreError(Problem.DISK_FULL)

    monkeypatch.setattr(talker.store, "statements", fail)
    assert exchange_of(talker).take(END, 3, wire.WantStatements(0), 0.0) == []

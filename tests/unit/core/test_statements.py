"""Statements in the client core: which it takes, what it asks for, what survives a restart."""

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.core.endpoints import SERVER
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.statements import (
    AccountBody,
    RevocationsBody,
    RoomBody,
    Statement,
    StatementBody,
    devices_hash,
    issue_statement,
    members_hash,
)
from lanchat.protocol.transport import Transport
from tests.support.fake_log import LOG_ID, FakeLog, Wire, key_of
from tests.support.memory_local import MemoryLocalStore

ROOM = 1
MEMBERS = {7: 1, 9: 1}
DEVICES = [bytes([number]) * 16 for number in (1, 2)]


def account(number: int, user: int = 9, *, disabled: bool = False) -> AccountBody:
    return AccountBody(LOG_ID, number, user, f"user{user}", f"User {user}", Role.MEMBER, disabled)


def room(number: int, members: dict[int, int], room: int = ROOM) -> RoomBody:
    kind, history, digest = RoomKind.PRIVATE, HistoryPolicy.EVERYTHING, members_hash(members.items())
    return RoomBody(LOG_ID, number, room, "kitchen", kind, history, 7, False, False, len(members), digest)


def revocations(number: int, devices: list[bytes]) -> RevocationsBody:
    return RevocationsBody(LOG_ID, number, len(devices), devices_hash(devices))


class StatingLog(FakeLog):
    """A log that makes statements. `asked`: the requests about them."""

    def __init__(self) -> None:
        super().__init__()
        self.stated: list[StatementBody] = []
        self.members: dict[int, int] = dict(MEMBERS)
        self.revoked: list[bytes] = []
        self.number = 0
        self.asked: list[Any] = []

    def sign(self, *bodies: StatementBody) -> list[Statement]:
        return [issue_statement(self.key, body) for body in bodies]

    def answer(self, operation: Any) -> Any:
        match operation:
            case wire.ListStatements():
                self.asked.append(operation)
                newer = [body for body in self.stated if body.number > operation.above]
                return wire.StatementList(self.sign(*newer), self.number)
            case wire.ListMembers():
                self.asked.append(operation)
                return wire.MemberList([wire.Member(*member) for member in self.members.items()])
            case wire.ListRevoked():
                self.asked.append(operation)
                return wire.RevokedList(self.revoked)
        return super().answer(operation)

    def asked_for(self, kind: type) -> int:
        """How often, since the last call."""
        found = sum(isinstance(operation, kind) for operation in self.asked)
        self.asked = [operation for operation in self.asked if not isinstance(operation, kind)]
        return found


def live(log: FakeLog, store: MemoryLocalStore | None = None, run: int = 5) -> Wire:
    client = Wire(log, MemoryLocalStore() if store is None else store, run=run)
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    client.run_for(3.0)
    return client


def tell_at_once(client: Wire, bodies: Iterable[StatementBody], key: int = 1) -> None:
    statements = [issue_statement(key_of(key), body) for body in bodies]
    client.to_client(Transport.TLS, wire.Statements(statements))


def tell(client: Wire, bodies: Iterable[StatementBody], key: int = 1) -> None:
    tell_at_once(client, bodies, key)
    client.run_for(3.0)


def full_log() -> StatingLog:
    log = StatingLog()
    log.revoked = list(DEVICES)
    log.stated = [account(1), room(2, MEMBERS), revocations(3, DEVICES)]
    log.number = 3
    return log


def test_session_begins_with_everything_that_is_newer() -> None:
    log = full_log()
    client = live(log)
    statements = client.core.statements
    assert statements.accounts == {9: account(1)}
    assert statements.rooms == {ROOM: room(2, MEMBERS)}
    assert statements.members(ROOM) == MEMBERS
    assert all(map(statements.is_revoked, DEVICES))
    assert not statements.is_revoked(bytes(16))


def test_next_session_asks_above_what_it_has() -> None:
    log, store = full_log(), MemoryLocalStore()
    live(log, store)
    log.asked.clear()
    log.stated.append(account(4, 7))
    log.number = 4
    client = live(log, store, run=6)
    assert log.asked == [wire.ListStatements(3)]
    assert set(client.core.statements.accounts) == {7, 9}


def test_everything_is_known_without_a_server() -> None:
    store = MemoryLocalStore()
    live(full_log(), store)
    statements = Wire(StatingLog(), store, run=6).core.statements
    assert statements.accounts == {9: account(1)}
    assert statements.members(ROOM) == MEMBERS
    assert all(map(statements.is_revoked, DEVICES))


def test_older_statement_is_ignored() -> None:
    client = live(full_log())
    tell(client, [account(6, disabled=True)])
    tell(client, [account(5)])
    tell(client, [account(6)])
    assert client.core.statements.accounts[9] == account(6, disabled=True)


def test_statement_of_another_key_or_log_is_ignored() -> None:
    client = live(full_log())
    tell(client, [account(6, disabled=True)], key=2)
    tell(client, [replace(account(6, disabled=True), log_id=bytes(16))])
    assert client.core.statements.accounts[9] == account(1)


def test_event_does_not_move_the_cursor_of_the_list() -> None:
    log, store = full_log(), MemoryLocalStore()
    tell(live(log, store), [account(9)])
    log.asked.clear()
    live(log, store, run=6)
    assert log.asked[0] == wire.ListStatements(3)


@pytest.mark.parametrize("statement_first", [False, True])
def test_member_is_added_by_event_without_a_request(statement_first: bool) -> None:
    log = full_log()
    client = live(log)
    log.asked.clear()
    changed = wire.MembersChanged(ROOM, [wire.Member(8, 3)], [9])
    stated = wire.Statements(log.sign(room(4, {7: 1, 8: 3})))
    for frame in (stated, changed) if statement_first else (changed, stated):
        client.to_client(Transport.TLS, frame)
        client.run_for(0.4)
    client.run_for(5.0)
    assert client.core.statements.members(ROOM) == {7: 1, 8: 3}
    assert not log.asked


def test_list_that_does_not_fit_its_statement_is_requested_and_not_believed() -> None:
    log = full_log()
    client = live(log)
    log.asked.clear()
    tell(client, [room(4, {7: 1})])
    assert log.asked_for(wire.ListMembers) == 1
    assert client.core.statements.members(ROOM) is None
    log.members = {7: 1, 8: 1}
    tell(client, [room(5, log.members)])
    assert log.asked_for(wire.ListMembers) == 1
    assert client.core.statements.members(ROOM) == log.members


def test_revoked_devices_that_the_log_did_not_sign_are_not_believed() -> None:
    log = full_log()
    client = live(log)
    log.revoked = [b"x" * 16]
    tell(client, [revocations(4, [*DEVICES, b"y" * 16])])
    assert not client.core.statements.is_revoked(b"x" * 16)
    assert all(map(client.core.statements.is_revoked, DEVICES))


def test_revoked_device_stays_revoked_after_a_restored_backup() -> None:
    log = full_log()
    client = live(log)
    log.revoked = DEVICES[:1]
    tell(client, [revocations(4, log.revoked)])
    assert all(map(client.core.statements.is_revoked, DEVICES))


def test_deleted_room_has_no_members() -> None:
    client = live(full_log())
    deleted = replace(room(4, {}), deleted=True, name="")
    tell(client, [deleted])
    assert client.core.statements.rooms[ROOM].deleted
    assert client.core.statements.members(ROOM) == {}


def test_statements_are_saved_after_a_full_disk() -> None:
    log, store = full_log(), MemoryLocalStore()
    client = live(log, store)
    store.fail = True
    tell(client, [account(6, disabled=True)])
    store.fail = False
    client.run_for(10.0)
    assert Wire(StatingLog(), store, run=6).core.statements.accounts[9] == account(6, disabled=True)


def test_lists_of_many_rooms_are_requested_a_few_at_a_time() -> None:
    """A server takes so many requests a second: what it refuses would be asked again, and again all at once."""
    log = full_log()
    client = live(log)
    statements = client.core.statements
    rooms = range(100, 190)
    log.asked_for(wire.ListMembers)
    for number in rooms:
        statements.joined(number)
        # Looked at one by one: it is their sum that counts.
        tell_at_once(client, [room(number, MEMBERS, number)])
    client.run_for(3.0)
    assert 0 < log.asked_for(wire.ListMembers) <= 4 * 20
    client.run_for(10.0)
    assert all(statements.members(number) == MEMBERS for number in rooms)
    asked = {operation.room for operation in log.asked if isinstance(operation, wire.ListMembers)}
    assert log.asked_for(wire.ListMembers) == len(asked) > 0


def test_other_users_rooms_cost_no_request() -> None:
    log = full_log()
    client = live(log)
    log.asked.clear()
    tell(client, [room(4, {9: 1}, room=77)])
    assert not log.asked


@pytest.mark.parametrize("kind", [wire.ListStatements, wire.ListMembers, wire.ListRevoked])
def test_refused_request_is_made_again(kind: type) -> None:
    log = full_log()
    refused: list[Any] = []

    def hook(direction: str, path: Transport, frame: Any) -> bool:
        first = isinstance(frame, wire.Request) and isinstance(frame.operation, kind) and not refused
        if first:
            refused.append(frame)
            client.core.receive(SERVER, Transport.TLS, wire.Failure(frame.id, wire.Code.BUSY, "", 100), client.now)
        return not first

    client = Wire(log, MemoryLocalStore())
    client.hook = hook
    client.connect()
    client.run_for(20.0)
    assert refused
    assert client.core.statements.members(ROOM) == MEMBERS
    assert all(map(client.core.statements.is_revoked, DEVICES))

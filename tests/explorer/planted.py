"""Faults for the explorer to find: rights, counts and codes that are looked at in the wrong place."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, RoomKind
from lanchat_server.admin.context import AdminContext
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.refusals import Refused
from lanchat_server.core.relay import pages
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.notices import EventNotifier
from lanchat_server.service.requests import acting, login, rooms
from lanchat_server.service.requests.table import HANDLERS
from tests.explorer.orders import Gate, Kind


class Planted(NamedTuple):
    """`requests`: the fault is found among the pairs with one of these."""

    plant: Callable[[], AbstractContextManager[Any]]
    request: str


def _nothing(*_arguments: Any, **_named: Any) -> None:
    """A check that looks at nothing."""


class _First:
    """As `check`, but only for the first call of each run: before the await, not behind it."""

    def __init__(self, check: Any) -> None:
        self._check = check
        self._seen: dict[Any, Any] = {}

    def __call__(self, service: Any, connection: Any, *arguments: Any) -> Any:
        key = (service, connection)
        if key not in self._seen:
            self._seen[key] = self._check(service, connection, *arguments)
        return self._seen[key]


def _together(*plants: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for plant in plants:
        stack.enter_context(plant)
    return stack


async def _create_room_counted_before(service: Any, connection: Any, operation: Any) -> Any:
    others = [room for room in service.directory.rooms.values() if room.kind is not RoomKind.DIRECT]
    if len(others) >= service.config.rooms_total:
        raise Refused(Code.LIMIT_REACHED, "too many rooms")
    return await rooms.create_room(service, connection, operation)


async def _unchecked(context: AdminContext, job: Any) -> Any:
    return await context.host.transact(job)


async def _search_unchecked(service: Any, connection: Any, operation: Any) -> Any:
    return await service.read(lambda: pages.search_rooms(service.store, service.directory, connection.user, operation))


async def _statements_chosen_before(service: Any, connection: Any, operation: Any) -> Any:
    find = partial(service.statements.visible, connection.user, operation.above, operation.after, {})
    return wire.StatementList(*await service.read(lambda: find()[:1]), service.directory.number)


def _state_to_everybody(self: Any, statements: Any, _users: Any) -> None:
    self._core.announce(wire.Statements(list(statements)))


async def _code_looked_at_before(service: Any, user: Any, operation: Any, password_hash: str) -> Any:
    row = service.store.database.recoveries.get(user.id)
    right = recovery.is_right(row, service.directory.log.log_id, operation.code, service.wall_ms())

    def job(tx: Any) -> DirectoryChange[Any]:
        return together([], accounts.set_password(tx, service.directory, user.id, password_hash))

    return await service.writer.transact(job) if right else None


async def _answer_put_off(self: Any, request: wire.Request) -> None:
    answer = await self._answer(request)
    await Gate(lambda: None, Kind.HASH)
    self.send(answer)


def _invite_not_looked_at(service: Any, tx: Any, code: str, now_ms: int) -> None:
    tx.use_invite(recovery.invite_hash(service.directory.log.log_id, code), now_ms)


def _unchanged(service: Any, user: Any) -> Any:
    return service.directory.users[user.id]


def _as_enrolled(directory: Any, user: int, device: bytes) -> Any:
    return directory.users[user], directory.devices[device]


PLANTED: dict[str, Planted] = {
    "session not looked at in the transaction": Planted(
        lambda: patch.object(acting, "check_session", _nothing), "create room"
    ),
    "password of the session not looked at": Planted(
        lambda: patch.object(Directory, "password_number", lambda *_: 0), "renew"
    ),
    "log-in behind a new password": Planted(
        lambda: patch.object(login, "check_password_unchanged", _unchanged), "log in"
    ),
    "role before the await alone": Planted(lambda: patch.object(AdminContext, "transact", _unchecked), "create invite"),
    "right to remove people before the await alone": Planted(
        lambda: patch.object(rooms, "_check_manages", _First(rooms._check_manages)), "remove other"
    ),
    "membership before the read alone": Planted(
        lambda: patch.object(rooms, "_member", _First(rooms._member)), "history"
    ),
    "membership before the transaction alone": Planted(
        lambda: patch.object(rooms, "_member", _First(rooms._member)), "invite"
    ),
    "hits of rooms that were left meanwhile": Planted(
        lambda: patch.dict(HANDLERS, {wire.Search: _search_unchecked}), "search"
    ),
    "device of a log-in not looked at": Planted(
        lambda: patch.object(login, "check_active", _as_enrolled), "log in by old key"
    ),
    "rooms counted outside of the transaction": Planted(
        lambda: _together(
            patch.object(rooms, "_count_room", _nothing),
            patch.dict(HANDLERS, {wire.CreateRoom: _create_room_counted_before}),
        ),
        "create room",
    ),
    "registration code not looked at in the transaction": Planted(
        lambda: patch.object(login, "_use_invite", _invite_not_looked_at), "register"
    ),
    "recovery code looked at before the transaction": Planted(
        lambda: patch.object(login, "_use_code", _code_looked_at_before), "confirm"
    ),
    "place of a session looked at before the transaction alone": Planted(
        lambda: patch.object(RequestContext, "_make_place", _nothing), "log in"
    ),
    "sessions that outlive a new password": Planted(
        lambda: patch.object(ConnectionTable, "end_sessions", _nothing), "new password"
    ),
    "statements chosen before the await": Planted(
        lambda: patch.dict(HANDLERS, {wire.ListStatements: _statements_chosen_before}), "list statements"
    ),
    "statements of rooms for everybody": Planted(
        lambda: patch.object(EventNotifier, "_send_statements", _state_to_everybody), "remove other"
    ),
    "records for who was removed": Planted(lambda: patch.object(ServerCore, "drop_member", _nothing), "say"),
    "answers that events overtake": Planted(
        lambda: patch.object(ClientConnection, "carry_out", _answer_put_off), "join room"
    ),
}

"""Rooms: subscribing, history, search, and who is a member.

Who may change a room is looked at within the transaction: what waits for the writer before it may end a membership.
"""

from collections.abc import Callable

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import clean_room_name
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.changes import DirectoryChange, together
from lanchat_server.core.directory.directory import DIRECT_PREFIX
from lanchat_server.core.limits.allowance import AllowanceHolder, AllowanceKind, by_user
from lanchat_server.core.limits.spending import spend_daily
from lanchat_server.core.model import MembershipRow, RoomRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.core.relay import pages
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests.acting import transact
from lanchat_server.service.upkeep.filling import index_appended


async def subscribe(
    context: RequestContext, connection: ClientConnection, operation: wire.Subscribe
) -> wire.Subscribed:
    """Live from the heads that are returned; with the rooms' peer keys."""

    def mine() -> list[int]:
        return [room for room in operation.rooms if context.directory.membership(room, _user(connection)) is not None]

    deleted = await _deleted(context, _user(connection), operation.rooms)
    keys = await context.room_keys.present(mine())
    # A membership that ended meanwhile has neither. In one step with the answer: nothing awaits between registering
    # and the heads.
    rooms = mine()
    heads = context.core.subscribe(connection.session, rooms)
    return wire.Subscribed(heads, [key for key in keys if key.room in rooms], deleted)


async def _deleted(context: RequestContext, user: int, rooms: list[int]) -> list[int]:
    """Those of `rooms` that were deleted while the user was a member."""
    # Rooms of others are looked up too: the time of the answer must not tell which there are.
    foreign = {(room, user) for room in rooms if context.directory.membership(room, user) is None}
    if not foreign:
        return []
    found = await context.read(lambda: context.store.were_members(foreign))
    return sorted(room for room, _ in found)


async def history(context: RequestContext, connection: ClientConnection, operation: wire.History) -> wire.Page:
    """A page, read by a reader thread."""
    member = _member(context, connection, operation.room)
    session = context.core.sessions.get(connection.session)
    wait = session.pages.wait(context.now()) if session is not None else 0.0
    if wait:
        raise Refused(Code.BUSY, "too much history", wait)
    head = context.core.heads[operation.room]
    context.core.pulled(connection.session, operation.room)
    sign = context.sequencer.sign
    page = await context.read(lambda: pages.read_page(context.store, context.directory, member, head, operation, sign))
    if _member(context, connection, operation.room).first_seq != member.first_seq:
        raise Refused(Code.BUSY, "the membership changed meanwhile", 0.5)
    if session is not None:
        session.pages.spend(len(page.records))
    return page


async def search(context: RequestContext, connection: ClientConnection, operation: wire.Search) -> wire.Found:
    """Hits, read by a reader thread, once all is in the search that was committed before. Raises StoreError."""
    await index_appended(context.writer, context.store)
    user = _user(connection)
    if operation.room:
        _member(context, connection, operation.room)
    elif operation.before_room:
        # Where a hit stands tells when it was stored.
        member = _member(context, connection, operation.before_room)
        if operation.before < member.first_seq:
            raise Refused(Code.NOT_FOUND, "no such message")
    found = await context.read(lambda: pages.search_rooms(context.store, context.directory, user, operation))

    def may_read(hit: wire.Hit) -> bool:
        # The membership may have ended meanwhile, or begun anew.
        member = context.directory.membership(hit.room, user)
        return member is not None and hit.record.seq >= member.first_seq

    return replace(found, hits=[hit for hit in found.hits if may_read(hit)])


async def list_rooms(context: RequestContext, connection: ClientConnection, operation: wire.ListRooms) -> wire.RoomList:
    """The user's rooms, and public ones to join."""
    return wire.RoomList(*context.notices.rooms_for(_user(connection), operation.after))


async def create_room(
    context: RequestContext, connection: ClientConnection, operation: wire.CreateRoom
) -> wire.RoomResult:
    """A public or private room with its creator as the only member."""
    try:
        name = clean_room_name(operation.name)
    except ProtocolError as error:
        raise Refused(Code.NAME_INVALID, str(error)) from error
    if operation.kind is RoomKind.DIRECT or name.casefold().startswith(DIRECT_PREFIX):
        raise Refused(Code.NAME_INVALID, "this name is for direct rooms")
    context.check_disk()
    user, now_ms, room_id = _user(connection), context.wall_ms(), context.entropy.randbits(62) + 1

    def job(tx: Transaction) -> DirectoryChange[RoomRow]:
        added = accounts.add_room(
            tx, context.directory, room_id, name, operation.kind, operation.history, [user], now_ms
        )
        _count_room(context, tx, added.value)
        return added

    room = await transact(context, connection, job)
    context.notices.room_created(room, [user])
    return _result(context, room.id, user)


def _result(context: RequestContext, room: int, user: int) -> wire.RoomResult:
    """The room as it is now. Raises Refused when it was deleted meanwhile, or is private and the membership ended."""
    row = _row(context, room)
    if row.kind is not RoomKind.PUBLIC and context.directory.membership(room, user) is None:
        raise Refused(Code.NOT_FOUND, "no such room")
    return wire.RoomResult(context.notices.room_view(row, user))


def _row(context: RequestContext, room: int) -> RoomRow:
    row = context.directory.rooms.get(room)
    if row is None:
        raise Refused(Code.NOT_FOUND, "no such room")
    return row


def _count_room(context: RequestContext, tx: Transaction, room: RoomRow) -> None:
    """Raise Refused when there are too many, or this user made too many today. Nothing of the room stays then."""
    others = sum(known.kind is not RoomKind.DIRECT for known in context.directory.rooms.values())
    if room.kind is not RoomKind.DIRECT and others >= context.config.rooms_total:
        raise Refused(Code.LIMIT_REACHED, "too many rooms on this server")
    spend_daily(tx, by_user(AllowanceKind.ROOMS, room.creator), context.config.rooms_per_day, room.created_ms)


async def open_direct(
    context: RequestContext, connection: ClientConnection, operation: wire.OpenDirect
) -> wire.RoomResult:
    """The direct room with somebody."""
    user, partner = _user(connection), operation.user
    if partner not in context.directory.users:
        raise Refused(Code.NOT_FOUND, "no such user")
    now_ms, room_id = context.wall_ms(), context.entropy.randbits(62) + 1

    def job(tx: Transaction) -> DirectoryChange[RoomRow]:
        opened = accounts.open_direct(tx, context.directory, room_id, user, partner, now_ms)
        if opened.value.id == room_id:
            context.check_disk()
            _count_room(context, tx, opened.value)
        return opened

    room = await transact(context, connection, job)
    if room.id == room_id:
        context.notices.room_created(room, [user, partner])
    return _result(context, room.id, user)


async def join_room(context: RequestContext, connection: ClientConnection, operation: wire.JoinRoom) -> wire.RoomResult:
    """Join a public room."""
    user = _user(connection)

    def check() -> None:
        if context.directory.membership(operation.room, user) is not None:
            return
        if _row(context, operation.room).kind is not RoomKind.PUBLIC:
            raise Refused(Code.NOT_FOUND, "no such room")
        _check_open(context, operation.room)

    await _add(context, connection, operation.room, user, check)
    return _result(context, operation.room, user)


async def invite_user(context: RequestContext, connection: ClientConnection, operation: wire.InviteUser) -> wire.Done:
    """Make somebody a member; any member may."""
    _member(context, connection, operation.room)
    if _row(context, operation.room).kind is RoomKind.DIRECT:
        raise Refused(Code.NOT_ALLOWED, "a direct room has two members")
    if operation.user not in context.directory.users:
        raise Refused(Code.NOT_FOUND, "no such user")

    def check() -> None:
        _member(context, connection, operation.room)
        _check_open(context, operation.room)

    await _add(
        context,
        connection,
        operation.room,
        operation.user,
        check,
        spender=by_user(AllowanceKind.MEMBERS, _user(connection)),
    )
    return wire.Done()


async def leave_room(context: RequestContext, connection: ClientConnection, operation: wire.LeaveRoom) -> wire.Done:
    """Leave a room; `general` and direct rooms are for ever."""
    user = _user(connection)
    await _remove(context, connection, operation.room, user, lambda: _member(context, connection, operation.room))
    return wire.Done()


async def remove_user(context: RequestContext, connection: ClientConnection, operation: wire.RemoveUser) -> wire.Done:
    """End somebody's membership; for the room's creator, moderators and administrators."""

    def check() -> None:
        _check_manages(context, connection, operation.room)
        if context.directory.membership(operation.room, operation.user) is None:
            raise Refused(Code.NOT_FOUND, "not a member")

    await _remove(context, connection, operation.room, operation.user, check)
    return wire.Done()


async def set_history_policy(
    context: RequestContext, connection: ClientConnection, operation: wire.SetHistoryPolicy
) -> wire.RoomResult:
    """What those who join from now on may read."""

    def job(tx: Transaction) -> DirectoryChange[RoomRow]:
        _check_manages(context, connection, operation.room)
        _check_open(context, operation.room)
        return accounts.set_history(tx, context.directory, operation.room, operation.history)

    await transact(context, connection, job)
    context.notices.room_changed(operation.room)
    return _result(context, operation.room, _user(connection))


async def _add(
    context: RequestContext,
    connection: ClientConnection,
    room: int,
    user: int,
    check: Callable[[], object],
    spender: AllowanceHolder | None = None,
) -> None:
    """`check` raises Refused; it is called again when everything before this has been decided. `spender`: whose
    allowance for a day this is taken from."""
    check()
    _check_comes_back(context, room)
    now_ms = context.wall_ms()

    def job(tx: Transaction) -> DirectoryChange[bool]:
        check()
        is_new = context.directory.membership(room, user) is None
        if is_new and spender is not None:
            spend_daily(tx, spender, context.core.config.members_per_day, now_ms)
        return together(is_new, accounts.add_member(tx, context.directory, room, user, now_ms))

    if await transact(context, connection, job):
        context.notices.member_joined(room, user)


async def _remove(
    context: RequestContext, connection: ClientConnection, room: int, user: int, check: Callable[[], object]
) -> None:
    """As `_add`."""
    check()
    row = _row(context, room)
    if row.kind is RoomKind.DIRECT or room == context.directory.general().id:
        raise Refused(Code.NOT_ALLOWED, "nobody leaves this room")
    fresh, now_ms = {room: context.entropy.token_bytes(32)}, context.wall_ms()

    def job(tx: Transaction) -> DirectoryChange[None]:
        check()
        removed = accounts.remove_member(tx, context.directory, room, user)
        return together(None, removed, accounts.rotate_room_keys(tx, context.directory, fresh, now_ms))

    await transact(context, connection, job)
    context.notices.member_left(room, user)
    context.notices.room_keys_changed([room])


def _check_manages(context: RequestContext, connection: ClientConnection, room: int) -> None:
    _member(context, connection, room)
    user = context.directory.users[_user(connection)]
    if _row(context, room).creator != user.id and user.role < Role.MODERATOR:
        raise Refused(Code.NOT_ALLOWED, "for the room's creator and moderators")


def _check_comes_back(context: RequestContext, room: int) -> None:
    """Whoever joins while earlier messages come back would have to begin anew with each page of them."""
    waits = context.core.reseeding.waits(room, context.now())
    if waits and _row(context, room).history is HistoryPolicy.SINCE_JOINING:
        raise Refused(Code.BUSY, "the room is coming back", waits)


def _check_open(context: RequestContext, room: int) -> None:
    if _row(context, room).archived:
        raise Refused(Code.ARCHIVED, "the room is archived")


def _user(connection: ClientConnection) -> int:
    assert connection.user is not None
    return connection.user


def _member(context: RequestContext, connection: ClientConnection, room: int) -> MembershipRow:
    """The user's membership; a room that is not his does not exist for him."""
    member = context.directory.membership(room, _user(connection))
    if member is None:
        raise Refused(Code.NOT_FOUND, "no such room")
    return member

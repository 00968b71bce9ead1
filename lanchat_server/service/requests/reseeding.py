"""A log that comes back from its clients (core/reseeding/reseeding.py)."""

import logging
from functools import partial

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, RoomKind
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.records import Record
from lanchat_server.core.accounts.accounts import stated
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.model import DeviceRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.core.reseeding import reseeding, restoring
from lanchat_server.core.reseeding.reseeding import Forks, TakenBack, take_back
from lanchat_server.core.reseeding.restoring import Restored, Restoring
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.upkeep.reseeding import keep_revoked

log = logging.getLogger(__name__)


async def give_statements(
    context: RequestContext, connection: ClientConnection, operation: wire.GiveStatements
) -> wire.Done:
    """Accounts, rooms, devices and revocations that are missing or older here."""
    _check_open(context)
    opened = partial(restoring.open_given_untrusted, context.log_public_key, context.directory.log.log_id, operation)
    given = await context.read(opened)
    user = connection.user or 0

    def job(tx: Transaction) -> DirectoryChange[tuple[Restored, frozenset[bytes]]]:
        restoring = Restoring(tx, context.directory, context.wall_ms())
        change = restoring.restore(given)
        return DirectoryChange((change.value, restoring.lost), change.apply)

    restored, lost = await context.writer.transact(job)
    _tell(context, restored)
    if lost:
        await keep_revoked(context)
    if restored.users or restored.rooms:
        log.info(
            "%s gave back %d accounts and %d rooms",
            context.directory.users[user].name,
            len(restored.users),
            len(restored.rooms),
        )
    return wire.Done()


def _tell(context: RequestContext, restored: Restored) -> None:
    """Sessions see what is theirs again."""
    directory = context.directory
    for user in restored.users:
        context.notices.user_changed(user)
        if directory.users[user].disabled:
            context.connections.end_sessions(user, None, "disabled")
    for number in restored.rooms:
        room = directory.rooms.get(number)
        if room is None:
            context.core.drop_rooms({number})
            context.work.to_erase.set()
            continue
        if number not in context.core.heads:
            context.notices.room_created(room, directory.members(number))
        else:
            context.notices.room_changed(number)
    for place in restored.left:
        context.notices.member_left(*place)
    for place in restored.joined:
        context.notices.member_joined(*place)
    for device in restored.revoked:
        context.connections.end_devices([device], directory.devices[device].user, None)


async def offer_records(
    context: RequestContext, connection: ClientConnection, operation: wire.OfferRecords
) -> wire.RecordsWanted:
    """Whether this client is asked for what it holds above the log's head."""
    _check_open(context)
    room = operation.head.room
    _check_member(context, connection, room)
    if not reseeding.is_proof_untrusted(context.log_public_key, context.directory, operation.head):
        raise Refused(Code.BAD_REQUEST, "not a head of this log before")
    state, now, offered = context.core.reseeding, context.now(), operation.head.seq
    present = context.core.heads[room].seq
    if state.is_fork(room, present, offered):
        return _forked(context, connection, room)
    wanted = state.offer(connection.session, connection.user or 0, room, present, offered, operation.first, now)
    retry = 0 if wanted or offered <= present else round(reseeding.RETRY * 1000)
    return wire.RecordsWanted(wanted, retry)


async def give_records(
    context: RequestContext, connection: ClientConnection, operation: wire.GiveRecords
) -> wire.RecordsWanted:
    """Records that this client was asked for."""
    _check_open(context)
    room, head, state = operation.room, operation.head, context.core.reseeding
    _check_member(context, connection, room)
    again = wire.RecordsWanted(0, round(reseeding.RETRY * 1000))
    if not operation.records:
        return again
    parts = state.add_part(connection.session, room, operation.records, context.now())
    if parts is None:
        return again
    if head is None:
        return wire.RecordsWanted(parts[-1].seq + 1)
    if head.room != room or not reseeding.is_proof_untrusted(context.log_public_key, context.directory, head):
        state.failed(connection.session, room)
        raise Refused(Code.BAD_REQUEST, "not a head of this log before")
    try:
        taken = await _take(context, room, list(parts), operation)
    except Forks:
        return _forked(context, connection, room)
    except ProtocolError as error:
        state.failed(connection.session, room)
        raise Refused(Code.BAD_REQUEST, str(error)) from error
    if taken is None:
        state.failed(connection.session, room)
        return again
    context.core.reload_heads({room: context.sequencer.sign(room, taken.head)}, context.now())
    context.notices.moved(taken.later)
    more = state.taken(connection.session, connection.user or 0, room, taken, context.now())
    if not more:
        _report(context, room)
    return wire.RecordsWanted(taken.head.seq + 1 if more else 0)


def _forked(context: RequestContext, connection: ClientConnection, room: int) -> wire.RecordsWanted:
    context.core.reseeding.failed(connection.session, room, forked=True)
    log.warning(
        "room %d: %s has other messages than this log", room, context.directory.users[connection.user or 0].name
    )
    return wire.RecordsWanted(0, forked=True)


async def _take(
    context: RequestContext, room: int, records: list[Record], operation: wire.GiveRecords
) -> TakenBack | None:
    directory, head = context.directory, operation.head
    assert head is not None
    bodies = restoring.open_certificates_untrusted(context.log_public_key, directory.log.log_id, operation.certificates)
    fresh = [(body, certificate) for body, certificate in bodies if body.device not in directory.devices]

    def devices(tx: Transaction) -> DirectoryChange[None]:
        restoring = Restoring(tx, directory, context.wall_ms())
        for body, certificate in fresh:
            restoring.device(body, certificate)
        return DirectoryChange(None, restoring.change(None).apply)

    def job(tx: Transaction) -> DirectoryChange[TakenBack | None]:
        taken = take_back(tx, directory, room, records, head)
        runs = taken.runs if taken is not None else ()

        def apply() -> None:
            context.sequencer.took_back(runs)
            if taken is not None:
                directory.put_members(taken.later)

        is_stated = taken is not None and taken.later
        return DirectoryChange(taken, stated(tx, directory, apply, rooms=[room]) if is_stated else apply)

    if fresh:
        await context.writer.transact(devices)
    return await context.writer.transact(job)


def _report(context: RequestContext, room: int) -> None:
    state, row = context.core.reseeding.rooms[room], context.directory.rooms.get(room)
    name = row.name if row is not None and row.kind is not RoomKind.DIRECT else "(direct)"
    missing = max(0, state.goal - context.core.heads[room].seq)
    log.info(
        "%s: %d messages came back from %d people, %d that were spoken of are missing",
        name,
        state.taken,
        len(state.givers),
        missing,
    )


async def restored_device(context: RequestContext, device: bytes, certificate: Certificate | None) -> DeviceRow | None:
    """A device that this server has forgotten, from the certificate that it was given; None: nothing shows that it may
    log in."""
    if certificate is None or context.directory.log.epoch <= 1:
        return None
    opened = restoring.open_certificates_untrusted(context.log_public_key, context.directory.log.log_id, [certificate])
    if not opened or opened[0][0].device != device:
        return None

    def job(tx: Transaction) -> DirectoryChange[DeviceRow | None]:
        restoring = Restoring(tx, context.directory, context.wall_ms())
        found = restoring.device(*opened[0])
        return DirectoryChange(found, restoring.change(None).apply)

    return await context.writer.transact(job)


def _check_open(context: RequestContext) -> None:
    if not context.core.reseeding.is_open:
        raise Refused(Code.NOT_ALLOWED, "this log is whole")


def _check_member(context: RequestContext, connection: ClientConnection, room: int) -> None:
    member = context.directory.membership(room, connection.user or 0)
    if member is None or room not in context.core.heads:
        raise Refused(Code.NOT_FOUND, "no such room")

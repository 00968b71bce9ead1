"""Deliberate faults of the server's live side: what it does not say, does not bound, or says to the wrong people."""

import asyncio
from typing import Any

from msgspec.structs import replace

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.core.ports import Fenced
from lanchat_server.core.relay import pages
from lanchat_server.core.relay.heartbeat import HeartbeatTimer
from lanchat_server.core.relay.recent import RecentRecords
from lanchat_server.core.sequencing.intake import Intake
from lanchat_server.core.sessions import SessionTable
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.requests import table as table_module
from lanchat_server.service.work.writer import Writer
from tests.support.planting import Change


def no_head_heartbeat() -> list[Change]:
    """A room does not say again where it stands."""
    return [
        (HeartbeatTimer, "due", lambda self, now: []),
        (HeartbeatTimer, "beat", lambda self, now: None),
        (HeartbeatTimer, "timer", lambda self: 1e9),
    ]


def heads_are_not_read_anew() -> list[Change]:
    """After a commit of unknown outcome the database is not looked at."""

    def failed(self: Writer, error: BaseException) -> None:
        if isinstance(error, Fenced):
            self._call(self._on_fenced, str(error))

    return [(Writer, "_failed", failed)]


def subscribe_after_history() -> list[Change]:
    """A subscription begins a moment after the head that answers it was taken."""

    async def subscribe(context: Any, connection: Any, operation: wire.Subscribe) -> wire.Subscribed:
        rooms = [room for room in operation.rooms if context.directory.membership(room, connection.user)]
        keys = await context.room_keys.present(rooms)
        heads = [context.core.heads[room] for room in rooms]
        await asyncio.sleep(0.05)
        context.core.subscribe(connection.session, rooms)
        return wire.Subscribed(heads, keys)

    return [(table_module, "HANDLERS", table_module.HANDLERS | {wire.Subscribe: subscribe})]


def the_queue_has_no_bound() -> list[Change]:
    """The server takes in whatever comes instead of saying that it is busy."""
    return [(Intake, "full", property(lambda self: False)), (Intake, "queued", lambda self, session: 0)]


def early_messages_have_no_bound() -> list[Change]:
    """A session may have any number of messages wait for their predecessors."""
    return [(Intake, "_make_room", lambda self, submission: True)]


def gaps_are_accepted_at_once() -> list[Change]:
    """A missing message is not waited for."""
    return [
        (Intake, "_expiry", lambda self, held: held.since),
        (Intake, "_predecessor_is_lost", lambda self, held, now, online: True),
    ]


def erased_bodies_are_sent() -> list[Change]:
    """What is kept for repair keeps the bodies of deleted messages."""
    return [(RecentRecords, "erase", lambda self, room, seqs: None)]


def everybody_is_served() -> list[Change]:
    """A record goes to every session."""
    return [(SessionTable, "subscribers", lambda self, room: self._sessions.values())]


def removed_members_are_served() -> list[Change]:
    """Somebody who was removed from a room keeps his subscription."""
    return [(ServerCore, "drop_member", lambda self, room, user: self.receipts.forget(room, user))]


def removal_is_not_in_force() -> list[Change]:
    """A removal is in the database, but not in the server's memory."""
    return [(Directory, "drop_members", lambda self, room, users: None)]


def revocation_is_not_in_force() -> list[Change]:
    """A revocation is in the database, but not in the server's memory."""
    return [(Directory, "revoke_devices", lambda self, devices, now_ms: None)]


def sessions_of_revoked_devices_go_on() -> list[Change]:
    """A session outlives its device's revocation."""
    honest = ClientConnection.end

    def end(self: ClientConnection, code: Code | None, text: str) -> None:
        if code is not Code.DEVICE_REVOKED:
            honest(self, code, text)

    return [(ClientConnection, "end", end)]


def history_beyond_joining() -> list[Change]:
    """A page goes below where a newcomer may read."""
    honest = pages.read_page

    def read_page(store: Any, directory: Any, member: Any, *rest: Any) -> wire.Page:
        return honest(store, directory, replace(member, first_seq=1), *rest)

    return [(pages, "read_page", read_page)]


BUGS = (
    no_head_heartbeat,
    heads_are_not_read_anew,
    subscribe_after_history,
    the_queue_has_no_bound,
    early_messages_have_no_bound,
    gaps_are_accepted_at_once,
    erased_bodies_are_sent,
    everybody_is_served,
    removed_members_are_served,
    removal_is_not_in_force,
    revocation_is_not_in_force,
    sessions_of_revoked_devices_go_on,
    history_beyond_joining,
)

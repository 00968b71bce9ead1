"""Commands about the conversation: sending, what is shown, searching, receipts."""

from functools import partial
from typing import TYPE_CHECKING, Any

from lanchat.app import api
from lanchat.app.api import CommandError, ErrorKind, Line
from lanchat.app.command_errors import not_all_loaded, undecided, unsendable
from lanchat.app.commands.rooms import joined_room, room_members
from lanchat.app.rooms import MemberPlace
from lanchat.core.core import message_id
from lanchat.core.ports import OutboxItem
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import Kind, MessageKey
from lanchat.protocol.problems import Problem

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState

# Certificates of a page just fetched are there; those of records that another process stored are asked for.
CERTIFICATE_PATIENCE = 2.0


# --- Sending -------------------------------------------------------------------------------------------------------


async def send(client: "ClientState", command: api.SendCommand) -> Line:
    """The line as it waits, once the message is durable in the outbox. Raises CommandError REFUSED in an archived room,
    INVALID for a text that cannot be sent or a room that the user is not in."""
    member = client.logged_in()
    return send_message(member, command.room, Kind.TEXT, command.text, command.reply_to)


def send_message(member: "AccountSession", room: int, kind: Kind, body: str, reply_to: int) -> Line:
    """A message that is a line of its own, durable in the outbox. Raises as `send`."""
    return member.book.waiting_line(_send(member, room, kind, body, reply_to))


async def edit(client: "ClientState", command: api.EditCommand) -> str:
    """The edit's id, once it is durable in the outbox; whether the target may be edited the server decides. Raises as
    `send`."""
    return message_id(_send(client.logged_in(), command.room, Kind.EDIT, command.text, command.seq).key)


async def delete(client: "ClientState", command: api.DeleteCommand) -> str:
    """The deletion's id, once it is durable in the outbox; whether the target may be deleted the server decides. Raises
    as `send`."""
    return message_id(_send(client.logged_in(), command.room, Kind.DELETE, "", command.seq).key)


async def react(client: "ClientState", command: api.ReactCommand) -> str:
    """The id of the reaction, or of what takes it back, once it is durable in the outbox. Raises as `send`."""
    text = f"-{command.emoji}" if command.remove else command.emoji
    return message_id(_send(client.logged_in(), command.room, Kind.REACTION, text, command.seq).key)


def _send(member: "AccountSession", room: int, kind: Kind, body: str, ref: int) -> OutboxItem:
    if joined_room(member, room).archived:
        raise CommandError(ErrorKind.REFUSED, wire.Code.ROOM_ARCHIVED)
    try:
        return member.send(room, kind, body, ref)
    except ProtocolError as error:
        raise unsendable(error) from error


async def wait_decided(client: "ClientState", command: api.WaitDecidedCommand) -> int:
    """The message's number. Ends early, with TIMEOUT, when the server has no room for the message or its room is
    stopped: nothing will be decided soon then."""
    member = client.logged_in()
    key = _parse_id(command.id)
    waits = member.book.waits

    def settled() -> bool:
        return member.decision(key) is not None or key in waits or member.core.stopped(key.room) is not None

    await member.wait_for(settled, command.timeout)
    decision = member.decision(key)
    if decision is None and key in waits:
        code, details = waits[key]
        raise CommandError(ErrorKind.TIMEOUT, details, code)
    if isinstance(decision, wire.Code):
        raise CommandError(ErrorKind.REFUSED, decision)
    if decision is None:
        raise CommandError(ErrorKind.TIMEOUT, undecided(member.core.stopped(key.room), member.state.reason))
    return decision


def _parse_id(text: str) -> MessageKey:
    """The key that `message_id` wrote; raises CommandError."""
    try:
        room, device, run, n = text.split(".")
        return MessageKey(int(room, 16), bytes.fromhex(device), int(run, 16), int(n))
    except ValueError:
        raise CommandError(ErrorKind.INVALID, Problem.NOT_A_MESSAGE_ID) from None


# --- What is shown -------------------------------------------------------------------------------------------------


async def load_lines(client: "ClientState", command: api.LoadLinesCommand) -> list[Line]:
    """From now on history of this room is told line by line. Pages are fetched until there are enough lines; when one
    does not come, the lines that are here are the result, and the error only when there are none."""
    member = client.logged_in()
    room = joined_room(member, command.room).id
    member.book.watch(room)
    state = member.book.state(room)
    found = state.fold.below(command.before, command.limit)
    if not found and command.before:
        # None must mean that there are none.
        await member.session_decided()
    try:
        for _ in range(member.limits.older_pages_max):
            if len(found) >= command.limit or not await member.fetch_older(room):
                break
            found = state.fold.below(command.before, command.limit)
        else:
            if not found:
                raise not_all_loaded()
    except CommandError:
        # What is here is better than nothing; whoever asks for what is below it hears why it did not come.
        if not found:
            raise
    if await _learn(member, room):
        found = state.fold.below(command.before, command.limit)
    lines = [member.book.line(room, folded) for folded in found]
    return lines if command.before else lines + member.book.unstored_lines(room)


async def load_lines_from(client: "ClientState", command: api.LoadLinesFromCommand) -> list[Line]:
    """Fetches the pages down to `first` that are not here, as far as the server gives them; CommandError when one does
    not come, TIMEOUT for more than `older_pages_max` unless the `whole` history is wanted. Watches the room as
    `load_lines` does."""
    member = client.logged_in()
    known = joined_room(member, command.room)
    room, lowest = known.id, max(command.first, known.first_seq)
    member.book.watch(room)
    fetched = 0
    while (span := member.store.span(room)) is not None and span.base >= lowest:
        if fetched == member.limits.older_pages_max and not command.whole:
            raise not_all_loaded()
        await member.session_decided()
        if not await member.fetch_older(room):
            break
        fetched += 1
    fold = member.book.state(room).fold
    found = fold.above(command.first, command.limit)
    if await _learn(member, room):
        found = fold.above(command.first, command.limit)
    return [member.book.line(room, folded) for folded in found]


async def _learn(member: "AccountSession", room: int) -> bool:
    """What lines need beside the records: the certificates of those authors who were not known when the lines were
    looked at, and receipts the first time. Whether it was waited for, so that the lines must be looked at again."""
    state = member.book.state(room)
    if state.cursors is None and member.in_session:
        state.cursors = {}
        member.in_background(partial(member.learn_cursors, room))
    member.ask_for_certificates(member.core.authors.take_missing())
    if not member.core.asks_for_certificates:
        return False
    await member.wait_for_certificates(CERTIFICATE_PATIENCE)
    return True


async def mark_read(client: "ClientState", command: api.MarkReadCommand) -> None:
    """A number above what is stored here counts as the last stored one. Also while the server is away: it is told
    later."""
    member = client.logged_in()
    room = joined_room(member, command.room).id
    # What is not here yet was not read: it would count as read when it comes.
    member.mark_read(room, min(command.seq, member.core.cursor(room)))


async def set_activity(client: "ClientState", command: api.SetActivityCommand) -> None:
    """Told again in each later session, until it is set anew."""
    member = client.logged_in()
    state = wire.PresenceState.ONLINE if command.active else wire.PresenceState.AWAY
    member.set_activity(state)


async def receipts(client: "ClientState", command: api.ReceiptsCommand) -> list[api.MemberReceipt]:
    """Of those who were members when the message was stored. Read marks are asked for each time. Raises CommandError
    REFUSED for a number above the newest message, OFFLINE without the server."""
    member = client.logged_in()
    members = await room_members(member, command.room)
    span = member.store.span(command.room)
    if member.core.state is LinkState.LIVE and command.seq > (span.cursor if span else 0):
        raise CommandError(ErrorKind.REFUSED, wire.Code.NO_SUCH_TARGET)
    await member.learn_cursors(command.room)
    state = member.book.state(command.room)
    cursors, text = state.cursors or {}, state.fold.folded(command.seq)
    found = []
    for user_id in members:
        user = member.core.directory.users.get(user_id)
        if user is None or user_id == member.core.user:
            continue
        received, read, joined_ms = cursors.get(user_id, MemberPlace())
        if text is not None and joined_ms > text.stored_ms:
            continue
        person = member.book.person(user, connected=True)
        found.append(
            api.MemberReceipt(user_id, person.name, person.display_name, received >= command.seq, read >= command.seq)
        )
    return found


HANDLERS: dict[type, Any] = {
    api.SendCommand: send,
    api.EditCommand: edit,
    api.DeleteCommand: delete,
    api.ReactCommand: react,
    api.WaitDecidedCommand: wait_decided,
    api.LoadLinesCommand: load_lines,
    api.LoadLinesFromCommand: load_lines_from,
    api.MarkReadCommand: mark_read,
    api.SetActivityCommand: set_activity,
    api.ReceiptsCommand: receipts,
}

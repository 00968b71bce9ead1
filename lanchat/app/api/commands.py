"""Commands to the network, each with the type of its result. What raises what: see `ErrorKind`."""

from typing import Any, Generic, TypeVar

from lanchat.app.api.values import (
    Account,
    AccountProfile,
    DeviceInfo,
    Line,
    MemberReceipt,
    PeerView,
    Person,
    RegistrationCode,
    RoomView,
    Server,
    ServerOffer,
)
from lanchat.protocol.codes import HistoryPolicy
from lanchat.protocol.redacted import RedactedStruct

T = TypeVar("T")


class Command(RedactedStruct, Generic[T], frozen=True):
    """A command whose result is a `T`."""


# --- Commands: finding, trusting, logging in ------------------------------------------------------------------------


class DiscoverCommand(Command[list[Server]], frozen=True):
    """Search for servers. `ServerFound` events come as they are found, `ServersLeftOut` when there are too many. Known
    servers are in the list whatever others say. `timeout`: seconds."""

    timeout: float = 2.0


class ConnectCommand(Command[Server], frozen=True):
    """Open a TLS connection and look at the server's identity; with `Trust.PINNED` log-in follows by itself. `address`:
    host[:port]; `invite`: a link; neither: the server this profile used last, else discovery (one server found: that
    one; several: CommandError INVALID, choose one). `fingerprint`: accept exactly this server; alone, and of a server
    that another one has replaced, it opens the local copy. `accept_new`: trust on first use. `accept_own`: the same for
    a server on this computer alone. A changed key raises IDENTITY always. `name`: what a search said that the server at
    `address` is called, to show it under that name; it proves nothing."""

    address: str = ""
    invite: str = ""
    fingerprint: str = ""
    accept_new: bool = False
    timeout: float = 10.0
    name: str = ""
    accept_own: bool = False


class AcceptIdentityCommand(Command[ServerOffer], frozen=True):
    """Pin this fingerprint and go on: a person compared the words."""

    fingerprint: str


class StartAnewCommand(Command[ServerOffer], frozen=True):
    """After `ChangedIdentity`: pin the fingerprint that is shown now, whose words a person compared. The server that
    stood there before is replaced; its local copy stays, see `ListReplacedCommand`."""

    fingerprint: str


class ListReplacedCommand(Command[list[Server]], frozen=True):
    """Servers that another one replaced, and of which this profile has a local copy; `ConnectCommand` opens it."""


class GetOfferCommand(Command[ServerOffer], frozen=True):
    """The offer of the connected, accepted server; waits until it is connected. `fingerprint`: of this server and no
    other."""

    timeout: float = 10.0
    fingerprint: str = ""


class LoginCommand(Command[Account], frozen=True):
    """Enrol this profile's device key; with `remember` it is kept, else revoked when the client ends."""

    concealed = frozenset({"password"})

    user: str
    password: str
    remember: bool = True


class RegisterCommand(Command[Account], frozen=True):
    """Create the account and enrol this profile's device key."""

    concealed = frozenset({"password", "invite_code", "setup_code"})

    user: str
    password: str
    email: str = ""
    display_name: str = ""
    invite_code: str = ""
    remember: bool = True
    setup_code: str = ""


class RecoverCommand(Command[None], frozen=True):
    """Ask for a recovery code by e-mail. The result says nothing about whether the account exists."""

    user: str


class RecoverConfirmCommand(Command[None], frozen=True):
    """Give the account its new password; log in with it."""

    concealed = frozenset({"code", "new_password"})

    user: str
    code: str
    new_password: str
    revoke_devices: bool = False


class WaitLiveCommand(Command[Account], frozen=True):
    """The account, once every room is complete, or stopped for the server has another or a shorter history (the state
    says so). Raises LOCAL, REFUSED, NO_SERVER or TIMEOUT."""

    timeout: float = 30.0


class LogoutCommand(Command[None], frozen=True):
    """Revoke the device key and forget it; the local copy of the log stays."""


class DisconnectCommand(Command[None], frozen=True):
    """End the session and stop reconnecting; the outbox stays."""


# --- Commands: rooms and people ------------------------------------------------------------------------------------


class ListRoomsCommand(Command[list[RoomView]], frozen=True):
    """This user's rooms and public ones; from memory when the server is away, unless `certain`: then OFFLINE.
    `counted`: only when what is unread is counted to its end, also in rooms of which this computer has only the newest
    part; else `RoomUpdated` follows."""

    counted: bool = False
    certain: bool = False


class FindRoomCommand(Command[RoomView], frozen=True):
    """A room by its name (`general`, `#general`) or `@user` (the direct room, made when it is not there)."""

    name: str


class CreateRoomCommand(Command[RoomView], frozen=True):
    """Create a room and join it."""

    name: str
    private: bool = False
    history: HistoryPolicy = HistoryPolicy.EVERYTHING


class JoinRoomCommand(Command[RoomView], frozen=True):
    """Join a public room."""

    room: int


class LeaveRoomCommand(Command[None], frozen=True):
    """Leave a room."""

    room: int


class InviteUserCommand(Command[None], frozen=True):
    """Make `user` a member of the room. `user`: a user name."""

    room: int
    user: str


class RemoveUserCommand(Command[None], frozen=True):
    """End the membership of `user`, a user name."""

    room: int
    user: str


class SetHistoryPolicyCommand(Command[RoomView], frozen=True):
    """Set what members may read of the time before they joined."""

    room: int
    history: HistoryPolicy


class ArchiveRoomCommand(Command[None], frozen=True):
    """Archive a room: from then on it can be read and nothing else; with `archived` False again everything."""

    room: int
    archived: bool = True


class DeleteRoomCommand(Command[None], frozen=True):
    """Delete a room for everybody and for good. Without the `password` the server answers PASSWORD_NEEDED, but for some
    minutes after a log-in by password."""

    concealed = frozenset({"password"})

    room: int
    password: str = ""


class FindAnyRoomCommand(Command[int], frozen=True):
    """The id of the room with this name or id; for administrators also one that they are not in."""

    name: str


class ListPeopleCommand(Command[list[Person]], frozen=True):
    """All accounts; from memory when the server is away, unless `certain`: then OFFLINE."""

    certain: bool = False


class ListPeersCommand(Command[list[PeerView]], frozen=True):
    """Devices that can be reached without the server, and those that could not be; after at most `patience` seconds, in
    which links may open."""

    patience: float = 0.0


class ListMembersCommand(Command[list[Person]], frozen=True):
    """The members of a room."""

    room: int


# --- Commands: conversation ------------------------------------------------------------------------------------------


class SendCommand(Command[Line], frozen=True):
    """Send a message. The line is the result as soon as it is durable in the outbox; `LineStored` or `LineRefused`
    follows. `reply_to`: the number of a message, 0 for none."""

    room: int
    text: str
    reply_to: int = 0


class EditCommand(Command[str], frozen=True):
    """Replace the text of an own message; the result is the id of the edit message."""

    room: int
    seq: int
    text: str


class DeleteCommand(Command[str], frozen=True):
    """Delete a message; the result is the id of the deletion."""

    room: int
    seq: int


class ReactCommand(Command[str], frozen=True):
    """React to a message; the result is the id of the reaction. `remove` takes it back."""

    room: int
    seq: int
    emoji: str
    remove: bool = False


class WaitDecidedCommand(Command[int], frozen=True):
    """The number under which message `id` was stored; raises REFUSED with its code, or TIMEOUT (it stays in the
    outbox), with a code when the server has no room for it."""

    id: str
    timeout: float = 10.0


class LoadLinesCommand(Command[list[Line]], frozen=True):
    """Up to `limit` lines with a number below `before`, ascending (0: the newest, lines not stored yet at the end).
    From the local copy; what is missing there is fetched. Messages about messages are folded, not listed."""

    room: int
    before: int = 0
    limit: int = 50


class LoadLinesFromCommand(Command[list[Line]], frozen=True):
    """Up to `limit` lines with number `first` and above, ascending: to jump, and to scroll down again. What is missing
    in the local copy is fetched, some 20,000 messages; for more it raises TIMEOUT, and the next one goes on from there.
    `whole`: without a bound."""

    room: int
    first: int
    limit: int = 50
    whole: bool = False


class SearchCommand(Command[list[Line]], frozen=True):
    """Messages with these words, newest first, at most 50. `room` 0: all rooms. What follows a hit is found `before`
    its number, in all rooms with its room as `before_room`."""

    room: int
    words: str
    before: int = 0
    limit: int = 50
    before_room: int = 0


class MarkReadCommand(Command[None], frozen=True):
    """Set the read mark: the person saw everything up to `seq`."""

    room: int
    seq: int


class SetActivityCommand(Command[None], frozen=True):
    """Set the presence to online or away."""

    active: bool


class ReceiptsCommand(Command[list[MemberReceipt]], frozen=True):
    """Who received and who read message `seq`: one entry for every other member."""

    room: int
    seq: int


# --- Commands: account -------------------------------------------------------------------------------------------


class ListDevicesCommand(Command[list[DeviceInfo]], frozen=True):
    """The devices of this account."""


class RevokeDeviceCommand(Command[None], frozen=True):
    """Revoke a device key. `device`: hex digits, at least the first eight. Another one than this needs the `password`;
    without it the server answers PASSWORD_NEEDED, but for some minutes after a log-in by password."""

    concealed = frozenset({"password"})

    device: str
    password: str = ""


class ChangePasswordCommand(Command[None], frozen=True):
    """Change the password and end the account's other sessions; `revoke_others` revokes its other devices as well."""

    concealed = frozenset({"old", "new"})

    old: str
    new: str
    revoke_others: bool = False


class GetProfileCommand(Command[AccountProfile], frozen=True):
    """The account's own data."""


class SetProfileCommand(Command[None], frozen=True):
    """Change the account's own data. What is None stays as it is; an empty display name stands for the user name.
    Another address needs the `password` as in `RevokeDeviceCommand`."""

    concealed = frozenset({"password"})

    display_name: str | None = None
    email: str | None = None
    password: str = ""


class CreateInviteCommand(Command[str], frozen=True):
    """Create a registration code (administrators, moderators). `lifetime`: seconds."""

    uses: int = 1
    lifetime: float = 7 * 86400.0


class ListInvitesCommand(Command[list[RegistrationCode]], frozen=True):
    """Registration codes that are valid, one's own; for administrators everybody's."""


class VoidInviteCommand(Command[None], frozen=True):
    """Void a registration code. `id`: hex digits, at least the first eight."""

    id: str


class GetStatusCommand(Command[dict[str, Any]], frozen=True):
    """Figures of the server (administrators), as docs/PROTOCOL.md has them."""

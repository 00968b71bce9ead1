"""What window and command line say to the network and hear from it: typed commands, results and events.

The network runs in its own thread (`lanchat.app.thread.ClientThread`) or in the caller's event loop
(`lanchat.app.client.Client`). `call(command)` ends with the command's result or raises `CommandError`; events arrive
in order through one callback, on the network's thread. Everything here is a frozen value: safe to hand between threads.

The life of a client: `DiscoverCommand` (or a typed address, or an invite link) -> `ConnectCommand` -> for a server that this profile
does not know, show its identity and `AcceptIdentityCommand` -> `LoginCommand`, `RegisterCommand`, or nothing when the profile has a device
key for this server -> the client subscribes every room of the user, loads history, and goes live. From then on it
reconnects by itself, for ever, until `DisconnectCommand` or `LogoutCommand`.
"""

import enum

import msgspec

from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, Registration, Role, RoomKind, Setup
from lanchat.protocol.redacted import RedactedStruct


class ErrorKind(enum.Enum):
    """Why a command failed; the command line maps it to an exit code."""

    NO_SERVER = "no_server"  # exit 3
    REFUSED = "refused"  # exit 4: credentials, rights; `code` says more
    IDENTITY = "identity"  # exit 5: the server's key changed, or was not accepted
    TIMEOUT = "timeout"  # exit 6 when a message stays in the outbox
    OFFLINE = "offline"  # the server is away and the command needs it
    LOCAL = "local"  # the profile on this computer: corrupt, locked, full disk
    INVALID = "invalid"  # the command itself makes no sense (unknown room, empty text)


class CommandError(Exception):
    """A command failed. `text` is one line in the person's language."""

    def __init__(self, trouble: ErrorKind, text: str, code: Code | None = None, retry_s: float = 0.0) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text
        self.code = code
        self.retry_s = retry_s


class ChangedIdentity(CommandError):
    """A known server, or its address, shows another key than before."""

    def __init__(self, text: str) -> None:
        super().__init__(ErrorKind.IDENTITY, text)


class ConnectionState(enum.Enum):
    """The state of the link, each shown to people in plain words."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    SYNCING = "syncing"
    LIVE = "live"
    LAGGING = "lagging"
    AWAY = "away"
    RESYNCING = "resyncing"
    FORKED = "forked"
    REFUSED = "refused"


class Trust(enum.Enum):
    """What this profile knows about a server's key."""

    PINNED = "pinned"
    NEW = "new"
    CHANGED = "changed"


# --- Values -------------------------------------------------------------------------------------------------------


class Server(msgspec.Struct, frozen=True):
    """A server's address and identity as seen by Discover or Connect. `via`: zeroconf, probe, peer, typed, invite,
    known. `words`: eight words for the fingerprint. `invite`: a link for others; empty until the server is trusted."""

    name: str
    host: str
    port: int
    fingerprint: str
    words: str
    via: str
    trust: Trust
    invite: str = ""


class ServerOffer(msgspec.Struct, frozen=True):
    """What a connected and accepted server says before log-in. `remembered`: the user name whose device key this
    profile holds for it, else empty; log-in with it is under way already. `setup`: who may make the first account."""

    server: Server
    registration: Registration
    mail: bool
    remembered: str
    setup: Setup = Setup.NONE


class Account(msgspec.Struct, frozen=True):
    """Who is logged in."""

    user_id: int
    name: str
    display_name: str
    role: Role


class Person(msgspec.Struct, frozen=True):
    """An account as others see it. `last_seen`: seconds since the epoch, 0 for never."""

    user_id: int
    name: str
    display_name: str
    state: PresenceState
    last_seen: float
    role: Role


class RoomView(msgspec.Struct, frozen=True):
    """A room as the user sees it. `title`: its name, or the partner's display name of a direct room. `unread`:
    messages by others above the read cursor. `last_text`, `last_author`: for a preview line. `archived`: nothing can be
    written there. `mine`: this user made it. `general`: everybody is in it. `alike`: another room has this name, or one
    that looks the same; the title then has the room's number."""

    room: int
    name: str
    title: str
    kind: RoomKind
    history: HistoryPolicy
    joined: bool
    members: int
    partner: int
    head: int
    unread: int
    read: int
    last_text: str = ""
    last_author: str = ""
    last_time: float = 0.0
    archived: bool = False
    mine: bool = False
    general: bool = False
    alike: bool = False


class Reaction(msgspec.Struct, frozen=True):
    emoji: str
    users: tuple[int, ...]


class Line(msgspec.Struct, frozen=True):
    """A message as it is shown: edits, deletion and reactions folded in.

    `id` is `<room hex>.<device hex>.<run hex>.<n>`; `seq` None while it is not stored; `refused` the code when the
    server refused it. Times are seconds since the epoch: `sent_at` by the author's clock, `stored_at` by the server's.
    `verified`: the author's signature was checked (a line whose signature fails is never shown).
    `received`, `read`: how many other members have received and read it; `members` how many others there are.
    `waits`: why the server has no room for it now, in the person's language.
    """

    id: str
    room: int
    seq: int | None
    author: int
    author_name: str
    display_name: str
    mine: bool
    text: str
    sent_at: float
    stored_at: float
    reply_to: int = 0
    reply_text: str = ""
    reply_author: str = ""
    edited: bool = False
    deleted: bool = False
    refused: Code | None = None
    reactions: tuple[Reaction, ...] = ()
    received: int = 0
    read: int = 0
    members: int = 0
    verified: bool = True
    waits: str = ""


class MemberReceipt(msgspec.Struct, frozen=True):
    user_id: int
    name: str
    display_name: str
    received: bool
    read: bool


# --- Commands: finding, trusting, logging in ------------------------------------------------------------------------


class DiscoverCommand(msgspec.Struct, frozen=True):
    """-> list[Server]; `ServerFound` events come as they are found, `ServersLeftOut` when there are too many. Known
    servers are in the list whatever others say."""

    timeout: float = 2.0


class ConnectCommand(msgspec.Struct, frozen=True):
    """-> Server. Gives the address a TLS connection and looks at the identity; with `Trust.PINNED` it goes on to log-in
    by itself. `address`: host[:port]; `invite`: a link; neither: the server this profile used last, else discovery
    (one server found: that one; several: CommandError INVALID, choose one). `fingerprint`: accept exactly this
    server. `accept_new`: trust on first use. A changed key raises IDENTITY always. `name`: what a search said that the
    server at `address` is called, to show it under that name; it proves nothing."""

    address: str = ""
    invite: str = ""
    fingerprint: str = ""
    accept_new: bool = False
    timeout: float = 10.0
    name: str = ""


class AcceptIdentityCommand(msgspec.Struct, frozen=True):
    """-> ServerOffer. A person compared the words: pin this fingerprint and go on."""

    fingerprint: str


class GetOfferCommand(msgspec.Struct, frozen=True):
    """-> ServerOffer of the connected, accepted server (waits until it is connected). `fingerprint`: of this server and
    no other."""

    timeout: float = 10.0
    fingerprint: str = ""


class LoginCommand(RedactedStruct, frozen=True):
    """-> Account. Enrols this profile's device key; with `remember` it is kept, else revoked when the client ends."""

    concealed = frozenset({"password"})

    user: str
    password: str
    remember: bool = True


class RegisterCommand(RedactedStruct, frozen=True):
    """-> Account. Creates the account and enrols this profile's device key."""

    concealed = frozenset({"password", "invite_code", "setup_code"})

    user: str
    password: str
    email: str = ""
    display_name: str = ""
    invite_code: str = ""
    remember: bool = True
    setup_code: str = ""


class RecoverCommand(msgspec.Struct, frozen=True):
    """-> None, whether or not the account exists."""

    user: str


class RecoverConfirmCommand(RedactedStruct, frozen=True):
    """-> None. The account has the new password; log in with it."""

    concealed = frozenset({"code", "new_password"})

    user: str
    code: str
    new_password: str
    revoke_devices: bool = False


class WaitLiveCommand(msgspec.Struct, frozen=True):
    """-> Account, once the client is live (every room complete); raises REFUSED, IDENTITY, NO_SERVER or TIMEOUT."""

    timeout: float = 30.0


class LogoutCommand(msgspec.Struct, frozen=True):
    """-> None. Revokes the device key and forgets it; the local copy of the log stays."""


class DisconnectCommand(msgspec.Struct, frozen=True):
    """-> None. Ends the session and stops reconnecting; the outbox stays."""


# --- Commands: rooms and people ------------------------------------------------------------------------------------


class ListRoomsCommand(msgspec.Struct, frozen=True):
    """-> list[RoomView]: this user's rooms and public ones; from memory when the server is away, unless `certain`: then
    OFFLINE. `counted`: only when what is unread is counted to its end, also in rooms of which this computer has only
    the newest part; else `RoomUpdated` follows."""

    counted: bool = False
    certain: bool = False


class FindRoomCommand(msgspec.Struct, frozen=True):
    """-> RoomView of a room by name (`general`, `#general`) or `@user` (the direct room, made when it is not there)."""

    name: str


class CreateRoomCommand(msgspec.Struct, frozen=True):
    """-> RoomView"""

    name: str
    private: bool = False
    history: HistoryPolicy = HistoryPolicy.EVERYTHING


class JoinRoomCommand(msgspec.Struct, frozen=True):
    """-> RoomView"""

    room: int


class LeaveRoomCommand(msgspec.Struct, frozen=True):
    """-> None"""

    room: int


class InviteUserCommand(msgspec.Struct, frozen=True):
    """-> None"""

    room: int
    user: str


class RemoveUserCommand(msgspec.Struct, frozen=True):
    """-> None"""

    room: int
    user: str


class SetHistoryPolicyCommand(msgspec.Struct, frozen=True):
    """-> RoomView"""

    room: int
    history: HistoryPolicy


class ArchiveRoomCommand(msgspec.Struct, frozen=True):
    """-> None. From now on the room can be read and nothing else, or (`archived` False) again everything."""

    room: int
    archived: bool = True


class DeleteRoomCommand(RedactedStruct, frozen=True):
    """-> None. The room is gone for everybody and for good. Without the `password` the server answers PASSWORD_NEEDED,
    but for some minutes after a log-in by password."""

    concealed = frozenset({"password"})

    room: int
    password: str = ""


class FindAnyRoomCommand(msgspec.Struct, frozen=True):
    """-> int, the room with this name or id; for administrators also one that they are not in."""

    name: str


class ListPeopleCommand(msgspec.Struct, frozen=True):
    """-> list[Person]; from memory when the server is away, unless `certain`: then OFFLINE."""

    certain: bool = False


class ListMembersCommand(msgspec.Struct, frozen=True):
    """-> list[Person] of a room."""

    room: int


# --- Commands: conversation ------------------------------------------------------------------------------------------


class SendCommand(msgspec.Struct, frozen=True):
    """-> Line, as soon as it is durable in the outbox; `LineStored` or `LineRefused` follows."""

    room: int
    text: str
    reply_to: int = 0


class EditCommand(msgspec.Struct, frozen=True):
    """-> str, the id of the edit message."""

    room: int
    seq: int
    text: str


class DeleteCommand(msgspec.Struct, frozen=True):
    """-> str, the id of the deletion."""

    room: int
    seq: int


class ReactCommand(msgspec.Struct, frozen=True):
    """-> str, the id of the reaction. `remove` takes it back."""

    room: int
    seq: int
    emoji: str
    remove: bool = False


class WaitDecidedCommand(msgspec.Struct, frozen=True):
    """-> int, the number under which message `id` was stored; raises REFUSED with its code, or TIMEOUT (it stays in
    the outbox), with a code when the server has no room for it."""

    id: str
    timeout: float = 10.0


class LoadLinesCommand(msgspec.Struct, frozen=True):
    """-> list[Line], ascending: up to `limit` lines with seq below `before` (0: the newest, lines not stored yet at the
    end). From the local copy; what is missing there is fetched. Messages about messages are folded, not listed."""

    room: int
    before: int = 0
    limit: int = 50


class LoadLinesFromCommand(msgspec.Struct, frozen=True):
    """-> list[Line], ascending: up to `limit` lines with seq `first` and above: to jump, and to scroll down again."""

    room: int
    first: int
    limit: int = 50


class SearchCommand(msgspec.Struct, frozen=True):
    """-> list[Line], newest first, at most 50. `room` 0: all rooms. What follows a hit is found `before` its number, in
    all rooms with its room as `before_room`."""

    room: int
    words: str
    before: int = 0
    limit: int = 50
    before_room: int = 0


class MarkReadCommand(msgspec.Struct, frozen=True):
    """-> None. The person saw everything up to `seq`."""

    room: int
    seq: int


class SetActivityCommand(msgspec.Struct, frozen=True):
    """-> None. Online or away."""

    active: bool


class ReceiptsCommand(msgspec.Struct, frozen=True):
    """-> list[MemberReceipt], for every other member."""

    room: int
    seq: int


# --- Commands: account -------------------------------------------------------------------------------------------


class ListDevicesCommand(msgspec.Struct, frozen=True):
    """-> list[Device]"""


class RevokeDeviceCommand(RedactedStruct, frozen=True):
    """-> None. `device`: hex digits, at least the first eight. Another one than this needs the `password`; without it
    the server answers PASSWORD_NEEDED, but for some minutes after a log-in by password."""

    concealed = frozenset({"password"})

    device: str
    password: str = ""


class ChangePasswordCommand(RedactedStruct, frozen=True):
    """-> None. Ends the account's other sessions; `revoke_others`: shuts out its other devices as well."""

    concealed = frozenset({"old", "new"})

    old: str
    new: str
    revoke_others: bool = False


class GetProfileCommand(msgspec.Struct, frozen=True):
    """-> wire.Profile"""


class SetProfileCommand(RedactedStruct, frozen=True):
    """-> None. What is None stays as it is; an empty display name stands for the user name. Another address needs the
    `password` as in RevokeDevice."""

    concealed = frozenset({"password"})

    display_name: str | None = None
    email: str | None = None
    password: str = ""


class CreateInviteCommand(msgspec.Struct, frozen=True):
    """-> str, a registration code (administrators, moderators)."""

    uses: int = 1
    lifetime: float = 7 * 86400.0


class ListInvitesCommand(msgspec.Struct, frozen=True):
    """-> list[wire.Invite]: registration codes that are good, one's own; for administrators everybody's."""


class VoidInviteCommand(msgspec.Struct, frozen=True):
    """-> None. `id`: hex digits, at least the first eight."""

    id: str


class GetStatusCommand(msgspec.Struct, frozen=True):
    """-> dict of server figures (administrators)."""


Command = (
    DiscoverCommand | ConnectCommand | AcceptIdentityCommand | GetOfferCommand | LoginCommand | RegisterCommand | RecoverCommand | RecoverConfirmCommand | WaitLiveCommand | LogoutCommand
    | DisconnectCommand | ListRoomsCommand | FindRoomCommand | CreateRoomCommand | JoinRoomCommand | LeaveRoomCommand | InviteUserCommand | RemoveUserCommand
    | SetHistoryPolicyCommand | ArchiveRoomCommand | DeleteRoomCommand | FindAnyRoomCommand
    | ListPeopleCommand | ListMembersCommand | SendCommand | EditCommand | DeleteCommand | ReactCommand | WaitDecidedCommand | LoadLinesCommand
    | LoadLinesFromCommand | SearchCommand | MarkReadCommand | SetActivityCommand | ReceiptsCommand | ListDevicesCommand | RevokeDeviceCommand | ChangePasswordCommand
    | GetProfileCommand | SetProfileCommand | CreateInviteCommand | ListInvitesCommand | VoidInviteCommand | GetStatusCommand
)  # fmt: skip


# --- Events -----------------------------------------------------------------------------------------------------


class StateChanged(msgspec.Struct, frozen=True):
    """The link's state, with a plain reason in the person's language (may be empty) and the number of peers that can
    be reached without the server. `retry_in`: seconds until the next try, 0 for none."""

    state: ConnectionState
    reason: str = ""
    peers: int = 0
    retry_in: float = 0.0


class ServerFound(msgspec.Struct, frozen=True):
    server: Server


class ServersLeftOut(msgspec.Struct, frozen=True):
    """More servers were heard of than a list takes: those that nobody knows may be missing."""


class AccountLoggedIn(msgspec.Struct, frozen=True):
    """Whose session begins. Also said at the start for an account that this profile remembers: from then on commands
    work with what the local copy knows, whether or not the server is there."""

    account: Account
    server: Server


class RoomUpdated(msgspec.Struct, frozen=True):
    """A room is new or anything in its RoomView changed."""

    room: RoomView


class RoomRemoved(msgspec.Struct, frozen=True):
    """This user is no longer in the room, or cannot join it. `deleted`: nor is anybody else."""

    room: int
    deleted: bool = False


class RoomLive(msgspec.Struct, frozen=True):
    """History of this room is complete up to `head`; what comes now is live."""

    room: int
    head: int


class LineAdded(msgspec.Struct, frozen=True):
    """A message by anybody, in order; `line.seq` None: not stored yet. One's own message comes once so, and again with
    its number, under the same id, when its record is here. History that arrives while syncing comes with `live`
    False, and only of rooms that were asked for before (FindRoom, LoadLines, LoadLinesFrom)."""

    line: Line
    live: bool


class LineChanged(msgspec.Struct, frozen=True):
    """A line that may be on the screen changed: edited, deleted, reacted to, receipts. `cause`: edit, delete,
    reaction, receipt; `seq` of the record that caused it (0 for receipts); `by` the user, `text` the emoji (with "-"
    when taken back) or new text."""

    line: Line
    cause: str
    cause_seq: int = 0
    by: int = 0
    text: str = ""


class LineStored(msgspec.Struct, frozen=True):
    """A message of this user was stored as number `seq`: the tick. `id` may be an edit's, deletion's or reaction's."""

    id: str
    room: int
    seq: int


class Notice(msgspec.Struct, frozen=True):
    """Something that a person should know once, as that the local copy was damaged and is read anew."""

    text: str


class LineRefused(msgspec.Struct, frozen=True):
    """`made_here` False: by an earlier run, or another process of this profile."""

    id: str
    room: int
    code: Code
    text: str
    made_here: bool = True


class LineDelayed(msgspec.Struct, frozen=True):
    """The server has no room for a message of this user now: it stays in the outbox and is offered again. `again`: it
    was told before, and `text` is what is true now."""

    id: str
    room: int
    code: Code
    text: str
    again: bool = False


class PeopleChanged(msgspec.Struct, frozen=True):
    """Accounts that are new or changed (name, role, presence)."""

    people: tuple[Person, ...]


class ReceiptsChanged(msgspec.Struct, frozen=True):
    """Somebody received or read more of a room."""

    room: int


Event = (
    StateChanged | ServerFound | ServersLeftOut | AccountLoggedIn | RoomUpdated | RoomRemoved | RoomLive | LineAdded
    | LineChanged | LineStored | LineRefused | LineDelayed | PeopleChanged | ReceiptsChanged | Notice
)  # fmt: skip

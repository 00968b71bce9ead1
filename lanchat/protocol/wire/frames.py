"""Every frame and request that crosses the network, in one place. Numbers (tags, codes) are append-only.

Three layers:

* A **frame** is one tagged array. Over TLS each frame has a u32 length before it (`pack_frame`, `FrameReader`); over
  UDP the payload of a sealed datagram is an array of frames (`encode_datagram`). The same frame means the same on
  both ways.
* **Live frames** carry messages, records, heads, acknowledgements and repair; they are idempotent and may be lost.
* **Requests** go over TLS only: `Request(id, operation)` is answered by one `Response(id, result)` or `Failure`.
  Before log-in only the operations in `BeforeLogin` are accepted.

Golden vectors: tests/vectors. Reference: docs/PROTOCOL.md.
"""

import struct
from typing import Annotated, Any, ClassVar

import msgspec

from lanchat.protocol.codec import U32, U63, Key16, Key32, Positive, Signature, decoder, encode
from lanchat.protocol.codes import HistoryPolicy, PresenceState, Registration, Role, RoomKind, Setup
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import (
    DATAGRAM_FRAMES_MAX,
    FRAME_MAX,
    NACK_MAX,
    NOT_TAKEN_MAX,
    PAGE_CERTIFICATES_MAX,
    PAGE_RECORDS_MAX,
    RECORDS_MAX,
    ROOMS_DELETED_MAX,
    SEARCH_HITS_MAX,
    SUBMIT_MAX,
    Limits,
)
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message, MessageKey
from lanchat.protocol.log.records import Head, Record
from lanchat.protocol.wire.admin import AdministratorRequest, AdministratorResult
from lanchat.protocol.wire.base import MANY as _Many
from lanchat.protocol.wire.base import ROOMS as _Rooms
from lanchat.protocol.wire.base import Frame as _Frame
from lanchat.protocol.wire.base import Password, Place, Short
from lanchat.protocol.wire.bulk import OpenTransfers, TransferTicket
from lanchat.protocol.wire.peers import AnnouncePeer, PeersChanged, Roster
from lanchat.protocol.wire.reseeding import GiveRecords, GiveStatements, OfferRecords, RecordsWanted
from lanchat.protocol.wire.statements import (
    ListRevoked,
    ListStatements,
    Member,
    RevokedList,
    StatementList,
    Statements,
)
from lanchat.protocol.wire.status import StatusReport

_Authors = msgspec.Meta(max_length=PAGE_CERTIFICATES_MAX)


# ---------------------------------------------------------------------------------------------------------------
# Live frames, client to server


class Submit(_Frame, frozen=True, tag=1):
    """Messages to store, in the author's order; the device may be another one's (handed in for somebody else)."""

    messages: Annotated[list[Message], msgspec.Meta(max_length=SUBMIT_MAX)]


class Nack(_Frame, frozen=True, tag=2):
    """Records that are missing. An empty list asks for the signed head alone."""

    room: U63
    missing: Annotated[list[Positive], msgspec.Meta(max_length=NACK_MAX)]


class Ping(_Frame, frozen=True, tag=3):
    """Asks for a Pong with the same token on the way it came; over UDP it also tells the server this address."""

    token: U63


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """How far this user has received and read a room."""

    room: U63
    received: U63
    read: U63


class Cursors(_Frame, frozen=True, tag=4):
    """Receipts; numbers only grow, so a repeated or late frame does no harm."""

    cursors: Annotated[list[Cursor], _Rooms]


class Activity(_Frame, frozen=True, tag=5):
    """The person is at the computer (ONLINE) or not (AWAY)."""

    state: PresenceState


# ---------------------------------------------------------------------------------------------------------------
# Live frames, server to client


class Records(_Frame, frozen=True, tag=16):
    """Stored messages of one room, ascending, perhaps with gaps; `head` when it travels along. One element more may
    follow, of any type and without a meaning, also in later versions: it brings datagrams to one length."""

    room: U63
    records: Annotated[list[Record], msgspec.Meta(max_length=RECORDS_MAX)]
    head: Head | None = None


class Heads(_Frame, frozen=True, tag=17):
    """Where rooms stand: the heartbeat that reveals a lost last message."""

    heads: Annotated[list[Head], _Rooms]


class Receipt(msgspec.Struct, array_like=True, frozen=True):
    """A message was stored as number `seq`, or refused with `code` (then `seq` is 0)."""

    room: U63
    device: Key16
    run: U63
    n: Positive
    seq: U63
    code: U32 = 0

    @property
    def key(self) -> MessageKey:
        """The name of the message that was decided."""
        return MessageKey(self.room, self.device, self.run, self.n)


class Decided(_Frame, frozen=True, tag=18):
    """What became of messages that this session handed in. Sent after the commit, and again on every repeat.
    `unreadable`: SHA-256 of headers that do not name their message, which is refused as with BAD_HEADER."""

    receipts: Annotated[list[Receipt], msgspec.Meta(max_length=SUBMIT_MAX)]
    unreadable: Annotated[list[Key32], msgspec.Meta(max_length=SUBMIT_MAX)] = []


class Expect(_Frame, frozen=True, tag=19):
    """Messages came out of order: of this room, device and run the server waits for number `n`."""

    room: U63
    device: Key16
    run: U63
    n: Positive


class NotTaken(msgspec.Struct, array_like=True, frozen=True):
    """Of this run the messages `n` to `last` that were handed in just now."""

    room: U63
    device: Key16
    run: U63
    n: Positive
    last: Positive


class Busy(_Frame, frozen=True, tag=20):
    """Over the rate, or the server cannot store now: try again after so many milliseconds. One for everything that was
    not taken at a time, which `not_taken` names; where that is more than one frame has room for, more frames follow.
    `code`: these wait for room, other messages need not."""

    retry_ms: U32
    not_taken: Annotated[list[NotTaken], msgspec.Meta(max_length=NOT_TAKEN_MAX)]
    code: U32 = 0


class Pong(_Frame, frozen=True, tag=21):
    """Answers a Ping, on the way that it came, with its `token`."""

    token: U63


class MemberCursor(msgspec.Struct, array_like=True, frozen=True):
    """How far one member has received and read a room. `joined_ms`: since when they are a member, told in lists alone;
    0: not told. What was stored before is not theirs to receive."""

    user: Positive
    received: U63
    read: U63
    joined_ms: U63 = 0


class RoomCursors(_Frame, frozen=True, tag=22):
    """How far members have received and read a room; only those that changed."""

    room: U63
    cursors: Annotated[list[MemberCursor], msgspec.Meta(max_length=1000)]


class Lagging(_Frame, frozen=True, tag=23):
    """The server dropped what it had queued for this session: only heads come until the client has pulled."""


# ---------------------------------------------------------------------------------------------------------------
# Events, server to client, TLS only


class User(msgspec.Struct, array_like=True, frozen=True):
    """An account as others see it."""

    id: Positive
    name: Short
    display_name: Short
    state: PresenceState
    last_seen_ms: U63
    role: Role = Role.MEMBER


class Users(_Frame, frozen=True, tag=32):
    """Accounts that are new or whose name, role or presence changed."""

    users: Annotated[list[User], _Many]


class Room(msgspec.Struct, array_like=True, frozen=True):
    """A room as one user sees it. `first_seq`: the lowest number this user may read. `partner`: the other user of a
    direct room, else 0. `joined`: false for a public room that the user may join. `creator`: who made it, told to its
    members, 0: the server. `archived`: it can be read and nothing else. `joined_ms`: since when this user is a member,
    else 0."""

    id: U63
    name: Short
    kind: RoomKind
    history: HistoryPolicy
    first_seq: Positive
    joined: bool
    members: U32
    partner: U63 = 0
    received: U63 = 0
    read: U63 = 0
    creator: U63 = 0
    archived: bool = False
    joined_ms: U63 = 0


class RoomChanged(_Frame, frozen=True, tag=33):
    """A room is new to this user, or changed."""

    room: Room


class RoomGone(_Frame, frozen=True, tag=34):
    """This user is no longer a member, or the room is no longer one to join."""

    room: U63


class MembersChanged(_Frame, frozen=True, tag=35):
    """To the members of a room: users who became members, and users who no longer are."""

    room: U63
    joined: Annotated[list[Member], _Many]
    left: Annotated[list[Positive], _Many]


class RoomKey(_Frame, frozen=True, tag=36):
    """The key for traffic between peers of a room while the server is away."""

    concealed: ClassVar[frozenset[str]] = frozenset({"key"})

    room: U63
    number: Positive
    key: Key32
    not_after_ms: U63


class SessionKeys(_Frame, frozen=True, tag=37):
    """Keys of the UDP relay, a fresh pair each time; `lifetime_ms` from now."""

    concealed: ClassVar[frozenset[str]] = frozenset({"to_client", "to_server"})

    key_id: U32
    to_server: Key32
    to_client: Key32
    lifetime_ms: U32


class NewCertificate(_Frame, frozen=True, tag=38):
    """The fresh certificate of this session's device, after Renew or SetProfile."""

    certificate: Certificate


class Goodbye(_Frame, frozen=True, tag=39):
    """The server ends this session; `code` 0: it is stopping and will be back."""

    code: U32
    text: Short


class RoomsDeleted(_Frame, frozen=True, tag=40):
    """Rooms that this user was in, or could join, were deleted, for everybody and for good."""

    rooms: Annotated[list[U63], msgspec.Meta(max_length=ROOMS_DELETED_MAX)]


# ---------------------------------------------------------------------------------------------------------------
# Requests before log-in


class Hello(_Frame, frozen=True, tag=1):
    """The first request. The answer is Welcome with a fresh challenge; VERSION unless the server's version is among
    `versions`. `client`: the program's name and version; nothing follows from it."""

    versions: Annotated[list[U32], msgspec.Meta(max_length=16)]
    client: Short


class Enrolment(msgspec.Struct, array_like=True, frozen=True):
    """A new device key: its signature over ENROL_CONTEXT || log_id || fingerprint || challenge shows possession."""

    public_key: Key32
    name: Short
    signature: Signature


class Register(_Frame, frozen=True, tag=2):
    """Makes an account with its first device, and logs in. Without a display name the user name stands for it.
    `invite_code`: needed where people register by code; `setup_code`: for the first account, from another computer."""

    concealed: ClassVar[frozenset[str]] = frozenset({"invite_code", "password", "setup_code"})

    user: Short
    password: Password
    enrolment: Enrolment
    email: Short = ""
    display_name: Short = ""
    invite_code: Short = ""
    setup_code: Short = ""


class LoginPassword(_Frame, frozen=True, tag=3):
    """Logs in, and enrols the device unless it is enrolled for this user already."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Short
    password: Password
    enrolment: Enrolment


class LoginDevice(_Frame, frozen=True, tag=4):
    """Signature over LOGIN_CONTEXT || log_id || fingerprint || challenge with the device's key. `certificate`: the one
    that the device has, for a server that has lost what it knew of it."""

    device: Key16
    signature: Signature
    certificate: Certificate | None = None


class Recover(_Frame, frozen=True, tag=5):
    """Ask for a code by e-mail. The answer is Done whether or not the account exists."""

    user: Short


class RecoverConfirm(_Frame, frozen=True, tag=6):
    """Ends all sessions; the devices stay enrolled unless `revoke_devices`."""

    concealed: ClassVar[frozenset[str]] = frozenset({"code", "new_password"})

    user: Short
    code: Short
    new_password: Password
    revoke_devices: bool = False


# ---------------------------------------------------------------------------------------------------------------
# Requests after log-in


class Subscribe(_Frame, frozen=True, tag=16):
    """Register for live records of rooms; answered with each room's head: live begins at head + 1."""

    rooms: Annotated[list[U63], _Rooms]


class History(_Frame, frozen=True, tag=17):
    """Up to `limit` records: from `anchor` up (forward), or those up to and including `anchor` (backward)."""

    room: U63
    anchor: Positive
    forward: bool
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_RECORDS_MAX)]


class Search(_Frame, frozen=True, tag=18):
    """Newest first: messages of `room` (0: every room of this user) below `before` (0: no bound) whose present text has
    every word, or a word that begins so. At most 50. In every room: those that follow the hit `before` of the room
    `before_room`."""

    room: U63
    words: Annotated[str, msgspec.Meta(max_length=200)]
    before: U63
    limit: Annotated[int, msgspec.Meta(ge=1, le=RECORDS_MAX)]
    before_room: U63 = 0


class ListRooms(_Frame, frozen=True, tag=19):
    """Rooms of this user, then public rooms."""

    after: Place = b""


class CreateRoom(_Frame, frozen=True, tag=20):
    """Makes a public or private room, with its creator as the only member. A name that begins with `direct:` is refused
    with NAME_INVALID."""

    name: Short
    kind: RoomKind
    history: HistoryPolicy


class JoinRoom(_Frame, frozen=True, tag=21):
    """Makes this user a member of a public room. Who is one already gets the room as it is."""

    room: U63


class LeaveRoom(_Frame, frozen=True, tag=22):
    """Ends this user's membership. Nobody leaves `general` or a direct room: NOT_ALLOWED."""

    room: U63


class InviteUser(_Frame, frozen=True, tag=23):
    """Makes `user` a member. In a private room any member may; a public one as well."""

    room: U63
    user: Positive


class RemoveUser(_Frame, frozen=True, tag=24):
    """Ends a membership; for the room's creator, moderators and administrators."""

    room: U63
    user: Positive


class OpenDirect(_Frame, frozen=True, tag=25):
    """The direct room with `user`, made when it is not there."""

    user: Positive


class SetHistoryPolicy(_Frame, frozen=True, tag=26):
    """What those who join from now on may read; for the room's creator and moderators in it."""

    room: U63
    history: HistoryPolicy


class ListUsers(_Frame, frozen=True, tag=27):
    """Everybody with an account, with presence."""

    after: Place = b""


class ListMembers(_Frame, frozen=True, tag=28):
    """The members of a room, for its members."""

    room: U63
    after: Place = b""


class GetCertificates(_Frame, frozen=True, tag=29):
    """Certificates of devices, also of revoked ones: needed to check who signed."""

    devices: Annotated[list[Key16], _Authors]


class ListDevices(_Frame, frozen=True, tag=30):
    """The devices of this account; an administrator may name another `user`."""

    after: Place = b""
    user: U63 = 0


class RevokeDevice(_Frame, frozen=True, tag=31):
    """A device of this account, an administrator: of any. Another one than this session's needs the `password` of this
    account, unless the session began with it less than five minutes ago; its owner's registration codes end with it."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    device: Key16
    password: Password = ""


class Logout(_Frame, frozen=True, tag=32):
    """Revokes the device of this session."""


class ChangePassword(_Frame, frozen=True, tag=33):
    """Ends the account's other sessions; their devices stay enrolled unless `revoke_others`."""

    concealed: ClassVar[frozenset[str]] = frozenset({"new", "old"})

    old: Password
    new: Password
    revoke_others: bool = False


class ListCursors(_Frame, frozen=True, tag=34):
    """Receipts of a room: every member's cursor."""

    room: U63
    after: Place = b""


class GetProfile(_Frame, frozen=True, tag=35):
    """This account, with what only its owner sees."""


class SetProfile(_Frame, frozen=True, tag=36):
    """Nil leaves what is there. An empty display name stands for the user name. Another address needs the `password`
    as in RevokeDevice; where the server sends mail and there is an address already, that one is told, and the new one
    waits for three days."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    display_name: Short | None = None
    email: Short | None = None
    password: Password = ""


class Renew(_Frame, frozen=True, tag=37):
    """Fresh session keys and a fresh certificate; they arrive as SessionKeys and NewCertificate."""


class Status(_Frame, frozen=True, tag=38):
    """Administrators: the server's figures. `rooms_above`: its rooms are those
    with higher numbers, the lowest first, without direct ones; else those with the newest messages."""

    rooms_above: U63 | None = None


class CreateInvite(_Frame, frozen=True, tag=39):
    """Administrators and moderators: a code that lets `uses` people register within `lifetime_s`."""

    uses: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    lifetime_s: U32


class ListInvites(_Frame, frozen=True, tag=40):
    """Moderators: their own registration codes that are good; administrators: everybody's. Those that are good for
    longest come first."""

    after: Place = b""


class VoidInvite(_Frame, frozen=True, tag=41):
    """A code as in ListInvites lets nobody register any more."""

    id: Key16


class ArchiveRooms(_Frame, frozen=True, tag=42):
    """From now on these rooms can be read by their members and nothing else, or (`archived` false) again everything:
    all of them or none. For the creator and moderators in each, and administrators."""

    rooms: Annotated[list[U63], _Rooms]
    archived: bool


class DeleteRooms(_Frame, frozen=True, tag=43):
    """For everybody and for good, all of them or none. For whom ArchiveRooms is, with the `password` as in
    RevokeDevice; direct rooms for administrators only, `general` for nobody."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    rooms: Annotated[list[U63], _Rooms]
    password: Password = ""


BeforeLogin = Hello | Register | LoginPassword | LoginDevice | Recover | RecoverConfirm
AfterLogin = (
    Subscribe | History | Search | ListRooms | CreateRoom | JoinRoom | LeaveRoom | InviteUser | RemoveUser
    | OpenDirect | SetHistoryPolicy | ListUsers | ListMembers | GetCertificates | ListDevices | RevokeDevice
    | Logout | ChangePassword | ListCursors | GetProfile | SetProfile | Renew | Status | CreateInvite
    | ListInvites | VoidInvite | ArchiveRooms | DeleteRooms | AdministratorRequest | ListStatements | ListRevoked
    | AnnouncePeer | GiveStatements | OfferRecords | GiveRecords | OpenTransfers
)  # fmt: skip
Operation = BeforeLogin | AfterLogin


# ---------------------------------------------------------------------------------------------------------------
# Results


class Done(_Frame, frozen=True, tag=1):
    """It was done and there is nothing more to say."""


class Welcome(_Frame, frozen=True, tag=2):
    """`challenge` is good for one log-in on this connection. `mail`: forgot-password codes go out by e-mail."""

    version: U32
    server_name: Short
    log_id: Key16
    log_epoch: U32
    log_key: Key32
    challenge: Key32
    registration: Registration
    mail: bool
    limits: Limits
    time_ms: U63
    setup: Setup = Setup.NONE


class LoggedIn(_Frame, frozen=True, tag=3):
    """`rooms` and `next` are a page as of `ListRooms`. `peer_secret`: see section 15. `reseeding`: the server has lost
    some of the log, and asks for it."""

    concealed: ClassVar[frozenset[str]] = frozenset({"peer_secret"})

    user: User
    device: Key16
    certificate: Certificate
    keys: SessionKeys
    rooms: Annotated[list[Room], _Many]
    next: Place = b""
    peer_secret: Annotated[bytes, msgspec.Meta(max_length=32)] = b""
    reseeding: bool = False


class Subscribed(_Frame, frozen=True, tag=4):
    """Heads of the rooms that were subscribed, and their peer keys; rooms that the user may not read are left out.
    `deleted`: those that were deleted while the user was a member."""

    heads: Annotated[list[Head], _Rooms]
    keys: Annotated[list[RoomKey], _Rooms]
    deleted: Annotated[list[U63], _Rooms] = []


class Page(_Frame, frozen=True, tag=5):
    """Consecutive records of a room; `before_hash` is the chain hash before the first. `head` is the signed head
    now. No records: there are none in that direction. `proof`: a head signed for the last record of the page when
    that is not `head`, so that a client far behind can keep each page as it comes."""

    room: U63
    records: Annotated[list[Record], msgspec.Meta(max_length=PAGE_RECORDS_MAX)]
    before_hash: Key32
    head: Head
    certificates: Annotated[list[Certificate], _Authors]
    proof: Head | None = None


class Found(_Frame, frozen=True, tag=6):
    """Search hits, newest first, and what edits, deletes or reacts to one of them and was not replaced since. Fewer
    than were asked for when more would not fit a frame: `more` says so."""

    hits: Annotated[list["Hit"], msgspec.Meta(max_length=SEARCH_HITS_MAX)]
    certificates: Annotated[list[Certificate], _Authors]
    more: bool = False


class Hit(msgspec.Struct, array_like=True, frozen=True):
    """A text that was found, and the records that changed it: edits, deletions, reactions."""

    room: U63
    record: Record
    changes: Annotated[list[Record], _Many]


class RoomList(_Frame, frozen=True, tag=7):
    """A page of `ListRooms`. `next`: where the next one goes on, empty on the last; so in all lists."""

    rooms: Annotated[list[Room], _Many]
    next: Place = b""


class RoomResult(_Frame, frozen=True, tag=8):
    """The room as it is for this user after the request."""

    room: Room


class UserList(_Frame, frozen=True, tag=9):
    """A page of `ListUsers`. Disabled accounts are left out."""

    users: Annotated[list[User], _Many]
    next: Place = b""


class MemberList(_Frame, frozen=True, tag=10):
    """A page of `ListMembers`: ids of users."""

    members: Annotated[list[Member], _Many]
    next: Place = b""


class Certificates(_Frame, frozen=True, tag=11):
    """Those that GetCertificates asked for, in its order; unknown devices are left out."""

    certificates: Annotated[list[Certificate], _Authors]


class Device(msgspec.Struct, array_like=True, frozen=True):
    """A device of an account, also one that is `revoked`. `online`: it has a session."""

    id: Key16
    name: Short
    created_ms: U63
    last_seen_ms: U63
    revoked: bool
    online: bool


class DeviceList(_Frame, frozen=True, tag=12):
    """A page of `ListDevices`."""

    devices: Annotated[list[Device], _Many]
    next: Place = b""


class CursorList(_Frame, frozen=True, tag=13):
    """A page of `ListCursors`."""

    cursors: Annotated[list[MemberCursor], _Many]
    next: Place = b""


class Profile(_Frame, frozen=True, tag=14):
    """`pending_email`: an address that takes the place of `email` at `pending_ms`; empty: none."""

    user: User
    email: Short
    pending_email: Short = ""
    pending_ms: U63 = 0


class InviteCode(_Frame, frozen=True, tag=16):
    """A registration code as CreateInvite made it: told this once, as the server keeps its hash alone."""

    concealed: ClassVar[frozenset[str]] = frozenset({"code"})

    code: Short
    not_after_ms: U63


class Invite(msgspec.Struct, array_like=True, frozen=True):
    """A registration code. Nobody can read the code itself again. `creator` 0: the administrator's command."""

    id: Key16
    creator: U63
    uses_left: U32
    not_after_ms: U63


class InviteList(_Frame, frozen=True, tag=17):
    """A page of `ListInvites`."""

    invites: Annotated[list[Invite], _Many]
    next: Place = b""


Result = (
    Done | Welcome | LoggedIn | Subscribed | Page | Found | RoomList | RoomResult | UserList | MemberList
    | Certificates | DeviceList | CursorList | Profile | StatusReport | InviteCode
    | InviteList | AdministratorResult | StatementList | RevokedList | Roster | RecordsWanted
    | TransferTicket
)  # fmt: skip


class Request(_Frame, frozen=True, tag=64):
    """A client's `id` and what it asks for. The answer is one Response or Failure with the same `id`."""

    id: U32
    operation: Operation


class Response(_Frame, frozen=True, tag=65):
    """The Request with this `id` was carried out; what came of it."""

    id: U32
    result: Result


class Failure(_Frame, frozen=True, tag=66):
    """`text` is for logs, in English; people read the words that belong to `code`. `retry_ms`: when it may work."""

    id: U32
    code: U32
    text: Short
    retry_ms: U32 = 0


LiveFromClient = Submit | Nack | Ping | Cursors | Activity
LiveFromServer = Records | Heads | Decided | Expect | Busy | Pong | RoomCursors | Lagging
EventFromServer = (
    Users | RoomChanged | RoomGone | MembersChanged | RoomKey | SessionKeys | NewCertificate | Goodbye | RoomsDeleted
    | Statements | PeersChanged
)  # fmt: skip
FromClient = LiveFromClient | Request
FromServer = LiveFromServer | EventFromServer | Response | Failure

decode_from_client_untrusted = decoder(FromClient)
decode_from_server_untrusted = decoder(FromServer)
_FEW = msgspec.Meta(max_length=DATAGRAM_FRAMES_MAX)
decode_client_datagram_untrusted = decoder(Annotated[list[LiveFromClient], _FEW])
decode_server_datagram_untrusted = decoder(Annotated[list[LiveFromServer], _FEW])

_LENGTH = struct.Struct(">I")


class FrameTooLong(Exception):
    """A frame that no reader would take; whoever builds it has a list that must come in pages."""


def pack_frame(frame: msgspec.Struct) -> bytes:
    """One frame for the TLS channel: u32 length, then the frame. Raises FrameTooLong above FRAME_MAX."""
    return with_length(encode(frame))


def with_length(octets: bytes) -> bytes:
    """An encoded frame for the TLS channel. Raises FrameTooLong."""
    if len(octets) > FRAME_MAX:
        raise FrameTooLong(f"a frame of {len(octets)} octets")
    return _LENGTH.pack(len(octets)) + octets


def encode_datagram(frames: list[Any]) -> bytes:
    """The payload of a sealed datagram; DATAGRAM_FRAMES_MAX frames at most."""
    return encode(frames)


class FrameReader:
    """Cuts the TLS octet stream into frames. `limit` may be raised after log-in."""

    def __init__(self, limit: int = FRAME_MAX) -> None:
        """`limit`: octets that a frame may have, its length not counted."""
        self.limit = limit
        self._buffer = bytearray()

    def feed_untrusted(self, octets: bytes) -> list[bytes]:
        """The encoded frames that are now complete; raises ProtocolError for one longer than `limit`."""
        buffer = self._buffer
        buffer += octets
        frames: list[bytes] = []
        start = 0
        while len(buffer) - start >= 4:
            length = _LENGTH.unpack_from(buffer, start)[0]
            if length > self.limit:
                raise ProtocolError("frame too long")
            if len(buffer) - start - 4 < length:
                break
            frames.append(bytes(buffer[start + 4 : start + 4 + length]))
            start += 4 + length
        del buffer[:start]
        return frames

"""What the client core reports and wants sent. Events are past-tense frozen values, in order."""

import enum
from typing import Any, NamedTuple

import msgspec

from lanchat.core.endpoints import Endpoint
from lanchat.core.ports import ChainLink
from lanchat.core.session.states import LinkState, Reason
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Header, Message, MessageKey
from lanchat.protocol.log.records import Record
from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import Failure, MemberCursor, Result, Room, SessionKeys, User


class Output(NamedTuple):
    """A frame to send. Those for UDP to one destination that are taken together may share datagrams (packer.py)."""

    destination: Endpoint
    path: Transport
    frame: Any


class StopReason(enum.Enum):
    """Why a room takes no more records in this session."""

    FORKED = "the server has other records than we have"
    SERVER_BEHIND = "the server has fewer records than we have"


class LinkedRecord(NamedTuple):
    """A record that is linked to the chain, and its header. `record` is that of `link`."""

    link: ChainLink
    header: Header
    record: Record


class LinkStateChanged(msgspec.Struct, frozen=True):
    """`reason` says why; `details` is what the shell handed in with it, `code` the server's when it refused;
    `retry_at`: when the next try is due."""

    state: LinkState
    reason: Reason
    details: ProblemDetails | None
    retry_at: float | None
    code: int = 0


class RecordsStored(msgspec.Struct, frozen=True):
    """Records, durable and proven, in order and without a gap. `live`: they were said after the session's start.
    `octets`: about what they take in memory."""

    room: int
    held: tuple[LinkedRecord, ...]
    live: bool
    octets: int


class OlderStored(msgspec.Struct, frozen=True):
    """An answer to `ClientCore.fetch_older`: records right below what was stored. `failed`: none came, or none that
    fit; `refusal`: what the server said when it refused."""

    room: int
    records: tuple[Record, ...]
    failed: bool
    refusal: Failure | None = None


class RoomWentLive(msgspec.Struct, frozen=True):
    """History is complete up to `head`; once per room and session."""

    room: int
    head: int


class RoomStopped(msgspec.Struct, frozen=True):
    """A room takes no records and sends no messages any more in this session; once per room and session."""

    room: int
    stop: StopReason


class MessageStored(msgspec.Struct, frozen=True):
    """A message of this profile has its number: acknowledged, or seen in the log. Once per message."""

    key: MessageKey
    seq: int


class MessageRefused(msgspec.Struct, frozen=True):
    """A message of this profile was refused with `code` and leaves the outbox. The code may be one of a later
    version."""

    key: MessageKey
    code: int


class MessagesDelayed(msgspec.Struct, frozen=True):
    """The server has no room for these now, for the reason `code`, for `wait` seconds as it says; they are offered
    again."""

    keys: tuple[MessageKey, ...]
    code: int
    wait: float


class RoomInfoChanged(msgspec.Struct, frozen=True):
    """A room was told at log-in, is new or changed; or another room with its name came or went, so that its title
    changes."""

    room: Room


class RoomAccessEnded(msgspec.Struct, frozen=True):
    """This user is no longer in the room, or cannot join it. `deleted`: it is no more, which may be told a little later
    than that it went; then with what was last known of it, if anything was."""

    room: int
    deleted: bool = False
    known: Room | None = None


class PeersReached(msgspec.Struct, frozen=True):
    """Users whose clients are heard without the server, in order: all of them at each change."""

    users: tuple[int, ...]


class MessagesCarried(msgspec.Struct, frozen=True):
    """Messages of others that came from peers, proven and durable: not stored yet. Header, message, author."""

    items: tuple[tuple[Header, Message, int], ...]


class CarriedRefused(msgspec.Struct, frozen=True):
    """A message that was carried will never be stored; `code`: why, as the server says. 0: too many others came, and
    it is not kept here any longer."""

    key: MessageKey
    code: int


class UsersChanged(msgspec.Struct, frozen=True):
    """Accounts that are new or changed; once in a session, with the first list, all of them."""

    users: tuple[User, ...]


class RoomMembersChanged(msgspec.Struct, frozen=True):
    """Ids of users who became members of a room, and of users who no longer are."""

    room: int
    joined: tuple[int, ...]
    left: tuple[int, ...]


class CursorsChanged(msgspec.Struct, frozen=True):
    """How far some members have received and read a room, as the server told it."""

    room: int
    cursors: tuple[MemberCursor, ...]


class CertificatesLearned(msgspec.Struct, frozen=True):
    """Whose these devices are is known now, or (a server that does not know either) will not be in this session."""

    devices: tuple[bytes, ...]


class Answered(msgspec.Struct, frozen=True):
    """A request of the shell was answered; None when the connection ended first or nothing came in time."""

    id: int
    result: Result | Failure | None


class KeysChanged(msgspec.Struct, frozen=True):
    """Seal with these from now on."""

    keys: SessionKeys


class CertificateRenewed(msgspec.Struct, frozen=True):
    """This device's own certificate."""

    certificate: Certificate


class ConnectionGivenUp(msgspec.Struct, frozen=True):
    """The session is over; the shell closes the connection, without calling `disconnected`."""


class ReconnectDue(msgspec.Struct, frozen=True):
    """The shell tries to connect."""


class SearchDue(msgspec.Struct, frozen=True):
    """The server is silent: the shell looks for it everywhere and makes a second connection; when that one is proven
    and logged in while the first is still silent, it says `disconnected` and `connected` in one go."""


class LocalStoreFailed(msgspec.Struct, frozen=True):
    """The local copy cannot be read or written; nothing moved, and it is tried again."""

    details: ProblemDetails


Event = (
    LinkStateChanged | RecordsStored | OlderStored | RoomWentLive | RoomStopped | MessageStored | MessageRefused
    | MessagesDelayed | RoomInfoChanged | RoomAccessEnded | UsersChanged | RoomMembersChanged | CursorsChanged
    | CertificatesLearned | Answered | KeysChanged | CertificateRenewed | ConnectionGivenUp | ReconnectDue | SearchDue
    | LocalStoreFailed | PeersReached | MessagesCarried | CarriedRefused
)  # fmt: skip

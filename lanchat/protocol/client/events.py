"""What the client core reports and wants sent. Events are past-tense frozen values, in order."""

import enum
from dataclasses import dataclass
from typing import Any, NamedTuple

from lanchat.protocol.certificates import Certificate
from lanchat.protocol.client.ports import Link
from lanchat.protocol.client.states import LinkState, Reason
from lanchat.protocol.messages import Header, MessageKey
from lanchat.protocol.records import Record
from lanchat.protocol.wire import Failure, MemberCursor, Result, Room, SessionKeys, User


class Path(enum.Enum):
    """The way a frame came or goes."""

    UDP = "udp"
    TLS = "tls"


class Output(NamedTuple):
    """A frame to send. Those for UDP that are taken together may share datagrams (packer.py)."""

    path: Path
    frame: Any


class Stop(enum.Enum):
    """Why a room takes no more records in this session."""

    FORKED = "the server has other records than we have"
    SERVER_BEHIND = "the server has fewer records than we have"


class Held(NamedTuple):
    """A record that is linked to the chain, and its header."""

    link: Link
    header: Header

    @property
    def record(self) -> Record:
        return self.link.record


@dataclass(frozen=True, slots=True)
class StateMoved:
    """`reason` says why; `detail` is what the shell handed in with it, `code` the server's when it refused. `retry_at`:
    when the next try is due."""

    state: LinkState
    reason: Reason
    detail: str
    retry_at: float | None
    code: int = 0


@dataclass(frozen=True, slots=True)
class RecordsStored:
    """Records, durable and proven, in order and without a gap. `live`: they were said after the session's start."""

    room: int
    held: tuple[Held, ...]
    live: bool


@dataclass(frozen=True, slots=True)
class OlderStored:
    """An answer to `ClientCore.fetch_older`: records right below what was stored. `failed`: none came."""

    room: int
    records: tuple[Record, ...]
    failed: bool


@dataclass(frozen=True, slots=True)
class RoomWentLive:
    """History is complete up to `head`; once per room and session."""

    room: int
    head: int


@dataclass(frozen=True, slots=True)
class RoomStopped:
    room: int
    stop: Stop


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A message of this profile has its number: acknowledged, or seen in the log. Once per message."""

    key: MessageKey
    seq: int


@dataclass(frozen=True, slots=True)
class MessageRefused:
    key: MessageKey
    code: int


@dataclass(frozen=True, slots=True)
class RoomUpdated:
    room: Room


@dataclass(frozen=True, slots=True)
class RoomRemoved:
    room: int


@dataclass(frozen=True, slots=True)
class UsersChanged:
    users: tuple[User, ...]


@dataclass(frozen=True, slots=True)
class MembersChanged:
    room: int
    joined: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CursorsChanged:
    room: int
    cursors: tuple[MemberCursor, ...]


@dataclass(frozen=True, slots=True)
class CertificatesLearned:
    """Whose these devices are is known now, or (a server that does not know either) will not be in this session."""

    devices: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A request of the shell was answered; None when the connection ended first or nothing came in time."""

    id: int
    result: Result | Failure | None


@dataclass(frozen=True, slots=True)
class KeysChanged:
    """Seal with these from now on."""

    keys: SessionKeys


@dataclass(frozen=True, slots=True)
class CertificateRenewed:
    """This device's own certificate."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class ConnectionGivenUp:
    """The session is over; the shell closes the connection, without calling `disconnected`."""


@dataclass(frozen=True, slots=True)
class ReconnectDue:
    """The shell tries to connect."""


@dataclass(frozen=True, slots=True)
class SearchDue:
    """The server is silent: the shell looks for it everywhere and makes a second connection; when that one is proven
    and logged in while the first is still silent, it says `disconnected` and `connected` in one go."""


@dataclass(frozen=True, slots=True)
class LocalTrouble:
    """The local copy cannot be read or written; nothing moved, and it is tried again."""

    text: str


Event = (
    StateMoved | RecordsStored | OlderStored | RoomWentLive | RoomStopped | MessageStored | MessageRefused | RoomUpdated
    | RoomRemoved | UsersChanged | MembersChanged | CursorsChanged | CertificatesLearned | Answered | KeysChanged
    | CertificateRenewed | ConnectionGivenUp | ReconnectDue | SearchDue | LocalTrouble
)  # fmt: skip

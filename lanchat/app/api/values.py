"""Values that commands result in and events carry. Times are seconds since the epoch."""

import enum

import msgspec

from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, Registration, Role, RoomKind, Setup
from lanchat.protocol.problems import ProblemDetails

# More than people read; counting on would read the whole room at each start.
UNREAD_MAX = 1000


class Trust(enum.Enum):
    """What this profile knows about a server's key."""

    PINNED = "pinned"
    NEW = "new"
    CHANGED = "changed"


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


class PeerPath(enum.Enum):
    """How a device is reached without the server."""

    DIRECT = "direct"
    NONE = "none"


class PeerView(msgspec.Struct, frozen=True):
    """Another device, and whether it is reached without the server. `last_heard`: seconds since the epoch, 0: never."""

    user_id: int
    name: str
    device: str
    path: PeerPath
    last_heard: float


class RoomView(msgspec.Struct, frozen=True):
    """A room as the user sees it. `title`: its name, or the partner's display name of a direct room. `unread`:
    messages by others above the read cursor, counted up to UNREAD_MAX. `last_text`, `last_author`: for a preview line.
    `archived`: nothing can be written there. `mine`: this user made it. `general`: everybody is in it. `alike`: another
    room has this name, or one that looks the same; the title then has the room's number. `called`: the number of the
    first unread message that mentions this user, 0 for none. `joined_at`: since when this user is in it, 0 for not."""

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
    called: int = 0
    joined_at: float = 0.0


class Reaction(msgspec.Struct, frozen=True):
    """An emoji below a message, and the ids of the users who gave it, the first of them first."""

    emoji: str
    users: tuple[int, ...]


class FileView(msgspec.Struct, frozen=True):
    """A file of a message. `name`: cleaned, for a screen and a folder; `size` in octets; `sha256` of the contents, 64
    hex digits; `type`: the media type that its author says it has."""

    name: str
    size: int
    sha256: str
    type: str


class FetchedFile(msgspec.Struct, frozen=True):
    """A file that was saved. `path`: where; `from_server`, `from_peers`: octets that this command fetched."""

    path: str
    size: int
    sha256: str
    from_server: int
    from_peers: int = 0


class Line(msgspec.Struct, frozen=True):
    """A message as it is shown: edits, deletion and reactions folded in.

    `id` is `<room hex>.<device hex>.<run hex>.<n>`; `seq` None while it is not stored; `refused` the code when the
    server refused it. Times are seconds since the epoch: `sent_at` by the author's clock, `stored_at` by the server's.
    `imported`: it was brought in from another program, so that nobody but the server says whose it is; `sent_at` is
    what that program had. Of all others the author's signature was checked.
    `received`, `read`: how many other members have received and read it; `members` how many others there are.
    `waits`: why the server has no room for it now; None when it has. `called`: it mentions this user. `pending`: it is
    stored, but an edit, deletion or reaction that is shown is not stored yet. With `files` the text may be empty.
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
    imported: bool = False
    waits: ProblemDetails | None = None
    called: bool = False
    pending: bool = False
    files: tuple[FileView, ...] = ()


class MemberReceipt(msgspec.Struct, frozen=True):
    """Whether another member of the room has received and read the message that was asked about."""

    user_id: int
    name: str
    display_name: str
    received: bool
    read: bool


class DeviceInfo(msgspec.Struct, frozen=True):
    """A device of the account. `id`: 32 hex digits. `revoked`: it cannot log in any more."""

    id: str
    name: str
    created_at: float
    last_seen: float
    revoked: bool
    online: bool


class AccountProfile(msgspec.Struct, frozen=True):
    """What the account says of itself. `pending_email`: an address that takes the place of `email` at `pending_at`;
    empty: none."""

    display_name: str
    email: str
    pending_email: str = ""
    pending_at: float = 0.0


class RegistrationCode(msgspec.Struct, frozen=True):
    """A registration code, which nobody can read again. `id`: 32 hex digits; `creator`: a user's id, 0 for the
    administrator's command."""

    id: str
    creator: int
    uses_left: int
    expires_at: float

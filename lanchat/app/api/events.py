"""What the network says without being asked, in order."""

import msgspec

from lanchat.app.api.values import Account, Line, Person, RoomView, Server
from lanchat.core.session.states import LinkState
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import ProblemDetails


class StateChanged(msgspec.Struct, frozen=True):
    """The link's state, why it is so (None: nothing to say) and the number of peers that can be reached without the
    server. `retry_in`: seconds until the next try, 0 for none."""

    state: LinkState
    reason: ProblemDetails | None = None
    peers: int = 0
    retry_in: float = 0.0


class ServerFound(msgspec.Struct, frozen=True):
    """A server that `DiscoverCommand` has found; once for each server and search."""

    server: Server


class ServersLeftOut(msgspec.Struct, frozen=True):
    """More servers were heard of than a list takes: those that nobody knows may be missing."""


class AccountLoggedIn(msgspec.Struct, frozen=True):
    """Whose session begins. Also said at the start for an account that this profile remembers: from then on commands
    work with what the local copy knows, whether or not the server is there."""

    account: Account
    server: Server


class ServerRenamed(msgspec.Struct, frozen=True):
    """The server of the account is called something else than before."""

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
    False, and only of rooms that were asked for before (FindRoomCommand, LoadLinesCommand,
    LoadLinesFromCommand)."""

    line: Line
    live: bool


class LineChanged(msgspec.Struct, frozen=True):
    """A line that may be on the screen changed: edited, deleted, reacted to, receipts. `cause`: edit, delete,
    reaction, receipt, or refused: one of these is taken back, which was shown although it was not stored. `id` of the
    message that caused it, and its number (0: not stored yet, or a receipt); `by` the user, `text` the emoji (with "-"
    when taken back) or new text."""

    line: Line
    cause: str
    cause_seq: int = 0
    by: int = 0
    text: str = ""
    id: str = ""


class LineStored(msgspec.Struct, frozen=True):
    """A message of this user was stored as number `seq`: the tick. `id` may be an edit's, deletion's or reaction's."""

    id: str
    room: int
    seq: int


class Notice(msgspec.Struct, frozen=True):
    """Something that a person should know once, as that the local copy was damaged and is read anew."""

    details: ProblemDetails


class LineRefused(msgspec.Struct, frozen=True):
    """The server refused a message of this user. `code`: as this version knows it; `details`: what a person is told.
    `made_here` False: by an earlier run, or another process of this profile."""

    id: str
    room: int
    code: Code
    details: ProblemDetails
    made_here: bool = True


class LineWithdrawn(msgspec.Struct, frozen=True):
    """A message of somebody else that was not stored yet will never be: the server refused it; without a `code` too
    many others came. A line leaves the screen, a change is taken back."""

    id: str
    room: int
    code: Code | None = None
    details: ProblemDetails | None = None


class LineDelayed(msgspec.Struct, frozen=True):
    """The server has no room for a message of this user now: it stays in the outbox and is offered again. `again`: it
    was told before, and `details` is what is true now."""

    id: str
    room: int
    code: Code
    details: ProblemDetails
    again: bool = False


class PeopleChanged(msgspec.Struct, frozen=True):
    """Accounts that are new or changed (name, role, presence)."""

    people: tuple[Person, ...]


class ReceiptsChanged(msgspec.Struct, frozen=True):
    """Somebody received or read more of a room."""

    room: int


class TransferProgress(msgspec.Struct, frozen=True):
    """How far the file `name` of a command is: `done` of `size` octets. `hashing`: it is being read, and nothing of it
    is sent yet."""

    room: int
    name: str
    done: int
    size: int
    hashing: bool = False


Event = (
    StateChanged | ServerFound | ServersLeftOut | AccountLoggedIn | ServerRenamed | RoomUpdated | RoomRemoved | RoomLive
    | LineAdded | LineChanged | LineStored | LineRefused | LineDelayed | LineWithdrawn | PeopleChanged | ReceiptsChanged
    | Notice | TransferProgress
)  # fmt: skip

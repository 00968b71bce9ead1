"""Requests of an administrator, and their results: accounts, rooms, sessions, backups. What moderators or the owners of
rooms and devices may ask for too stands in frames.py.

They come over TLS from a session, or from the server's own computer over the local port, after the proof of its token:
the same frames, and the same code answers them. Over TLS a request that changes something carries the `password` of the
administrator's own account, unless the session began with it less than five minutes ago (as RevokeDevice).
"""

from typing import Annotated, ClassVar

import msgspec

from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codec import U32, U63, Key16, Positive
from lanchat.protocol.codes import HistoryPolicy, Role
from lanchat.protocol.limits import BODY_CHARACTERS_MAX, QUARANTINE_JUDGED_MAX
from lanchat.protocol.wire.base import MANY, Frame, Password, Place, Short
from lanchat.protocol.wire.peers import MessageName

# --- Requests ---------------------------------------------------------------------------------------------------------


class ListAccounts(Frame, frozen=True, tag=44):
    """Every account, also those that are disabled, the oldest first."""

    after: Place = b""


class FindAccount(Frame, frozen=True, tag=45):
    """The account with this user name."""

    name: Short


class AddAccount(Frame, frozen=True, tag=46):
    """An account; without a display name the user name stands for it. The first of a server is an administrator's
    whatever `role` says. `only_first`: refused when there is one already."""

    concealed: ClassVar[frozenset[str]] = frozenset({"new_password", "password"})

    name: Short
    new_password: Password
    role: Role = Role.MEMBER
    display_name: Short = ""
    email: Short = ""
    only_first: bool = False
    password: Password = ""


class DisableAccount(Frame, frozen=True, tag=47):
    """Shuts an account out at once, or (`disabled` false) lets it in again. Its devices stay enrolled."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    disabled: bool
    password: Password = ""


class SetRole(Frame, frozen=True, tag=48):
    """What an account may do, from the commit on."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    role: Role
    password: Password = ""


class ResetPassword(Frame, frozen=True, tag=49):
    """A recovery code, for RecoverConfirm, which takes the place of one that was sent by mail. The password stays until
    it is used."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    password: Password = ""


class EndSessions(Frame, frozen=True, tag=50):
    """Ends all sessions of an account, this one after the answer; its devices may log in again."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    password: Password = ""


class ListAllRooms(Frame, frozen=True, tag=51):
    """Every room of the server, private and direct ones too, the oldest first. What was said in them is not told."""

    after: Place = b""


class ListSessions(Frame, frozen=True, tag=59):
    """Who is connected now, who came first in front."""

    after: Place = b""


class CreateBackup(Frame, frozen=True, tag=52):
    """Writes keys and database to a file on the server's computer, readable by the server's user alone. Asked for over
    TLS it stands in `backups` in the data directory under a name that the server chooses, and the oldest beyond five
    are deleted."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    password: Password = ""


class SetDisplayName(Frame, frozen=True, tag=56):
    """The name by which others see an account. An empty one stands for the user name."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    display_name: Short
    password: Password = ""


class DeleteAccount(Frame, frozen=True, tag=57):
    """Ends an account for good: password, e-mail address and display name are erased, its devices revoked, its
    memberships but for direct rooms ended. Its messages stay under the user name, which nobody else gets."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    user: Positive
    password: Password = ""


class ChangeRoom(Frame, frozen=True, tag=58):
    """Another name, or what those who join from now on may read; nil leaves what is there. For whom ArchiveRooms is;
    direct rooms have neither."""

    room: U63
    name: Short | None = None
    history: HistoryPolicy | None = None


class ListQuarantine(Frame, frozen=True, tag=60):
    """Messages of authors who were shut out, handed in by others, which wait for an administrator; the oldest entry
    first."""

    after: Place = b""


class JudgeQuarantined(Frame, frozen=True, tag=61):
    """Takes messages out of the quarantine into the log (`take`), or refuses them for good. Those that do not wait
    there are left out of the answer, and those that the server has no room for now."""

    concealed: ClassVar[frozenset[str]] = frozenset({"password"})

    messages: Annotated[list[MessageName], msgspec.Meta(max_length=QUARANTINE_JUDGED_MAX)]
    take: bool
    password: Password = ""


AdministratorRequest = (
    ListAccounts | FindAccount | AddAccount | DisableAccount | SetRole | ResetPassword | EndSessions | ListAllRooms
    | CreateBackup | SetDisplayName | DeleteAccount | ChangeRoom | ListSessions | ListQuarantine | JudgeQuarantined
)  # fmt: skip

# --- Results ----------------------------------------------------------------------------------------------------------


class AccountList(Frame, frozen=True, tag=18):
    """A page of `ListAccounts`. `next`: where the next one goes on, empty on the last."""

    accounts: Annotated[list[AccountDetails], MANY]
    next: Place = b""


class AccountResult(Frame, frozen=True, tag=19):
    """The account as it is now."""

    account: AccountDetails


class RecoveryCode(Frame, frozen=True, tag=20):
    """The `code` for RecoverConfirm, and until when it is good. The server keeps its hash alone and cannot show it
    again."""

    concealed: ClassVar[frozenset[str]] = frozenset({"code"})

    code: Short
    not_after_ms: U63


class SessionsEnded(Frame, frozen=True, tag=21):
    """How many there were."""

    number: U32


class RoomSummaryList(Frame, frozen=True, tag=22):
    """A page of `ListAllRooms`. `next`: where the next one goes on, empty on the last."""

    rooms: Annotated[list[RoomSummary], MANY]
    next: Place = b""


class SessionList(Frame, frozen=True, tag=32):
    """A page of `ListSessions`. `next`: where the next one goes on, empty on the last."""

    sessions: Annotated[list[SessionDetails], MANY]
    next: Place = b""


class BackupMade(Frame, frozen=True, tag=23):
    """`file`: its name, without a folder. What is in it: the log's id and epoch, so many accounts and messages."""

    file: Short
    log_id: Key16
    log_epoch: U32
    users: U63
    messages: U63


class QuarantineEntry(msgspec.Struct, array_like=True, frozen=True):
    """A message that waits: its name, author and kind, the record that it speaks of (0: none), who handed it in and
    when, and what it says."""

    name: MessageName
    author: Positive
    kind: Positive
    ref: U63
    sent_ms: U63
    brought_by: U63
    brought_ms: U63
    text: Annotated[str, msgspec.Meta(max_length=BODY_CHARACTERS_MAX)]


class QuarantineList(Frame, frozen=True, tag=28):
    """A page of `ListQuarantine`. `next`: where the next one goes on, empty on the last."""

    messages: Annotated[list[QuarantineEntry], MANY]
    next: Place = b""


class JudgedMessage(msgspec.Struct, array_like=True, frozen=True):
    """A message was stored as number `seq`, or refused with `code` (then `seq` is 0)."""

    name: MessageName
    seq: U63
    code: U32 = 0


class QuarantineJudged(Frame, frozen=True, tag=29):
    """What became of the messages."""

    messages: Annotated[list[JudgedMessage], msgspec.Meta(max_length=QUARANTINE_JUDGED_MAX)]


AdministratorResult = (
    AccountList | AccountResult | RecoveryCode | SessionsEnded | RoomSummaryList | BackupMade | SessionList
    | QuarantineList | QuarantineJudged
)  # fmt: skip

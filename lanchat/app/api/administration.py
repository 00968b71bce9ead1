"""Commands of an administrator. Those that change something raise REFUSED with PASSWORD_NEEDED without the `password`
of the own account, but for some minutes after a log-in by password."""

import msgspec

from lanchat.app.api.commands import Command
from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codes import HistoryPolicy, Role
from lanchat.protocol.redacted import RedactedStruct

_SECRET = frozenset({"password"})


class OneTimeCode(RedactedStruct, frozen=True):
    """A code for somebody, told this once. `not_after`: until when it is good, in seconds since the epoch."""

    concealed = frozenset({"code"})

    code: str
    not_after: float


class WrittenBackup(msgspec.Struct, frozen=True):
    """A backup on the server's computer: the name of its file, and how much is in it."""

    file: str
    users: int
    messages: int


class ListAccountsCommand(Command[list[AccountDetails]], frozen=True):
    """Every account, also those that are disabled, the oldest first."""


class SetRoleCommand(Command[None], frozen=True):
    """What an account may do."""

    concealed = _SECRET

    user: int
    role: Role
    password: str = ""


class SetDisplayNameCommand(Command[None], frozen=True):
    """The name by which others see an account; an empty one stands for the user name."""

    concealed = _SECRET

    user: int
    display_name: str
    password: str = ""


class DisableAccountCommand(Command[None], frozen=True):
    """Shut an account out at once, or (`disabled` False) let it in again."""

    concealed = _SECRET

    user: int
    disabled: bool
    password: str = ""


class DeleteAccountCommand(Command[None], frozen=True):
    """End an account for good; its messages stay under the user name."""

    concealed = _SECRET

    user: int
    password: str = ""


class EndSessionsCommand(Command[int], frozen=True):
    """End all sessions of an account; how many there were."""

    concealed = _SECRET

    user: int
    password: str = ""


class ResetPasswordCommand(Command[OneTimeCode], frozen=True):
    """A code with which the owner of an account sets a new password."""

    concealed = _SECRET

    user: int
    password: str = ""


class ListAllRoomsCommand(Command[list[RoomSummary]], frozen=True):
    """Every room of the server, private and direct ones too, the oldest first."""


class ListSessionsCommand(Command[list[SessionDetails]], frozen=True):
    """Who is connected now, who came first in front."""


class ChangeRoomCommand(Command[None], frozen=True):
    """Another name of a room, or what those who join from now on may read; None leaves what is there."""

    room: int
    name: str | None = None
    history: HistoryPolicy | None = None


class CreateBackupCommand(Command[WrittenBackup], frozen=True):
    """Write a backup on the server's computer; may take many minutes."""

    concealed = _SECRET

    password: str = ""

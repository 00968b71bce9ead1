"""`AdministrationPort`: what the pages ask for. In the client it is asked over the session, in the server's window of
the server in the same process; the pages do not know which."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codes import HistoryPolicy, Role

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class AdminFailure(NamedTuple):
    """Why a request was not carried out. `text`: one line for a person. `needs_password`: it may be made again with the
    password of the own account."""

    text: str
    needs_password: bool = False


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """Where an answer goes: to one of the two, once, on the main thread, later."""

    then: Callable[[T], None]
    failed: Callable[[AdminFailure], None]


class IssuedCode(NamedTuple):
    """A code for somebody, shown this once. `not_after`: until when it is good, in seconds since the epoch."""

    code: str
    not_after: float


class BackupFile(NamedTuple):
    """A backup that was written: where, as people read it, and how much is in it."""

    file: str
    users: int
    messages: int


class AdministrationPort(Protocol):
    """Requests of an administrator. None waits for its answer. `password` is of the own account, empty: none was asked
    for yet."""

    def list_accounts(self, reply: Reply[list[AccountDetails]]) -> None:
        """Every account, the oldest first."""

    def set_role(self, user: int, role: Role, password: str, reply: Reply[None]) -> None:
        """What an account may do."""

    def set_display_name(self, user: int, name: str, password: str, reply: Reply[None]) -> None:
        """The name by which others see an account; an empty one stands for the user name."""

    def disable(self, user: int, disabled: bool, password: str, reply: Reply[None]) -> None:
        """Shut an account out, or let it in again."""

    def end_sessions(self, user: int, password: str, reply: Reply[int]) -> None:
        """End the sessions of an account; how many there were."""

    def delete_account(self, user: int, password: str, reply: Reply[None]) -> None:
        """End an account for good."""

    def reset_password(self, user: int, password: str, reply: Reply[IssuedCode]) -> None:
        """A code with which the owner sets a new password."""

    def create_invite(self, uses: int, days: int, reply: Reply[IssuedCode]) -> None:
        """A code with which so many people register within so many days."""

    def list_rooms(self, reply: Reply[list[RoomSummary]]) -> None:
        """Every room, the oldest first."""

    def change_room(self, room: int, name: str | None, history: HistoryPolicy | None, reply: Reply[None]) -> None:
        """Another name or policy; None leaves what is there."""

    def archive_room(self, room: int, archived: bool, reply: Reply[None]) -> None:
        """Let a room be read and nothing else, or take it back."""

    def delete_room(self, room: int, password: str, reply: Reply[None]) -> None:
        """End a room for everybody and for good."""

    def create_backup(self, password: str, reply: Reply[BackupFile]) -> None:
        """Write a backup on the server's computer."""

    def list_sessions(self, reply: Reply[list[SessionDetails]]) -> None:
        """Who is connected now, who came first in front."""

    def status(self, reply: Reply[Mapping[str, Any]]) -> None:
        """The server's figures, as `lanchat-server status --json` prints them."""

"""`ClientAdministration`: requests of an administrator over the session. No Tk."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lanchat.app import api
from lanchat.app.api import Command, CommandError
from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codes import Code, HistoryPolicy, Role
from lanchat.ui.administration.port import AdminFailure, BackupFile, IssuedCode, Reply
from lanchat.wording.problems import error_text

T = TypeVar("T")
R = TypeVar("R")
Ask = Callable[[Command[Any], Callable[[Any], None], Callable[[CommandError], None]], None]
_DAY = 86_400.0


class ClientAdministration:
    """See `lanchat.ui.administration.port.AdministrationPort`. Main thread."""

    def __init__(self, ask: Ask) -> None:
        """`ask(command, then, failed)` runs a command."""
        self._ask = ask

    def _send(self, command: Command[T], reply: Reply[R], convert: Callable[[T], R]) -> None:
        def failed(error: CommandError) -> None:
            reply.failed(AdminFailure(error_text(error), error.code is Code.PASSWORD_NEEDED))

        self._ask(command, lambda result: reply.then(convert(result)), failed)

    def list_accounts(self, reply: Reply[list[AccountDetails]]) -> None:
        """See `AdministrationPort`; so all of these."""
        self._send(api.ListAccountsCommand(), reply, list)

    def set_role(self, user: int, role: Role, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.SetRoleCommand(user, role, password), reply, _nothing)

    def set_display_name(self, user: int, name: str, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.SetDisplayNameCommand(user, name, password), reply, _nothing)

    def disable(self, user: int, disabled: bool, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.DisableAccountCommand(user, disabled, password), reply, _nothing)

    def end_sessions(self, user: int, password: str, reply: Reply[int]) -> None:
        """One request; this client's own session may be among them."""
        self._send(api.EndSessionsCommand(user, password), reply, int)

    def delete_account(self, user: int, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.DeleteAccountCommand(user, password), reply, _nothing)

    def reset_password(self, user: int, password: str, reply: Reply[IssuedCode]) -> None:
        """One request."""
        self._send(api.ResetPasswordCommand(user, password), reply, lambda made: IssuedCode(made.code, made.not_after))

    def create_invite(self, uses: int, days: int, reply: Reply[IssuedCode]) -> None:
        """One request; until when the code is good is counted by this computer's clock."""
        until = time.time() + days * _DAY
        self._send(api.CreateInviteCommand(uses, days * _DAY), reply, lambda code: IssuedCode(code, until))

    def list_rooms(self, reply: Reply[list[RoomSummary]]) -> None:
        """As many requests as there are pages."""
        self._send(api.ListAllRoomsCommand(), reply, list)

    def change_room(self, room: int, name: str | None, history: HistoryPolicy | None, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.ChangeRoomCommand(room, name, history), reply, _nothing)

    def archive_room(self, room: int, archived: bool, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.ArchiveRoomCommand(room, archived), reply, _nothing)

    def delete_room(self, room: int, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._send(api.DeleteRoomCommand(room, password), reply, _nothing)

    def create_backup(self, password: str, reply: Reply[BackupFile]) -> None:
        """One request; the file stays on the server's computer."""
        self._send(
            api.CreateBackupCommand(password), reply, lambda made: BackupFile(made.file, made.users, made.messages)
        )

    def list_sessions(self, reply: Reply[list[SessionDetails]]) -> None:
        """As many requests as there are pages."""
        self._send(api.ListSessionsCommand(), reply, list)

    def status(self, reply: Reply[Mapping[str, Any]]) -> None:
        """One request."""
        self._send(api.GetStatusCommand(), reply, dict)


def _nothing(_result: object) -> None:
    """The answer of what has no result."""

"""`LocalAdministration`: what the pages of an administrator ask for, of the server in the same process."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from lanchat.i18n import _
from lanchat.protocol import wire
from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails
from lanchat.protocol.codes import Code, HistoryPolicy, Role
from lanchat.ui.administration.port import AdminFailure, BackupFile, IssuedCode, Reply
from lanchat_server.core.ports import StoreError
from lanchat_server.core.refusals import Refused
from lanchat_server.refusal_text import refusal_text
from lanchat_server.window.thread import Outcome

R = TypeVar("R")
Send = Callable[[Any, Callable[[Outcome], None]], None]
_DAY = 86_400


class LocalAdministration:
    """See `lanchat.ui.administration.port.AdministrationPort`. It needs no password: whoever sits at the server's
    window could read its database as well. The window's thread."""

    def __init__(self, send: Send) -> None:
        """`send(request, then)`: `then` gets the outcome in the window's thread, later."""
        self._send = send

    def _ask(self, request: Any, reply: Reply[R], convert: Callable[[Any], R]) -> None:
        def then(outcome: Outcome) -> None:
            if isinstance(outcome, Refused | StoreError):
                reply.failed(AdminFailure(_problem(outcome)))
            else:
                reply.then(convert(outcome))

        self._send(request, then)

    def _list(self, request: Any, reply: Reply[list[R]], before: list[R]) -> None:
        """All entries of a list that comes in pages."""

        def then(outcome: Outcome) -> None:
            if isinstance(outcome, Refused | StoreError):
                reply.failed(AdminFailure(_problem(outcome)))
                return
            page: Any = outcome
            found = before + getattr(page, page.__struct_fields__[0])
            if page.next and page.next > request.after:
                self._list(replace(request, after=page.next), reply, found)
            else:
                reply.then(found)

        self._send(request, then)

    def list_accounts(self, reply: Reply[list[AccountDetails]]) -> None:
        """See `AdministrationPort`; so all of these."""
        self._list(wire.ListAccounts(), reply, [])

    def set_role(self, user: int, role: Role, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.SetRole(user, role), reply, _nothing)

    def set_display_name(self, user: int, name: str, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.SetDisplayName(user, name), reply, _nothing)

    def disable(self, user: int, disabled: bool, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.DisableAccount(user, disabled), reply, _nothing)

    def end_sessions(self, user: int, password: str, reply: Reply[int]) -> None:
        """One request."""
        self._ask(wire.EndSessions(user), reply, lambda ended: int(ended.number))

    def delete_account(self, user: int, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.DeleteAccount(user), reply, _nothing)

    def reset_password(self, user: int, password: str, reply: Reply[IssuedCode]) -> None:
        """One request."""
        self._ask(wire.ResetPassword(user), reply, _issued)

    def create_invite(self, uses: int, days: int, reply: Reply[IssuedCode]) -> None:
        """One request."""
        self._ask(wire.CreateInvite(uses, days * _DAY), reply, _issued)

    def list_rooms(self, reply: Reply[list[RoomSummary]]) -> None:
        """As many requests as there are pages."""
        self._list(wire.ListAllRooms(), reply, [])

    def change_room(self, room: int, name: str | None, history: HistoryPolicy | None, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.ChangeRoom(room, name, history), reply, _nothing)

    def archive_room(self, room: int, archived: bool, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.ArchiveRooms([room], archived), reply, _nothing)

    def delete_room(self, room: int, password: str, reply: Reply[None]) -> None:
        """One request."""
        self._ask(wire.DeleteRooms([room]), reply, _nothing)

    def create_backup(self, password: str, reply: Reply[BackupFile]) -> None:
        """One request; it may take many minutes."""
        self._ask(wire.CreateBackup(), reply, lambda made: BackupFile(made.file, made.users, made.messages))

    def list_sessions(self, reply: Reply[list[SessionDetails]]) -> None:
        """As many requests as there are pages."""
        self._list(wire.ListSessions(), reply, [])

    def status(self, reply: Reply[Mapping[str, Any]]) -> None:
        """One request."""
        self._ask(wire.Status(), reply, wire.status_document)


def _issued(made: Any) -> IssuedCode:
    return IssuedCode(made.code, made.not_after_ms / 1000)


def _nothing(_result: object) -> None:
    """The answer of what has no result."""


def _problem(error: Refused | StoreError) -> str:
    """Why something was not done: one line for a person."""
    if isinstance(error, StoreError):
        return str(error)
    texts = {
        Code.NAME_TAKEN: _("This name is taken"),
        Code.NAME_INVALID: _("This name cannot be used"),
        Code.LAST_ADMINISTRATOR: _("The last administrator cannot be taken away"),
        Code.ARCHIVED: _("The room is archived: nobody can join it, and nothing in it can be changed"),
    }
    return texts.get(error.code) or refusal_text(error)

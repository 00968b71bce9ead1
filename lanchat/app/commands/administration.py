"""Commands of an administrator: each is one request, a list as many as it has pages."""

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from lanchat.app import api
from lanchat.protocol import wire
from lanchat.protocol.administration import AccountDetails, RoomSummary, SessionDetails

if TYPE_CHECKING:
    from lanchat.app.client_state import ClientState

# Pages of a list; each brings as many entries as fit a frame.
PAGES_MAX = 1000


async def _everything(client: "ClientState", request: Any) -> list[Any]:
    """All entries of a list. Raises CommandError."""
    member, found = client.logged_in(), list[Any]()
    for _page in range(PAGES_MAX):
        page = await member.ask(request)
        found += getattr(page, page.__struct_fields__[0])
        if not page.next or page.next <= request.after:
            break
        request = replace(request, after=page.next)
    return found


async def list_accounts(client: "ClientState", command: api.ListAccountsCommand) -> list[AccountDetails]:
    """Asked of the server each time; nothing of it is kept."""
    return await _everything(client, wire.ListAccounts())


async def set_role(client: "ClientState", command: api.SetRoleCommand) -> None:
    """What the server refuses is raised as CommandError; so by all of these."""
    await client.logged_in().ask(wire.SetRole(command.user, command.role, command.password))


async def set_display_name(client: "ClientState", command: api.SetDisplayNameCommand) -> None:
    """Others see it with the next presence."""
    await client.logged_in().ask(wire.SetDisplayName(command.user, command.display_name, command.password))


async def disable_account(client: "ClientState", command: api.DisableAccountCommand) -> None:
    """The devices of the account stay enrolled."""
    await client.logged_in().ask(wire.DisableAccount(command.user, command.disabled, command.password))


async def delete_account(client: "ClientState", command: api.DeleteAccountCommand) -> None:
    """Nobody can undo it."""
    await client.logged_in().ask(wire.DeleteAccount(command.user, command.password))


async def end_sessions(client: "ClientState", command: api.EndSessionsCommand) -> int:
    """This client's own session counts too, and ends after the answer."""
    return int((await client.logged_in().ask(wire.EndSessions(command.user, command.password))).number)


async def reset_password(client: "ClientState", command: api.ResetPasswordCommand) -> api.OneTimeCode:
    """The password stays until the code is used."""
    made = await client.logged_in().ask(wire.ResetPassword(command.user, command.password))
    return api.OneTimeCode(made.code, made.not_after_ms / 1000)


async def list_all_rooms(client: "ClientState", command: api.ListAllRoomsCommand) -> list[RoomSummary]:
    """Asked of the server each time; nothing of it is kept."""
    return await _everything(client, wire.ListAllRooms())


async def list_sessions(client: "ClientState", command: api.ListSessionsCommand) -> list[SessionDetails]:
    """As of this moment."""
    return await _everything(client, wire.ListSessions())


async def change_room(client: "ClientState", command: api.ChangeRoomCommand) -> None:
    """Members see it at once."""
    await client.logged_in().ask(wire.ChangeRoom(command.room, command.name, command.history))


async def create_backup(client: "ClientState", command: api.CreateBackupCommand) -> api.WrittenBackup:
    """It stays on the server's computer."""
    made = await client.logged_in().ask(wire.CreateBackup(command.password))
    return api.WrittenBackup(made.file, made.users, made.messages)


HANDLERS: dict[type, Any] = {
    api.ListAccountsCommand: list_accounts,
    api.SetRoleCommand: set_role,
    api.SetDisplayNameCommand: set_display_name,
    api.DisableAccountCommand: disable_account,
    api.DeleteAccountCommand: delete_account,
    api.EndSessionsCommand: end_sessions,
    api.ResetPasswordCommand: reset_password,
    api.ListAllRoomsCommand: list_all_rooms,
    api.ListSessionsCommand: list_sessions,
    api.ChangeRoomCommand: change_room,
    api.CreateBackupCommand: create_backup,
}

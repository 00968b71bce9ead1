"""An administrator's requests, as the commands on the server's computer make them."""

from typing import Any, TypeVar

from lanchat.protocol import wire
from lanchat.protocol.codes import Role
from lanchat_server.admin.run import Administration
from lanchat_server.config import ServerConfig

R = TypeVar("R")
PASSWORD = "correct horse"


def ask(config: ServerConfig, request: Any, kind: type[R]) -> R:
    """What one request comes to, on the running server or at rest."""
    with Administration(config) as admin:
        return admin.ask(request, kind)


def add(config: ServerConfig, user: str, role: Role = Role.MEMBER) -> wire.AccountDetails:
    """A new account."""
    return ask(config, wire.AddAccount(user, PASSWORD, role), wire.AccountResult).account


def accounts(config: ServerConfig) -> dict[str, wire.AccountDetails]:
    """All accounts by their names."""
    with Administration(config) as admin:
        return {account.name: account for account in admin.all_of(wire.ListAccounts(), wire.AccountList)}


def find(config: ServerConfig, user: str) -> int:
    """The id of an account."""
    return ask(config, wire.FindAccount(user), wire.AccountResult).account.id

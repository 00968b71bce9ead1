"""What commands of an administrator have in common: whom they ask, and what they say when it does not work."""

from collections.abc import Iterator
from contextlib import contextmanager

from lanchat.i18n import _
from lanchat.i18n.input_rules import bad_character
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.limits import USER_NAME_MAX
from lanchat.protocol.text.cleaning import TextError, check_surrogates, without_unseen
from lanchat.terminal import output
from lanchat.terminal.exits import FAILED, CliError
from lanchat_server.admin.run import AdminError, Administration, Refused
from lanchat_server.config import ServerConfig
from lanchat_server.refusal_text import refusal_text

# Of an id, as people type it.
ID_DIGITS_MIN = 8


@contextmanager
def administration(settings: ServerConfig, user: str = "") -> Iterator[Administration]:
    """The running server, or the database when none runs. Raises CliError. `user`: the name of the account that it is
    about."""
    try:
        with Administration(settings) as admin:
            yield admin
    except AdminError as error:
        raise CliError(FAILED, str(error)) from None
    except Refused as refused:
        raise CliError(FAILED, refusal_text(refused, user)) from None


def account_named(admin: Administration, name: str) -> wire.AccountDetails:
    """Raises CliError when there is none."""
    try:
        check_surrogates(name)
        if len(name) <= 2 * USER_NAME_MAX:
            return admin.ask(wire.FindAccount(name), wire.AccountResult).account
    except TextError as error:
        raise CliError(FAILED, bad_character(error)) from None
    except Refused as refused:
        if refused.code is not Code.NOT_FOUND:
            raise
    raise CliError(FAILED, _("There is no user {name}").format(name=name))


def names_of_accounts(admin: Administration) -> dict[int, str]:
    """By their ids."""
    return {account.id: account.name for account in admin.all_of(wire.ListAccounts(), wire.AccountList)}


def one_id(ids: "list[bytes]", typed: str, otherwise: str) -> bytes:
    """The one id that begins with what was typed. Raises CliError."""
    begin = without_unseen(typed).lower()
    found = [id for id in ids if id.hex().startswith(begin)]
    if len(begin) < ID_DIGITS_MIN or len(found) != 1:
        raise CliError(FAILED, otherwise)
    return found[0]


def rfc3339(milliseconds: int) -> str | None:
    """A time in UTC; None for 0, never, and for what no calendar holds, as a restored backup may say."""
    return output.rfc3339(milliseconds / 1000)

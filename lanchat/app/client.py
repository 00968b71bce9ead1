"""The client in an event loop: commands in, events out. What they mean stands in api/.

    Client           one profile; the table of commands
    LoginStages      which server, whether it is trusted, the connection before log-in  (login/entry.py)
    AccountSession   the account that is logged in or remembered: core, rooms, lines    (account_session.py)

A server that this profile knows and has a device key for is an AccountSession at once, before it is reached: what the
local copy knows can be read, and messages wait in the outbox, while the server is away.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from lanchat.app import api
from lanchat.app.client_state import ClientState
from lanchat.app.command_errors import broken, offline, refusal, unreadable
from lanchat.app.commands import account, administration, conversation, entry, files, peers, rooms, searching
from lanchat.app.login.handshake import ServerRefusal
from lanchat.core.ports import LocalStoreError
from lanchat.protocol.errors import ProtocolError
from lanchat.transport.tls import ChannelClosed

Handler = Callable[[ClientState, Any], Awaitable[Any]]

T = TypeVar("T")

log = logging.getLogger(__name__)


class Client(ClientState):
    """Carries out commands."""

    async def call(self, command: api.Command[T]) -> T:
        """The command's result; raises CommandError and nothing else."""
        try:
            return cast(T, await HANDLERS[type(command)](self, command))
        except ServerRefusal as refused:
            raise refusal(refused.failure) from refused
        except LocalStoreError as error:
            raise api.CommandError(api.ErrorKind.LOCAL, error.details) from error
        except ChannelClosed as error:
            raise (unreadable() if isinstance(error.__cause__, ProtocolError) else offline()) from error
        except ProtocolError as error:
            raise unreadable() from error
        except (OSError, TimeoutError) as error:
            raise offline() from error
        except api.CommandError:
            raise
        except Exception as error:
            log.exception("a command failed unexpectedly: %s", type(command).__name__)
            raise broken() from error


HANDLERS: dict[type, Handler] = {
    **entry.HANDLERS,
    **rooms.HANDLERS,
    **peers.HANDLERS,
    **conversation.HANDLERS,
    **searching.HANDLERS,
    **files.HANDLERS,
    **account.HANDLERS,
    **administration.HANDLERS,
}

"""Changes that a session asks for: its right is checked within the transaction that makes them."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from lanchat.protocol.codes import Code, Role
from lanchat.protocol.text.names import name_key
from lanchat_server.core.accounts.changes import DirectoryChange, checked
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import DeviceRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import HasherBusy
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection

T = TypeVar("T")
# Seconds after a log-in by password in which it need not be given again.
FRESH_LOGIN = 300.0


class SessionActor:
    """A session over TLS that asks for something (`lanchat_server.admin.context.Actor`)."""

    claims = False

    def __init__(self, context: RequestContext, connection: ClientConnection) -> None:
        """`connection` is logged in; the client may hang up meanwhile."""
        self._context = context
        self.connection = connection

    @property
    def user(self) -> int:
        """The account that logged in."""
        return self.connection.user or 0

    @property
    def device(self) -> bytes:
        """The device that logged in."""
        return self.connection.device

    @property
    def role(self) -> Role:
        """The account's in the directory, at this moment."""
        return self._context.directory.users[self.user].role

    def check(self) -> None:
        """Raise Refused when the account is disabled, the device revoked or the password changed meanwhile."""
        check_session(self._context.directory, self.connection)

    async def check_owner(self, password: str) -> None:
        """As the function `check_owner`: without a password, one given at the log-in counts for FRESH_LOGIN seconds."""
        await check_owner(self._context, self.connection, password)


async def transact(
    context: RequestContext, connection: ClientConnection, job: Callable[[Transaction], DirectoryChange[T]]
) -> T:
    """As `Writer.transact`. A request that waited while its session lost its right is refused."""
    check = partial(check_session, context.directory, connection)
    return await context.writer.transact(checked(check, job))


def check_session(directory: Directory, connection: ClientConnection) -> None:
    """Raise Refused when the account is disabled, the device revoked or the password changed since the log-in."""
    assert connection.user is not None
    check_active(directory, connection.user, connection.device)
    if directory.password_number(connection.user) != connection.password_number:
        raise Refused(Code.BUSY, "the password was changed meanwhile", 0.5)


def check_active(directory: Directory, user: int, device: bytes) -> tuple[UserRow, DeviceRow]:
    """Both as they are now. Raises Refused when the account is disabled or the device revoked."""
    present, enrolled = directory.users[user], directory.devices[device]
    if present.disabled:
        raise Refused(Code.ACCOUNT_DISABLED, "account disabled")
    if enrolled.revoked_ms:
        raise Refused(Code.DEVICE_REVOKED, "device revoked")
    return present, enrolled


async def check_owner(context: RequestContext, connection: ClientConnection, password: str) -> None:
    """For what whoever found a logged in device must not do. Raises Refused unless `password` is right, or, when it is
    empty, this session began with it a short time ago."""
    assert connection.user is not None
    if password:
        await check_own_password(context, connection, context.directory.users[connection.user], password)
    elif connection.proven is None or context.now() - connection.proven > FRESH_LOGIN:
        raise Refused(Code.PASSWORD_NEEDED, "the password is needed")


async def check_own_password(
    context: RequestContext, connection: ClientConnection, user: UserRow, password: str
) -> None:
    """Raise Refused unless this is the password; wrong ones count like those at a log-in."""
    key = name_key(user.name)
    wait = context.credentials.throttle.delay(key, connection.address, context.now())
    if wait:
        raise Refused(Code.TOO_MANY_TRIES, "too many tries", wait)
    try:
        right = await context.credentials.hasher.verify(password, user.password_hash)
    except HasherBusy as busy:
        raise Refused(Code.BUSY, "too many log-ins wait", 2.0) from busy
    if not right:
        context.credentials.throttle.failed(key, connection.address, context.now())
        raise Refused(Code.BAD_CREDENTIALS, "wrong password")
    context.credentials.throttle.succeeded(key, connection.address, context.now())

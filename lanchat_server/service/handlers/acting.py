"""Changes for somebody who is logged in: whether he still may is looked at within the transaction."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lanchat.protocol.wire import Code
from lanchat_server.accounts import Change
from lanchat_server.core.daily import Daily
from lanchat_server.core.directory import Directory
from lanchat_server.core.model import DeviceRow, UserRow
from lanchat_server.core.ports import Transaction
from lanchat_server.service.errors import Refused

if TYPE_CHECKING:
    from lanchat_server.service.connection import Connection
    from lanchat_server.service.service import Service

T = TypeVar("T")
K = TypeVar("K")


async def transact(service: "Service", connection: "Connection", job: Callable[[Transaction], Change[T]]) -> T:
    """As `Writer.transact`. A request that waited while the account was disabled, or its device revoked, is refused."""

    def checked(tx: Transaction) -> Change[T]:
        assert connection.user is not None
        check_active(service.directory, connection.user, connection.device)
        return job(tx)

    return await service.writer.transact(checked)


def spend_daily(made: Daily[K], key: K, what: str, now: float) -> None:
    """One more of today's. Raises Refused when there were as many as may be."""
    wait = made.take(key, now)
    if wait:
        raise Refused(Code.LIMIT_REACHED, f"too many {what}", wait)


def check_active(directory: Directory, user: int, device: bytes) -> tuple[UserRow, DeviceRow]:
    """Both as they are now. Raises Refused when the account is disabled or the device revoked."""
    present, enrolled = directory.users[user], directory.devices[device]
    if present.disabled:
        raise Refused(Code.ACCOUNT_DISABLED, "account disabled")
    if enrolled.revoked_ms:
        raise Refused(Code.DEVICE_REVOKED, "device revoked")
    return present, enrolled

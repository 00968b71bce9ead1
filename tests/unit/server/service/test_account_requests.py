"""Requests about one's own account that the server refuses while it is busy."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat_server.core.limits.throttle import LoginThrottle
from lanchat_server.core.refusals import Refused
from lanchat_server.passwords import PasswordHasher
from lanchat_server.service.requests.account import change_password
from tests.support.rig import Rig


def test_password_change_is_refused_while_the_hash_queue_is_full() -> None:
    """The real hasher with an empty queue: the answer is "busy", as at a log-in, and no internal error."""

    async def change() -> None:
        hasher = PasswordHasher(waiting=0)
        service: Any = SimpleNamespace(
            directory=Rig().directory,
            credentials=SimpleNamespace(throttle=LoginThrottle(), hasher=hasher),
            now=asyncio.get_running_loop().time,
        )
        connection: Any = SimpleNamespace(user=2, address="10.0.0.1", password_number=0)
        try:
            await change_password(service, connection, wire.ChangePassword("correct horse", "battery staple"))
        finally:
            hasher.close()

    with pytest.raises(Refused) as refused:
        asyncio.run(change())
    assert (refused.value.code, refused.value.retry) == (Code.BUSY, 2.0)

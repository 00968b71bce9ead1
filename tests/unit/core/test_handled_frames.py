"""Every frame that a server may send has a row in the core's table."""

from typing import get_args

from lanchat.protocol import wire
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def test_every_frame_from_the_server_is_handled() -> None:
    client = Wire(FakeLog(), MemoryLocalStore())
    # A pong is taken before the table is looked at.
    assert set(get_args(wire.FromServer)) - {wire.Pong} == set(client.core._handlers)

"""A client disconnects while the database processes its request: the change is completed, and its events reach the
clients concerned."""

import socket
import sqlite3
import struct
import time
from pathlib import Path

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, RoomKind
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient

# The server has read the request, and then noticed that its sender is gone.
SETTLE_SECONDS = 0.3


def reset_connection(client: RawClient) -> None:
    """At once, with a reset, as a process that is killed with unread data."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_request_is_completed_after_its_client_disconnects(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    with ServerProcess(folder) as server, RawClient(server.port) as bob:
        bob.register("bob")
        anna = RawClient(server.port)
        anna.register("anna")
        room = anna.request(wire.CreateRoom("Plans", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)).room.id
        database = sqlite3.connect(folder / "lanchat.sqlite3", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        anna.send(wire.Request(77, wire.InviteUser(room, bob.user_id)))
        time.sleep(SETTLE_SECONDS)
        reset_connection(anna)
        time.sleep(SETTLE_SECONDS)
        assert not [event for event in bob.events if isinstance(event, wire.RoomChanged)]
        database.execute("ROLLBACK")
        database.close()
        changed = bob.wait_for(wire.RoomChanged)
        assert (changed.room.id, changed.room.joined) == (room, True)
        assert [head.room for head in bob.request(wire.Subscribe([room])).heads] == [room]

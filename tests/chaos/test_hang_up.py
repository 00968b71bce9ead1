"""Somebody asks for a change and hangs up while the database is still at it: the change is carried to its end, and
those whom it concerns are told, as if he had stayed."""

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
MOMENT = 0.3


def hang_up(client: RawClient) -> None:
    """At once, with a reset, as a process that is killed with unread data."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_a_request_is_carried_to_its_end_when_the_client_hangs_up(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    with ServerProcess(folder) as server, RawClient(server.port) as bob:
        bob.register("bob")
        anna = RawClient(server.port)
        anna.register("anna")
        room = anna.request(wire.CreateRoom("Plans", RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)).room.id
        database = sqlite3.connect(folder / "lanchat.sqlite3", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        anna.send(wire.Request(77, wire.InviteUser(room, bob.user_id)))
        time.sleep(MOMENT)
        hang_up(anna)
        time.sleep(MOMENT)
        assert not [event for event in bob.events if isinstance(event, wire.RoomChanged)]
        database.execute("ROLLBACK")
        database.close()
        told = bob.wait_for(wire.RoomChanged)
        assert (told.room.id, told.room.joined) == (room, True)
        assert [head.room for head in bob.request(wire.Subscribe([room])).heads] == [room]

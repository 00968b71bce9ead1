"""Events of the core when answers carry rooms and users: in the order of the frames."""

import msgspec

from lanchat.core.endpoints import SERVER
from lanchat.core.events import Answered, RoomAccessEnded, RoomInfoChanged, UsersChanged
from lanchat.core.session.states import LinkState
from lanchat.protocol import wire
from lanchat.protocol.transport import Transport
from tests.support.fake_log import FakeLog, Wire
from tests.support.memory_local import MemoryLocalStore


def live_wire() -> Wire:
    client = Wire(FakeLog(), MemoryLocalStore())
    client.connect()
    assert client.run_until(lambda: client.core.state is LinkState.LIVE, 5)
    return client


def test_room_in_an_answer_precedes_later_frames() -> None:
    client = live_wire()
    room = client.log.rooms()[0]
    changed = msgspec.structs.replace(room, name="renamed")
    client.hook = lambda direction, path, frame: not isinstance(frame, wire.Request)
    number = client.core.request(wire.SetHistoryPolicy(1, wire.HistoryPolicy.EVERYTHING), client.now)
    client.pump()
    assert number is not None
    # Both in one read, before the shell hears of the first.
    client.core.receive(SERVER, Transport.TLS, wire.Response(number, wire.RoomResult(changed)), client.now)
    client.core.receive(SERVER, Transport.TLS, wire.RoomGone(1), client.now)
    client.pump()
    reported = [type(event) for event in client.events[-3:]]
    assert reported == [RoomInfoChanged, Answered, RoomAccessEnded]
    assert 1 not in client.core.directory.rooms


def test_users_are_reported_once_per_session_then_only_changes() -> None:
    client = live_wire()
    everybody = [wire.User(7, "me", "Me", wire.PresenceState.ONLINE, 0)]
    for _ in range(2):
        reported: list[tuple[wire.User, ...]] = []
        for _ in range(2):
            number = client.core.request(wire.ListUsers(), client.now)
            assert number is not None
            client.core.receive(SERVER, Transport.TLS, wire.Response(number, wire.UserList(everybody)), client.now)
            client.pump()
            reported.append(client.of_kind(UsersChanged)[-1].users)
        assert reported == [tuple(everybody), ()]
        client.cut()
        assert client.run_until(lambda: client.core.state is LinkState.LIVE, 10)

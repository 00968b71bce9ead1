"""What a user is told of a room: since when they are in it."""

from pathlib import Path

from tests.unit.server.service.test_registration import SocketlessServer, run


def test_room_tells_its_member_since_when(tmp_path: Path) -> None:
    async def scenario(server: SocketlessServer) -> None:
        await server.add("anna")
        directory = server.context.directory
        (user,) = directory.users
        for room in directory.rooms.values():
            row = directory.membership(room.id, user)
            seen = server.context.notices.room_view(room, user)
            assert seen.joined_ms == (row.joined_ms if row else 0)
            assert server.context.notices.room_view(room, user + 1).joined_ms == 0
        assert any(room.joined_ms for room in server.context.notices.rooms_for(user)[0])

    run(tmp_path, "open", scenario)

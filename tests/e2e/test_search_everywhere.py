"""A search in all rooms continues after each page of hits, on a real server and its command line."""

from pathlib import Path

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from tests.support.procs import ServerProcess, json_lines, run_client
from tests.support.raw import RawClient

HITS = 130
LIMITS = "[limits]\nmessage_rate = 1000\nmessage_burst = 1000\n"


def test_search_in_all_rooms_returns_all_hits_in_pages(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text(LIMITS)
    with ServerProcess(tmp_path / "server", extra=["--config", str(config)]) as server:
        server.add_account("anna")
        with RawClient(server.port) as anna:
            anna.log_in("anna")
            rooms = [anna.rooms["general"]]
            for name in ("one", "two"):
                made = anna.request(wire.CreateRoom(name, RoomKind.PRIVATE, HistoryPolicy.EVERYTHING))
                rooms.append(made.room.id)
            for number in range(HITS):
                assert anna.say(rooms[number * 7 % 3], f"needle {number}").seq
            # On the wire: page by page.
            found: list[tuple[int, int]] = []
            room, seq = 0, 0
            while hits := anna.request(wire.Search(0, "needle", seq, 50, room)).hits:
                found += [(hit.room, hit.record.seq) for hit in hits]
                room, seq = found[-1]
            assert len(found) == len(set(found)) == HITS
            # Nobody goes on behind what he may not read.
            server.add_account("boris")
            with RawClient(server.port) as boris:
                boris.log_in("boris")
                assert boris.request(wire.Search(0, "needle", 1, 50, rooms[1])).code == Code.NOT_FOUND
        profile, arguments = tmp_path / "anna", ["--server", server.address, "--accept-new", "--user", "anna"]
        password = {"LANCHAT_PASSWORD": "correct horse"}
        assert run_client(["login", *arguments], profile, env=password).returncode == 0
        for limit, count in ((500, HITS), (70, 70)):
            search = ["search", "needle", "--limit", str(limit), "--json", "--server", server.address]
            done = run_client(search, profile)
            assert done.returncode == 0, done.stderr
            rows = json_lines(done.stdout)
            numbers = [int(row["text"].split()[1]) for row in rows]
            assert numbers == list(range(HITS))[-count:]
            assert {row["room"] for row in rows} == {"general", "one", "two"}
        assert run_client(["search", "?!", "--server", server.address], profile).returncode == 2
        server.stop()
        # The local copy gives the same.
        away = run_client(["search", "needle", "--limit", "500", "--json", "--timeout", "3"], profile)
        assert len(json_lines(away.stdout)) == HITS, away.stderr

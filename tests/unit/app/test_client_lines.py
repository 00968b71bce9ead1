"""The client against a scripted server over real sockets: lines, sent and received."""

from typing import Any

import pytest

from lanchat.app import api
from lanchat.protocol import wire
from lanchat.protocol.log.messages import Kind, decode_header_untrusted
from lanchat.protocol.log.records import Record
from tests.support.fake_server import FakeServer
from tests.support.scripted_client import ROOM, Person, run, until
from tests.support.waiting import patient

__all__ = ["run"]


def test_sent_line_is_pending_then_stored_at_its_number(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        line = await anna.call(api.SendCommand(ROOM, "hello"))
        assert (line.seq, line.mine, line.text, line.author_name) == (None, True, "hello", "anna")
        assert await anna.call(api.WaitDecidedCommand(line.id, patient(5))) == 1
        await until(lambda: len(anna.of(api.LineAdded)) == 2)
        waiting, stored = anna.of(api.LineAdded)
        assert (waiting.line.seq, stored.line.seq) == (None, 1)
        assert waiting.line.id == stored.line.id == line.id
        assert anna.of(api.LineStored) == [api.LineStored(line.id, ROOM, 1)]
        assert [(line.seq, line.text) for line in await anna.call(api.LoadLinesCommand(ROOM))] == [(1, "hello")]

    run(scenario)


def test_received_lines_and_changes_are_reported(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.relay(ROOM, server.log.say(text="cake!"))
        await until(lambda: anna.of(api.LineAdded))
        (added,) = anna.of(api.LineAdded)
        assert (added.live, added.line.author, added.line.author_name, added.line.mine) == (True, 99, "other", False)
        await anna.call(api.ReactCommand(ROOM, 1, "🎂"))
        await until(lambda: anna.of(api.LineChanged))
        server.relay(ROOM, server.log.say(text="cake, gone", kind=Kind.EDIT, ref=1))
        await until(lambda: len(anna.of(api.LineChanged)) == 2)
        server.relay(ROOM, server.log.say(text="", kind=Kind.DELETE, ref=1))
        await until(lambda: len(anna.of(api.LineChanged)) == 3)
        changes = anna.of(api.LineChanged)
        assert [(c.cause, c.cause_seq, c.by) for c in changes] == [
            ("reaction", 2, 1),
            ("edit", 3, 99),
            ("delete", 4, 99),
        ]
        assert changes[0].line.reactions == (api.Reaction("🎂", (1,)),)
        assert (changes[1].line.text, changes[1].line.edited) == ("cake, gone", True)
        assert (changes[2].line.text, changes[2].line.deleted) == ("", True)
        rooms = [event.room for event in anna.of(api.RoomUpdated) if event.room.room == ROOM]
        assert max(room.unread for room in rooms) == 1

    run(scenario)


@pytest.mark.parametrize("watched", [False, True])
def test_missed_lines_are_reported_if_watched_and_always_counted(run: Any, watched: bool) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        if watched:
            await anna.call(api.LoadLinesCommand(ROOM))
        server.sessions[0].cut()
        for number in range(30):
            server.log.say(text=f"missed {number}")
        await until(lambda: [e for e in anna.of(api.RoomUpdated) if e.room.unread == 30])
        reported = [(event.line.text, event.live) for event in anna.of(api.LineAdded)]
        assert reported == ([(f"missed {number}", False) for number in range(30)] if watched else [])
        (newest,) = [event.room.last_text for event in anna.of(api.RoomUpdated) if event.room.unread == 30][-1:]
        assert newest == "missed 29"

    run(scenario)


def test_reply_shows_the_quoted_line(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.relay(ROOM, server.log.say(text="shall we?"))
        await until(lambda: anna.of(api.LineAdded))
        line = await anna.call(api.SendCommand(ROOM, "yes", reply_to=1))
        assert (line.reply_to, line.reply_text, line.reply_author) == (1, "shall we?", "Other")

    run(scenario)


def test_refused_messages_stay_listed_with_the_reason(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)

        def refuse(message: Any) -> wire.Decided:
            key = decode_header_untrusted(message.header).key
            return wire.Decided([wire.Receipt(*key, 0, wire.Code.NOT_A_MEMBER)])

        server.log.submit = refuse  # type: ignore[method-assign]
        line = await anna.call(api.SendCommand(ROOM, "hello?"))
        error = await anna.fails(api.WaitDecidedCommand(line.id, patient(5)))
        assert (error.kind, error.code) == (api.ErrorKind.REFUSED, wire.Code.NOT_A_MEMBER)
        await until(lambda: anna.of(api.LineRefused))
        (shown,) = await anna.call(api.LoadLinesCommand(ROOM))
        assert (shown.refused, shown.seq) == (wire.Code.NOT_A_MEMBER, None)

    run(scenario)


def test_delayed_messages_show_the_reason_and_are_sent_later(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        taken, full = server.log.submit, [True]

        def submit(message: Any) -> Any:
            key = decode_header_untrusted(message.header).key
            if not full[0]:
                return taken(message)
            return wire.Busy(300, [wire.NotTaken(*key, key.n)], wire.Code.DISK_FULL)

        server.log.submit = submit  # type: ignore[method-assign]
        line = await anna.call(api.SendCommand(ROOM, "hello?"))
        error = await anna.fails(api.WaitDecidedCommand(line.id, patient(5)))
        assert (error.kind, error.code) == (api.ErrorKind.TIMEOUT, wire.Code.DISK_FULL)
        (shown,) = await anna.call(api.LoadLinesCommand(ROOM))
        assert (shown.waits, shown.refused, shown.seq) == (error.details, None, None)
        full[0] = False
        await until(lambda: anna.of(api.LineStored))
        (shown,) = await anna.call(api.LoadLinesCommand(ROOM))
        assert (shown.waits, shown.seq) == (None, 1)

    run(scenario)


def test_invalid_commands_are_refused_immediately(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        for command in (
            api.SendCommand(ROOM, "   "),
            api.SendCommand(ROOM, "x" * 5000),
            api.SendCommand(ROOM, "a\u202eb"),
            api.SendCommand(77, "no room"),
            api.ReactCommand(ROOM, 1, "x" * 40),
            api.WaitDecidedCommand("nonsense"),
            api.FindRoomCommand("nowhere"),
            api.FindRoomCommand("@nobody"),
            api.CreateRoomCommand("\u202e"),
            api.RevokeDeviceCommand("xyz"),
        ):
            assert (await anna.fails(command)).kind is api.ErrorKind.INVALID
        assert anna.of(api.LineAdded) == []

    run(scenario)


def test_scrolling_and_jumping_fetch_missing_lines(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for number in range(500):
            server.log.say(text=f"text {number}")
        await anna.register(server)
        newest = await anna.call(api.LoadLinesCommand(ROOM, limit=50))
        assert [line.seq for line in newest] == list(range(451, 501))
        older = await anna.call(api.LoadLinesCommand(ROOM, before=420, limit=100))
        assert [line.seq for line in older] == list(range(320, 420))
        first = await anna.call(api.LoadLinesFromCommand(ROOM, 1, 10))
        assert [line.text for line in first] == [f"text {number}" for number in range(10)]

    run(scenario)


def test_search_omits_records_with_bad_signatures(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        good = server.log.say(text="red boat")
        forged = server.log.say(text="red herring")
        await anna.register(server)
        forged = Record(forged.seq, forged.time_ms, forged.header, forged.signature, b"red herrings")  # type: ignore[attr-defined]
        hits = [wire.Hit(ROOM, forged, []), wire.Hit(ROOM, good, [])]
        server.answers[wire.Search] = lambda operation: wire.Found(hits, list(server.log.devices.values()))
        assert [line.text for line in await anna.call(api.SearchCommand(0, "red"))] == ["red boat"]
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        found = await anna.call(api.SearchCommand(ROOM, "RED"))
        assert [line.text for line in found] == ["red herring", "red boat"]

    run(scenario)


def test_read_marks_of_this_and_other_devices_update_unread(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        for _ in range(3):
            server.relay(ROOM, server.log.say())
        await until(lambda: anna.of(api.RoomUpdated)[-1].room.unread == 3)
        await anna.call(api.MarkReadCommand(ROOM, 1))
        await until(lambda: anna.of(api.RoomUpdated)[-1].room.unread == 2)
        server.sessions[0].send(wire.RoomCursors(ROOM, [wire.MemberCursor(1, 3, 3)]))
        await until(lambda: anna.of(api.RoomUpdated)[-1].room.unread == 0)
        assert anna.of(api.ReceiptsChanged)

    run(scenario)


def test_receipts_list_members_of_a_message(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.accounts["bob"] = (5, "")
        server.accounts["carl"] = (6, "")
        await anna.register(server)
        assert await anna.say("hello") == 1
        server.answers[wire.ListCursors] = lambda operation: wire.CursorList(
            [wire.MemberCursor(5, 1, 0), wire.MemberCursor(3, 1, 1)]
        )
        receipts = await anna.call(api.ReceiptsCommand(ROOM, 1))
        assert [(r.name, r.received, r.read) for r in receipts] == [("bob", True, False), ("carl", False, False)]
        failure = await anna.fails(api.ReceiptsCommand(ROOM, 2))
        assert (failure.kind, failure.code) == (api.ErrorKind.REFUSED, wire.Code.NO_SUCH_TARGET)

    run(scenario)

"""The client against a scripted server over real sockets: trust, log-in, lines, disconnection and reconnection."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path as File
from typing import Any

import pytest

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.app.commands import entry as commands_entry
from lanchat.app.login import dial
from lanchat.app.thread import ClientThread
from lanchat.core.config import ClientConfig
from lanchat.discovery.listing import DiscoveredServer
from lanchat.protocol import wire
from lanchat.protocol.limits import Limits
from lanchat.protocol.log.messages import Kind, decode_header_untrusted
from lanchat.protocol.log.records import Record
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.store.profile import ProfileStore
from lanchat.wording.problems import details_text, error_text
from tests.support.fake_log import LOG_ID, FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.ports import free_port
from tests.support.waiting import patient

ROOM = 1
# Quick tries: the times themselves are tested with the core.
QUICK = ClientConfig(reconnect_first=0.05, reconnect_longest=0.1, away_after=0.3)


class Person:
    """A client, its profile, and every event that it emitted."""

    def __init__(self, folder: File, **options: Any) -> None:
        self.events: list[api.Event] = []
        options = {"use_zeroconf": False, "config": QUICK, "discovery_port": free_port()} | options
        self.profile = ProfileStore.open(folder)
        self.client = Client(self.profile, self.events.append, **options)

    async def call(self, command: api.Command) -> Any:
        return await self.client.call(command)

    async def fails(self, command: api.Command) -> api.CommandError:
        with pytest.raises(api.CommandError) as caught:
            await self.client.call(command)
        assert error_text(caught.value)
        return caught.value

    async def register(self, server: FakeServer, name: str = "anna") -> "Person":
        await self.call(api.ConnectCommand(address=server.address, fingerprint=server.fingerprint))
        await self.call(api.RegisterCommand(name, "a password"))
        await self.call(api.WaitLiveCommand(100))
        return self

    async def state(self, state: api.LinkState) -> None:
        await until(lambda: [e.state for e in self.events if isinstance(e, api.StateChanged)][-1] is state)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def say(self, text: str) -> int:
        line = await self.call(api.SendCommand(ROOM, text))
        return int(await self.call(api.WaitDecidedCommand(line.id, patient(5))))


async def until(done: Callable[[], Any], seconds: float = 8.0) -> None:
    async with asyncio.timeout(patient(seconds)):
        while not done():
            await asyncio.sleep(0.01)


def first_by_udp(server: FakeServer) -> int:
    """How many messages arrived by UDP first. An unanswered message is sent again, the third time over TLS, which is
    no fault on a busy computer."""
    first = {
        message.header: frame
        for frame in reversed(server.heard)
        if isinstance(frame, wire.Submit)
        for message in frame.messages
    }
    by_udp = {id(frame) for frame in server.heard_by_udp}
    return sum(id(frame) in by_udp for frame in first.values())


Scenario = Callable[[FakeServer, Person], Awaitable[None]]


@pytest.fixture
def run(tmp_path: File) -> Callable[[Scenario], None]:
    """Runs a scenario with a server and a person; the client is closed at the end."""

    def start(scenario: Scenario, *, log: FakeLog | None = None, **options: Any) -> None:
        async def everything() -> None:
            async with FakeServer(log) as server:
                server.log.enrol(key_of(9), 99, "other")
                person = Person(tmp_path / "anna", **options)
                try:
                    await scenario(server, person)
                finally:
                    await person.client.close()

        asyncio.run(everything())

    return start


# --- Trust ------------------------------------------------------------------------------------------------------------


def test_connect_shows_new_server_without_sending_anything(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        seen = await anna.call(api.ConnectCommand(address=server.address))
        assert (seen.trust, seen.fingerprint, seen.via) == (api.Trust.NEW, server.fingerprint, "typed")
        assert len(seen.words.split()) == 8
        assert seen.name == server.address.partition(":")[0]
        # Chosen from a list it keeps the name of the list; nothing was asked of it.
        named = await anna.call(api.ConnectCommand(address=server.address, name="Off\u202eice"))
        assert named.name == "Off\ufffdice"
        assert server.heard == []
        assert (await anna.fails(api.LoginCommand("anna", "secret"))).kind is api.ErrorKind.INVALID
        offer = await anna.call(api.AcceptIdentityCommand(server.fingerprint))
        assert (offer.server.trust, offer.server.name, offer.remembered) == (api.Trust.PINNED, "Test", "")
        assert offer == await anna.call(api.GetOfferCommand())
        known = anna.profile.known_by_fingerprint(server.fingerprint)
        assert known is not None
        assert (known.log_id, known.log_key) == (LOG_ID, server.log.log_key)

    run(scenario)


def test_fingerprint_mismatch_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address))
        assert (await anna.fails(api.AcceptIdentityCommand("0" * 64))).kind is api.ErrorKind.IDENTITY
        wrong = api.ConnectCommand(address=server.address, fingerprint="1" * 64)
        assert (await anna.fails(wrong)).kind is api.ErrorKind.IDENTITY
        assert server.heard == []

    run(scenario)


@pytest.mark.parametrize("how", ["invite", "fingerprint", "accept_new"])
def test_ways_to_accept_a_server_without_confirmation(run: Any, how: str) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        command = {
            "invite": api.ConnectCommand(invite=f"lanchat://{server.address}/#{server.fingerprint}"),
            "fingerprint": api.ConnectCommand(address=server.address, fingerprint=server.fingerprint.upper()),
            "accept_new": api.ConnectCommand(address=server.address, accept_new=True),
        }[how]
        assert (await anna.call(command)).trust is api.Trust.PINNED
        assert len(server.requests(wire.Hello)) == 1

    run(scenario)


def test_changed_key_is_refused_by_every_way_to_connect(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        await server.stop()
        async with FakeServer(identity=41, port=server.port) as impostor:
            for command in (
                api.ConnectCommand(),
                api.ConnectCommand(address=impostor.address),
                api.ConnectCommand(address=impostor.address, accept_new=True),
                api.ConnectCommand(address=impostor.address, fingerprint=impostor.fingerprint),
            ):
                assert (await anna.fails(command)).kind is api.ErrorKind.IDENTITY
            assert impostor.heard == []

    run(scenario)


def test_changed_key_is_noticed_on_reconnect(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await server.stop()
        async with FakeServer(identity=41, port=server.port) as impostor:
            await until(lambda: "Another server" in details_text(anna.of(api.StateChanged)[-1].reason))
            await anna.state(api.LinkState.AWAY)
            assert impostor.heard == []

    run(scenario)


def test_server_claiming_a_known_log_id_is_not_pinned(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        async with FakeServer(identity=41) as impostor:
            command = api.ConnectCommand(address=impostor.address, accept_new=True)
            assert (await anna.fails(command)).kind is api.ErrorKind.IDENTITY
            assert impostor.requests(wire.LoginDevice) == []

    run(scenario)


def test_invalid_addresses_and_links_are_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for command in (
            api.ConnectCommand(address="no such:thing:1"),
            api.ConnectCommand(address=server.address, fingerprint="abc"),
            api.ConnectCommand(invite="https://example.org/"),
        ):
            assert (await anna.fails(command)).kind is api.ErrorKind.INVALID
        assert (
            await anna.fails(api.ConnectCommand(address=f"127.0.0.1:{free_port()}"))
        ).kind is api.ErrorKind.NO_SERVER
        assert (await anna.fails(api.ConnectCommand(timeout=0.3))).kind is api.ErrorKind.NO_SERVER

    run(scenario)


# --- Logging in -------------------------------------------------------------------------------------------------------


def test_remembered_device_logs_in_without_password(run: Any, tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.client.close()
        again = Person(tmp_path / "anna")
        await again.call(api.ConnectCommand())
        assert (await again.call(api.GetOfferCommand())).remembered == "anna"
        assert (await again.call(api.WaitLiveCommand(100))).name == "anna"
        assert len(server.requests(wire.LoginDevice)) == 1
        await again.client.close()

    run(scenario)


def test_login_succeeds_after_a_wrong_password(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.LogoutCommand())
        await anna.call(api.ConnectCommand())
        error = await anna.fails(api.LoginCommand("anna", "wrong"))
        assert (error.kind, error.code) == (api.ErrorKind.REFUSED, wire.Code.BAD_CREDENTIALS)
        assert (await anna.call(api.LoginCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_registers_after_the_server_closed_an_idle_connection(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        # The server gives a connection ten seconds to log in.
        await until(lambda: bool(server.sessions))
        server.sessions[0].cut()
        await until(lambda: not server.sessions)
        assert (await anna.call(api.RegisterCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_unremembered_device_is_revoked_on_close(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        await anna.call(api.RegisterCommand("anna", "a password", remember=False))
        await anna.call(api.WaitLiveCommand(100))
        assert anna.profile.device(LOG_ID) is None
        await anna.client.close()
        assert len(server.requests(wire.Logout)) == 1

    run(scenario)


def test_refused_device_reports_the_reason_and_logs_in_again(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.DisconnectCommand())
        server.refuse = wire.Code.DEVICE_REVOKED
        await anna.call(api.ConnectCommand())
        error = await anna.fails(api.WaitLiveCommand(100))
        assert (error.kind, error.code) == (api.ErrorKind.REFUSED, wire.Code.DEVICE_REVOKED)
        await anna.state(api.LinkState.REFUSED)
        tries = len(server.requests(wire.LoginDevice))
        await asyncio.sleep(0.3)
        assert len(server.requests(wire.LoginDevice)) == tries
        await anna.call(api.LoginCommand("anna", "a password"))
        assert (await anna.call(api.WaitLiveCommand(100))).name == "anna"

    run(scenario)


def test_refused_device_can_be_removed(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.sessions[0].send(wire.Goodbye(wire.Code.DEVICE_REVOKED, "revoked"))
        await anna.state(api.LinkState.REFUSED)
        await anna.call(api.LogoutCommand())
        assert anna.profile.device(LOG_ID) is None
        assert server.requests(wire.Logout) == []

    run(scenario)


def test_new_certificate_is_stored_in_the_profile(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        device = anna.profile.device(LOG_ID)
        assert device is not None
        fresh = server.log.enrol_public(server.public_keys[device.device_id][1], 1, "anna")
        server.sessions[0].send(wire.NewCertificate(fresh))
        await until(lambda: (stored := anna.profile.device(LOG_ID)) and stored.certificate == fresh)

    run(scenario)


def test_concurrent_connects_are_serialised(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        command = api.ConnectCommand(address=server.address, accept_new=True)
        first, second = await asyncio.gather(anna.call(command), anna.call(command))
        assert first.fingerprint == second.fingerprint
        await until(lambda: len(server.sessions) == 1)
        assert (await anna.call(api.RegisterCommand("anna", "a password"))).name == "anna"

    run(scenario)


def test_disconnect_ends_pending_commands(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.answers[wire.ListDevices] = lambda operation: None
        asked = asyncio.create_task(anna.fails(api.ListDevicesCommand()))
        waits = asyncio.create_task(anna.fails(api.WaitDecidedCommand("1.00.1.1", 60)))
        await until(lambda: server.requests(wire.ListDevices))
        await anna.call(api.DisconnectCommand())
        assert (await asked).kind is api.ErrorKind.OFFLINE
        assert (await waits).kind is api.ErrorKind.TIMEOUT

    run(scenario)


def test_client_continues_after_an_error_in_the_core(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        core = anna.client.member.core
        genuine, failures = core.take_events, iter([True, True])

        def fail_twice() -> Any:
            if next(failures, False):
                raise RuntimeError("a bug")
            return genuine()

        core.take_events = fail_twice  # type: ignore[method-assign]
        assert await anna.say("still here") == 1

    run(scenario)


def test_failing_listener_does_not_stop_the_network(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        def fail(event: api.Event) -> None:
            raise RuntimeError("a bug in the window")

        anna.client._on_event = fail
        await anna.register(server)
        assert await anna.say("still here") == 1

    run(scenario)


def test_server_with_another_log_is_refused(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        other = wire.Welcome(1, "Test", bytes(16), 1, server.log.log_key, bytes(32), wire.Registration.OPEN, False,
                             Limits(), 0)  # fmt: skip
        server.answers[wire.Hello] = lambda operation: other
        server.sessions[0].cut()
        await anna.state(api.LinkState.REFUSED)
        assert server.requests(wire.LoginDevice) == []

    run(scenario)


def test_commands_that_need_an_account_are_refused_without_one(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for command in (
            api.ListRoomsCommand(),
            api.SendCommand(1, "x"),
            api.WaitLiveCommand(1),
            api.LogoutCommand(),
            api.ListDevicesCommand(),
        ):
            assert (await anna.fails(command)).kind is api.ErrorKind.REFUSED

    run(scenario)


def test_recovery_works_without_an_account(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.call(api.ConnectCommand(address=server.address, accept_new=True))
        await anna.call(api.RecoverCommand("anna"))
        server.answers[wire.RecoverConfirm] = lambda operation: wire.Failure(0, wire.Code.RECOVERY_INVALID, "")
        error = await anna.fails(api.RecoverConfirmCommand("anna", "CODE", "new password"))
        assert error.code is wire.Code.RECOVERY_INVALID
        assert "secret" not in repr(api.LoginCommand("anna", "secret"))

    run(scenario)


# --- Lines ------------------------------------------------------------------------------------------------------------


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


# --- The server goes away ---------------------------------------------------------------------------------------------


def test_messages_written_while_disconnected_are_sent_later(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("before")
        await server.stop()
        await anna.state(api.LinkState.AWAY)
        line = await anna.call(api.SendCommand(ROOM, "while away"))
        assert (await anna.fails(api.WaitDecidedCommand(line.id, 0.1))).kind is api.ErrorKind.TIMEOUT
        assert (await anna.fails(api.ListDevicesCommand())).kind is api.ErrorKind.OFFLINE
        assert [person.state for person in await anna.call(api.ListPeopleCommand())] == [wire.PresenceState.OFFLINE]
        texts = [(line.seq, line.text) for line in await anna.call(api.LoadLinesCommand(ROOM))]
        assert texts == [(1, "before"), (None, "while away")]
        again = FakeServer(server.log, port=server.port)
        again.accounts, again.public_keys = server.accounts, server.public_keys
        async with again:
            await anna.state(api.LinkState.LIVE)
            assert await anna.call(api.WaitDecidedCommand(line.id, patient(5))) == 2

    run(scenario)


def test_start_without_server_reads_the_copy_and_keeps_messages(run: Any, tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.say("before")
        await anna.client.close()
        await server.stop()
        again = Person(tmp_path / "anna")
        assert (await again.fails(api.ConnectCommand(timeout=1))).kind is api.ErrorKind.NO_SERVER
        assert again.of(api.AccountLoggedIn)[0].account.name == "anna"
        room = await again.call(api.FindRoomCommand("#room1"))
        line = await again.call(api.SendCommand(room.room, "kept"))
        texts = [(line.seq, line.text) for line in await again.call(api.LoadLinesCommand(room.room))]
        assert texts == [(1, "before"), (None, "kept")]
        assert (await again.fails(api.WaitLiveCommand(0.2))).kind is api.ErrorKind.NO_SERVER
        back = FakeServer(server.log, port=server.port)
        back.accounts, back.public_keys = server.accounts, server.public_keys
        async with back:
            assert await again.call(api.WaitDecidedCommand(line.id, 8)) == 2
            await again.client.close()

    run(scenario)


def test_finds_the_server_at_a_new_address(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        moved = FakeServer(server.log)
        moved.accounts, moved.public_keys = server.accounts, server.public_keys
        async with moved:

            async def found(*args: Any, **options: Any) -> list[DiscoveredServer]:
                forged_server = DiscoveredServer("Liar", "127.0.0.1", free_port(), "f" * 64, LOG_ID, "probe")
                return [
                    forged_server,
                    DiscoveredServer("Test", moved.host, moved.port, moved.fingerprint, LOG_ID, "probe"),
                ]

            monkeypatch.setattr(dial, "discover", found)
            await server.stop()
            await anna.state(api.LinkState.LIVE)
            await until(lambda: moved.sessions)
            await until(lambda: (known := anna.profile.last_server()) is not None and known.port == moved.port)

    run(scenario)


def test_reconnects_after_a_protocol_violation(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        first = server.sessions[0]
        first._transport.write(b"\x00\x00\x00\x02\xff\xff")
        await until(lambda: first not in server.sessions)
        await anna.state(api.LinkState.LIVE)

    run(scenario)


@pytest.mark.parametrize("way", ["blocked", "unused"])
def test_uses_tls_alone_without_udp(run: Any, way: str) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.udp = False
        await anna.register(server)
        assert await anna.say("over tls") == 1
        await until(lambda: len(anna.of(api.LineAdded)) == 2)
        assert all(session.address is None for session in server.sessions)

    run(scenario, use_udp=way == "blocked")


def test_sends_messages_by_udp_when_open(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        member = anna.client.member
        await until(lambda: member.core._link.udp_open)
        assert await anna.say("by udp") == 1
        assert first_by_udp(server) == 1

    run(scenario)


def test_renewed_keys_are_used(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        assert anna.client.member is not None
        member = anna.client.member
        await until(lambda: member.core._link.udp_open)
        member.core.renew(member.now())
        member.driver.pump()
        await until(lambda: len(server.requests(wire.Renew)) == 1)
        for number in range(5):
            assert await anna.say(f"text {number}") == number + 1
        assert first_by_udp(server) == 5
        assert member.core.counters == {}

    run(scenario)


def test_unknown_certificate_does_not_block_other_lines(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        del server.log.devices[next(iter(server.log.devices))]
        server.relay(ROOM, server.log.say(text="by a ghost"))
        await anna.say("mine")
        await until(lambda: [e.line.text for e in anna.of(api.LineAdded) if e.line.seq] == ["mine"])

    run(scenario)


# --- Discovery, thread ------------------------------------------------------------------------------------------------


def test_several_servers_found_require_a_choice(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        one = DiscoveredServer("One", server.host, server.port, server.fingerprint, LOG_ID, "probe")
        two = DiscoveredServer("Two", server.host, free_port(), "e" * 64, bytes(16), "zeroconf")
        listed = [one, two]

        async def found(timeout: float, *, on_found: Any = None, **options: Any) -> list[DiscoveredServer]:
            for entry in listed:
                if on_found is not None:
                    on_found(entry)
            return list(listed)

        monkeypatch.setattr("lanchat.app.login.entry.discover", found)
        servers = await anna.call(api.DiscoverCommand(0.1))
        assert [(s.name, s.via, s.trust) for s in servers] == [
            ("One", "probe", api.Trust.NEW),
            ("Two", "zeroconf", api.Trust.NEW),
        ]
        assert len(anna.of(api.ServerFound)) == 2
        error = await anna.fails(api.ConnectCommand(timeout=0.2))
        assert error.kind is api.ErrorKind.INVALID
        assert "One" in error_text(error)
        chosen = await anna.call(api.ConnectCommand(timeout=0.2, fingerprint=server.fingerprint))
        assert chosen.trust is api.Trust.PINNED
        listed.clear()

    run(scenario)


def test_thread_runs_commands_and_stops(tmp_path: File) -> None:
    loop = asyncio.new_event_loop()
    server = FakeServer()
    loop.run_until_complete(server.__aenter__())
    events: list[api.Event] = []
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), events.append, use_zeroconf=False, config=QUICK)
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread.start()

    async def converse() -> None:
        async def call(command: api.Command) -> Any:
            return await asyncio.wrap_future(thread.call(command))

        await call(api.ConnectCommand(address=server.address, accept_new=True))
        await call(api.RegisterCommand("anna", "a password"))
        await call(api.WaitLiveCommand(100))
        line = await call(api.SendCommand(ROOM, "from a thread"))
        assert await call(api.WaitDecidedCommand(line.id, patient(5))) == 1
        with pytest.raises(api.CommandError):
            await call(api.SendCommand(77, "nowhere"))

    loop.run_until_complete(converse())
    under_way = thread.call(api.WaitDecidedCommand("1.00.1.1", 60))
    thread.stop(3)
    assert not thread._thread.is_alive()
    assert under_way.cancelled() or under_way.exception() is not None
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread.stop(1)
    loop.run_until_complete(server.stop())
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    assert any(isinstance(event, api.LineStored) for event in events)


def test_thread_is_interrupted_when_its_client_does_not_close(
    tmp_path: File, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closing, interrupted = threading.Event(), threading.Event()

    async def close(client: Client) -> None:
        closing.set()
        try:
            await asyncio.sleep(patient(600))
        finally:
            interrupted.set()
            # Even what goes on after it was interrupted disturbs nothing.
            await asyncio.to_thread(time.sleep, 0.05)

    monkeypatch.setattr(Client, "close", close)
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None, use_zeroconf=False, config=QUICK)
    thread.start()
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    thread._thread.join(0.05)
    thread.stop(0.2)
    thread._thread.join(patient(8))
    assert not thread._thread.is_alive()
    assert closing.is_set()
    assert interrupted.is_set()
    assert failures == []
    assert [record.getMessage() for record in caplog.records] == ["the network did not end in time"]


def test_thread_whose_client_fails_to_start_refuses_commands(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(client: Client, *args: Any, **options: Any) -> None:
        raise OSError("no sockets")

    monkeypatch.setattr(Client, "__init__", fail)
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None)
    thread.start()
    assert isinstance(thread.call(api.ListRoomsCommand()).exception(), api.CommandError)
    thread._thread.join(patient(8))
    thread.stop(1)
    assert len(failures) == 1


def test_every_command_has_a_handler() -> None:

    from lanchat.app.client import HANDLERS

    assert set(HANDLERS) == set(api.Command.__subclasses__())
    assert commands_entry.device_name()


# --- A server that breaks the protocol --------------------------------------------------------------------------------


def test_oversized_frame_is_reported_and_retried_with_delay(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        server.answers[wire.ListUsers] = lambda operation: server.sessions[-1].send_raw(b"\x7f\xff\xff\xff")

        def is_reported() -> bool:
            reported = [
                event
                for event in anna.of(api.StateChanged)
                if event.reason == ProblemDetails.of(Problem.SERVER_UNREADABLE)
            ]
            return any(event.retry_in > 0.04 for event in reported[1:])

        error = await anna.fails(api.ListPeopleCommand(certain=True))
        assert error.kind is api.ErrorKind.OFFLINE
        await until(is_reported)

    run(scenario)


def test_users_are_listed_from_memory_unless_certain(run: Any) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        await anna.register(server)
        await anna.call(api.ListPeopleCommand(certain=True))
        await server.stop()
        await until(lambda: anna.events[-1] and not anna.client.logged_in().in_session)
        assert [person.name for person in await anna.call(api.ListPeopleCommand())] == ["anna"]
        assert (await anna.fails(api.ListPeopleCommand(certain=True))).kind is api.ErrorKind.OFFLINE

    run(scenario)

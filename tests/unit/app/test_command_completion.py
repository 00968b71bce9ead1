"""Every command completes with its result or a CommandError, whatever answer the server sends.

The table is commands × faults. A command that stays open fails its test at a deadline that no computer misses.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest
from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.app.limits import ClientLimits
from lanchat.app.thread import ClientThread
from lanchat.core.config import ClientConfig
from lanchat.protocol import wire
from lanchat.protocol.log.records import Record
from lanchat.store.profile import ProfileStore
from tests.support.fake_log import FakeLog, key_of
from tests.support.fake_server import FakeServer
from tests.support.problem_details import details_of
from tests.support.scripted_client import QUICK, ROOM, Person, until
from tests.support.waiting import wait_until

# Far above what any command may take here.
DEADLINE = 45.0
# What a client waits for an answer in these tests.
COMMAND_TIMEOUT = 2.0
ONE_COMMAND = ClientLimits(login_timeout=COMMAND_TIMEOUT, greeting_timeout=COMMAND_TIMEOUT)

DEVICE = "00112233"
SERVER_COMMANDS: list[api.Command] = [
    api.ListRoomsCommand(),
    api.FindRoomCommand("#nowhere"),
    api.FindRoomCommand("@other"),
    api.CreateRoomCommand("new"),
    api.JoinRoomCommand(ROOM),
    api.LeaveRoomCommand(5),
    api.InviteUserCommand(ROOM, "other"),
    api.RemoveUserCommand(ROOM, "other"),
    api.SetHistoryPolicyCommand(ROOM, wire.HistoryPolicy.EVERYTHING),
    api.ArchiveRoomCommand(ROOM),
    api.DeleteRoomCommand(ROOM, "password"),
    api.FindAnyRoomCommand("nowhere"),
    api.ListPeopleCommand(),
    api.ListMembersCommand(ROOM),
    api.LoadLinesCommand(ROOM, before=20, limit=200),
    api.LoadLinesFromCommand(ROOM, 1, 10),
    api.SearchCommand(ROOM, "word"),
    api.SendFilesCommand(ROOM, (__file__,), patience=0.0),
    api.FetchFileCommand(ROOM, 1, patience=0.0),
    api.ReceiptsCommand(ROOM, 1),
    api.ListDevicesCommand(),
    api.RevokeDeviceCommand(DEVICE),
    api.ChangePasswordCommand("old password", "new password"),
    api.GetProfileCommand(),
    api.SetProfileCommand("Anna", ""),
    api.CreateInviteCommand(),
    api.ListInvitesCommand(),
    api.VoidInviteCommand(DEVICE),
    api.GetStatusCommand(),
    api.ListAccountsCommand(),
    api.SetRoleCommand(2, wire.Role.MODERATOR),
    api.SetDisplayNameCommand(2, "Boris"),
    api.DisableAccountCommand(2, True),
    api.DeleteAccountCommand(2),
    api.EndSessionsCommand(2),
    api.ResetPasswordCommand(2),
    api.ListAllRoomsCommand(),
    api.ListSessionsCommand(),
    api.ChangeRoomCommand(2, "renamed"),
    api.CreateBackupCommand(),
    api.LogoutCommand(),
]
# Answered without a question to the server, or by time, or before there is an account.
LOCAL_COMMANDS = {
    api.ListPeersCommand,
    api.DiscoverCommand,
    api.ConnectCommand,
    api.AcceptIdentityCommand,
    api.GetOfferCommand,
    api.LoginCommand,
    api.RegisterCommand,
    api.RecoverCommand,
    api.RecoverConfirmCommand,
    api.WaitLiveCommand,
    api.DisconnectCommand,
    api.ListReplacedCommand,
    api.StartAnewCommand,
    api.SendCommand,
    api.EditCommand,
    api.DeleteCommand,
    api.ReactCommand,
    api.WaitDecidedCommand,
    api.MarkReadCommand,
    api.SetActivityCommand,
}

# What the server does with a request instead of answering it.
Fault = Callable[[FakeServer], Any]


def answers_refusal(server: FakeServer) -> Any:
    return wire.Failure(0, wire.Code.NOT_ALLOWED, "no")


def answers_busy(server: FakeServer) -> Any:
    return wire.Failure(0, wire.Code.BUSY, "", 5000)


def answers_unknown_code(server: FakeServer) -> Any:
    return wire.Failure(0, 999, "from the future")


def answers_wrong_type(server: FakeServer) -> Any:
    return wire.CursorList([]) if server.requests(wire.Request) else wire.InviteCode("x")


def answers_login_required(server: FakeServer) -> Any:
    return server.welcome(bytes(32))


def sends_invalid_frame(server: FakeServer) -> Any:
    for session in server.sessions:
        session._transport.write(b"\x00\x00\x00\x02\xff\xff")


def closes_connection(server: FakeServer) -> Any:
    for session in list(server.sessions):
        session.cut()


def sends_goodbye(server: FakeServer) -> Any:
    for session in list(server.sessions):
        session.send(wire.Goodbye(0, "stopping"))
        session._transport.close()


def sends_nothing(server: FakeServer) -> Any:
    return None


FAULTS: list[Fault] = [
    answers_refusal,
    answers_busy,
    answers_unknown_code,
    answers_wrong_type,
    answers_login_required,
    sends_invalid_frame,
    closes_connection,
    sends_goodbye,
    sends_nothing,
]
OPERATIONS = (
    wire.ListRooms, wire.ListUsers, wire.OpenDirect, wire.CreateRoom, wire.JoinRoom, wire.LeaveRoom, wire.InviteUser,
    wire.RemoveUser, wire.SetHistoryPolicy, wire.ListMembers, wire.ListCursors, wire.History, wire.Search,
    wire.ListDevices, wire.RevokeDevice, wire.ChangePassword, wire.GetProfile, wire.SetProfile, wire.CreateInvite,
    wire.ListInvites, wire.VoidInvite, wire.Status, wire.Logout, wire.ArchiveRooms, wire.DeleteRooms,
    wire.ListAccounts, wire.SetRole, wire.SetDisplayName, wire.DisableAccount, wire.DeleteAccount, wire.EndSessions,
    wire.ResetPassword, wire.ListAllRooms, wire.ListSessions, wire.ChangeRoom, wire.CreateBackup,
    wire.OpenTransfers,
)  # fmt: skip


def long_log() -> FakeLog:
    """A log that is longer than what a new device loads, so that lines must be fetched."""
    log = FakeLog()
    log.enrol(key_of(9), 99, "other")
    for number in range(1300):
        log.say(text=f"word {number}")
    return log


async def outcome_of(person: Person, command: api.Command) -> Any:
    """The result or CommandError of a command; raises TimeoutError when it does not complete."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await person.client.call(command)
    except api.CommandError as error:
        return error


def play(folder: File, scenario: Callable[[FakeServer, Person], Any], log: FakeLog | None = None) -> None:
    config = replace(QUICK, request_timeout=COMMAND_TIMEOUT)

    async def everything() -> None:
        async with FakeServer(log or long_log()) as server:
            person = Person(folder / "anna", config=config)
            try:
                await person.register(server)
                # The unread ones below the first page are fetched by themselves; then nothing is under way any more.
                await until(lambda: not person.client.member or not person.client.member._background)
                await scenario(server, person)
            finally:
                await person.client.close()

    asyncio.run(everything())


def test_table_lists_every_command() -> None:
    assert {type(command) for command in SERVER_COMMANDS} | LOCAL_COMMANDS == set(api.Command.__subclasses__())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
def test_every_command_completes_under_every_server_fault(tmp_path: File, fault: Fault) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for operation in OPERATIONS:
            server.answers[operation] = lambda request: fault(server)
        if fault is sends_nothing:
            # All at once, so that the test does not take their patience one after the other.
            outcomes = await asyncio.gather(*(outcome_of(anna, command) for command in SERVER_COMMANDS))
        else:
            outcomes = []
            for command in SERVER_COMMANDS:
                await anna.state(api.LinkState.LIVE)
                outcomes.append(await outcome_of(anna, command))
        for command, outcome in zip(SERVER_COMMANDS, outcomes, strict=True):
            needs_the_server = not isinstance(
                command, api.ListRoomsCommand | api.ListPeopleCommand | api.FindRoomCommand | api.SearchCommand
            )
            if fault in (answers_refusal, answers_busy) and needs_the_server:
                assert isinstance(outcome, api.CommandError), command
                assert outcome.kind is api.ErrorKind.REFUSED, command

    play(tmp_path, scenario)


def other_room(page: wire.Page) -> wire.Page:
    return wire.Page(77, page.records, page.before_hash, page.head, [])


def without_records(page: wire.Page) -> wire.Page:
    return wire.Page(page.room, [], page.before_hash, page.head, [])


def with_gap(page: wire.Page) -> wire.Page:
    return wire.Page(page.room, [page.records[0], *page.records[2:]], page.before_hash, page.head, [])


def with_low_records(page: wire.Page) -> wire.Page:
    return wire.Page(page.room, page.records[:-1], page.before_hash, page.head, [])


def with_forked_history(page: wire.Page) -> wire.Page:
    return wire.Page(page.room, page.records, bytes(32), page.head, [])


def broken_header(page: wire.Page) -> wire.Page:
    first = page.records[0]
    broken = Record(first.seq, first.time_ms, b"\xc1", first.signature, first.body)  # type: ignore[attr-defined]
    return wire.Page(page.room, [broken, *page.records[1:]], page.before_hash, page.head, [])


@pytest.mark.parametrize(
    "bad", [other_room, without_records, with_gap, with_low_records, with_forked_history, broken_header]
)
@pytest.mark.parametrize(
    "command", [api.LoadLinesCommand(ROOM, before=100), api.LoadLinesFromCommand(ROOM, 1)], ids=["up", "down"]
)
def test_failed_line_fetch_raises_command_error(
    tmp_path: File, bad: Callable[[wire.Page], wire.Page], command: api.LoadLinesCommand | api.LoadLinesFromCommand
) -> None:
    expected = range(50, 100) if isinstance(command, api.LoadLinesCommand) else range(1, 51)

    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.History] = lambda request: bad(server.log.page(request))
        outcome = await outcome_of(anna, command)
        assert isinstance(outcome, api.CommandError)
        del server.answers[wire.History]
        if bad is not with_forked_history:
            # The connection may have ended with that, and is made again: what is not stored comes once it is there.
            seqs: list[int | None] = []
            async with asyncio.timeout(DEADLINE):
                while seqs != list(expected):
                    lines = await outcome_of(anna, command)
                    seqs = [] if isinstance(lines, api.CommandError) else [line.seq for line in lines]
                    await asyncio.sleep(0.01)

    play(tmp_path, scenario)


def test_concurrent_requests_for_one_page_both_receive_the_refusal(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        server.answers[wire.History] = lambda request: answers_refusal(server)
        command = api.LoadLinesFromCommand(ROOM, 1)
        for outcome in await asyncio.gather(outcome_of(anna, command), outcome_of(anna, command)):
            assert isinstance(outcome, api.CommandError)
            assert outcome.code is wire.Code.NOT_ALLOWED

    play(tmp_path, scenario)


def test_local_lines_are_returned_when_fetching_the_rest_fails(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        member = anna.client.logged_in()
        span = member.store.span(ROOM)
        assert span is not None
        server.answers[wire.History] = lambda request: answers_refusal(server)
        lines = await outcome_of(anna, api.LoadLinesCommand(ROOM, before=span.base + 11, limit=50))
        assert len(lines) == 10

    play(tmp_path, scenario)


def test_disconnect_completes_every_command(tmp_path: File) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        for operation in OPERATIONS:
            server.answers[operation] = sends_nothing
        waiting = [command for command in SERVER_COMMANDS if not isinstance(command, api.LogoutCommand)]
        waiting += [api.WaitDecidedCommand("1.00.1.1", 60)]
        tasks = [asyncio.create_task(outcome_of(anna, command)) for command in waiting]
        await until(lambda: len(server.requests(wire.History)) > 0)
        await anna.call(api.DisconnectCommand())
        async with asyncio.timeout(COMMAND_TIMEOUT + 5):
            await asyncio.gather(*tasks)
        for command in waiting:
            assert isinstance(await outcome_of(anna, command), api.CommandError)

    play(tmp_path, scenario)


def test_command_continuing_after_disconnect_fails(tmp_path: File) -> None:
    """The account that it holds is disconnected before it sends its request."""

    async def scenario(server: FakeServer, anna: Person) -> None:
        member = anna.client.logged_in()
        await anna.call(api.DisconnectCommand())
        async with asyncio.timeout(DEADLINE):
            assert await member.fetch_older(ROOM) is False
            with pytest.raises(api.CommandError):
                await member.ask(wire.ListRooms())

    play(tmp_path, scenario)


def test_internal_error_is_returned_as_command_error(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: FakeServer, anna: Person) -> None:
        def fail(*what: Any) -> Any:
            raise RuntimeError("a bug")

        monkeypatch.setattr(anna.client.logged_in().book, "view", fail)
        outcome = await outcome_of(anna, api.ListRoomsCommand())
        assert isinstance(outcome, api.CommandError)
        assert outcome.kind is api.ErrorKind.LOCAL

    play(tmp_path, scenario, FakeLog())


# --- Before log-in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.__name__))
@pytest.mark.parametrize(
    "operation", [wire.Hello, wire.Register, wire.LoginPassword, wire.Recover, wire.RecoverConfirm]
)
def test_every_command_before_login_completes(tmp_path: File, fault: Fault, operation: type) -> None:
    commands: dict[type, api.Command] = {
        wire.Hello: api.GetOfferCommand(COMMAND_TIMEOUT),
        wire.Register: api.RegisterCommand("anna", "a password"),
        wire.LoginPassword: api.LoginCommand("anna", "a password"),
        wire.Recover: api.RecoverCommand("anna"),
        wire.RecoverConfirm: api.RecoverConfirmCommand("anna", "code", "new password"),
    }

    async def everything() -> None:
        async with FakeServer() as server:
            person = Person(tmp_path / "anna", limits=ONE_COMMAND)
            server.answers[operation] = lambda request: fault(server)
            try:
                if operation is wire.Hello and fault is answers_login_required:
                    return
                connected = await outcome_of(person, api.ConnectCommand(address=server.address, accept_new=True))
                assert isinstance(connected, api.CommandError) == (operation is wire.Hello)
                assert isinstance(await outcome_of(person, commands[operation]), api.CommandError)
            finally:
                await person.client.close()

    asyncio.run(everything())


# --- The thread -------------------------------------------------------------------------------------------------------


class HangingClient(Client):
    """A client whose commands never complete and which does not close in time."""

    closing = threading.Event()

    async def call(self, command: api.Command) -> Any:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closing.set()
        await asyncio.Event().wait()


def test_commands_complete_when_the_network_thread_hangs(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanchat.app.thread.Client", HangingClient)
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None)
    thread.start()
    open_one = thread.call(api.ListRoomsCommand())
    thread.stop(0.2)
    for future in (open_one, thread.call(api.ListRoomsCommand())):
        assert isinstance(future.exception(DEADLINE), api.CommandError)


def test_commands_given_during_thread_shutdown_are_answered(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: None)
    thread.start()
    futures, stop = [], threading.Event()

    def give() -> None:
        while not stop.is_set():
            futures.append(thread.call(api.ListRoomsCommand()))

    giver = threading.Thread(target=give)
    giver.start()
    wait_until(lambda: len(futures) > 10, DEADLINE, "commands are given")
    thread.stop(DEADLINE)
    stop.set()
    giver.join(DEADLINE)
    assert all(isinstance(future.exception(DEADLINE), api.CommandError) for future in futures)


def test_result_is_delivered_before_later_events(tmp_path: File) -> None:
    """A list of rooms that is made before an event and delivered after it would revert the window."""
    order: list[str] = []
    thread = ClientThread(ProfileStore.open(tmp_path / "p"), lambda event: order.append("event"), config=ClientConfig())
    thread.start()
    client = thread._client
    assert client is not None

    async def call(command: api.Command) -> Any:
        asyncio.get_running_loop().call_soon(client.emit, api.Notice(details_of("after the result")))
        return "result"

    client.call = call  # type: ignore[method-assign]
    future = thread.call(api.ListRoomsCommand())
    future.add_done_callback(lambda done: order.append("result"))
    wait_until(lambda: len(order) == 2, DEADLINE, "both are heard")
    thread.stop(DEADLINE)
    assert order == ["result", "event"]

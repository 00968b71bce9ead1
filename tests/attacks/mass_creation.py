"""Mass creation of rooms, of accounts with long names, of throttle entries for names that grow when normalized.

In each case: log-ins still succeed, lists are complete, memory is bounded.
"""

import contextlib
import time
from pathlib import Path

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, RoomKind
from tests.attacks.chat_load import peak_memory
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import RecordingClient
from tests.attacks.rights import new_name, refused
from tests.attacks.unread import wide
from tests.support.procs import ServerProcess, json_lines, run_client
from tests.support.raw import RawClient

PASSWORD = "correct horse"
GROWTH_MAX = 48 << 20
# A name of 32 characters that compatibility normalisation makes eighteen times as long.
_GROWING = "\ufdfa"
# Octets of the server's memory for one try at an invented name.
TRY_MAX = 4096


def many_rooms(server: ServerProcess, watcher: RecordingClient, accounts: int, each: int) -> Outcome:
    """New accounts make public rooms with the longest names as fast as they may; then everybody logs in, and the
    administrator deletes one."""
    outcome = Outcome(f"{accounts} new accounts make public rooms with long names", 0)
    made = 0
    with peak_memory(server) as memory, contextlib.ExitStack() as stack:
        makers = [stack.enter_context(RawClient(server.port, timeout=60)) for _ in range(accounts)]
        for maker in makers:
            assert isinstance(maker.register(new_name("maker")), wire.LoggedIn)
        for number in range(accounts * each):
            made += not refused(_make(makers[number % accounts], wide(number)))
            outcome.attempts += 1
            if number % 200 == 0:
                watcher.request(wire.GetProfile(), 30)
    outcome.memory = memory[0], memory[1]
    with RawClient(server.port, timeout=60) as late, RawClient(server.port, key=watcher.key, timeout=60) as again:
        outcome.expect(isinstance(late.register(new_name("late")), wire.LoggedIn), "nobody comes in")
        outcome.expect(isinstance(again.log_in_by_key(), wire.LoggedIn), "nor does the administrator")
        listed = again.everything(wire.ListRooms())
        victim = next(room for room in listed if not room.joined)
        gone = again.request(wire.DeleteRooms([victim.id], PASSWORD))
        outcome.expect(gone == wire.Done(), f"the administrator deletes no room: {gone}")
    growth = memory[1] - memory[0]
    outcome.expect(growth < GROWTH_MAX, f"the server grew by {growth >> 20} MiB")
    outcome.seen = f"{made:,} were made; everybody logs in, {len(listed):,} are listed in pages, one is deleted"
    return outcome


def _make(maker: RawClient, room: str) -> object:
    while True:
        answer = maker.request(wire.CreateRoom(room, RoomKind.PUBLIC, HistoryPolicy.EVERYTHING), 60)
        if not refused(answer, Code.BUSY) or answer.retry_ms > 1000:
            return answer
        time.sleep(answer.retry_ms / 1000)


def many_accounts(server: ServerProcess, watcher: RecordingClient, folder: Path, accounts: int) -> Outcome:
    """Accounts with the longest display names, from as many addresses; then lists and `lanchat online` are whole."""
    outcome = Outcome(f"{accounts:,} accounts with long names", 0)
    with peak_memory(server) as memory:
        for number in range(accounts):
            with RawClient(server.port, timeout=60) as client:
                answer = client.register(new_name("long"), display_name=wide(number))
            outcome.attempts += 1
            outcome.expect(isinstance(answer, wire.LoggedIn), f"{answer}")
            if number % 50 == 0:
                watcher.request(wire.GetProfile(), 30)
    outcome.memory = memory[0], memory[1]
    listed = watcher.everything(wire.ListUsers())
    server.add_account("reader")
    address = ["--server", server.address, "--accept-new", "--user", "reader"]
    told = run_client(["online", "--all", "--json", *address], folder, env={"LANCHAT_PASSWORD": PASSWORD})
    outcome.expect(told.returncode == 0, f"online ended with {told.returncode}: {told.stderr}")
    people = len(json_lines(told.stdout))
    outcome.expect(accounts <= people <= len(listed) + 1, f"{people} people told of {len(listed)}")
    outcome.seen = f"{len(listed):,} are listed in pages; `online` tells {people:,}"
    return outcome


def growing_user_names(server: ServerProcess, tries: int) -> Outcome:
    """A stranger tries names that normalisation makes eighteen times as long, each from an address of its own."""
    outcome = Outcome("tries at names that grow eighteen-fold", 0)
    _try(server, "0")
    with peak_memory(server) as memory:
        for number in range(tries):
            outcome.attempts += 1
            outcome.accepted += not refused(_try(server, str(number)))
    outcome.memory = memory[0], memory[1]
    each = (memory[1] - memory[0]) / tries
    # A password that is being checked takes 19 MiB for a moment.
    outcome.expect(memory[1] - memory[0] < (24 << 20) + tries * TRY_MAX, f"{each / 1024:.1f} KiB a try")
    outcome.seen = f"+{(memory[1] - memory[0]) / (1 << 20):.1f} MiB in all"
    return outcome


def _try(server: ServerProcess, number: str) -> object:
    with RawClient(server.port, timeout=60) as stranger:
        return stranger.log_in(number.rjust(6, "x") + _GROWING * 26, "not the password")

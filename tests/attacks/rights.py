"""Ended rights and lost devices: what still works for their former or present holder.

Each attacker attempts everything that needs the ended right, over the network; `accepted` counts what had an effect.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.codes import Code, HistoryPolicy, Role, RoomKind
from lanchat.protocol.log.messages import Kind
from lanchat.protocol.wire import pack_frame
from tests.attacks import databases
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import RecordingClient
from tests.support.procs import ROOT, ServerProcess, plain_environment
from tests.support.raw import RawClient

PASSWORD = "correct horse"
NEW_PASSWORD = "battery staple"


def new_name(of: str) -> str:
    """One that nobody has yet."""
    return f"{of}{time.time_ns():x}"


def refused(result: Any, *codes: Code) -> bool:
    """With one of these codes; without codes with any."""
    return isinstance(result, wire.Failure) and (not codes or result.code in codes)


def server_command(server: ServerProcess, *words: str, password: str = "") -> "subprocess.CompletedProcess[str]":
    """A command of the administrator on the server's computer."""
    argv = [sys.executable, "-m", "lanchat_server", *words, "--data-dir", str(server.data_dir), "--json"]
    argv += ["--database", server.database] if server.database else []
    env = plain_environment(server.data_dir, {"LANCHAT_PASSWORD": password} if password else None)
    return subprocess.run(argv, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def queued_requests_after_revocation(server: ServerProcess, watcher: RecordingClient, rounds: int) -> Outcome:
    """The finder of a device invites accomplices with requests that wait in his session while the device is revoked:
    nothing that he asked for happens after the revocation was answered."""
    outcome = Outcome("requests that wait in a session while its device is revoked", 0)
    for _ in range(rounds):
        with RawClient(server.port) as thief, RawClient(server.port) as accomplice:
            user = thief.register(new_name("thief")).user.id
            friend = accomplice.register(new_name("friend")).user.id
            rooms = [_private(thief) for _ in range(10)]
            requests = [wire.Request(1000 + n, wire.InviteUser(room, friend)) for n, room in enumerate(rooms)]
            requests += [wire.Request(2000, wire.SetProfile("Taken over", None))]
            thief.sock.sendall(b"".join(pack_frame(request) for request in requests))
            # The administrator's log-in by password is less than five minutes ago.
            assert watcher.request(wire.RevokeDevice(thief.device)) == wire.Done()
            before = _seen(accomplice, watcher, user)
            outcome.attempts += len(requests)
            time.sleep(0.3)
            outcome.accepted += _seen(accomplice, watcher, user) != before
    return outcome


def _seen(accomplice: RawClient, watcher: RecordingClient, user: int) -> tuple[int, str]:
    rooms = accomplice.everything(wire.ListRooms())
    names = {each.id: each.display_name for each in watcher.everything(wire.ListUsers())}
    return sum(room.kind is RoomKind.PRIVATE for room in rooms), names[user]


def _private(client: RawClient, history: HistoryPolicy = HistoryPolicy.EVERYTHING) -> int:
    answer = client.request(wire.CreateRoom(new_name("secret"), RoomKind.PRIVATE, history))
    assert isinstance(answer, wire.RoomResult), answer
    return answer.room.id


def lost_device(server: ServerProcess) -> Outcome:
    """The finder of a device makes himself at home: another address, the owner's other device, all sessions."""
    outcome = Outcome("the finder of a device: e-mail, other devices, all sessions", 0)
    with RawClient(server.port) as lost, RawClient(server.port) as desk:
        owner = new_name("owner")
        lost.register(owner, email="owner@example.org")
        desk.log_in(owner)
        others = [RawClient(server.port, key=lost.key) for _ in range(3)]
        assert all(isinstance(other.log_in_by_key(), wire.LoggedIn) for other in others)
        finder = others[0]
        for password in ("", "a guess at it"):
            for tried in (
                wire.SetProfile(None, "finder@example.org", password),
                wire.RevokeDevice(desk.device, password),
                wire.ChangePassword(password, NEW_PASSWORD),
            ):
                outcome.attempts += 1
                outcome.accepted += not refused(finder.request(tried))
        outcome.accepted += finder.request(wire.GetProfile()).email != "owner@example.org"
        # All five places are taken; the owner comes in all the same, and shuts the device out.
        with RawClient(server.port) as again:
            inside = isinstance(again.log_in(owner), wire.LoggedIn)
            outcome.expect(inside, "the owner cannot log in")
            outcome.expect(inside and again.request(wire.RevokeDevice(lost.device)) == wire.Done(), "nor revoke it")
        with RawClient(server.port, key=lost.key) as back:
            outcome.attempts += 1
            outcome.accepted += not refused(back.log_in_by_key(), Code.DEVICE_REVOKED)
        for other in others:
            other.close()
    return outcome


def recovery_codes_after_password_change(server: ServerProcess) -> Outcome:
    """A recovery code that was made before a change of the password sets no new one after it."""
    outcome = Outcome("a recovery code from before a change of the password", 1)
    with RawClient(server.port) as owner, RawClient(server.port) as thief:
        user = new_name("owner")
        owner.register(user)
        made = server_command(server, "users", "reset-password", user)
        code = next(word for word in made.stdout.replace('"', " ").split() if word.isdigit() and len(word) == 8)
        assert owner.request(wire.ChangePassword(PASSWORD, NEW_PASSWORD)) == wire.Done()
        thief.hello()
        outcome.accepted = not refused(thief.request(wire.RecoverConfirm(user, code, "the thief's own"), 30))
    return outcome


def invite_codes_of_former_moderators(folder: Path) -> Outcome:
    """Registration codes of a moderator who was disabled, demoted or shut out let nobody in."""
    outcome = Outcome("registration codes of moderators who are none any more", 0)
    config = folder / "invite.toml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text('registration = "invite"\n')
    with ServerProcess(folder / "server", database=databases.new_database(), extra=("--config", str(config))) as server:
        for how in (("disable",), ("set-role", "member")):
            user = f"moderator-{how[0]}"
            server.add_account(f"admin-{how[0]}")
            server.add_account(user)
            assert server_command(server, "users", "set-role", user, "moderator").returncode == 0
            with RawClient(server.port) as moderator, RawClient(server.port) as friend:
                assert moderator.log_in(user).user.role is Role.MODERATOR
                code = moderator.request(wire.CreateInvite(5, 3600)).code
                done = server_command(server, "users", how[0], user, *how[1:])
                assert done.returncode == 0, done.stderr
                outcome.attempts += 1
                outcome.accepted += not refused(
                    friend.register(new_name("friend"), invite_code=code), Code.INVITE_INVALID
                )
    return outcome


# --- What answers tell ------------------------------------------------------------------------------------------------


def private_room_names(server: ServerProcess, tries: int) -> Outcome:
    """Whether `CreateRoom` tells which private rooms there are; by its time: timing.py."""
    outcome = Outcome("names of private rooms, asked for with CreateRoom", 0)
    with RawClient(server.port) as owner, RawClient(server.port) as other:
        owner.register(new_name("owner"))
        other.register(new_name("curious"))
        taken = [new_name("Merger") for _ in range(tries)]
        for each in taken:
            assert isinstance(owner.request(_create(each)), wire.RoomResult)

        def ask(what: str) -> Any:
            return other.request(_create(what))

        pairs = [(each, new_name("Nothing")) for each in taken]
        _compare(outcome, ask, pairs, lambda answer: answer.code if refused(answer) else "made")
    return outcome


def _create(room: str) -> wire.CreateRoom:
    return wire.CreateRoom(room, RoomKind.PRIVATE, HistoryPolicy.EVERYTHING)


def numbers_before_joining(server: ServerProcess, tries: int) -> Outcome:
    """Whether reactions, replies, edits and deletions tell which numbers below `first_seq` live."""
    outcome = Outcome("messages from before one's joining, asked for with reactions to them", 0)
    with RawClient(server.port) as owner, RawClient(server.port) as late:
        owner.register(new_name("owner"))
        user = late.register(new_name("late")).user.id
        room = _private(owner, HistoryPolicy.SINCE_JOINING)
        for number in range(1, 11):
            assert owner.say(room, f"number {number}").seq == number
        assert owner.request(wire.InviteUser(room, user)) == wire.Done()
        late.wait_for(wire.RoomChanged)

        def ask(ref: int) -> Any:
            message = late.message(room, "👍", kind=Kind.REACTION, ref=ref)
            while True:
                late.send(wire.Submit([message]))
                if isinstance(answer := late.wait_for(wire.Decided | wire.Busy, 30), wire.Decided):
                    return answer.receipts[0]
                time.sleep(answer.retry_ms / 1000)

        pairs = [(1 + n % 9, 1000 + n) for n in range(tries)]
        _compare(outcome, ask, pairs, lambda receipt: receipt.code or "stored")
    return outcome


def _compare(
    outcome: Outcome,
    ask: Callable[[Any], Any],
    pairs: list[tuple[Any, Any]],
    told: Callable[[Any], object],
) -> None:
    """Ask about what there is and what there is not, by turns; a difference in the answers is a success."""
    for number, pair in enumerate(pairs):
        answers: list[object] = [None, None]
        for side in (0, 1) if number % 2 else (1, 0):
            answers[side] = told(ask(pair[side]))
        outcome.attempts += 1
        outcome.accepted += answers[0] != answers[1]

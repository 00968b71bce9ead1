"""What people do: talk, change who is in which room, lose computers; and what strangers and rogue members try."""

from collections.abc import Callable
from typing import Any

from lanchat.protocol import wire
from lanchat.protocol.messages import Header, Kind, Message, make_message
from lanchat.protocol.records import sign_head
from lanchat.protocol.wire import HistoryPolicy, PresenceState, RoomKind
from tests.sim.client import Process, Profile
from tests.sim.scene import PRIVATE, SINCE_JOINING, USERS
from tests.support.rig import GENERAL, LOG_ID, LOG_KEY

# An address from which no session ever came.
STRANGER = (0, 1)


class People:
    """One of them does one thing at a time."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._random = world.random
        random = self._random
        # Each run has its own habits.
        self._acts: list[tuple[Callable[[Process], None], float]] = [
            (self._talk, 12.0),
            (self._read, 1.0),
            (self._scroll, random.choice([0.0, 1.0])),
            (self._manage, random.choice([0.0, 1.0, 4.0])),
            (self._carry, random.choice([0.0, 1.0, 3.0])),
            (self._forge, random.choice([0.0, 1.0])),
            (self._second_process, random.choice([0.0, 0.0, 1.0])),
            (self._revoke, random.choice([0.0, 0.2])),
            (self._stranger, random.choice([0.0, 1.0])),
            (self._false_head, random.choice([0.0, 0.0, 1.0])),
        ]

    def act(self) -> None:
        """Somebody does something."""
        processes = [process for profile in self._world.profiles for process in profile.processes]
        if processes:
            acts, weights = zip(*self._acts, strict=True)
            self._random.choices(acts, weights)[0](self._random.choice(processes))

    # --- Talking -----------------------------------------------------------------------------------------------------

    def _talk(self, process: Process) -> None:
        """Also in rooms where one is not a member any more, or never was."""
        random = self._random
        joined = [room.id for room in process.core.directory.rooms.values() if room.joined]
        room = random.choice(joined) if joined and random.random() < 0.95 else self._some_room()
        for _ in range(random.choice([1, 1, 1, 1, 2, 8])):
            if process.alive:
                self._say(process, room)

    def _some_room(self) -> int:
        return self._random.choice(list(self._world.database.rooms))

    def _say(self, process: Process, room: int) -> None:
        random = self._random
        head = self._world.database.rooms[room].head.seq
        ref = random.randint(1, head) if head else 0
        roll = random.random()
        if roll < 0.7 or not ref:
            body = "x" * random.choice([1, 40, 40, 300, 1500])
            process.say(room, Kind.TEXT, body, ref if roll < 0.1 else 0)
        elif roll < 0.82:
            process.say(room, Kind.EDIT, "edited", ref)
        elif roll < 0.9:
            process.say(room, Kind.REACTION, "+1", ref)
        else:
            process.say(room, Kind.DELETE, "", ref)

    def _read(self, process: Process) -> None:
        room = self._some_room()
        process.core.mark_read(room, process.core.cursor(room), self._world.clock.now)
        state = self._random.choice([PresenceState.ONLINE, PresenceState.AWAY])
        process.core.set_activity(state, self._world.clock.now)
        process.pump()

    def _scroll(self, process: Process) -> None:
        if process.core.fetch_older(self._some_room(), self._world.clock.now):
            self._world.counters["older page asked for"] += 1
        process.pump()

    # --- Rooms and devices -------------------------------------------------------------------------------------------

    def _manage(self, process: Process) -> None:
        """Change who may read what."""
        random = self._random
        room, user = self._some_room(), random.choice(USERS)
        operations: list[Callable[[], Any]] = [
            lambda: wire.InviteUser(room, user),
            lambda: wire.InviteUser(room, user),
            lambda: wire.RemoveUser(room, user),
            lambda: wire.RemoveUser(room, user),
            lambda: wire.LeaveRoom(room),
            lambda: wire.JoinRoom(room),
            lambda: wire.SetHistoryPolicy(room, random.choice(list(HistoryPolicy))),
            lambda: wire.OpenDirect(user),
            lambda: self._new_room(),
            lambda: wire.ListRooms(),
        ]
        process.ask(random.choice(operations)())

    def _new_room(self) -> wire.CreateRoom:
        random = self._random
        kind = random.choice([RoomKind.PUBLIC, RoomKind.PRIVATE])
        return wire.CreateRoom(f"room {random.randint(1, 3)}", kind, random.choice(list(HistoryPolicy)))

    def _revoke(self, process: Process) -> None:
        """A lost laptop: somebody with two computers ends the other one. Sometimes by logging out there."""
        mine = [other for other in self._world.profiles if other.user == process.profile.user and not other.revoked]
        if len(mine) > 1:
            other = self._random.choice([profile for profile in mine if profile is not process.profile])
            if self._random.random() < 0.3 and other.processes:
                other.processes[0].ask(wire.Logout())
            else:
                process.ask(wire.RevokeDevice(other.device))

    def _second_process(self, process: Process) -> None:
        """The command line beside the window; it ends soon."""
        profile = process.profile
        if len(profile.processes) == 1:
            self._world.counters["second process"] += 1
            second = profile.start()
            if self._random.random() < 0.7:
                self._world.clock.after(0.2, self._talk_if_alive, second)
            self._world.clock.after(self._random.uniform(0.1, 4.0), second.crash)

    def _talk_if_alive(self, process: Process) -> None:
        if process.alive:
            self._talk(process)

    # --- Others' messages --------------------------------------------------------------------------------------------

    def _carry(self, process: Process) -> None:
        """Hand in what waits at somebody else's computer, perhaps without what comes before it."""
        waiting = [item for profile in self._others(process) for item in profile.store.outgoing()]
        if waiting:
            self._world.counters["message handed in for somebody else"] += 1
            process.submit(self._random.choice(waiting).message)

    def _others(self, process: Process) -> list[Profile]:
        return [profile for profile in self._world.profiles if profile is not process.profile]

    def _forge(self, process: Process) -> None:
        """Hand in something under another's name: his next number, somebody else's signature; or his own message with
        another body."""
        victim = self._random.choice(self._others(process))
        runs = [other.core.run for other in victim.processes]
        if not runs:
            return
        self._world.counters["forgery handed in"] += 1
        waiting = victim.store.outgoing()
        if waiting and self._random.random() < 0.5:
            message = waiting[0].message
            forged = Message(message.header, b"what he never said", message.signature)
        else:
            room = self._random.choice([GENERAL, PRIVATE, SINCE_JOINING])
            n = self._random.randint(1, 5)
            header = Header(room, victim.device, runs[0], n, Kind.TEXT, 0, 0, 0)
            forged = make_message(process.profile.author.key, LOG_ID, header, "what he never said")
        process.submit(forged)

    # --- Strangers ---------------------------------------------------------------------------------------------------

    def _stranger(self, process: Process) -> None:
        """Somebody on the same network: rubbish, what he overheard, what he overheard and changed."""
        world, random = self._world, self._random
        if not world.overheard:
            return
        datagram, server = random.choice(world.overheard)
        roll = random.random()
        if roll < 0.4:
            world.counters["replayed datagram"] += 1
        elif roll < 0.7:
            datagram = datagram[:13] + random.randbytes(len(datagram) - 13)
        else:
            datagram = random.randbytes(random.randint(0, 200))
        server.datagram(datagram, STRANGER)
        process.datagram(datagram)

    def _false_head(self, process: Process) -> None:
        """A head that the log did not sign, or signed for another epoch, in a datagram whose seal holds: whoever has a
        session's keys must not be able to say where a room stands."""
        world, random = self._world, self._random
        room = random.choice([GENERAL, PRIVATE, SINCE_JOINING])
        head = world.database.rooms[room].head
        seq, chain = head.seq + random.randint(0, 3), random.randbytes(32)
        key, epoch = (LOG_KEY, world.epoch + 1) if random.random() < 0.5 else (process.profile.author.key, world.epoch)
        false = sign_head(key, LOG_ID, epoch, room, seq, chain, head.time_ms)
        world.counters["false head"] += 1
        process.take([wire.Heads([false])])

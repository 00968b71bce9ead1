"""What people do: talk, change who is in which room, lose computers; and what strangers and rogue members try."""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from lanchat.protocol import wire
from lanchat.protocol.codes import HistoryPolicy, PresenceState, RoomKind
from lanchat.protocol.log.messages import Header, Kind, Message, make_message
from lanchat.protocol.log.records import sign_head
from tests.sim.client import Process
from tests.sim.profile import Profile
from tests.sim.scene import PRIVATE, SINCE_JOINING, USERS
from tests.support.rig import GENERAL, LOG_ID, LOG_KEY

# An address from which no session ever came.
STRANGER = (0, 1)
# How many datagrams a stranger sends again at once: more than the smallest replay window.
_REPLAYED = 40


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
            (self._invite_absent, random.choice([0.0, 0.0, 1.5])),
            (self._carry, random.choice([0.0, 1.0, 3.0])),
            (self._forge, random.choice([0.0, 1.0])),
            (self._second_process, random.choice([0.0, 0.0, 1.0])),
            (self._revoke, random.choice([0.0, 0.5])),
            (self._stranger, random.choice([0.0, 1.0])),
            (self._false_head, random.choice([0.0, 0.0, 3.0])),
            (self._false_record, random.choice([0.0, 0.0, 3.0])),
        ]

    def act(self) -> None:
        """Somebody does something."""
        awake = [profile for profile in self._world.profiles if profile.awake]
        processes = [process for profile in awake for process in profile.processes]
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
        # Somebody may not have heard yet that a room was deleted.
        known = self._world.database.rooms.get(room)
        head = known.head.seq if known is not None else 0
        ref = random.randint(1, head) if head else 0
        roll = random.random()
        if roll < 0.7 or not ref:
            self._world.said += 1
            body = f"{self._world.said} " + "x" * random.choice([1, 40, 40, 300, 1500, 3900])
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
        """Change who may read what: mostly where it can be changed, and mostly by somebody who may."""
        random = self._random
        room, user = self._some_closed_room(), random.choice(USERS)
        members = [member for of, member in self._world.database.memberships if of == room]
        operations: list[Callable[[], Any]] = [
            lambda: wire.InviteUser(room, user),
            lambda: wire.InviteUser(room, user),
            lambda: wire.RemoveUser(room, random.choice(members or USERS)),
            lambda: wire.RemoveUser(room, random.choice(members or USERS)),
            lambda: wire.LeaveRoom(room),
            lambda: wire.JoinRoom(room),
            lambda: wire.SetHistoryPolicy(room, random.choice(list(HistoryPolicy))),
            lambda: wire.OpenDirect(user),
            lambda: self._new_room(),
            lambda: wire.ListRooms(),
        ]
        managers = [process, *(other for profile in self._world.profiles[:1] for other in profile.processes)]
        random.choice(managers).ask(random.choice(operations)())

    def _invite_absent(self, process: Process) -> None:
        """Make somebody a member while his computers are off; there is talk before he is back."""
        world = self._world
        members = world.database.memberships
        mine = [room.id for room in process.core.directory.rooms.values() if room.joined and room.id != GENERAL]
        places = [(room, user) for room in mine for user in USERS if (room, user) not in members]
        if not places:
            return
        room, user = self._random.choice(places)
        process.ask(wire.InviteUser(room, user))
        for profile in world.profiles:
            if profile.user == user and profile.processes:
                for other in list(profile.processes):
                    other.crash()
                world.revive(profile)
        world.clock.after(0.5, self._talk_if_alive, process)
        world.counters["invited while away"] += 1

    def _some_closed_room(self) -> int:
        rooms = [room for room in self._world.database.rooms if room != GENERAL]
        return self._random.choice(rooms or [GENERAL]) if self._random.random() < 0.9 else GENERAL

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
        """The command line beside the window; mostly it ends soon."""
        profile = process.profile
        if len(profile.processes) == 1:
            self._world.counters["second process"] += 1
            second = profile.start()
            if self._random.random() < 0.7:
                self._world.clock.after(0.2, self._talk_if_alive, second)
            if self._random.random() < 0.8:
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
        """Somebody on the same network: rubbish, what he overheard, what he overheard and changed; to whom it went or
        to somebody else, from his own address or under the first sender's."""
        world, random = self._world, self._random
        if not world.overheard:
            return
        heard = list(world.overheard)
        if random.random() < 0.3:
            for seen in heard[-_REPLAYED:]:
                self._replay(seen, seen.datagram, process)
            return
        seen = random.choice(heard)
        datagram, roll = seen.datagram, random.random()
        if roll < 0.4:
            datagram = datagram[:13] + random.randbytes(max(0, len(datagram) - 13))
        elif roll < 0.6:
            datagram = random.randbytes(random.randint(0, 200))
        self._replay(seen, datagram, process)

    def _replay(self, seen: Any, datagram: bytes, process: Process) -> None:
        world, random = self._world, self._random
        world.counters["replayed datagram"] += datagram is seen.datagram
        if seen.server is None:
            target = world.sockets.get(seen.address) if random.random() < 0.7 else process
            if target is not None:
                target.datagram(datagram)
            return
        server = seen.server if random.random() < 0.7 or not world.servers else random.choice(world.servers)
        server.datagram(datagram, seen.address if random.random() < 0.5 else STRANGER)

    def _false_record(self, process: Process) -> None:
        """A record that the log does not have, in a datagram whose seal holds: the next that this client waits for, or
        one beyond, with another body or another time."""
        world, random = self._world, self._random
        room = random.choice([GENERAL, PRIVATE, SINCE_JOINING])
        stored = world.database.records[room]
        if not stored:
            return
        model = random.choice(stored).record
        seq = process.core.cursor(room) + random.randint(1, 3)
        false = structs.replace(model, seq=seq, time_ms=model.time_ms + random.randint(0, 1), body=b"never said")
        world.counters["false record"] += 1
        process.take([wire.Records(room, [false], None)])

    def _false_head(self, process: Process) -> None:
        """A head that the log did not sign, or signed for another epoch, in a datagram whose seal holds: whoever has a
        session's keys must not be able to say where a room stands."""
        world, random = self._world, self._random
        room = random.choice([GENERAL, PRIVATE, SINCE_JOINING])
        if room not in world.database.rooms:
            return
        head = world.database.rooms[room].head
        seq, chain = head.seq + random.randint(0, 3), random.randbytes(32)
        key, epoch = (LOG_KEY, world.epoch + 1) if random.random() < 0.5 else (process.profile.author.key, world.epoch)
        false = sign_head(key, LOG_ID, epoch, room, seq, chain, head.time_ms)
        world.counters["false head"] += 1
        process.take([wire.Heads([false])])

"""What goes wrong: each run has its own selection of faults, so that combinations come up that would drown in all."""

from collections.abc import Callable
from typing import Any

from tests.sim.client import Process
from tests.sim.network import BOTH, Way
from tests.sim.profile import Profile
from tests.sim.store import Tear


class Faults:
    """`strike` makes one fault happen."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self._random = world.random
        faults: list[tuple[Callable[[], None], float]] = [
            (self._server_crash, 3.0),
            (self._server_power_cut, 1.0),
            (self._second_server, 1.0),
            (self._database_away, 1.0),
            (self._server_paused, 1.0),
            (self._client_crash, 3.0),
            (self._client_power_cut, 1.0),
            (self._client_asleep, 1.0),
            (self._old_image, 1.0),
            (self._torn_write, 2.0),
            (self._full_disk, 2.0),
            (self._outbox_damaged, 2.0),
            (self._partition, 3.0),
            (self._one_way, 2.0),
            (self._udp_blocked, 2.0),
            (self._tls_stalls, 2.0),
            (self._blackhole, 1.0),
            (self._clock_jump, 6.0),
            (self._slow_consumer, 2.0),
            (self._new_address, 1.0),
            (self._moved, 1.0),
            (self._reset, 1.0),
            (self._tls_forgotten, 2.0),
        ]
        self._faults = [fault for fault in faults if self._random.random() < 0.5] or faults
        if world.scene.peers:
            self._faults += [(self._servers_unreachable, 15.0), (self._islands, 5.0), (self._pair_cut, 3.0)]

    def strike(self) -> None:
        faults, weights = zip(*self._faults, strict=True)
        self._random.choices(faults, weights)[0]()

    def _count(self, what: str) -> None:
        self._world.counters[what] += 1

    def _some_server(self) -> Any:
        servers = self._world.servers
        return self._random.choice(servers) if servers else None

    def _some_profile(self) -> Profile:
        profile: Profile = self._random.choice(self._world.profiles)
        return profile

    def _some_process(self) -> Process | None:
        profile = self._some_profile()
        return self._random.choice(profile.processes) if profile.processes else None

    # --- Servers -----------------------------------------------------------------------------------------------------

    def _server_crash(self) -> None:
        server = self._some_server()
        if server is not None:
            self._count("server crash")
            server.crash()

    def _server_power_cut(self) -> None:
        server = self._some_server()
        if server is not None:
            self._count("server power cut")
            server.crash(power=True)

    def _server_paused(self) -> None:
        """It does not know that it was stopped; another one may have been started meanwhile."""
        server = self._some_server()
        if server is not None:
            self._count("server paused")
            server.pause(self._some_pause())

    def _some_pause(self) -> float:
        return self._random.uniform(0.1, 4.0) if self._random.random() < 0.8 else self._random.uniform(8.0, 25.0)

    def _second_server(self) -> None:
        """Somebody starts another one on the same database."""
        if len(self._world.servers) == 1:
            self._count("second server")
            self._world.start_server()

    def _database_away(self) -> None:
        self._count("database away")
        self._world.database_away_until = self._world.clock.now + self._random.uniform(0.1, 5.0)

    # --- Clients -----------------------------------------------------------------------------------------------------

    def _client_crash(self) -> None:
        self._end_client(power=False)

    def _client_power_cut(self) -> None:
        self._end_client(power=True)

    def _end_client(self, *, power: bool) -> None:
        process = self._some_process()
        if process is None:
            return
        self._count("client power cut" if power else "client crash")
        for other in list(process.profile.processes) if power else [process]:
            other.crash(power=power)
        if self._random.random() < 0.1:
            process.profile.gone = True
            self._count("client gone for good")
            for other in list(process.profile.processes):
                other.crash(power=power)
        self._world.revive(process.profile)

    def _client_asleep(self) -> None:
        self._count("client asleep")
        self._some_profile().sleep(self._some_pause())

    def _old_image(self) -> None:
        """First a backup of a computer's disk, the next time that is put back."""
        profile = self._some_profile()
        profile = next((other for other in self._world.profiles if other.image is not None), profile)
        if profile.image is None:
            profile.image = profile.store.image()
            return
        self._count("disk put back to an image")
        for process in list(profile.processes):
            process.crash(power=True)
        profile.put_back_image()
        self._world.revive(profile)

    def _torn_write(self) -> None:
        self._some_profile().store.tear = self._random.choice(list(Tear))

    def _full_disk(self) -> None:
        store = self._some_profile().store
        store.fail = True
        self._world.clock.after(self._random.uniform(0.1, 3.0), self._disk_freed, store)

    @staticmethod
    def _disk_freed(store: Any) -> None:
        store.fail = False

    def _outbox_damaged(self) -> None:
        """A message that waits is lost by the disk, and the process that knew of it ends."""
        profile = self._some_profile()
        waiting = [item.key for item in profile.store.outgoing()]
        if waiting:
            self._count("outbox damaged")
            for process in list(profile.processes):
                process.crash()
            profile.store.damage(waiting[0])
            self._world.revive(profile)

    # --- Network -----------------------------------------------------------------------------------------------------

    def _partition(self) -> None:
        self._count("partition")
        self._world.network.block(self._some_profile().number, BOTH, self._random.uniform(0.2, 15.0))

    def _one_way(self) -> None:
        self._count("one-way partition")
        way = self._random.choice(list(Way))
        self._world.network.block(self._some_profile().number, (way,), self._random.uniform(0.2, 15.0))

    def _udp_blocked(self) -> None:
        self._count("UDP blocked")
        ways = self._random.choice([BOTH, (Way.UP,), (Way.DOWN,)])
        self._world.network.block(self._some_profile().number, ways, self._random.uniform(0.5, 20.0), tls=False)

    def _tls_stalls(self) -> None:
        self._count("TLS stalls")
        ways = self._random.choice([BOTH, (Way.UP,), (Way.DOWN,)])
        self._world.network.block(self._some_profile().number, ways, self._random.uniform(0.5, 12.0), udp=False)

    def _blackhole(self) -> None:
        self._count("blackhole")
        self._world.network.blackhole(self._random.uniform(0.1, 5.0))

    def _slow_consumer(self) -> None:
        """A process that does not read its connection for a while."""
        process = self._some_process()
        if process is not None and process.link is not None:
            self._count("slow consumer")
            process.link.down.stalled_until = self._world.clock.now + self._random.uniform(0.5, 6.0)

    def _new_address(self) -> None:
        process = self._some_process()
        if process is not None and process.session_began is not None:
            self._count("address changed")
            process.new_address()

    def _moved(self) -> None:
        process = self._some_process()
        if process is not None and process.session_began is not None:
            self._count("moved to another network")
            process.move()

    def _tls_forgotten(self) -> None:
        """A firewall that was restarted drops the connection's segments, and lets datagrams through."""
        process = self._some_process()
        if process is not None and process.link is not None:
            self._count("TLS dies silently")
            process.forget_tls()

    def _reset(self) -> None:
        """A middlebox forgets the connection."""
        process = self._some_process()
        if process is not None and process.link is not None:
            self._count("connection reset")
            process.link.down.reset()
            process.link.up.reset()

    # --- Peers ------------------------------------------------------------------------------------------------------

    def _servers_unreachable(self) -> None:
        """From all computers, or from most of them."""
        self._count("servers unreachable")
        seconds = self._random.uniform(5.0, 40.0)
        for profile in self._world.profiles:
            if self._random.random() < 0.9:
                self._world.network.block(profile.number, BOTH, seconds)

    def _islands(self) -> None:
        """Two halves that do not see each other, and no server."""
        self._count("islands")
        numbers = [profile.number for profile in self._world.profiles]
        ones = {number for number in numbers if self._random.random() < 0.5}
        seconds = self._random.uniform(5.0, 40.0)
        self._world.peers.cut(ones, set(numbers) - ones, seconds)
        for number in numbers:
            self._world.network.block(number, BOTH, seconds)

    def _pair_cut(self) -> None:
        self._count("peers: two do not see each other")
        one, other = self._some_profile().number, self._some_profile().number
        self._world.peers.cut({one}, {other}, self._random.uniform(5.0, 60.0))

    # --- Time --------------------------------------------------------------------------------------------------------

    def _clock_jump(self) -> None:
        hour, decade = 3_600_000, 315_360_000_000
        jump = self._random.choice([0, -hour, -hour, hour, -decade, -decade, decade])
        self._count("clock jump of ten years" if abs(jump) == decade else "clock jump of an hour")
        computer = self._random.choice([0, 0, 0, 0, *(profile.number for profile in self._world.profiles)])
        self._world.clock_offsets[computer] = jump

"""A real server process with honest people on it, for those who attack it: who they are, what must hold afterwards."""

import contextlib
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.messages import check_author, decode_header_untrusted
from lanchat.protocol.log.records import Record
from lanchat_server.store.connection.url import SQLITE_FILE
from tests.chaos.audit import Audit
from tests.fuzz.file_targets import folder
from tests.support.procs import ServerProcess
from tests.support.raw import RawClient
from tests.support.waiting import patient

# High enough that the attackers are not simply turned away; the bounds themselves have their own tests.
CONFIG = """
[limits]
message_rate = 2000
user_octets_per_day = 0
message_burst = 2000
total_rate = 20000
sessions_per_user = 8
"""
# What a server may write about hostile input: a line at the level of information or a warning, and no traceback.
_TROUBLE = re.compile(r"Traceback|\bERROR\b|\bCRITICAL\b|batch failed|never retrieved")
MEMORY_MAX = 96 << 20
CPU_EACH_MAX = 0.02
# For what takes some 10 ms: the computer may have other things to do.
PATIENCE = patient(30.0)


class LogAudit(Audit):
    """Also of logs with deletions and refusals: the hash of an erased body stands for it, and a number that is not in
    the log was refused for good."""

    def __init__(self, data: Path) -> None:
        super().__init__(None, data)
        with contextlib.closing(sqlite3.connect(data / SQLITE_FILE)) as connection:
            refused = set(connection.execute("SELECT room_id, device_id, run, n FROM rejections"))
        self.faults = [fault for fault in self.faults if not _AFTER.search(fault)]
        for room, checked in self.rooms.items():
            self._check_numbers(room, checked.records, refused)

    def _check_numbers(self, room: int, records: list[Record], refused: set[tuple[Any, ...]]) -> None:
        last: Counter[tuple[bytes, int]] = Counter()
        for record in records:
            header = decode_header_untrusted(record.header)
            run = (header.device, header.run)
            between = range(last[run] + 1, header.n)
            told = all((room, *run, n) in refused for n in between[:1000])
            self._require(header.n > last[run] and told, f"room {room:x}: {header.n} of a run after {last[run]}")
            last[run] = header.n

    def _check_signature(self, id: str, device: bytes, record: Record) -> None:
        try:
            key = self._devices[device]
            check_author(key, self.log_id, record.header, record.body_hash, record.signature)
        except (KeyError, ProtocolError) as error:
            self.faults.append(f"{id} is not its author's: {error!r}")


_AFTER = re.compile(r"comes after number \d+ of its run")


class Witness:
    """Two honest people who talk to each other in a thread of their own, and must not notice anything."""

    def __init__(self, port: int) -> None:
        self.said: list[int] = []
        self.heard: list[int] = []
        self.waits: list[float] = []
        self._stop = threading.Event()
        self._speaker, self._listener = RawClient(port), RawClient(port)
        self._speaker.register("honest")
        self._listener.register("listener")
        self.room = self._speaker.rooms["general"]
        self._listener.request(wire.Subscribe([self.room]))
        self.trouble: list[BaseException] = []
        self._thread = threading.Thread(target=self._talk, name="witness")
        self._thread.start()

    @property
    def user(self) -> int:
        return self._speaker.user_id

    def _talk(self) -> None:
        try:
            while not self._stop.wait(0.05):
                started = time.monotonic()
                self._speaker.say_without_waiting(self.room, f"message {len(self.said)}")
                receipt = self._speaker.wait_for(wire.Decided, PATIENCE).receipts[0]
                assert receipt.seq, f"an honest message was refused: {receipt.code}"
                self.waits.append(time.monotonic() - started)
                self.said.append(receipt.seq)
                self._listen(receipt.seq)
        except BaseException as error:
            self.trouble.append(error)

    def _listen(self, until: int) -> None:
        """Every record of the room comes, whatever else happens; the listener asks for what was left out for it."""
        end = time.monotonic() + PATIENCE
        while not self.heard or self.heard[-1] < until:
            frame = self._listener.receive(max(0.01, end - time.monotonic()))
            if isinstance(frame, wire.Records) and frame.room == self.room:
                self.heard += [record.seq for record in frame.records if not self.heard or record.seq > self.heard[-1]]
            elif isinstance(frame, wire.Goodbye):
                raise AssertionError(f"the listener's session was ended: {frame}")

    def finish(self) -> None:
        """Nothing went wrong: both sessions live, everything said was stored and heard."""
        self._stop.set()
        self._thread.join(3 * PATIENCE)
        if self.trouble:
            raise AssertionError("an honest client was disturbed") from self.trouble[0]
        assert not self._thread.is_alive()
        assert len(self.said) >= 3, "the honest ones hardly got a word in"
        assert set(self.said) <= set(self.heard)
        for client in (self._speaker, self._listener):
            assert isinstance(client.request(wire.ListRooms(), PATIENCE), wire.RoomList)
            client.close()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)
        self._speaker.close()
        self._listener.close()


class Scene:
    """A server, its witness, and what it has cost so far."""

    def __init__(self, home: Path) -> None:
        home.joinpath("server.toml").write_text(CONFIG, encoding="utf-8")
        self.home = home
        # What does not touch a person's disk: a power cut is not what is tried here.
        self.server = ServerProcess(home / "data", extra=["--config", str(home / "server.toml"), "--log-level", "info"])
        self.witness = Witness(self.server.port)
        self._process = psutil.Process(self.server.pid)
        self._memory = self._process.memory_info().rss
        self._cpu = self._cpu_used()
        self._honest_are_gone = False
        self.inputs = 0
        self.counts: Counter[str] = Counter()

    def _cpu_used(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def check_costs(self) -> None:
        grown = self._process.memory_info().rss - self._memory
        assert grown <= MEMORY_MAX, f"the server grew by {grown >> 20} MiB"
        each = (self._cpu_used() - self._cpu) / max(self.inputs, 100)
        assert each <= CPU_EACH_MAX, f"{each * 1000:.1f} ms of processor time for each hostile input"

    def finish(self) -> None:
        """Everything that must hold once the server has ended in good order."""
        self.finish_honest()
        if self.server.returncode is None:
            assert self.server.stop(20) == 0
        assert self.server.returncode == 0, self.server.transcript()
        self.check_log()
        audit = LogAudit(self.home / "data")
        assert not audit.faults, audit.faults[:5]
        assert audit.stored >= len(self.witness.said)

    def finish_honest(self) -> None:
        """The honest ones leave, before the server does."""
        if not self._honest_are_gone:
            self._honest_are_gone = True
            self.witness.finish()
            self.check_costs()

    def check_log(self) -> None:
        lines = [*self.server.stderr]
        bad = [place for place, line in enumerate(lines) if _TROUBLE.search(line)]
        assert not bad, "\n".join(lines[max(0, bad[0] - 3) : bad[0] + 40])

    def close(self) -> None:
        self.witness.close()
        if self.server.returncode is None:
            self.server.kill()


@contextlib.contextmanager
def scene() -> Iterator[Scene]:
    """A fresh server; when the block ends without an error, everything is checked."""
    with folder() as home:
        made = Scene(home)
        try:
            yield made
            made.finish()
        finally:
            made.close()


def poll(client: RawClient, take: Callable[[Any], None], timeout: float = 0.001) -> bool:
    """Hand over all frames that are there; False when the server has ended the connection."""
    while True:
        try:
            take(client.receive(timeout))
        except TimeoutError:
            return True
        except (OSError, EOFError):
            return False

"""Command-line clients whose processes are killed while they send: the messages that they reported are recorded."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from lanchat.app import api
from lanchat.app.client import Client
from lanchat.store.profile import ProfileStore
from tests.chaos.crowd import PASSWORD, EventRecord
from tests.chaos.launcher import kill_at
from tests.chaos.points import TYPING
from tests.support.leaks import guard
from tests.support.ports import free_port
from tests.support.procs import ROOT, ServerProcess, json_lines, plain_environment, run_client
from tests.support.waiting import patient

LINES = 60


class Death(NamedTuple):
    """At a named point, or (no point) from outside, `delay` seconds after the first line was told."""

    point: str = ""
    passing: int = 1
    delay: float = 0.0


def draw_deaths(count: int, seed: int) -> list[Death]:
    """Every second at a named point, in turn."""
    draw = random.Random(seed)
    points = [TYPING[number // 2 % len(TYPING)] for number in range(count)]
    return [
        Death(delay=draw.uniform(0.0, 0.3)) if number % 2 else Death(point.name, draw.randint(1, point.often))
        for number, point in enumerate(points)
    ]


@dataclass(slots=True)
class ChatProcess:
    """One `lanchat chat --json` that was given lines."""

    process: "subprocess.Popen[bytes]"
    death: Death
    output: Path
    files: tuple[IO[bytes], ...] = field(repr=False)

    def told(self) -> list[dict[str, Any]]:
        """What it has said so far, whole lines only."""
        text = self.output.read_text(encoding="utf-8")
        return json_lines(text[: text.rfind("\n") + 1])

    def end(self, timeout: float = 30.0) -> int:
        """Wait for its death; returns the exit code."""
        try:
            if not self.death.point:
                self._await_first_line(timeout)
                time.sleep(self.death.delay)
                self.process.send_signal(signal.SIGKILL)
            return self.process.wait(patient(timeout))
        finally:
            self.process.kill()
            self.process.communicate(timeout=patient(10))
            for file in self.files:
                file.close()
                guard.text(file.name, Path(file.name).read_bytes())

    def _await_first_line(self, timeout: float) -> None:
        end = time.monotonic() + patient(timeout)
        while time.monotonic() < end and self.process.poll() is None:
            if any(row["event"] == "message" for row in self.told()):
                return
            time.sleep(0.01)


class CommandLineUser:
    """A user of the command line, with several processes of one profile at a time."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.name = name
        self.memory = EventRecord()
        self.profile = ProfileStore.open(self.folder / "profile")
        self._count = 0

    def register(self, server: ServerProcess) -> None:
        args = ["register", "--user", self.name, "--server", server.address, "--fingerprint", server.fingerprint]
        done = run_client(args, self.profile.directory, env={"LANCHAT_PASSWORD": PASSWORD})
        assert done.returncode == 0, done.stderr

    def type(self, death: Death) -> ChatProcess:
        """Starts to write; the process will not live long."""
        self._count += 1
        output = self.folder / f"output{self._count}"
        files = (output.open("wb"), (self.folder / f"errors{self._count}").open("wb"))
        env = kill_at(death.point, death.passing) if death.point else {}
        argv = [sys.executable, "-m", "tests.chaos.client_launcher", "--profile", str(self.profile.directory)]
        process = subprocess.Popen(
            [*argv, "chat", "general", "--json"],
            cwd=ROOT,
            env=plain_environment(self.folder, env),
            stdin=subprocess.PIPE,
            stdout=files[0],
            stderr=files[1],
        )
        assert process.stdin
        # All of them fit the pipe, whose end stays open: the conversation goes on until the process dies.
        process.stdin.write(b"".join(b"%s %d %d\n" % (self.name.encode(), self._count, n) for n in range(LINES)))
        process.stdin.flush()
        return ChatProcess(process, death, output, files)

    def type_until_killed(self, deaths: Sequence[Death]) -> None:
        """Two processes of the profile at a time, until all of them are dead. Raises AssertionError when one ended
        otherwise."""
        for first in range(0, len(deaths), 2):
            typings = [self.type(death) for death in deaths[first : first + 2]]
            codes = [typing.end() for typing in typings]
            assert set(codes) == {-signal.SIGKILL}, [typing.told()[-3:] for typing in typings]
            for typing in typings:
                self.record_output(typing.told())

    def record_output(self, told: Sequence[dict[str, Any]]) -> None:
        """What a process said is kept: its own messages, and their numbers."""
        now = time.monotonic()
        for row in told:
            if row["event"] == "message" and row["author"] == self.name:
                self.memory.made.setdefault(row["id"], now)
            if row["event"] in ("message", "stored") and row.get("seq") is not None and row["id"] in self.memory.made:
                self.memory.take(api.LineStored(row["id"], 0, row["seq"]))

    async def send_queued(self, timeout: float = 30.0) -> None:
        """What no process had the time to hand in: the next one does it. Raises TimeoutError."""
        client = Client(self.profile, lambda event: None, use_zeroconf=False, discovery_port=free_port())
        try:
            await client.call(api.ConnectCommand(timeout=patient(10)))
            await client.call(api.WaitLiveCommand(patient(timeout)))
            assert client.member is not None
            async with asyncio.timeout(patient(timeout)):
                while client.member.store.outgoing():
                    await asyncio.sleep(0.02)
        finally:
            await client.close()

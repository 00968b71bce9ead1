"""Effects of a flood on other clients: real server, real clients, the attacker in a process of its own."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from lanchat.protocol import wire
from tests.attacks.chat_load import ChatLoad, alternate_quiet_and_attacked, peak_memory
from tests.attacks.outcome import Outcome
from tests.attacks.recording_client import observed_server
from tests.support.child import Child
from tests.support.procs import ROOT, ServerProcess
from tests.support.raw import RawClient


class Attack:
    """A process of strangers or rowdy members; figures add up over its runs."""

    def __init__(self, module: str, *arguments: object) -> None:
        self._argv = [sys.executable, "-m", f"tests.attacks.{module}", *map(str, arguments)]
        self.figures: dict[str, int] = {}

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with Child(self._argv, cwd=ROOT) as child:
            child.wait_for_line(lambda line: line == "ready", 60, "the attack is under way")
            yield
            if child.stop(30):
                raise RuntimeError(child.transcript())
            for name, value in json.loads(child.stdout[-1]).items():
                self.figures[name] = self.figures.get(name, 0) + value


async def measure_impact(
    server: ServerProcess, folder: Path, attack: Attack, outcome: Outcome, *, seconds: float, rounds: int
) -> None:
    """Fill in the latency of other clients, and the server's memory."""
    async with ChatLoad.at(server, folder) as talk:
        await talk.measure(1.0)
        with peak_memory(server) as memory:
            outcome.quiet, outcome.attacked = await alternate_quiet_and_attacked(talk, attack, seconds, rounds)
        outcome.memory = memory[0], memory[1]


def time_logins(server: ServerProcess, count: int) -> tuple[int, list[float]]:
    """Log in `count` times by device key: how many tries that took in all, and seconds until each was in."""
    tries, times, patience = 0, [], LOG_IN_PATIENCE
    with RawClient(server.port, timeout=patience) as first:
        first.register(f"late{time.time_ns():x}")
        key = first.key
    for _ in range(count):
        began = time.monotonic()
        while time.monotonic() - began < 10 * patience:
            tries += 1
            with contextlib.suppress(OSError, EOFError), RawClient(server.port, key=key, timeout=patience) as client:
                if isinstance(client.log_in_by_key(), wire.LoggedIn):
                    break
        times.append(time.monotonic() - began)
    return tries, times


# What is bearable. Memory is what the server grows by while people chat and somebody floods.
CHAT_P99 = 1.0
SLOWDOWN = 2.0
SLOWDOWN_BY_ALL = 4.0
GROWTH_MAX = 64 << 20
LOG_IN_MAX = 10.0
# Of one try; there are as many as fit into ten times that.
LOG_IN_PATIENCE = 5.0


def unauthenticated_flood(folder: Path, kind: str, count: int, *, seconds: float, rounds: int, log_in: int) -> Outcome:
    """A flood from outside: chat goes on, memory is bounded, somebody who comes meanwhile gets in."""
    with observed_server(folder / "server") as (server, watcher):
        # The number of a session's key, which everybody beside the cable sees.
        key = [watcher.tape.keys.key_id.to_bytes(4, "big").hex()] if kind == "noise" else []
        attack = Attack("unauthenticated_floods", kind, server.port, count, *key)
        outcome = Outcome(_STRANGERS[kind].format(count=count), 0)
        asyncio.run(measure_impact(server, folder / "clients", attack, outcome, seconds=seconds, rounds=rounds))
        with peak_memory(server) as memory, attack():
            tries, times = time_logins(server, log_in)
        assert outcome.memory is not None
        outcome.memory = outcome.memory[0], max(outcome.memory[1], memory[1])
        outcome.accepted = watcher.status()["sessions"] - 1
    outcome.attempts = attack.figures.get("sent", 0) or attack.figures["opened"]
    outcome.expect(max(times) < LOG_IN_MAX, f"logging in took {max(times):.1f} s")
    _expect_bounded_slowdown(outcome)
    if kind == "noise":
        outcome.seen = f"{attack.figures['per_second'] // (rounds + 1):,} datagrams/s; "
    else:
        outcome.seen = f"{attack.figures['most_open'] // (rounds + 1):,} open at once; "
    outcome.seen += f"{log_in} log-ins meanwhile: {tries} tries, slowest {max(times):.2f} s"
    return outcome


_STRANGERS = {
    "noise": "noise, {count:,} datagrams/s",
    "mute": "{count:,} connections that send nothing",
    "hesitant": "{count:,} connections that send a ClientHello octet by octet",
    "handshakes": "{count:,} connections that shake hands and fall silent",
}


def member_flood(folder: Path, kind: str, sessions: int, *, seconds: float, rounds: int) -> Outcome:
    """A flood from inside: others are at most twice as slow, by all kinds at once four times."""
    with observed_server(folder / "server") as (server, _):
        attack = Attack("abusive_member", kind, server.port, sessions)
        outcome = Outcome(f"a member with {sessions} sessions: {_MEMBERS[kind]}", 0)
        asyncio.run(measure_impact(server, folder / "clients", attack, outcome, seconds=seconds, rounds=rounds))
    figures = attack.figures
    outcome.attempts = figures.get("datagrams", 0) + figures.get("frames", 0)
    _expect_bounded_slowdown(outcome)
    assert outcome.attacked is not None
    assert outcome.quiet is not None
    slow = outcome.attacked / outcome.quiet
    outcome.expect(slow < (SLOWDOWN_BY_ALL if kind == "mixture" else SLOWDOWN), f"others are {slow:.1f} times as slow")
    outcome.seen = f"{outcome.attempts * 1000 // max(1, figures['ms']):,} frames/s"
    return outcome


_MEMBERS = {
    "submits": "messages over every rate",
    "nacks": "NACKs",
    "pages": "requests for history",
    "searches": "searches",
    "pings": "pings",
    "mixture": "all of these at once",
    "dawdlers": "frames octet by octet",
    "readless": "requests for history, never reading",
}


def _expect_bounded_slowdown(outcome: Outcome) -> None:
    assert outcome.attacked is not None
    assert outcome.memory is not None
    outcome.expect(outcome.attacked < CHAT_P99, f"a message took {outcome.attacked:.2f} s (p99)")
    growth = outcome.memory[1] - outcome.memory[0]
    outcome.expect(growth < GROWTH_MAX, f"the server grew by {growth >> 20} MiB")

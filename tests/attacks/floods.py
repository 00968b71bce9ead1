"""What others notice while somebody floods: real server, real clients, the attacker in a process of his own."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lanchat.protocol import wire
from tests.attacks.honest import Talk, alternate, memory_of
from tests.attacks.outcome import Outcome
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


async def endure(
    server: ServerProcess, folder: Path, attack: Attack, outcome: Outcome, *, seconds: float, rounds: int
) -> None:
    """Fill in what others notice, and the server's memory."""
    async with Talk.at(server, folder) as talk:
        await talk.measure(1.0)
        with memory_of(server) as memory:
            outcome.quiet, outcome.attacked = await alternate(talk, attack, seconds, rounds)
        outcome.memory = memory[0], memory[1]


def log_ins(server: ServerProcess, count: int, patience: float = 5.0) -> tuple[int, list[float]]:
    """Log in `count` times by device key: how many tries that took in all, and seconds until each was in."""
    tries, times = 0, []
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


def summary(figures: dict[str, int], names: Sequence[str]) -> str:
    return ", ".join(f"{figures.get(name, 0):,} {name.replace('_', ' ')}" for name in names)

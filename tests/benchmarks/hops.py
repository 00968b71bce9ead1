"""`python -m tests.benchmarks.hops`: where a message's processor time goes in the server, hop by hop, at two loads,
and beside it what the promises alone cost there (`floor`).

Measured in the running programs by the processor clocks of their threads (`hop_clock`), which costs some 3 % itself.
Writes the table into docs/PERFORMANCE.md.
"""

import json
import tempfile
import time
from pathlib import Path

from tests.benchmarks.accounts import make_world
from tests.benchmarks.floor import floor_traffic
from tests.benchmarks.generator import Generator, Load, Traffic
from tests.benchmarks.hop_clock import FILE, HOPS
from tests.benchmarks.measure import today
from tests.benchmarks.traffic import chat_traffic
from tests.support import marked
from tests.support.figures import number, table
from tests.support.procs import ServerProcess

REST = "event loop, threads, timers"

CLIENTS = 100
RATES = (1000, 50)
SECONDS = 6.0
_LIMITS = (
    "[limits]\nmessage_rate = 1e6\nmessage_burst = 1000000\ntotal_rate = 1e6\nuser_octets_per_day = 1000000000000\n"
)


def measured(rate: float) -> dict[str, float]:
    """Microseconds by hop for each message, in the product."""
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as name:
        folder = Path(name)
        hops, limits = folder / "hops.json", folder / "limits.toml"
        limits.write_text(_LIMITS)
        world = make_world(folder, None, CLIENTS)
        server = ServerProcess(
            folder,
            host="127.0.0.1",
            module="tests.benchmarks.hops_server",
            env={FILE: str(hops)},
            extra=("--config", str(limits), "--log-level", "warning"),
        )
        try:
            with chat_traffic(server.port, (server.pid,), world, CLIENTS, _messages(rate)) as traffic:
                return _driven(traffic, rate, hops)
        finally:
            server.kill()


def possible(rate: float) -> dict[str, float]:
    """The same for what the promises alone cost (floor.py)."""
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as name:
        hops = Path(name) / "hops.json"
        with floor_traffic(CLIENTS, _messages(rate), hops) as traffic:
            return _driven(traffic, rate, hops)


def _messages(rate: float) -> int:
    return int(rate * (SECONDS + Load(rate, SECONDS).warm)) + 100


def _driven(traffic: Traffic, rate: float, hops: Path) -> dict[str, float]:
    generator = Generator(traffic)
    try:
        before = _state(hops)
        generator.run(Load(rate, SECONDS))
        return _each_message(before, _state(hops))
    finally:
        generator.close()


def _state(path: Path) -> dict[str, float]:
    time.sleep(0.3)
    found: dict[str, float] = json.loads(path.read_text())
    return found


def _each_message(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    spent = {name: value - before.get(name, 0.0) for name, value in after.items()}
    messages = spent.pop("messages")
    process = spent.pop("process")
    spent[REST] = process - sum(spent.values())
    return {hop: seconds / messages * 1e6 for hop, seconds in spent.items()}


def main() -> None:
    found = [measure(rate) for rate in RATES for measure in (measured, possible)]
    names = (*HOPS, REST)
    rows = [(hop, *(number(each[hop]) if hop in each else "" for each in found)) for hop in names]
    rows.append(("all", *(number(sum(each.values())) for each in found)))
    columns = ("hop", *(column for rate in RATES for column in (f"{rate:,} messages/s", "the promises alone")))
    written = f"{today()}\n\n{table(columns, rows)}"
    print(written)
    marked.write(marked.PERFORMANCE, "hops", written)


if __name__ == "__main__":
    main()

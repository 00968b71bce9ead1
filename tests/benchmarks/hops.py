"""`python -m tests.benchmarks.hops`: where a message's processor time goes in the server, hop by hop, at two loads.

Measured in a running server by the processor clock of its threads (`hops_server`), which costs some 3 % itself. Writes
the table into docs/PERFORMANCE.md.
"""

import json
import tempfile
import time
from pathlib import Path

from tests.benchmarks.accounts import make_world
from tests.benchmarks.generator import Generator, Load
from tests.benchmarks.traffic import chat_traffic
from tests.support import marked
from tests.support.figures import number, table
from tests.support.procs import ServerProcess

READ = "read datagrams, open seals, decode"
TAKE_IN = "limits, queue, receipts"
CHECK = "check the signature"
JUDGE = "judge, number, chain, sign the head"
STATEMENTS = "statements of the transaction"
COMMIT = "commit"
PACK = "answer and pack"
SEND = "seal and send to each client"
REST = "event loop, threads, timers"
HOPS = (READ, TAKE_IN, CHECK, JUDGE, STATEMENTS, COMMIT, PACK, SEND)

CLIENTS = 100
RATES = (1000, 50)
SECONDS = 6.0
_LIMITS = "[limits]\nmessage_rate = 1e6\nmessage_burst = 1000000\ntotal_rate = 1e6\n"


def measured(rate: float) -> dict[str, float]:
    """Microseconds by hop for each message."""
    with tempfile.TemporaryDirectory(prefix="lanchat-bench-") as name:
        folder = Path(name)
        hops, limits = folder / "hops.json", folder / "limits.toml"
        limits.write_text(_LIMITS)
        world = make_world(folder, None, CLIENTS)
        server = ServerProcess(
            folder,
            host="127.0.0.1",
            module="tests.benchmarks.hops_server",
            env={"HOPS_FILE": str(hops)},
            extra=("--config", str(limits), "--log-level", "warning"),
        )
        load = Load(rate, SECONDS)
        try:
            with chat_traffic(
                server.port, (server.pid,), world, CLIENTS, int(rate * (SECONDS + load.warm)) + 100
            ) as traffic:
                generator = Generator(traffic)
                before = _state(hops)
                generator.run(load)
                after = _state(hops)
                generator.close()
        finally:
            server.kill()
    return _each_message(before, after)


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
    found = {rate: measured(rate) for rate in RATES}
    rows = [(hop, *(number(found[rate].get(hop, 0.0)) for rate in RATES)) for hop in (*HOPS, REST)]
    rows.append(("all", *(number(sum(found[rate].values())) for rate in RATES)))
    columns = ("hop", *(f"{rate:,} messages/s" for rate in RATES))
    written = table(columns, rows)
    print(written)
    marked.write(marked.PERFORMANCE, "hops", written)


if __name__ == "__main__":
    main()

"""Case c: how long from handing a message in until it is stored, and until the others have it in its turn.

50 messages a second to 100 clients: over UDP, over TLS alone, and with one datagram in ten lost on either way. With
losses all clients repair by the protocol's rules (repair.py). Shown is when the light client has the record, the seal
opened, decoded, and in its turn; what the window adds to that is case i's business.
"""

from random import Random

from tests.benchmarks.figures import Report
from tests.benchmarks.fleet import chat_traffic
from tests.benchmarks.generator import Generator, Load, Times
from tests.benchmarks.measure import percentile
from tests.benchmarks.serving import DATABASES, serving

CLIENTS, RATE = 100, 50
LOSS = 0.1
# Way to share of the messages and milliseconds.
AIMS: dict[str, dict[float, float | None]] = {
    "UDP": {0.5: 5.0, 0.99: 20.0},
    "TLS only": {0.5: 5.0, 0.99: 20.0},
    "10 % loss": {0.5: None, 0.99: 200.0},
}


def run(report: Report, *, rounds: int, quick: bool) -> None:
    window = 4.0 if quick else 10.0
    for database in DATABASES:
        for way in AIMS:
            measured = [_measure(database, way, window) for _ in range(1 if quick else rounds - 1)]
            _report(report, database, way, measured)


def _report(report: Report, database: str, way: str, measured: list[tuple[list[float], list[float]]]) -> None:
    at = f"{CLIENTS} clients, {RATE} messages/s, {way}"
    for index, what in enumerate(("stored", "shown")):
        for share, most in AIMS[way].items():
            values = [percentile(each[index], share) * 1000 for each in measured]
            report.add("c", f"send → {what}, p{share * 100:.0f}", "ms", database, at, values, most=most)


def _measure(database: str, way: str, window: float) -> tuple[list[float], list[float]]:
    """Seconds until stored and until shown."""
    times, random = Times(), Random(7)
    load = Load(RATE, window, warm=1.0, prompt=True)
    drop = (lambda: random.random() < LOSS) if way == "10 % loss" else None
    messages = int(RATE * (window + load.warm)) + 100
    with (
        serving(database, CLIENTS) as server,
        chat_traffic(
            server.port, server.pids, server.world, CLIENTS, messages, times, udp=way != "TLS only", drop=drop
        ) as traffic,
    ):
        generator = Generator(traffic, times)
        try:
            generator.run(load)
        finally:
            generator.close()
        return traffic.stored, times.late

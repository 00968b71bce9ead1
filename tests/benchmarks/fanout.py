"""Cases a and b: the servers' processor time for a delivered message, product and peers under the same load.

All take turns, each several times, so that what else the machine does meets all of them. A delivery is a message that
a client other than its author received.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median

from tests.benchmarks.figures import Report
from tests.benchmarks.floor import floor_traffic, native_floor_traffic
from tests.benchmarks.generator import Generator, Load, Result, Times, Traffic
from tests.benchmarks.peers import irc_traffic, mqtt_traffic
from tests.benchmarks.serving import serving
from tests.benchmarks.traffic import chat_traffic, text

PRODUCT = ("SQLite", "MariaDB")
PEERS = ("ngircd", "mosquitto")
# What the promises alone cost, without the product around them (floor.py), and without Python (floor.c).
FLOOR, NATIVE = FLOORS = ("the floor", "the floor in C")
NAME = "server CPU per delivery"
MakePeer = Callable[[int, Callable[[int], bytes], Times | None], AbstractContextManager[Traffic]]
# Clients and messages a second. 400 clients get no more than the deliveries of 100: one core serves no more of them.
GROWTH = ((10, 1000), (50, 1000), (400, 250), (10, 50), (50, 50), (100, 50), (400, 50))


def run_a(report: Report, *, rounds: int, quick: bool) -> None:
    _compare(report, "a", 100, 1000, rounds=1 if quick else rounds + 1, window=3.0 if quick else 6.0, share=0.7)


def run_b(report: Report, *, rounds: int, quick: bool) -> None:
    for clients, rate in GROWTH[3:5] if quick else GROWTH:
        _compare(report, "b", clients, rate, rounds=max(1, rounds - 1), window=2.5, share=1.0)


def _compare(report: Report, case: str, clients: int, rate: int, *, rounds: int, window: float, share: float) -> None:
    load = Load(rate, window, warm=1.0)
    results: dict[str, list[Result]] = {subject: [] for subject in (*PEERS, *FLOORS, *PRODUCT)}
    at = load_name(clients, rate)
    for number in range(1, rounds + 1):
        for subject, measured in results.items():
            report.step(f"{at}: round {number} of {rounds}, {subject}")
            measured.append(_measure(subject, clients, load))
    best = min(median(each.per_delivery for each in results[peer]) for peer in PEERS)
    floor = min(median(each.per_delivery for each in results[subject]) for subject in FLOORS)
    for subject, measured in results.items():
        aim = {"most": share * best, "floor": floor} if subject in PRODUCT else {}
        note = _note(measured)
        report.add(case, NAME, "µs", subject, at, [each.per_delivery for each in measured], note=note, **aim)


def load_name(clients: int, rate: int) -> str:
    """As figures name this load."""
    return f"{clients} clients, {rate:,} messages/s"


def _note(measured: list[Result]) -> str:
    """What tells a disturbed figure from a clean one, and the database's share."""
    waited = median(sum(each.waited) / each.seconds for each in measured)
    found = [f"waited for a core {waited:.0%} of the time"]
    if len(measured[0].cpu) > 1:
        database = median(each.cpu[1] / each.delivered * 1e6 for each in measured)
        found.append(f"{database:.2f} µs of it in the database's process")
    return ", ".join(found)


def _measure(subject: str, clients: int, load: Load) -> Result:
    with _traffic(subject, clients, load) as traffic:
        generator = Generator(traffic)
        try:
            return generator.run(load)
        finally:
            generator.close()


def _traffic(subject: str, clients: int, load: Load) -> AbstractContextManager[Traffic]:
    def octets(index: int) -> bytes:
        return text(index).encode()

    if subject == "ngircd":
        return irc_traffic(clients, octets)
    if subject == "mosquitto":
        return mqtt_traffic(clients, octets)
    messages = int(load.rate * (load.window + load.warm)) + 100
    if subject in FLOORS:
        return (floor_traffic if subject == FLOOR else native_floor_traffic)(clients, messages)
    return product(subject, clients, messages)


@contextmanager
def product(database: str, clients: int, messages: int) -> Iterator[Traffic]:
    """A server on this database with clients in `general`; as many messages are signed beforehand."""
    with (
        serving(database, clients) as server,
        chat_traffic(server.port, server.pids, server.world, clients, messages) as traffic,
    ):
        yield traffic

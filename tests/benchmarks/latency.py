"""Case c: how long from handing a message in until it is stored, and until the others have it in its turn.

50 messages a second to 100 clients: over UDP, over TLS alone, and with one datagram in ten lost on either way. With
losses all clients repair by the protocol's rules (repair.py); what is lost is drawn by the clients themselves, as they
send and as they read. Shown is when the light client has the record, the seal opened, decoded, and in its turn. The
peers' messages are shown when their octets are there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from random import Random

from tests.benchmarks.figures import Report
from tests.benchmarks.generator import Generator, Load, Times, Traffic
from tests.benchmarks.measure import fdatasync_ms
from tests.benchmarks.peers import irc_traffic, mqtt_traffic
from tests.benchmarks.serving import DATABASES, serving
from tests.benchmarks.traffic import chat_traffic, text
from tests.support.figures import percentile

CLIENTS, RATE = 100, 50
LOSS = 0.1
LOSSY = "10 % loss"
# Way to part of the messages and milliseconds.
AIMS: dict[str, dict[float, float | None]] = {
    "UDP": {0.5: 5.0, 0.99: 20.0},
    "TLS only": {0.5: 5.0, 0.99: 20.0},
    LOSSY: {0.5: None, 0.99: 200.0},
    "TCP": {0.5: None, 0.99: None},
}
PEERS = {"ngircd": irc_traffic, "mosquitto": mqtt_traffic}


def run(report: Report, *, rounds: int, quick: bool) -> None:
    load = Load(RATE, 3.0 if quick else 8.0, warm=1.0, prompt=True)
    cases = [(subject, way) for way in ("UDP", "TLS only", LOSSY) for subject in DATABASES]
    cases += [(peer, "TCP") for peer in PEERS]
    measured: dict[tuple[str, str], list[tuple[list[float], list[float]]]] = {case: [] for case in cases}
    repeats = 1 if quick else max(1, rounds - 1)
    disk = []
    for number in range(1, repeats + 1):
        disk.append(fdatasync_ms())
        for subject, way in cases:
            report.step(f"{way}: round {number} of {repeats}, {subject}")
            measured[subject, way].append(_measure(subject, way, load))
    report.add("c", "fdatasync of 4 KiB", "ms", "the disk", "between the rounds", disk)
    for (subject, way), times in measured.items():
        _report(report, subject, way, times)


def _report(report: Report, subject: str, way: str, measured: list[tuple[list[float], list[float]]]) -> None:
    at = f"{CLIENTS} clients, {RATE} messages/s, {way}"
    for index, what in enumerate(("stored", "shown")):
        spent = [each[index] for each in measured]
        if subject in PEERS and what == "stored":
            continue
        if not all(spent):
            raise RuntimeError(f"no message of {subject} was {what}")
        for part, most in AIMS[way].items():
            values = [percentile(each, part) * 1000 for each in spent]
            report.add("c", f"send → {what}, p{part * 100:.0f}", "ms", subject, at, values, most=most)
        everything = [seconds * 1000 for seconds in chain(*spent)]
        report.add_curve("c", f"send → {what}", "ms", subject, way, everything)


def _measure(subject: str, way: str, load: Load) -> tuple[list[float], list[float]]:
    """Seconds until stored and until shown."""
    times = Times()
    with _traffic(subject, way, load, times) as (traffic, stored):
        generator = Generator(traffic, times)
        try:
            generator.run(load)
            if way == LOSSY:
                generator.go_on(2.0)
        finally:
            generator.close()
        return stored, times.late


@contextmanager
def _traffic(subject: str, way: str, load: Load, times: Times) -> Iterator[tuple[Traffic, list[float]]]:
    if subject in PEERS:
        with PEERS[subject](CLIENTS, lambda index: text(index).encode(), times) as peer:
            yield peer, []
        return
    messages = int(load.rate * (load.window + load.warm)) + 100
    with (
        serving(subject, CLIENTS) as server,
        chat_traffic(
            server.port,
            server.pids,
            server.world,
            CLIENTS,
            messages,
            times,
            udp=way != "TLS only",
            drop=_losses() if way == LOSSY else None,
        ) as chat,
    ):
        yield chat, chat.stored


def _losses() -> Callable[[], bool]:
    random = Random(7)
    return lambda: random.random() < LOSS

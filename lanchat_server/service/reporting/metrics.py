"""Figures for Prometheus, on the loopback address when the configuration asks for them.

The service counts in plain attributes of `Metrics` (an addition each, whether somebody looks or not); a collector reads
them when somebody does. The figures name no user and no room.
"""

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from lanchat_server.service.net.local_port import LocalConnection, LocalPort

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, Metric

# Seconds: an SSD commits in 1 ms, a disk with barriers in 30, a database that hangs in more.
COMMIT_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# Reasons are some 60 fixed words of ours; the bound is for the mistake of counting something from outside.
LABELS_MAX = 256
# Octets of the head of a scrape: Prometheus sends some 300.
_HEAD_MAX = 8 * 1024
# Seconds from the connection to the end of the answer.
_ANSWER_TIMEOUT = 10.0

_GAUGES = {
    "sessions": "Sessions that are logged in",
    "users_online": "Users with a session",
    "queued_submissions": "Messages that wait for the writer",
    "tls_queue_octets": "Octets queued on TLS channels",
    "log_octets": "Octets that messages take",
    "disk_free_octets": "Octets free on the disk with the data directory",
    "storage_percent": "How much of what may be stored is used; the disk's reserve counts as 80, 95 or 100",
    "users_over_quota": "Users who wait because they have used up a day's quota",
}
_COUNTERS = {
    "committed": "Messages stored",
    "duplicates": "Messages that came again and got their first decision",
    "relayed": "Records handed to sessions",
    "batches": "Commits of messages",
    "datagrams_in": "Datagrams received",
    "datagrams_out": "Datagrams sent",
    "nacks": "Requests for missing records",
    "lagging": "Sessions that fell behind and had their queue dropped",
    "logins": "Log-ins that succeeded",
    "login_failures": "Log-ins that failed",
    "login_throttled": "Log-ins that were told to wait",
}


class Metrics:
    """What the service counts. Written by the thread of the service alone; the scrape only reads."""

    __slots__ = (*_GAUGES, *_COUNTERS, "commit_counts", "commit_seconds", "dropped", "refused")

    sessions: int
    users_online: int
    queued_submissions: int
    tls_queue_octets: int
    log_octets: int
    disk_free_octets: int
    storage_percent: int
    users_over_quota: int
    committed: int
    duplicates: int
    relayed: int
    batches: int
    datagrams_in: int
    datagrams_out: int
    nacks: int
    lagging: int
    logins: int
    login_failures: int
    login_throttled: int

    def __init__(self) -> None:
        """All figures are 0. `commit_counts` has a number for each of COMMIT_BOUNDS, and one for what took longer."""
        for name in (*_GAUGES, *_COUNTERS):
            setattr(self, name, 0)
        self.commit_counts = [0] * (len(COMMIT_BOUNDS) + 1)
        self.commit_seconds = 0.0
        # By reason and by code; replaced by each `figures.publish`.
        self.dropped: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def commit(self, seconds: float, messages: int) -> None:
        """A batch was committed."""
        self.batches += 1
        self.committed += messages
        self.commit_seconds += seconds
        self.commit_counts[bisect_left(COMMIT_BOUNDS, seconds)] += 1


def count_label(table: Counter[str], label: str, number: int) -> None:
    """So many more of `label`; beyond LABELS_MAX labels of "other"."""
    if label not in table and len(table) >= LABELS_MAX:
        label = "other"
    table[label] += number


class Exporter:
    """Serves the figures over HTTP from `start` to `close`, to a bounded number of connections at a time."""

    def __init__(self, metrics: Metrics) -> None:
        """Loads the library; `metrics` is read with each scrape. It listens from `start` on."""
        # Here, because a server that is not asked for figures need not load the library.
        from prometheus_client import CollectorRegistry

        self._registry = CollectorRegistry()
        self._registry.register(_Collector(metrics))
        self._port = LocalPort("the port of the figures", self._serve, _HEAD_MAX)
        # The writing of one answer at a time, in a thread: it takes milliseconds.
        self._writing = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port.port

    async def start(self, port: int) -> None:
        """Raises OSError when the port is taken."""
        await self._port.start(port)

    def close(self) -> None:
        """Stop listening; whoever still waits for figures loses the connection."""
        self._port.close()

    async def _serve(self, visitor: LocalConnection) -> None:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            try:
                head = await visitor.reader.readuntil(b"\r\n\r\n")
            except asyncio.LimitOverrunError as error:
                raise ValueError("a head without an end") from error
            async with self._writing:
                answer = await asyncio.to_thread(self._answer, head)
        visitor.writer.write(answer)

    def _answer(self, head: bytes) -> bytes:
        """To the head of a request, whatever its octets are."""
        from prometheus_client.exposition import choose_encoder

        first, _, rest = head.decode("latin-1").partition("\r\n")
        if not first.startswith("GET "):
            return b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        fields = (line.partition(":") for line in rest.split("\r\n"))
        accepted = ",".join(value.strip() for name, _, value in fields if name.strip().lower() == "accept")
        try:
            encode, kind = choose_encoder(accepted)
            body = encode(self._registry)
        except Exception:  # what the library makes of a version of the format that is no number
            encode, kind = choose_encoder("")
            body = encode(self._registry)
        said = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return said.encode("latin-1", "replace") + body


class _Collector:
    """Turns the figures into what prometheus-client writes; called in the thread of the scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        metrics = self._metrics
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"lanchat_{name}", text, value=getattr(metrics, name))
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"lanchat_{name}", text, value=getattr(metrics, name))
        for name, text, label, table in (
            ("datagrams_dropped", "Datagrams dropped", "reason", metrics.dropped),
            ("refused", "Messages refused", "code", metrics.refused),
        ):
            family = CounterMetricFamily(f"lanchat_{name}", text, labels=[label])
            _add_all(family, table)
            yield family
        yield HistogramMetricFamily(
            "lanchat_commit_seconds", "Time of a commit", buckets=self._buckets(), sum_value=metrics.commit_seconds
        )

    def _buckets(self) -> list[tuple[str, float]]:
        bounds = [*(f"{bound:g}" for bound in COMMIT_BOUNDS), "+Inf"]
        return list(zip(bounds, accumulate(self._metrics.commit_counts), strict=True))


def _add_all(family: "CounterMetricFamily", table: dict[str, int]) -> None:
    for label, value in sorted(table.copy().items()):
        family.add_metric([label], value)

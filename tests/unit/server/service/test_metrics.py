"""Metrics, scraped over HTTP as Prometheus does."""

import asyncio
import contextlib
import socket
import threading
import urllib.request
from collections import Counter
from collections.abc import Coroutine, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lanchat_server.service.reporting.metrics import LABELS_MAX, Exporter, Metrics
from lanchat_server.service.service import Service
from tests.support.waiting import patient


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


class RunningExporter:
    """An exporter in an event loop of its own, which a scrape does not block."""

    def __init__(self, metrics: Metrics, port: int = 0) -> None:
        """Raises OSError when the port is taken."""
        self._exporter = Exporter(metrics)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._call(self._exporter.start(port))
        except OSError:
            self._end()
            raise
        self.port = self._exporter.port

    def close(self) -> None:
        async def close() -> None:
            self._exporter.close()

        self._call(close())
        self._end()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(patient(10))

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(patient(10))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture
def exporter(metrics: Metrics) -> Iterator[RunningExporter]:
    exporter = RunningExporter(metrics)
    yield exporter
    exporter.close()


def scrape(exporter: RunningExporter) -> dict[tuple[str, str], float]:
    """Sample and its only label's value to the figure."""
    with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=patient(10)) as answer:
        text = answer.read().decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_scrape_returns_the_counters(metrics: Metrics, exporter: RunningExporter) -> None:
    metrics.sessions = 3
    metrics.tls_queue_octets = 4096
    metrics.relayed += 12
    metrics.login_failures += 1
    metrics.dropped = {"replay": 2}
    metrics.refused = {"NOT_A_MEMBER": 1}
    seen = scrape(exporter)
    assert seen["lanchat_sessions", ""] == 3
    assert seen["lanchat_tls_queue_octets", ""] == 4096
    assert seen["lanchat_relayed_total", ""] == 12
    assert seen["lanchat_login_failures_total", ""] == 1
    assert seen["lanchat_datagrams_dropped_total", "replay"] == 2
    assert seen["lanchat_refused_total", "NOT_A_MEMBER"] == 1
    metrics.sessions = 2
    assert scrape(exporter)["lanchat_sessions", ""] == 2


def test_commit_times_are_a_histogram(metrics: Metrics, exporter: RunningExporter) -> None:
    for seconds in (0.0004, 0.0005, 0.003, 7.0):
        metrics.commit(seconds, messages=10)
    seen = scrape(exporter)
    name = "lanchat_commit_seconds"
    assert [seen[f"{name}_bucket", le] for le in ("0.0005", "0.001", "0.002", "0.005", "5", "+Inf")] == [
        2,
        2,
        2,
        3,
        3,
        4,
    ]
    assert seen[f"{name}_count", ""] == 4
    assert seen[f"{name}_sum", ""] == pytest.approx(7.0039)
    assert seen["lanchat_batches_total", ""] == 4
    assert seen["lanchat_committed_total", ""] == 40


def test_labels_are_bounded(metrics: Metrics, exporter: RunningExporter) -> None:
    service: Any = SimpleNamespace(counters=Counter[str]())
    for n in range(1000):
        Service.count(service, f"udp_{n}")
        Service.count(service, "udp_0", 2)
    assert len(service.counters) == LABELS_MAX + 1
    assert service.counters["udp_0"] == 2001
    assert service.counters["other"] == 1000 - LABELS_MAX
    metrics.dropped = service.counters
    assert scrape(exporter)["lanchat_datagrams_dropped_total", "other"] == 1000 - LABELS_MAX


def test_listens_on_loopback_only(exporter: RunningExporter) -> None:
    sockets = exporter._exporter._port._server.sockets  # type: ignore[union-attr]
    assert {sock.getsockname()[0] for sock in sockets} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nAccept: application/openmetrics-text; version=..\r\n\r\n", b"200"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\xff\x00\r\n\r\n", b"405"),
    ],
)
def test_every_request_gets_a_response(exporter: RunningExporter, head: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", exporter.port), patient(10)) as sock:
        sock.sendall(head)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.split(b" ")[1] == status


def test_endless_request_head_closes_the_connection(exporter: RunningExporter) -> None:
    with socket.create_connection(("127.0.0.1", exporter.port), patient(10)) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET /" + b"a" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1) == b""


def test_port_in_use_is_an_error_and_a_closed_one_is_free(metrics: Metrics) -> None:
    first = RunningExporter(metrics)
    try:
        with pytest.raises(OSError):
            RunningExporter(metrics, first.port)
    finally:
        first.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", first.port)) != 0

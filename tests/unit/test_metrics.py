"""Figures, read as Prometheus reads them: over HTTP."""

import socket
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lanchat_server.service.metrics import Exporter, Metrics
from tests.support.waiting import patient


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def exporter(metrics: Metrics) -> Iterator[Exporter]:
    exporter = Exporter(metrics, 0)
    yield exporter
    exporter.close()


def scrape(exporter: Exporter) -> dict[tuple[str, str], float]:
    """(sample, its only label's value) to figure."""
    with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=patient(10)) as answer:
        text = answer.read().decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_shows_what_was_counted(metrics: Metrics, exporter: Exporter) -> None:
    metrics.sessions = 3
    metrics.tls_queue_octets = 4096
    metrics.relayed += 12
    metrics.login_failures += 1
    metrics.drop("replay")
    metrics.drop("replay")
    metrics.refuse("NOT_A_MEMBER")
    seen = scrape(exporter)
    assert seen["lanchat_sessions", ""] == 3
    assert seen["lanchat_tls_queue_octets", ""] == 4096
    assert seen["lanchat_relayed_total", ""] == 12
    assert seen["lanchat_login_failures_total", ""] == 1
    assert seen["lanchat_datagrams_dropped_total", "replay"] == 2
    assert seen["lanchat_refused_total", "NOT_A_MEMBER"] == 1
    metrics.sessions = 2
    assert scrape(exporter)["lanchat_sessions", ""] == 2


def test_commit_times_are_a_histogram(metrics: Metrics, exporter: Exporter) -> None:
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


def test_labels_are_bounded(metrics: Metrics, exporter: Exporter) -> None:
    for n in range(1000):
        metrics.drop(f"reason {n}")
    assert len(metrics.dropped) == 65
    assert scrape(exporter)["lanchat_datagrams_dropped_total", "other"] == 936


def test_only_this_computer_is_answered(exporter: Exporter) -> None:
    assert exporter._server.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_an_error_and_a_closed_one_is_free_again(metrics: Metrics) -> None:
    first = Exporter(metrics, 0)
    try:
        with pytest.raises(OSError):
            Exporter(metrics, first.port)
    finally:
        first.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", first.port)) != 0


def test_status_gets_what_only_grows(metrics: Metrics) -> None:
    metrics.commit(0.001, 3)
    metrics.drop("seal")
    counters = metrics.counters()
    assert counters["committed"] == 3
    assert counters["dropped"] == {"seal": 1}
    assert "sessions" not in counters

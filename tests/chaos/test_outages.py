"""Which messages count as acknowledged during a database outage."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos.outages import Outage, OutageReport, acknowledged_meanwhile

BEGAN_MS, BEGAN, ENDED = 5000, 50.0, 60.0


@pytest.mark.parametrize(
    ("stored_ms", "acknowledged_at", "counts"),
    [(5500, 55.0, 1), (4900, 55.0, 0), (4900, 45.0, 0), (6100, 61.0, 0)],
    ids=["stored and told meanwhile", "stored before, told meanwhile", "before", "afterwards"],
)
def test_counts_messages_stored_and_acknowledged_during_an_outage(
    stored_ms: int, acknowledged_at: float, counts: int
) -> None:
    outage = Outage("stopped", lambda: None, lambda: None, 10.0)
    report = OutageReport(outage, began=(BEGAN_MS, BEGAN), ended=ENDED)
    room = SimpleNamespace(records=[SimpleNamespace(time_ms=stored_ms)], ids={"a": 1})
    person = SimpleNamespace(memory=SimpleNamespace(acknowledged_at={"a": acknowledged_at}))
    crowd: Any = SimpleNamespace(people=[person])
    audit: Any = SimpleNamespace(rooms={1: room})
    report.acknowledged_meanwhile = acknowledged_meanwhile(report, crowd, audit)
    assert report.acknowledged_meanwhile == counts
    assert bool(report.complaints(growth_max=1, back_max=1.0)) is bool(counts)

"""The status report of a server as a JSON object in its stable format."""

import json

import pytest

from lanchat.protocol import wire
from lanchat.protocol.codec import decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import STATUS_COUNTERS_MAX, STATUS_LISTED_MAX
from tests.support.status import status_report

EXPECTED = (
    '{"name": "Office", "version": "0.1.0", "role": "serving", "other_server": null, "uptime_s": 61.2,'
    ' "users_online": ["anna", "boris"], "sessions": 3,'
    ' "rooms_total": 2, "rooms": [{"id": 1, "name": "general", "head": 9, "members": 2}],'
    ' "queues": {"submissions": 1, "held": 2, "repairs": 3, "tls_octets": 4},'
    ' "database": {"url": "sqlite:///x", "latency_ms": 1.26},'
    ' "clock": {"jumps": 1, "last_jump_s": -2.5, "behind_newest_s": 0.0},'
    ' "storage": {"state": "ok", "log_octets": 2048, "log_octets_max": 0, "disk_free_octets": null,'
    ' "disk_reserve_octets": 1048576, "database_disk_known": false, "user_octets_per_day": 0,'
    ' "users_over_quota": ["boris"]}, "search": null, "handed_in": [], "quarantined": 0,'
    ' "reseeding": null, "counters": {"udp_in": 7, "committed": 5}}'
)


def test_document_has_the_stable_json_format() -> None:
    report = status_report([wire.RoomFigures(1, "general", 9, 2)])
    assert json.dumps(wire.status_document(report)) == EXPECTED


def test_document_contains_index_progress_and_setup_code() -> None:
    document = wire.status_document(status_report(search=wire.SearchFigures(200, 500), setup_code="1234"))
    assert document["search"] == {"indexed": 200, "of": 500}
    assert list(document)[-1] == "setup_code"
    assert document["setup_code"] == "1234"


def test_document_says_which_of_two_servers_it_is() -> None:
    standby = wire.status_document(status_report(standing_by=True, other_server="one:17"))
    serving = wire.status_document(status_report(other_server="two:18"))
    assert (standby["role"], standby["other_server"]) == ("standby", "one:17")
    assert (serving["role"], serving["other_server"]) == ("serving", "two:18")


def test_setup_code_is_not_printed() -> None:
    assert "secret-code" not in repr(status_report(setup_code="secret-code"))


@pytest.mark.parametrize(
    "report",
    [
        status_report([wire.RoomFigures(1, "x", 1, 1)] * (STATUS_LISTED_MAX + 1)),
        status_report(users_online=["x"] * (STATUS_LISTED_MAX + 1)),
        status_report(counters=[wire.CounterFigure("x", 1)] * (STATUS_COUNTERS_MAX + 1)),
        status_report(name="x" * 257),
        status_report(uptime_ms=-1),
        status_report(sessions=2**32),
    ],
)
def test_reports_beyond_the_bounds_are_refused(report: wire.StatusReport) -> None:
    with pytest.raises(ProtocolError):
        decoder(wire.StatusReport)(encode(report))

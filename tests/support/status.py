"""A report of a server's figures, for tests."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from lanchat.protocol import wire


def status_report(rooms: Sequence[wire.RoomFigures] = (), **changes: Any) -> wire.StatusReport:
    """Of a server without accounts' secrets, on which little has happened; `changes`: fields that are others."""
    report = wire.StatusReport(
        name="Office",
        version="0.1.0",
        uptime_ms=61_240,
        users_online=["anna", "boris"],
        sessions=3,
        rooms_total=2,
        rooms=list(rooms),
        queues=wire.QueueFigures(1, 2, 3, 4),
        database=wire.DatabaseFigures("sqlite:///x", 1_264),
        clock=wire.ClockFigures(1, -2_500, 0),
        storage=wire.StorageFigures("ok", 2048, 0, None, 1 << 20, False, 0, ["boris"]),
        counters=[wire.CounterFigure("udp_in", 7), wire.CounterFigure("committed", 5)],
    )
    return replace(report, **changes)

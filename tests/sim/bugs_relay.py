"""Deliberate faults of the server's live side: what it does not say, or says to the wrong people."""

from lanchat_server.core.heartbeat import Heartbeat
from tests.sim.planting import Change


def no_head_heartbeat() -> list[Change]:
    """A room does not say again where it stands."""
    return [
        (Heartbeat, "due", lambda self, now: []),
        (Heartbeat, "beat", lambda self, now: None),
        (Heartbeat, "timer", lambda self: 1e9),
    ]


BUGS = (no_head_heartbeat,)

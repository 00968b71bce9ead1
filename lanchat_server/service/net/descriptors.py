"""How many connections this process may hold: the system's limit of descriptors, and what is kept of it for others."""

import sys

from lanchat_server.service.net.acceptor import WAITING_MAX
from lanchat_server.service.net.local_port import ADMITTED_MAX, PLACES_MAX
from lanchat_server.service.transfers.limits import CONNECTIONS_MAX

# Database, log, standard streams, discovery (some sockets for each interface), files that are opened for a moment.
RESERVE = 192
# Commands and figures.
_LOCAL_PORTS = 2
_SESSIONS_MIN = 8


def sessions_that_fit(wanted: int, unauthenticated_max: int) -> int:
    """Raises the process's own limit as far as that many sessions need and the system allows; how many then fit beside
    all who are not logged in."""
    others = (
        WAITING_MAX
        + 2 * unauthenticated_max
        + 2 * CONNECTIONS_MAX
        + _LOCAL_PORTS * (PLACES_MAX + ADMITTED_MAX)
        + RESERVE
    )
    return min(wanted, max(_SESSIONS_MIN, _raised_limit(wanted + others) - others))


if sys.platform == "win32":

    def _raised_limit(needed: int) -> int:
        """Windows sets none."""
        return needed

else:
    import resource

    def _raised_limit(needed: int) -> int:
        """The process's limit, raised to what is needed as far as the system allows."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= needed:
            return needed
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return soft

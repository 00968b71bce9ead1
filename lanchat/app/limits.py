"""Bounds and times of the client above its core; those of the core are in `lanchat/core/config.py`."""

import msgspec


class ClientLimits(msgspec.Struct, frozen=True):
    """Seconds, counts and octets; handed in where a client is made, with these defaults."""

    # How long everything waits for the certificates of a line's authors; the line itself waits until the server has
    # said whose it is. It answers within a round trip.
    certificate_patience: float = 1.0
    # A request that the server has no time for is made again for so long.
    busy_patience: float = 10.0
    # Greeting a server, and log-in by device key, on an open connection.
    greeting_timeout: float = 10.0
    # A log-in by command, with the connection that it needs: the server hashes a password, and may have others waiting.
    login_timeout: float = 30.0
    # Pages that one command, or counting what is unread in a room, fetches below what is here: 20,000 records without
    # enough texts among them.
    older_pages_max: int = 100
    unread_pages_max: int = 100
    # Events that wait to be told, in octets: a fast catch-up has some MiB. A server is not read above it.
    backlog_octets_max: int = 16 << 20
    # Stored records, over all rooms, that wait until the server says whose they are, in batches and octets. Against a
    # server that never says; a cut connection ends after ten seconds.
    deferred_max: int = 1000
    deferred_octets_max: int = 16 << 20


CLIENT_LIMITS = ClientLimits()

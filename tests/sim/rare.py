"""Coverage of the rare: what the runs must have come to, all of them together, or they have shown nothing."""

from collections.abc import Mapping

# Names of counters.
RARE = (
    "blackhole",
    "burst of losses",
    "client crash",
    "client gone for good",
    "client power cut",
    "client: datagram seen before",
    "client: head not signed",
    "client: head of another epoch",
    "clock jump",
    "commit failed",
    "commit unknown, lost",
    "commit unknown, stored",
    "corrupted datagram",
    "database away",
    "erased bodies",
    "fenced server",
    "forgery handed in",
    "fork seen: forked",
    "fork seen: server_behind",
    "full disk",
    "gap in an author's numbers",
    "got Busy",
    "got Expect",
    "got Lagging",
    "keys renewed",
    "memberships ended",
    "message handed in for somebody else",
    "one-way partition",
    "outbox damaged",
    "partition",
    "refused messages",
    "replayed datagram",
    "restore from a backup",
    "second process",
    "second server",
    "server crash",
    "server crash after a commit",
    "server crash before a commit",
    "server power cut",
    "server: repeated",
    "server: udp_datagram_seen_before",
    "server: udp_seal_does_not_hold",
    "slow consumer",
    "switch to TLS",
    "switch to UDP",
    "torn write",
)


def missing(counters: Mapping[str, int]) -> list[str]:
    """What never happened."""
    return [name for name in RARE if not counters.get(name)]

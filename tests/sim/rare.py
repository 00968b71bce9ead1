"""Coverage of the rare: what the runs must have come to, all of them together, or they have shown nothing."""

from collections.abc import Iterable, Mapping

# Names of counters.
RARE = (
    "batch checked ahead",
    "blackhole",
    "burst of losses",
    "client asleep",
    "client crash",
    "client gone for good",
    "client power cut",
    "client: datagram seen before",
    "client: head not signed",
    "client: head of another epoch",
    "clock jump of an hour",
    "clock jump of ten years",
    "commit failed",
    "commit unknown, lost",
    "commit unknown, stored",
    "corrupted datagram",
    "database away",
    "disk put back to an image",
    "erased bodies",
    "false record",
    "fenced server",
    "forgery handed in",
    "fork seen: forked",
    "fork seen: server_behind",
    "full disk",
    "gap in an author's numbers",
    "got Busy",
    "got Expect",
    "got Lagging",
    "invited while away",
    "log came back from clients",
    "key id drawn twice",
    "keys renewed",
    "memberships ended",
    "message handed in for somebody else",
    "message held for its predecessor",
    "moved to another network",
    "one-way partition",
    "outbox damaged",
    "partition",
    "refused messages",
    "replayed datagram",
    "restore from a backup",
    "second connection beside a silent one",
    "second connection not needed",
    "second process",
    "second server",
    "server crash",
    "server crash after a commit",
    "server crash before a commit",
    "server paused",
    "server power cut",
    "server: repeated",
    "server: udp_datagram_seen_before",
    "server: udp_seal_does_not_hold",
    "slow consumer",
    "span begun anew",
    "room with records of an earlier session",
    "switch to TLS",
    "switch to TLS and back",
    "switch to UDP",
    "TLS dies silently",
    "torn write",
)


# In runs whose clients talk with each other.
RARE_AMONG_PEERS = (
    "islands",
    "peers: carried message refused",
    "peers: introduced",
    "peers: message carried",
    "peers: records without the server",
    "peers: somebody is reached",
    "peers: stopped by a firewall",
    "peers: two do not see each other",
    "servers unreachable",
)


def missing(counters: Mapping[str, int], names: Iterable[str] = RARE) -> list[str]:
    """What never happened."""
    return [name for name in names if not counters.get(name)]

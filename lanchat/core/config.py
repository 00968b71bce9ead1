"""Tunables of the client core. Seconds and counts; each bound says what it is for."""

import msgspec

from lanchat.protocol.limits import PAGE_RECORDS_MAX, RECORDS_MAX, REORDER_MAX, SUBMIT_MAX, SUBMIT_OCTETS_MAX


class ClientConfig(msgspec.Struct, frozen=True):
    """Defaults are those of docs/PROTOCOL.md."""

    # Receiving. Records above a gap, per room, and as many linked ones without a head; against a server that never
    # fills the gap or never signs.
    reorder_max: int = REORDER_MAX
    # Unproven heads that are kept per room: one per datagram under loss, the newest win.
    heads_max: int = 64
    # Chain hashes at and below the cursor that are remembered, to tell an old head or record from a fork.
    recent_max: int = 512
    # Records of pages that wait for a head which covers them; a server that sends `proof` never needs more than one
    # page. 20,000 records of some 400 octets are 8 MiB.
    unproven_max: int = 20_000
    # Octets of all rooms' records that wait above a gap, or for a signed head: a page of each of four rooms and what
    # came live meanwhile takes a tenth. Beyond it the room that brought more begins again at its cursor.
    aside_octets: int = 64 << 20
    # People and rooms of one log. A server that has more, or makes them up, is not followed.
    users_max: int = 100_000
    rooms_max: int = 10_000
    # Entries of one list that comes in pages. A server that has more, or whose list never ends, is refused.
    entries_max: int = 100_000
    # Records of a room whose numbers are kept, some 100 octets each, and 700 for a text with reactions. Beyond it the
    # fold begins anew at the newest ones: a room that is looked at for weeks takes no more memory than one for an hour.
    folded_max: int = 4096
    gap_wait: float = 0.02
    gap_jitter: float = 0.02
    # Slower growth than doubling: at 10 % loss each way one repair in five fails, and everything after it waits.
    nack_first: float = 0.04
    nack_growth: float = 1.4
    nack_longest: float = 1.0
    nack_rate: float = 20.0
    nack_burst: int = 20
    pull_after: float = 2.0
    # When so many NACKs were needed and nothing came unasked, the server has ceased to send this room's records (its
    # Lagging was lost): a page makes it begin again.
    nacks_in_a_row: int = 8
    pulls_at_once: int = 4
    pull_retry: float = 1.0
    # A page that is not here after this does not keep NACKs back any longer: TLS may be stuck where UDP gets through.
    page_patience: float = 0.3
    # Pages grow, doubling, while they come within `page_patience`, and are small again when one does not: on a bad
    # network a small one gets through where a large one never would.
    page: int = RECORDS_MAX
    page_most: int = PAGE_RECORDS_MAX
    first_page: int = 100
    # Sending. `window` messages of a run are under way at once: as many as the server keeps for their predecessor.
    window: int = SUBMIT_MAX
    retry_first: float = 0.1
    retry_longest: float = 2.0
    tls_try: int = 3
    submit_octets: int = SUBMIT_OCTETS_MAX
    busy_longest: float = 60.0
    # How long a message waits for room before it is offered again, whatever the server says.
    room_longest: float = 600.0
    # What another process of the profile left behind is handed in when it has been seen waiting for this long.
    adopt_after: float = 5.0
    adopt_every: float = 5.0
    # Stored messages whose record is not here yet; the window shows them in the meantime.
    stored_max: int = 1024
    # On average, in a room of up to 100 members.
    cursors_every: float = 1.0
    # Reading positions are written to the local copy so long after they changed: a write is durable, and one for every
    # message that is seen would double what a lively room costs.
    marks_after: float = 2.0
    # The link.
    # Six pings: at 30 % loss each way one in sixty probes fails on a path that is open.
    ping_times: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6)
    ping_patience: float = 0.4
    udp_retry_first: float = 2.0
    udp_retry_longest: float = 30.0
    # An open path is pinged after so long without sending (host firewalls and NAT forget), or without hearing anything
    # there: a little longer than the heartbeat's distance.
    keep_alive: float = 25.0
    udp_silence: float = 12.0
    silence_ping: float = 7.5
    silence_max: float = 10.0
    # TLS that is asked after `keep_alive` without a frame and says nothing for so long is dead, while UDP may live: a
    # firewall that was restarted forgets connections. TCP itself would notice after a quarter of an hour.
    tls_silence_max: float = 25.0
    # Doubt: after so many NACKs in a row without an answer, not more often than `doubt_every`. A silence shorter than
    # `silence_short` has lost nothing that the usual retries do not bring soon.
    doubt_nacks: int = 3
    doubt_every: float = 0.5
    silence_short: float = 0.3
    silent_ping_every: float = 0.5
    # The search for a silent server, and the distance to the next one, doubling. Each is a dozen datagrams.
    search_after: float = 1.2
    search_first: float = 1.0
    reconnect_first: float = 0.5
    # The longest wait between tries in the first minute after the server went away, and from then on.
    reconnect_early: float = 2.0
    reconnect_early_time: float = 60.0
    reconnect_longest: float = 30.0
    # A session that ends sooner counts as one more failure in a row.
    session_steady: float = 10.0
    # The server sent for the second time in a row what breaks the protocol: at most this long, then twice as much.
    broken_first: float = 4.0
    away_after: float = 3.0
    # Part of a session key's lifetime after which fresh keys are asked for.
    renew_part: float = 0.75
    renew_retry: float = 30.0
    request_timeout: float = 30.0
    # The local copy could not be written: tried again after this.
    store_retry: float = 1.0


DEFAULT_CONFIG = ClientConfig()

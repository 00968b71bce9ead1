"""Tunables of the sequencer core. Seconds and counts; each bound says what it is for."""

import msgspec


class CoreConfig(msgspec.Struct, frozen=True):
    """Defaults are those of a server for 2 to 1,000 people."""

    # One transaction holds at most this many messages: bounds the time to the first acknowledgement under load (some
    # 40 ms when as many as that come at once).
    batch_max: int = 256
    # And so many octets of messages, with SUBMISSION_OCTETS each: the words of 16 KiB of emoji take the search 10 ms.
    batch_octets: int = 1 << 20
    # After a batch began the next one begins this much later, or with so many messages: a batch costs some 1 ms of
    # processor time and 10 µs for each client whatever is in it (docs/PERFORMANCE.md), so each receiver beyond
    # `gather_crowd` makes it later: 65 ms after one for 400 people. A message that comes after a longer pause does not
    # wait. A batch of four and more makes the next one wait longer, in steps of as much.
    gather: float = 0.005
    gather_crowd: int = 100
    gather_receiver: float = 0.0002
    gather_longest: float = 0.1
    gather_enough: int = 128
    # While a batch is being written, so many make the next one, whose signatures are checked meanwhile.
    ahead_enough: int = 128
    # Messages waiting for the writer, all sessions together, and their octets: 2 s of work at 2,000 messages/s. Beyond
    # either: Busy.
    queue_max: int = 4096
    queue_octets: int = 16 << 20
    # Of one session, so that one client cannot fill the queue; as many again may wait for their predecessors.
    session_queue_max: int = 256
    message_rate: float = 10.0
    message_burst: int = 30
    total_rate: float = 500.0
    nack_rate: float = 20.0
    nack_burst: int = 20
    # Requests over TLS: scrolling quickly makes some 10 a second.
    request_rate: float = 50.0
    request_burst: int = 200
    # Records of history that a user gets at once, as somebody who was away for long, and then every second: 15 µs each.
    page_burst: int = 150_000
    page_rate: float = 10_000.0
    # Messages of one run that came before their predecessor; as many as a client has under way.
    hold_per_run: int = 64
    hold_max: int = 4096
    hold_octets: int = 8 << 20
    # How long the predecessor is waited for before a gap is accepted: when somebody else handed the message in and its
    # author is away, and when the author's own session offers it all the time, the last time within `hold_fresh`.
    hold_time: float = 10.0
    hold_own: float = 60.0
    hold_fresh: float = 5.0
    # A quiet room says where it stands at these times after its last record, then every `heartbeat`.
    head_steps: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    heartbeat: float = 10.0
    # Rooms quiet for longer are left out of the heartbeat: 60 repeats were lost only if the session is dead.
    heartbeat_rooms: float = 600.0
    # A UDP path is used for this long after the client's last datagram.
    udp_fresh: float = 60.0
    # Octets queued on one session's TLS channel before it counts as lagging: a page and some.
    lag_octets: int = 1 << 20
    # Records kept in memory for repair, per room, and the memory that they take in all rooms (0.7 to 17 KiB each).
    recent_per_room: int = 512
    recent_octets: int = 16 << 20
    # Repairs that are being read from the database at a time: in all, and for one session. The rest is asked for again.
    fetches_max: int = 128
    fetches_per_session: int = 4
    # Receipts and presence are sent at most this often; in a large room less often (members / 100 seconds).
    cursor_interval: float = 1.0
    presence_interval: float = 0.5
    # What a client offers twice within this time is answered once with Expect.
    expect_interval: float = 0.05
    # Runs whose last number is remembered without asking the database: 65,536 × ~200 octets = 13 MiB.
    progress_max: int = 65536
    # What one text may collect: each is looked at when somebody searches or comes back.
    edits_per_message: int = 200
    reactions_per_message: int = 2000
    # What messages of one user may take within a day, and of all for ever (usage.py); 0: no bound.
    user_octets_per_day: int = 0
    log_octets: int = 0
    # Messages of authors who were shut out wait for an administrator, in the database alone: of one author as much as a
    # client carries of it, in all as much as of four such authors.
    quarantine_author_max: int = 500
    quarantine_author_octets: int = 2 << 20
    quarantine_max: int = 2000
    quarantine_octets: int = 8 << 20
    # Ends of clients that are remembered, 1 KiB each; those whose session ended longest ago give way.
    peer_ends_max: int = 4096
    # People whom a user makes members of rooms. A membership takes some 500 octets of memory: with 100 new rooms a day,
    # and everybody in each of them, a few members would fill it.
    members_per_day: int = 2000
    # When whoever waits for room comes again, unless it is known when there will be some.
    room_retry: float = 30.0
    # When a message whose contents are not here is offered again.
    contents_retry: float = 5.0
    # How long a client waits after a commit failed.
    busy_retry: float = 0.5

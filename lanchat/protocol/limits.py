"""Bounds that both sides check. The server announces the tunable ones when a client says hello.

Each bound names what it is for. Sizes are octets unless the name says otherwise; times are seconds. Specification
constants (changing one changes the protocol) stand first, tunables are fields of `Limits`.
"""

from typing import Annotated

import msgspec

PROTOCOL_VERSION = 1
ALPN = "lanchat/1"
# Of connections that carry contents of files.
BULK_ALPN = "lanchat-files/1"

# A datagram that passes every usual path (Ethernet, PPPoE, VPN, IPv6 minimum 1,280) without IP fragments.
DATAGRAM_MAX = 1200
# Frames in one datagram; honest ones have a dozen. Without a bound a client could ask for 366 pongs with one datagram,
# each a datagram of its own, to the address that stands on it.
DATAGRAM_FRAMES_MAX = 16
# A body that still fits one datagram with header, signature, signed head and seal; a larger one goes over TLS.
INLINE_BODY_MAX = 900
# A frame before log-in: the largest honest one is a registration (names, password, keys: < 1 KiB). A stranger
# with 64 open connections can make the server hold 256 KiB.
FRAME_MAX_UNAUTHENTICATED = 4096
# A frame of a client after log-in: SUBMIT_OCTETS_MAX and what is around them. A thousand sessions that send half of one
# and stop make the server hold 80 MiB.
FRAME_MAX_TO_SERVER = 80 * 1024
# Messages that a client hands in with one frame; a single one always fits.
SUBMIT_OCTETS_MAX = 64 * 1024
# A frame of the server after log-in: a history page of PAGE_OCTETS_MAX plus one body, headers and certificates.
FRAME_MAX = 1 << 20
PAGE_OCTETS_MAX = 512 * 1024
# A page of a list (rooms, users, members, devices, receipts): some 1,000 entries with the longest names.
LIST_OCTETS_MAX = 256 * 1024
# Entries of such a page, and whatever else one frame lists of rooms, people or devices: with the shortest names 256 KiB
# are as many.
LIST_ENTRIES_MAX = 10_000
# Of a status report: people and rooms that it names (with the longest names some 400 KiB), and counters.
STATUS_LISTED_MAX = 1000
STATUS_COUNTERS_MAX = 1024
# Messages that an administrator takes out of the quarantine with one request: one batch.
QUARANTINE_JUDGED_MAX = 256
# Where a list goes on: what its entries are sorted by.
PLACE_OCTETS_MAX = 32
# A client that was away for 100,000 messages asks a hundred times, and waits for its disk as often.
PAGE_RECORDS_MAX = 1000
# One subscription, one heartbeat, one frame of receipts.
ROOMS_PER_SUBSCRIPTION = 256
# Those of a page's authors; a client asks for the others.
PAGE_CERTIFICATES_MAX = 256
# Rooms that one event tells of as deleted: 10 KiB.
ROOMS_DELETED_MAX = 1000
# Statements that one event tells: 360 KiB.
STATEMENTS_MAX = 500
# Links of a client to others, and what a roster names; 64 entries with the longest names are 60 KiB.
PEERS_MAX = 64
# Of a peer: the one that the server sees, and those of its interfaces.
PEER_ADDRESSES_MAX = 9
# Records in a live frame, hits of a search.
RECORDS_MAX = 200
# One datagram of missing numbers; more than this and a history page is cheaper.
NACK_MAX = 32
SUBMIT_MAX = 64
# Ranges that one `Busy` names: it fits a datagram. Honest clients have one or two runs under way in a room.
NOT_TAKEN_MAX = 16
# Records that may wait above a gap, per room. 256 × 17 KiB = 4.3 MiB at worst.
REORDER_MAX = 256
BODY_CHARACTERS_MAX = 4000
BODY_OCTETS_MAX = 16 * 1024
REACTION_CHARACTERS_MAX = 16
USER_NAME_MAX = 32
ROOM_NAME_MAX = 64
DISPLAY_NAME_MAX = 64
DEVICE_NAME_MAX = 64
SERVER_NAME_MAX = 64
EMAIL_MAX = 254
PASSWORD_MIN_CHARACTERS = 8
# Argon2 reads all of it: without a bound a stranger makes the server hash megabytes.
PASSWORD_OCTETS_MAX = 512
SEARCH_CHARACTERS_MAX = 200
# What is proven by itself, and read, hashed and written at once.
CHUNK_OCTETS = 1 << 20
# Of one file: 16 GiB. Their hashes, 512 KiB, fit a frame.
FILE_CHUNKS_MAX = 16_384
# Of one message; with usual names they fit a body.
FILES_MAX = 32
# As long as the file systems of Linux take them.
FILE_NAME_OCTETS_MAX = 255
MEDIA_TYPE_MAX = 127
# Chunks that one request asks for: 64 MiB.
CHUNKS_ASKED_MAX = 64
# One answer; who wants more asks again with `before`.
SEARCH_HITS_MAX = 50


# More than any server takes; no number of a second would be without end.
MESSAGE_RATE_MAX = 1e6

_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Octets = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Limits(msgspec.Struct, array_like=True, frozen=True):
    """What the server announces; both sides keep to it. Rates are per second."""

    body_characters: _Count = BODY_CHARACTERS_MAX
    body_octets: _Count = BODY_OCTETS_MAX
    inline_body: Annotated[int, msgspec.Meta(ge=0, le=DATAGRAM_MAX)] = INLINE_BODY_MAX
    message_rate: Annotated[float, msgspec.Meta(gt=0, le=MESSAGE_RATE_MAX)] = 10.0
    message_burst: _Count = 30
    page_records: _Count = PAGE_RECORDS_MAX
    # What one text may collect, what a server may hold, and what one user or address may make within a day.
    edits_per_message: _Count = 200
    reactions_per_message: _Count = 2000
    rooms_total: _Count = 2000
    rooms_per_day: _Count = 100
    accounts_per_day: _Count = 200
    invites_per_day: _Count = 100
    # What messages and refusals of one user may take within a day, and of all users for ever; 0: no bound. A text of a
    # line takes some 700 octets, so that the first are 150,000 texts.
    user_octets_per_day: _Octets = 100 << 20
    log_octets: _Octets = 0

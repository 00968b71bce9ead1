"""The tables of limits in docs/PROTOCOL.md: every bound of the wire, of the server and of the reference client, read
from the code (tables.py)."""

from typing import Any, NamedTuple

import msgspec

from lanchat.core.config import ClientConfig
from lanchat.protocol import limits as wire_limits
from lanchat.protocol.datagram import beacon, replay, seal
from lanchat.protocol.limits import Limits
from lanchat.protocol.log import certificates, messages, statements
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits.throttle import ThrottleConfig
from lanchat_server.service import context
from lanchat_server.service.net import beacon as server_beacon
from lanchat_server.service.net import connection
from lanchat_server.service.requests import acting
from lanchat_server.service.transfers import limits as transfer_limits
from lanchat_server.service.transfers import tickets
from lanchat_server.service.upkeep import housekeeping

CORE = CoreConfig()
CLIENT = ClientConfig()
THROTTLE = ThrottleConfig()
SETTINGS = {field.name: field.default for field in msgspec.structs.fields(ServerConfig)}
FRAMES = connection.frame_budget()


class Row(NamedTuple):
    """`names`: the constants or fields that `values` come from. `beyond`: what happens above it."""

    what: str
    names: str
    values: Any
    beyond: str


def _wire(what: str, name: str, beyond: str) -> Row:
    return Row(what, name, getattr(wire_limits, name), beyond)


def _core(what: str, names: str, beyond: str) -> Row:
    return Row(what, names, tuple(getattr(CORE, name) for name in names.split()), beyond)


def _client(what: str, names: str, why: str) -> Row:
    return Row(what, names, tuple(getattr(CLIENT, name) for name in names.split()), why)


_ENDS = "the connection ends"
_DROPPED = "dropped and counted"
_REFUSED = "`TOO_LARGE`"
_NAME = "`NAME_INVALID`"

# Fixed by the protocol: a change of one is a change of the protocol.
FIXED = [
    _wire("version in `Hello`", "PROTOCOL_VERSION", "`VERSION` unless it is among those offered"),
    _wire("ALPN", "ALPN", "the TLS handshake fails, or the connection ends"),
    _wire("ALPN of a connection for files", "BULK_ALPN", "the same"),
    _wire("datagram, octets", "DATAGRAM_MAX", _DROPPED),
    _wire("frames in a datagram", "DATAGRAM_FRAMES_MAX", _DROPPED),
    _wire("frame before log-in, octets", "FRAME_MAX_UNAUTHENTICATED", _ENDS),
    _wire("frame to the server after log-in, octets", "FRAME_MAX_TO_SERVER", _ENDS),
    _wire("frame to the client, octets", "FRAME_MAX", "never sent; a client ends the connection"),
    _wire("messages in a `Submit`", "SUBMIT_MAX", _ENDS),
    _wire("octets of the messages in a `Submit`, body of one that is refused", "SUBMIT_OCTETS_MAX", _ENDS),
    Row("header of a record, octets", "HEADER_MAX", messages.HEADER_MAX, "`BAD_HEADER`"),
    Row("header in a `Submit`, octets", "SUBMITTED_HEADER_MAX", messages.SUBMITTED_HEADER_MAX, _ENDS),
    _wire("body, characters (Unicode code points)", "BODY_CHARACTERS_MAX", _REFUSED),
    _wire("body, octets", "BODY_OCTETS_MAX", _REFUSED),
    _wire("reaction, characters, its `-` counted", "REACTION_CHARACTERS_MAX", _REFUSED),
    _wire("body that the server sends by UDP, octets", "INLINE_BODY_MAX", "goes over TLS"),
    _wire("ranges in a `Busy`", "NOT_TAKEN_MAX", "more `Busy` frames follow"),
    _wire("numbers in a `Nack`", "NACK_MAX", "the datagram is dropped, or the connection ends"),
    _wire("records in a `Records`, hits asked for in a `Search`", "RECORDS_MAX", _ENDS),
    _wire("records asked for in a `History`", "PAGE_RECORDS_MAX", _ENDS),
    _wire("records of a `Page`, hits of a `Found`, octets", "PAGE_OCTETS_MAX", "fewer than asked for; one at least"),
    _wire("statements in a `Statements`", "STATEMENTS_MAX", "several frames"),
    _wire("peers in a `Roster` or `PeersChanged`", "PEERS_MAX", "not named"),
    _wire("addresses of a peer", "PEER_ADDRESSES_MAX", "not named"),
    _wire("certificates in a frame", "PAGE_CERTIFICATES_MAX", "`GetCertificates` brings the others"),
    _wire("hits in a `Found`", "SEARCH_HITS_MAX", "`before` brings the next"),
    _wire("words of a `Search`, characters", "SEARCH_CHARACTERS_MAX", _ENDS),
    _wire("page of a list, octets", "LIST_OCTETS_MAX", "`next` says where it goes on"),
    _wire("entries of a list", "LIST_ENTRIES_MAX", "the same"),
    _wire("people and rooms that a `StatusReport` names", "STATUS_LISTED_MAX", "those with the newest messages; pages"),
    _wire("counters of a `StatusReport`", "STATUS_COUNTERS_MAX", "the rest is left out"),
    _wire("messages in a `JudgeQuarantined`", "QUARANTINE_JUDGED_MAX", _ENDS),
    _wire("`after`, `next`, octets", "PLACE_OCTETS_MAX", _ENDS),
    _wire("rooms in a `Subscribe`, `Heads` or `Cursors`", "ROOMS_PER_SUBSCRIPTION", _ENDS),
    _wire("rooms in a `RoomsDeleted`", "ROOMS_DELETED_MAX", "more frames follow"),
    _wire("records that a client keeps above a gap", "REORDER_MAX", "the highest are forgotten"),
    _wire("user name, characters", "USER_NAME_MAX", _NAME),
    _wire("name of a room, characters", "ROOM_NAME_MAX", _NAME),
    _wire("display name, characters", "DISPLAY_NAME_MAX", _NAME),
    _wire("name of a device, characters", "DEVICE_NAME_MAX", "cut off"),
    _wire("name of a server, characters; in discovery octets", "SERVER_NAME_MAX", "the server does not start"),
    _wire("e-mail address, characters", "EMAIL_MAX", "`EMAIL_INVALID`"),
    _wire("password at least, characters", "PASSWORD_MIN_CHARACTERS", "`PASSWORD_INVALID`"),
    _wire("password, octets", "PASSWORD_OCTETS_MAX", "`PASSWORD_INVALID`"),
    Row("content of a statement, octets", "STATEMENT_MAX", statements.STATEMENT_MAX, "not signed"),
    Row("content of a certificate, octets", "CERTIFICATE_MAX", certificates.CERTIFICATE_MAX, "not signed"),
    Row("window of packet numbers", "WINDOW", replay.WINDOW, _DROPPED),
    Row("datagrams under one key", "PACKETS_PER_KEY", seal.PACKETS_PER_KEY, "not sealed: TLS, `Renew`"),
    Row("life of a session key, s", "KEY_LIFETIME", seal.KEY_LIFETIME, "fresh `SessionKeys`"),
    Row("an old key opens for, s", "OLD_KEY_GRACE", seal.OLD_KEY_GRACE, _DROPPED),
    Row("probe, exactly so many octets", "PROBE_SIZE", beacon.PROBE_SIZE, "no answer"),
    Row("answer to a probe, octets", "ANSWER_SIZE_MAX", beacon.ANSWER_SIZE_MAX, "ignored"),
    _wire("chunk of a file, octets", "CHUNK_OCTETS", "the connection ends"),
    _wire("chunks of a file", "FILE_CHUNKS_MAX", "`BAD_TEXT`; the connection ends"),
    _wire("chunks asked for in a `GetChunks`", "CHUNKS_ASKED_MAX", _ENDS),
    _wire("files of a message", "FILES_MAX", "`BAD_TEXT`"),
    _wire("name of a file, octets", "FILE_NAME_OCTETS_MAX", "`BAD_TEXT`"),
    _wire("media type of a file, characters", "MEDIA_TYPE_MAX", "`BAD_TEXT`"),
    _wire("messages a second that a server may announce", "MESSAGE_RATE_MAX", "the server does not start"),
]

_ANNOUNCED = {
    "body_characters": ("body, characters", _REFUSED),
    "body_octets": ("body, octets", _REFUSED),
    "inline_body": ("body that goes by UDP, octets", "goes over TLS"),
    "message_rate": ("messages a second of a session", "`Busy`"),
    "message_burst": ("messages at once", "`Busy`"),
    "page_records": ("records asked for in a `History`", _ENDS),
    "edits_per_message": ("edits of a text", "`TOO_MANY_CHANGES`"),
    "reactions_per_message": ("reactions to a text, taken back ones counted", "`TOO_MANY_CHANGES`"),
    "rooms_total": ("rooms of the server, direct ones aside", "`LIMIT_REACHED`"),
    "rooms_per_day": ("rooms that a user makes a day", "`LIMIT_REACHED`"),
    "accounts_per_day": ("accounts from an address, in IPv6 a /64, a day", "`LIMIT_REACHED`"),
    "invites_per_day": ("registration codes that a user makes a day", "`LIMIT_REACHED`"),
    "user_octets_per_day": ("octets of records and refusals of a user a day; 0: any", "`Busy` with `USER_QUOTA`"),
    "log_octets": ("octets of the whole log; 0: any", "`Busy` with `LOG_FULL`"),
}
# `Limits` in `Welcome`; the values are what stands for an element that is missing.
ANNOUNCED = [Row(what, name, getattr(Limits(), name), beyond) for name, (what, beyond) in _ANNOUNCED.items()]

# Of this server; another one, and a later version, may have others, and a client reads the answers instead.
SERVER = [
    Row("from connecting to log-in, s", "LOGIN_TIMEOUT", connection.LOGIN_TIMEOUT, _ENDS),
    Row("connections before log-in", "unauthenticated_max", SETTINGS["unauthenticated_max"], "one of them ends"),
    Row("sessions of a user", "sessions_per_user", SETTINGS["sessions_per_user"], "`TOO_MANY_SESSIONS`"),
    Row("sessions", "sessions_total", SETTINGS["sessions_total"], "`TOO_MANY_SESSIONS`"),
    Row("silence after which a session gives way, s", "SILENCE_YIELDS", context.SILENCE_YIELDS, "–"),
    Row("silence of a session by both ways, s", "SILENCE_MAX", housekeeping.SILENCE_MAX, _ENDS),
    Row(
        "frames a second, at once, of a session by each way",
        "frame_budget",
        (FRAMES.rate, FRAMES.burst),
        "over TLS read later, by UDP dropped",
    ),
    _core("messages a second of all sessions", "total_rate", "`Busy`"),
    _core("`Nack` a second, at once", "nack_rate nack_burst", "no answer"),
    _core("repairs under way of a session", "fetches_per_session", "no answer"),
    _core("requests a second, at once, of a user", "request_rate request_burst", "`Failure` with `BUSY`"),
    Row("requests of a connection that wait", "REQUESTS_MAX", connection.REQUESTS_MAX, "`Failure` with `BUSY`"),
    Row(
        "octets of requests that wait, unless it is one",
        "REQUESTS_OCTETS_MAX",
        connection.REQUESTS_OCTETS_MAX,
        "`Failure` with `BUSY`",
    ),
    _core(
        "records and list entries a second, at once, of a user",
        "page_rate page_burst",
        "`Failure` with `BUSY`",
    ),
    _core("messages of a session that wait to be stored", "session_queue_max", "`Busy`"),
    _core("messages that wait to be stored", "queue_max", "`Busy`"),
    _core("messages of a run that wait for their predecessor", "hold_per_run", "the highest are forgotten"),
    _core("gap: handed in, the author has no session, s", "hold_time", "stored behind the gap"),
    _core("gap: the author's device offers it all the time, s", "hold_own", "stored behind the gap"),
    _core("`retry_ms` of a `Busy` without a rate, s", "busy_retry", "–"),
    _core("`retry_ms` where the log or the disk is full, s", "room_retry", "–"),
    _core("a quiet room's head comes after, s", "head_steps", "–"),
    _core("heartbeat, s", "heartbeat", "–"),
    _core("a room leaves the heartbeat after, s", "heartbeat_rooms", "–"),
    _core("the UDP path counts as open after a datagram for, s", "udp_fresh", "TLS"),
    _core("octets that wait on TLS before `Lagging`", "lag_octets", "`Lagging`"),
    Row("octets that wait on TLS", "WRITE_BUFFER_MAX", connection.WRITE_BUFFER_MAX, _ENDS),
    Row("a reader reads nothing for, s", "READ_PATIENCE", connection.READ_PATIENCE, _ENDS),
    _core("`RoomCursors` of a room at most every, s", "cursor_interval", "–"),
    _core("`Users` at most every, s", "presence_interval", "–"),
    Row("tries with a password a minute of an address", "address_tries", THROTTLE.address_tries, "`TOO_MANY_TRIES`"),
    Row("… of an IPv6 network (/64)", "network_tries", THROTTLE.network_tries, "`TOO_MANY_TRIES`"),
    Row(
        "failures in a row of an account and address before tries wait",
        "failures",
        THROTTLE.failures,
        "`TOO_MANY_TRIES`",
    ),
    Row(
        "the wait then, doubling from, to, s",
        "first_delay delay_max",
        (THROTTLE.first_delay, THROTTLE.delay_max),
        "`TOO_MANY_TRIES`",
    ),
    Row("a log-in by password counts as proof for, s", "FRESH_LOGIN", acting.FRESH_LOGIN, "`PASSWORD_NEEDED`"),
    Row("rooms that a user made", "ROOMS_PER_USER", accounts.ROOMS_PER_USER, "`NOT_ALLOWED`"),
    Row("devices of a user", "DEVICES_PER_USER", accounts.DEVICES_PER_USER, "`TOO_MANY_SESSIONS`"),
    Row("new devices of a user a day", "DEVICES_PER_DAY", accounts.DEVICES_PER_DAY, "`LIMIT_REACHED`"),
    Row("people whom a user makes members a day", "members_per_day", CORE.members_per_day, "`LIMIT_REACHED`"),
    Row("life of a certificate, s", "CERTIFICATE_LIFETIME", certificates.CERTIFICATE_LIFETIME, "see Certificates"),
    Row("life of a room key, s", "ROOM_KEY_LIFETIME", accounts.ROOM_KEY_LIFETIME, "a new one"),
    Row("wait of a new e-mail address, ms", "EMAIL_WAIT_MS", accounts.EMAIL_WAIT_MS, "–"),
    Row("life of a forgot-password code, min", "CODE_MINUTES", recovery.CODE_MINUTES, "`RECOVERY_INVALID`"),
    Row("wrong tries of such a code", "CODE_TRIES", recovery.CODE_TRIES, "`RECOVERY_INVALID`"),
    Row("life of a registration code, days", "INVITE_DAYS_MAX", recovery.INVITE_DAYS_MAX, "shortened"),
    Row(
        "answers to probes a second, to one address",
        "ANSWERS_PER_SECOND",
        server_beacon.ANSWERS_PER_SECOND,
        "no answer",
    ),
    Row("life of a ticket, s", "LIFETIME", tickets.LIFETIME, "`BAD_CREDENTIALS`"),
    Row(
        "connections for files, of a user, of a session",
        "CONNECTIONS_MAX USER_CONNECTIONS_MAX SESSION_CONNECTIONS_MAX",
        (
            transfer_limits.CONNECTIONS_MAX,
            transfer_limits.USER_CONNECTIONS_MAX,
            transfer_limits.SESSION_CONNECTIONS_MAX,
        ),
        "`BUSY`",
    ),
    Row("octets of a file", "file_octets", SETTINGS["file_octets"], "`FILE_TOO_LARGE`"),
    Row("octets of the files of a user", "user_file_octets", SETTINGS["user_file_octets"], "`LIMIT_REACHED`"),
    _core("`retry_ms` where contents are missing, s", "contents_retry", "–"),
    Row("probes with one token count as one within, s", "SAME_ROUND", server_beacon.SAME_ROUND, "no answer"),
]

# Of the reference client; others may choose their own.
REFERENCE = [
    _client("wait before the first `Nack` of a gap, at least, and at random more, s", "gap_wait gap_jitter", "order"),
    _client("distance of `Nack`s: first, factor, longest, s", "nack_first nack_growth nack_longest", "loss of repairs"),
    _client("`Nack`s a second, at once", "nack_rate nack_burst", "the server answers no more"),
    _client("a page instead after, s", "pull_after", "repair does not help"),
    _client(
        "… after so many `Nack`s in a row while no record comes that was not asked for", "nacks_in_a_row", "the same"
    ),
    _client("pages asked for at once", "pulls_at_once", "memory"),
    _client("a page that came later counts as slow, s", "page_patience", "pages shrink; `Nack`s go on"),
    _client("records of the first page, of others: at first, at most", "first_page page page_most", "a bad network"),
    _client("messages of a run under way", "window", "as many as the server keeps"),
    _client("distance of tries: first, longest, s", "retry_first retry_longest", "loss"),
    _client("which try goes over TLS", "tls_try", "a UDP path that closed"),
    _client("longest wait after `Busy`, after one with a code, s", "busy_longest room_longest", "a server's fault"),
    _client("`Cursors` every, s", "cursors_every", "each goes to every member"),
    _client("`Ping`s by UDP after log-in, s", "ping_times", "one in sixty probes fails at 30 % loss"),
    _client("no `Pong` after the last for, s: TLS", "ping_patience", "the same"),
    _client("UDP is tried again after, at most, s", "udp_retry_first udp_retry_longest", "firewalls change"),
    _client(
        "nothing sent by UDP for, nothing heard there for, s: `Ping`", "keep_alive udp_silence", "firewalls forget"
    ),
    _client("nothing heard at all for, s: `Ping`", "silence_ping", "shorter than the heartbeat"),
    _client("… and for, s: the connection is given up", "silence_max", "longer than the heartbeat"),
    _client("TLS silent after a `Ping` for, s: given up", "tls_silence_max", "TCP itself takes minutes"),
    _client("silence of, s: what was sent into it goes again", "silence_short", "a lost network"),
    _client("search for a silent server after, first distance, s", "search_after search_first", "it has moved"),
    _client("reconnect after U(0, x), x from, s", "reconnect_first", "a thousand clients at once"),
    _client(
        "… x at most, in the first so many s, later",
        "reconnect_early reconnect_early_time reconnect_longest",
        "the same",
    ),
    _client("a session counts as steady after, s", "session_steady", "a server that ends each"),
    _client("wait after what breaks the protocol twice in a row, doubling from, s", "broken_first", "the same"),
    _client("fresh keys after this part of their life", "renew_part", "the old ones are still good"),
    _client("an answer is given up after, s", "request_timeout", "–"),
    _client("unproven heads kept of a room", "heads_max", "memory"),
    _client("records that wait for a head that covers them", "unproven_max", "memory"),
    _client("hashes kept below the cursor", "recent_max", "to tell a late record from a fork"),
]


def table(rows: list[Row], last: str) -> str:
    """A table; `last` heads its last column."""
    lines = [f"| limit | value | {last} |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {row.what} | {_shown(row.values)} | {row.beyond} |" for row in rows)])


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    if isinstance(value, str):
        return f"`{value}`"
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}" if value < 1e6 else f"{value:,.0f}"

"""Figures that the documents quote equal those of the code.

Each phrase, with figures taken from the constants, is in its document: a change of a constant or of a sentence fails
until the other follows.
"""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from lanchat.app.limits import CLIENT_LIMITS
from lanchat.app.login import dial
from lanchat.core.config import ClientConfig
from lanchat.core.view import changes
from lanchat.discovery import listing, mdns
from lanchat.protocol import limits
from lanchat.protocol.datagram import beacon, replay, seal
from lanchat.protocol.log import certificates
from lanchat.transport import connecting, tls
from lanchat_server import mail, passwords
from lanchat_server.admin import channel
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts import accounts, recovery
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import usage
from lanchat_server.core.limits.throttle import ThrottleConfig
from lanchat_server.service import context, service
from lanchat_server.service.net import acceptor, connection, datagrams, descriptors, local_port, outgoing
from lanchat_server.service.net import beacon as probes
from lanchat_server.service.requests import acting, costs
from lanchat_server.service.upkeep import housekeeping

DOCS = Path(__file__).parents[2] / "docs"
CORE, CLIENT, THROTTLE = CoreConfig(), ClientConfig(), ThrottleConfig()
SERVER = ServerConfig("x", Path("x"))
IN_WORDS = {3: "three", 5: "five"}


def ms(seconds: float) -> str:
    return f"{seconds * 1000:g}"


def kib(octets: int) -> str:
    return f"{octets / 1024:g}"


def mib(octets: int) -> str:
    return f"{octets / (1 << 20):g}"


def listed(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def delays() -> str:
    """The first three and the last."""
    first = [THROTTLE.first_delay * 2**step for step in range(3)]
    return f"{listed(tuple(first))} … {THROTTLE.delay_max:g} s"


_BUDGET = connection.frame_budget(CORE)

PHRASES = {
    "THREATS.md": [
        f"({CLIENT.users_max:,} people, {CLIENT.rooms_max:,} rooms, {mib(CLIENT.aside_octets)} MiB of",
        f"{mib(CLIENT_LIMITS.backlog_octets_max)} MiB of events and as much of lines",
        f"{kib(tls.UNREAD_MAX)} KiB unread before log-in",
        f"{THROTTLE.failures} failures free, then {delays()}",
        f"An address: {THROTTLE.address_tries} tries a minute for all names together; a /64: {THROTTLE.network_tries}",
        f"{THROTTLE.account_failures} failures free, then the same delays",
        f"({THROTTLE.known_addresses} addresses, by password or device key)",
        f"{THROTTLE.entries:,} entries each",
        f"19 MiB each, {passwords.WAITING_MAX} waiting",
        f"{recovery.CODE_MINUTES} min; {recovery.CODE_TRIES} in 10^{recovery.CODE_DIGITS} for each code",
        f"{8 * recovery.INVITE_RANDOM_OCTETS} random bits",
        f"{acceptor.WAITING_MAX}, {SERVER.unauthenticated_max} and {SERVER.unauthenticated_max} places; "
        f"{connection.LOGIN_TIMEOUT:g} s each",
        f"{SERVER.sessions_total:,} sessions (configurable), "
        f"{acceptor.WAITING_MAX + 2 * SERVER.unauthenticated_max} places before log-in, "
        f"{2 * (local_port.PLACES_MAX + local_port.ADMITTED_MAX)} at the local ports, "
        f"{descriptors.RESERVE} in reserve",
        f"{listing.SERVERS_MAX} unknown servers in a list, {listing.ADDRESSES_MAX} addresses of a known one",
        f"{mib(mdns.REMEMBERED_OCTETS_MAX)} MiB for each interface",
        f"at most {local_port.PLACES_MAX} places for {channel.INTRODUCTION_TIMEOUT:g} s, "
        f"{local_port.ADMITTED_MAX} more",
        f"{beacon.ANSWER_SIZE_MAX} octets for {beacon.PROBE_SIZE}",
        f"a second to one address, {probes.ANSWERS_PER_SECOND_TOTAL:,} in all",
        f"window of {replay.WINDOW:,}",
        f"{CORE.message_rate:g} messages/s and burst {CORE.message_burst} per session, {SERVER.sessions_per_user} "
        f"sessions a user, {CORE.total_rate:g}/s in all; {CORE.session_queue_max} queued per session, "
        f"{CORE.queue_max:,} in all",
        f"{_BUDGET.rate:g} frames/s, burst {_BUDGET.burst:g}",
        f"over {mib(CORE.lag_octets)} MiB of waiting octets a session gets heads only, no further request of it is "
        f"answered while {kib(connection.WRITE_BUFFER_BUSY)} KiB wait, over {mib(connection.WRITE_BUFFER_MAX)} MiB",
        f"{CORE.request_rate:g}/s and burst {CORE.request_burst}; {CORE.page_rate:,.0f} entries/s and burst "
        f"{CORE.page_burst:,}; NACKs {CORE.nack_rate:g}/s × {limits.NACK_MAX} "
        f"numbers, burst {CORE.nack_burst}; repairs from the database {CORE.fetches_per_session} at a time, "
        f"{CORE.fetches_max} in all",
        f"{accounts.ROOMS_PER_USER} rooms and {accounts.DEVICES_PER_USER} devices per user are bounded, and "
        f"{accounts.DEVICES_PER_DAY} new devices a day, and {CORE.members_per_day:,} people a day",
        f"one member the {SERVER.reactions_per_message:,} reactions of a text",
        f"ten accounts with five sessions the {CORE.total_rate:g} messages a second",
        f"twenty accounts the {SERVER.rooms_total:,} rooms in a day",
        f"a client takes {CLIENT.users_max:,}",
        f"at more than {listing.ADDRESSES_MAX} addresses",
        f"more than {listing.SERVERS_MAX} servers",
        f"the line of {mail.QUEUE_MAX} mails",
        f"At most {mail.QUEUE_MAX} mails wait",
        f"up to {changes.PENDING_MAX} that nobody has looked at, of its reactions one entry per user and emoji, for "
        f"{changes.EMOJI_MAX} emoji",
        f"{mib(SERVER.user_octets_per_day)} MiB a user and day, then "
        f"{SERVER.user_octets_per_day / 86_400 / 1024:.1f} KiB a second; "
        f"{SERVER.disk_reserve_mib} MiB of the disk stay free",
        f"{mib(outgoing.OUTGOING_MAX)} MiB in all; {service.PAGES_MAX} pages are made at a time",
        f"when nothing of what waits was read for {connection.READ_PATIENCE:g} s",
        f"pages of at most {kib(limits.LIST_OCTETS_MAX)} KiB, a search's answer holds "
        f"{kib(limits.PAGE_OCTETS_MAX)} KiB, and a frame over {mib(limits.FRAME_MAX)} MiB",
        f"a frame to the server has {kib(limits.FRAME_MAX_TO_SERVER)} KiB at most",
        f"the socket is read {datagrams.DRAIN_MAX} datagrams at a time",
        f"or a log-in with it less than {IN_WORDS[acting.FRESH_LOGIN / 60]} minutes ago",
        f"of a new one, which waits for {IN_WORDS[accounts.EMAIL_WAIT_MS / 86_400_000]} days",
        f"{SERVER.edits_per_message} edits and {SERVER.reactions_per_message:,} reactions a message; "
        f"{SERVER.rooms_total:,} rooms in all, {SERVER.rooms_per_day} a user and day; "
        f"{SERVER.accounts_per_day} accounts an address (IPv6: /64) and day; "
        f"{SERVER.invites_per_day} codes a moderator and day",
        f"{THROTTLE.address_tries} accounts a minute and {SERVER.accounts_per_day} a day",
        f"valid for up to {certificates.CERTIFICATE_LIFETIME / 3600:g} h",
        f"good for up to {accounts.ROOM_KEY_LIFETIME / 3600:g} h",
    ],
    # The tables of limits are compared by tests/unit/protocol/test_vectors.py.
    "PROTOCOL.md": [
        f"At most {limits.FRAME_MAX_UNAUTHENTICATED:,} octets before log-in; after it "
        f"{kib(limits.FRAME_MAX_TO_SERVER)} KiB to the server, {mib(limits.FRAME_MAX)} MiB to the client",
        f"at most {limits.DATAGRAM_FRAMES_MAX} live frames, the datagram at most {limits.DATAGRAM_MAX:,} octets",
        f"at most {limits.BODY_CHARACTERS_MAX:,} characters (code points) and {kib(limits.BODY_OCTETS_MAX)} KiB",
        f"A reaction is at most {limits.REACTION_CHARACTERS_MAX} characters",
        f"at most {limits.USER_NAME_MAX} characters; a password at least {limits.PASSWORD_MIN_CHARACTERS} characters "
        f"and at most {limits.PASSWORD_OCTETS_MAX} octets",
        f"{connection.REQUESTS_MAX} may wait, and {kib(connection.REQUESTS_OCTETS_MAX)} KiB of them",
        f"(replay window of {replay.WINDOW:,}; `replay.json`)",
        f"opened within the last {CORE.udp_fresh:g} s",
        f"nothing sent for {CLIENT.keep_alive:g} s, or nothing heard by UDP for {CLIENT.udp_silence:g} s",
        f"try again after {CLIENT.udp_retry_first:g} s, doubling to {CLIENT.udp_retry_longest:g}",
        f"the old ones open for {seal.OLD_KEY_GRACE:g} s more",
        f"U(0, {CLIENT.reconnect_first:g} s)",
        f"at most {CLIENT.reconnect_early:g} s in the first minute and {CLIENT.reconnect_longest:g} s from then on",
        f"at the last address for {dial.SILENT_AFTER:g} s",
        f"doubles from {dial.SEARCH_FIRST:g} s to {dial.SEARCH_LONGEST:g}, but for the first {dial.SEARCH_OFTEN:g} s",
        f"bodies above {limits.INLINE_BODY_MAX} octets over TLS",
        f"after {ms(CLIENT.retry_first)} ms, doubling to {CLIENT.retry_longest:g} s",
        f"at most every {ms(CORE.expect_interval)} ms for a run",
        f"Up to {CORE.hold_per_run} later messages of a run are kept",
        f"more than {limits.NOT_TAKEN_MAX} ranges are to be named",
        f"after {CLIENT.room_longest / 60:g} minutes at the latest",
        f"counts as {usage.RECORD_OCTETS} octets, its header and twice its body; a refusal as {usage.REJECTION_OCTETS}",
        f"a buffer of at most {limits.REORDER_MAX} records",
        f"with at most {limits.NACK_MAX} numbers",
        f"at most {CORE.nack_rate:g} NACKs a second per session",
        f"sends `Heads` at {listed(CORE.head_steps)} s, then every {CORE.heartbeat:g} s",
        f"nothing at all for {CLIENT.silence_max:g} s",
        f"a session that was silent for {housekeeping.SILENCE_MAX:g} s",
        f"**and {kib(limits.PAGE_OCTETS_MAX)} KiB** of them",
        f"Nothing for {CLIENT.search_after:g} s: it searches",
        f"not here after {CLIENT.page_patience:g} s keeps no NACK back",
        f"{CORE.page_burst:,} records at once, then {CORE.page_rate:,.0f} a second",
        f"as many sessions as it may ({SERVER.sessions_per_user}, when nothing else is set)",
        f"a session of the account that was silent for {context.SILENCE_YIELDS:g} s",
        f"UDP port {beacon.DISCOVERY_PORT}",
        f"exactly {beacon.PROBE_SIZE} octets",
        f"at most {beacon.ANSWER_SIZE_MAX} octets",
        f"at most {beacon.NAME_OCTETS_MAX} octets",
        f"the same token within {ms(probes.SAME_ROUND)} ms",
    ],
    "ARCHITECTURE.md": [
        f"{service.READERS} readers (pages, search, repair)",
        f"a stop gives the database {service.CLOSE_PATIENCE:g} s",
        f"**Pages of up to {limits.PAGE_RECORDS_MAX:,} records",
        f"They begin with {limits.RECORDS_MAX}",
        f"**{CORE.nack_rate:g} NACKs a second, repeated after {ms(CLIENT.nack_first)} ms and then at distances that "
        f"grow by {CLIENT.nack_growth:g}**",
        f"noticed after {CLIENT.silence_ping:g} s (ping) or when an answer is missing for {CLIENT.silence_short:g} s",
        f"{CLIENT.search_after:g} s later the client looks for the server elsewhere",
        f"given up after {CLIENT.silence_max:g} s",
    ],
}


@pytest.mark.parametrize("name", PHRASES)
def test_documented_figures_equal_the_code(name: str) -> None:
    text = one_line((DOCS / name).read_text(encoding="utf-8"))
    assert [phrase for phrase in PHRASES[name] if not contains_phrase(phrase, text)] == []


def test_figures_written_in_words_equal_the_code() -> None:
    """Figures that the documents write in words."""
    words = [CORE.hold_own, connection.LOGIN_TIMEOUT, seal.KEY_LIFETIME, seal.PACKETS_PER_KEY, CORE.heartbeat_rooms]
    assert words == [60.0, 10.0, 3600.0, 1 << 20, 600.0]
    assert [CLIENT.nacks_in_a_row, CLIENT.tls_try, CLIENT.doubt_nacks, dial.SEARCH_AFTER] == [8, 3, 3, 3]
    assert [probes.ANSWERS_PER_SECOND, connecting.NEXT_ROUND, CLIENT.ping_times[-1] + CLIENT.ping_patience] == [5, 1, 1]
    assert costs.TOLD_AT_ONCE == 100
    # Twenty accounts make all rooms of a server in a day, ten with all their sessions all messages.
    assert [SERVER.rooms_total / SERVER.rooms_per_day, CORE.total_rate / CORE.message_rate] == [20, 10 * 5]
    assert (SERVER.sessions_per_user, SERVER.sessions_total) == (5, 1000)
    assert [recovery.CODE_DIGITS, recovery.CODE_TRIES, acceptor.HANDSHAKES_MAX] == [8, 5, 4]


def test_contains_phrase_rejects_longer_figures() -> None:
    assert contains_phrase("NACKs 5/s", one_line("as many\nNACKs  5/s, burst"))
    assert not contains_phrase("NACKs 5/s", "NACKs 15/s")
    assert not contains_phrase("burst 1", "NACKs, burst 10")
    assert not contains_phrase("5 NACKs", "15 NACKs")
    assert not contains_phrase("at most 1", "at most 1,000")


def test_phrases_are_unique() -> None:
    for phrases in PHRASES.values():
        assert all(one != other for one, other in pairwise(sorted(phrases)))


def one_line(text: str) -> str:
    return " ".join(text.split())


def contains_phrase(phrase: str, text: str) -> bool:
    """Whether the text contains the phrase, and no figure at its ends continues."""
    return re.search(rf"(?<![\d.,]){re.escape(phrase)}(?![\d]|[.,]\d)", text) is not None

"""Every constant that names a memory bounds it: the real structure is filled beyond it and measured.

MEMORIES names each bound of what is kept, with what fills it: a function of this file, or the test elsewhere that
does. OTHERS are those that nothing fills, with the reason. A constant or a cache that stands in neither fails
`test_every_memory_constant_is_listed`.
"""

import ast
import asyncio
import logging
import queue
import re
import struct
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lanchat.core.people import authors
from lanchat.core.people import directory as people
from lanchat.core.people.authors import Authors
from lanchat.discovery import listing
from lanchat.discovery.browse import DiscoveredServer
from lanchat.protocol.log.certificates import CertificateBody, issue_certificate
from lanchat.protocol.log.keys import public_octets, sha256
from lanchat.protocol.log.messages import Header, Kind, make_message
from lanchat.protocol.log.records import Record
from lanchat.protocol.text import search_words
from lanchat.ui.kit import wakeup
from lanchat.ui.kit.fields import undo
from lanchat.ui.lists import roster
from lanchat_server import passwords
from lanchat_server.core.config import CoreConfig
from lanchat_server.core.limits import daily
from lanchat_server.core.limits.throttle import LoginThrottle, ThrottleConfig
from lanchat_server.core.relay.recent import RecentRecords
from lanchat_server.core.sequencing.sequencer import RunProgress
from lanchat_server.service.context import _certified
from lanchat_server.service.net import beacon
from lanchat_server.service.net.places import ConnectionSlots
from lanchat_server.service.reporting import metrics
from lanchat_server.service.work import threads
from lanchat_server.window import log
from tests.support.allocated import taken
from tests.support.fake_log import LOG_ID, key_of
from tests.support.memory_local import MemoryLocalStore
from tests.support.stores import octets

ROOT = Path(__file__).parents[2]
KIB, MIB = 1 << 10, 1 << 20
# What normalisation makes longest: a letter becomes eighteen.
LONG = "\ufdfa"


# --- The server -------------------------------------------------------------------------------------------------------


def throttle_entries() -> None:
    """0.5 KiB an entry in each of the four maps, whatever names and addresses are tried."""
    config = ThrottleConfig(entries=100)

    def fill() -> LoginThrottle:
        throttle = LoginThrottle(config)
        for number in range(200):
            name, address = f"{number}{LONG * 40}", f"2001:db8:{number >> 8:x}:{number & 255:x}:1111:2222:3333:4444"
            for _ in range(7):
                if not throttle.delay(name, address, 0.0):
                    throttle.failed(name, address, 0.0)
            for place in range(2 * config.known_addresses):
                throttle.seen(name, f"{address[:-4]}{place:04x}")
        assert len(throttle._pairs) == len(throttle._addresses) == len(throttle._known) == config.entries
        return throttle

    assert taken(fill) < 4 * config.entries * 512


def progress() -> None:
    def fill() -> RunProgress:
        kept = RunProgress(4_000)
        for number in range(20_000):
            kept.advance((number, octets(number, 16), 1 << 62), 1 << 40)
        assert len(kept._last) == 4_000
        return kept

    assert taken(fill) < 4_000 * 400


def daily_keys() -> None:
    def fill() -> daily.Daily[str]:
        kept: daily.Daily[str] = daily.Daily(5)
        for number in range(daily.KEYS_MAX + 5_000):
            kept.take(f"2001:db8:{number:x}::/64", 1.0)
        assert len(kept) == daily.KEYS_MAX
        return kept

    assert taken(fill) < 8 * MIB


def recent() -> None:
    config = CoreConfig(recent_per_room=50, recent_octets=MIB)

    def fill() -> RecentRecords:
        kept = RecentRecords(config)
        for seq in range(1, 400):
            for room in range(4):
                kept.add(room, [Record(seq, seq, bytes([seq % 256]) * 70, bytes(64), bytes(2_000 + seq % 7))])
        assert all(len(rows) <= config.recent_per_room for rows in kept._rooms.values())
        return kept

    assert taken(fill) < 1.3 * MIB


def probe_sources() -> None:
    def fill() -> beacon.AnswerLimiter:
        limiter = beacon.AnswerLimiter()
        for number in range(3 * beacon.SOURCES_MAX):
            limiter.admit(f"fe80::{number:x}%interface", octets(number, 16), number / 900)
        assert len(limiter) == beacon.SOURCES_MAX
        return limiter

    assert taken(fill) < 1.5 * MIB


def metric_labels() -> None:
    figures = Counter[str]()
    for number in range(10_000):
        metrics.count_label(figures, f"reason {number}", 1)
    assert len(figures) == metrics.LABELS_MAX + 1


def window_lines() -> None:
    def fill() -> log.WindowLog:
        kept = log.WindowLog()
        for number in range(log.LINES_MAX + 50):
            kept.emit(logging.LogRecord("x", logging.INFO, "x", 1, f"{number} " + LONG * (log._LINE_MAX + 1), (), None))
        assert len(kept.after(0)) == log.LINES_MAX
        return kept

    assert taken(fill) < log.LINES_MAX * (4 * log._LINE_MAX + 512)


def certified() -> None:
    def fill() -> object:
        _certified.cache_clear()
        for number in range(2048 + 100):
            body = CertificateBody(LOG_ID, number + 1, public_octets(key_of(2)), LONG * 10, LONG * 10, 1, number + 1)
            assert _certified(public_octets(key_of(1)), LOG_ID, issue_certificate(key_of(1), body))
        assert _certified.cache_info().currsize == 2048
        return None

    assert taken(fill) < 2048 * 2 * KIB
    _certified.cache_clear()


def connection_slots() -> None:
    class FakeConnection:
        address = "198.51.100.7"

    places: ConnectionSlots[FakeConnection] = ConnectionSlots(50)
    for _ in range(1_000):
        places.add(FakeConnection())
    assert len(places) == 50


def thread_pool_queue() -> None:
    async def fill() -> None:
        few = threads.ThreadPool(1, "few", 5)
        release = queue.SimpleQueue[None]()
        running = [asyncio.ensure_future(few.run(release.get)) for _ in range(50)]
        await asyncio.sleep(0)
        refused = [task for task in running if task.done()]
        assert len(running) - len(refused) == 6
        for _ in range(6):
            release.put(None)
        await asyncio.gather(*running, return_exceptions=True)
        assert await few.close(60.0)

    asyncio.run(fill())


def password_queue() -> None:
    async def fill() -> None:
        hasher = passwords.PasswordHasher(64, 1, 1, 1, waiting=5)
        done = await asyncio.gather(*[hasher.hash("correct horse") for _ in range(50)], return_exceptions=True)
        assert any(isinstance(answer, passwords.HasherBusy) for answer in done)
        assert sum(isinstance(answer, str) for answer in done) <= 5 + 2
        hasher.close()

    asyncio.run(fill())


# --- The client -------------------------------------------------------------------------------------------------------


def devices() -> None:
    """500 octets a device, as many for its certificate."""

    def fill() -> Authors:
        kept = Authors(LOG_ID, public_octets(key_of(1)), MemoryLocalStore())
        name = LONG * 20
        for number in range(500):
            key = octets(("key", number), 32)
            kept.learn_untrusted(
                [issue_certificate(key_of(1), CertificateBody(LOG_ID, 1, key, name, name, 1, number + 1))]
            )
            kept._unsaved.clear()
        return kept

    assert authors.DEVICES_MAX * taken(fill) / 500 < 16 * MIB


def listed_servers() -> None:
    def fill() -> listing.ServerList:
        kept = listing.ServerList(is_known=lambda server: server.log_id[0] == 1)
        for number in range(1_000):
            key = struct.pack(">QQ", (number % 2) << 56, number)
            server = DiscoveredServer(LONG * 21, f"10.0.{number}.1", 1, f"{number:064x}", key, "zeroconf")
            for source in range(2):
                kept.announced(server, (number, source), 0.0)
            for host in range(3):
                kept.answered(
                    DiscoveredServer(server.name, f"{host}.{number}", 1, server.fingerprint, key, "probe"), 0.0
                )
        assert len(kept.servers) == 2 * listing.SERVERS_MAX
        return kept

    assert taken(fill) < 2 * listing.SERVERS_MAX * 4 * KIB


def sources_of_a_server() -> None:
    kept = listing.ServerList(is_known=lambda server: True)
    for number in range(2_000):
        server = DiscoveredServer("Office", f"10.0.0.{number}", 1, "a" * 64, bytes(16), "zeroconf")
        kept.announced(server, ("interface", number), 0.0)
    (entry,) = kept._entries.values()
    assert len(entry.sources) == listing.SOURCES_MAX
    assert len(entry.addresses) == listing.ADDRESSES_MAX


def names_of_people() -> None:
    def fill() -> object:
        people._keys.cache_clear()
        for number in range(500):
            people._keys(f"{number}{LONG * 59}")
        return None

    assert 40 * taken(fill) < 16 * MIB
    people._keys.cache_clear()


def names_that_look_alike() -> None:
    """The answers; the people are counted elsewhere."""
    directory = people.ClientDirectory(MemoryLocalStore())

    def fill() -> object:
        for number in range(people._ALIKE_MAX + 100):
            directory.is_alike(f"{number}{LONG * 59}", number, f"{number}")
        people._keys.cache_clear()
        assert len(directory._alike) <= people._ALIKE_MAX
        return directory

    assert taken(fill) < MIB


def letters_of_names() -> None:
    def fill() -> object:
        roster._letters.cache_clear()
        for number in range(4096 + 500):
            roster._letters(f"{number}{LONG * 59}")
        return None

    assert taken(fill) < 12 * MIB
    roster._letters.cache_clear()


def words_of_texts() -> None:
    def fill() -> object:
        search_words._runs_of_short.cache_clear()
        for number in range(4096 + 500):
            search_words.tokens(f"{number}{'wörd' * 4} {LONG}{number}")
        return None

    assert taken(fill) < 8 * MIB
    search_words._runs_of_short.cache_clear()


def undo_steps() -> None:
    def fill() -> undo.UndoHistory:
        history = undo.UndoHistory()
        for number in range(3 * undo._STEPS_MAX):
            history.changed(undo.TextSnapshot(f"{number}" + "я" * (7_000 + 40 * number), 0))
        assert len(history._past) <= undo._STEPS_MAX
        return history

    assert taken(fill) < 2 * undo._CHARACTERS_MAX + 200 * KIB


def events_of_the_window() -> None:
    lost = ("lost", False)
    waiting: wakeup.PostedQueue[tuple[str, bool]] = wakeup.PostedQueue(lambda item: item[1], lost)
    for number in range(5 * wakeup.QUEUE_MAX):
        waiting.put((f"{number}", True))
        assert len(waiting) <= wakeup.QUEUE_MAX + 1


def signatures() -> None:
    def fill() -> Authors:
        kept = Authors(LOG_ID, public_octets(key_of(1)), MemoryLocalStore(), 2_000)
        body = CertificateBody(LOG_ID, 1, public_octets(key_of(2)), "anna", "laptop", 1, 1)
        kept.learn_untrusted([issue_certificate(key_of(1), body)])
        for number in range(3_000):
            header = Header(1, body.device, 7, number + 1, Kind.TEXT, 0, 1, number + 1)
            message = make_message(key_of(2), LOG_ID, header, "hello")
            kept.check(header, message.header, sha256(message.body), message.signature)
        assert len(kept._checked) == 2_000
        return kept

    assert taken(fill) < 2_000 * 192


_TRANSFERS = "tests/unit/server/service/test_transfers.py"
MEMORIES: dict[str, Callable[[], None] | str] = {
    # The server
    "lanchat_server/service/transfers/tickets.py:PER_SESSION_MAX": f"{_TRANSFERS}::test_tickets_are_bounded",
    **{
        f"lanchat_server/service/transfers/limits.py:{name}": f"{_TRANSFERS}::test_connections_are_bounded"
        for name in ("CONNECTIONS_MAX", "USER_CONNECTIONS_MAX", "SESSION_CONNECTIONS_MAX", "WAITING_MAX")
    },
    "ThrottleConfig.entries": throttle_entries,
    "ThrottleConfig.known_addresses": throttle_entries,
    "CoreConfig.progress_max": progress,
    "CoreConfig.recent_per_room": recent,
    "CoreConfig.recent_octets": recent,
    "lanchat_server/core/limits/daily.py:KEYS_MAX": daily_keys,
    "lanchat_server/service/net/beacon.py:SOURCES_MAX": probe_sources,
    "lanchat_server/service/reporting/metrics.py:LABELS_MAX": metric_labels,
    "lanchat_server/window/log.py:LINES_MAX": window_lines,
    "lanchat_server/window/log.py:_LINE_MAX": window_lines,
    "lanchat_server/service/context.py:_certified": certified,
    "lanchat_server/service/net/acceptor.py:WAITING_MAX": connection_slots,
    "lanchat_server/passwords.py:WAITING_MAX": password_queue,
    "lanchat_server/mail.py:QUEUE_MAX": "tests/unit/server/test_mail.py::test_queue_is_bounded",
    # The client
    "lanchat/core/people/authors.py:DEVICES_MAX": devices,
    "lanchat/core/people/authors.py:SIGNATURES_MAX": signatures,
    "lanchat/discovery/listing.py:SERVERS_MAX": listed_servers,
    "lanchat/discovery/listing.py:SOURCES_MAX": sources_of_a_server,
    "lanchat/discovery/listing.py:ADDRESSES_MAX": sources_of_a_server,
    "lanchat/core/people/directory.py:_ALIKE_MAX": names_that_look_alike,
    "lanchat/core/people/directory.py:_keys": names_of_people,
    "lanchat/protocol/text/search_words.py:_runs_of_short": words_of_texts,
    "lanchat/ui/lists/roster.py:_letters": letters_of_names,
    "lanchat/ui/kit/fields/undo.py:_STEPS_MAX": undo_steps,
    "lanchat/ui/kit/fields/undo.py:_CHARACTERS_MAX": undo_steps,
    "lanchat/ui/kit/wakeup.py:QUEUE_MAX": events_of_the_window,
    # Filled elsewhere
    "ClientConfig.heads_max": "tests/unit/test_client_memory.py::test_heads_of_a_room_are_bounded",
    "ClientConfig.recent_max": "tests/unit/test_client_memory.py::test_chain_hashes_below_the_cursor_are_bounded",
    "ClientConfig.reorder_max": "tests/unit/test_client_memory.py::test_live_records_without_link_or_head_are_bounded",
    "ClientConfig.stored_max": "tests/unit/test_client_memory.py::test_stored_messages_without_record_are_bounded",
    "ClientConfig.unproven_max": "tests/unit/test_client_memory.py::test_unproven_records_of_pages_are_bounded",
    "CoreConfig.fetches_max": "tests/unit/server/service/test_hanging_database.py::test_total_repairs_are_bounded",
    "CoreConfig.hold_max": "tests/unit/server/core/test_intake.py"
    "::test_early_messages_of_all_runs_are_bounded_in_number",
    "CoreConfig.hold_octets": "tests/unit/server/core/test_memory_bounds.py::test_held_messages_are_bounded_in_octets",
    "CoreConfig.hold_per_run": "tests/unit/server/core/test_intake.py"
    "::test_messages_of_an_older_session_are_dropped_for_lower_numbers",
    "CoreConfig.lag_octets": "tests/unit/server/core/test_hub.py::test_slow_session_is_lagging_until_it_pulls",
    "CoreConfig.log_octets": "tests/unit/server/core/test_quotas.py"
    "::test_full_log_delays_all_messages_until_a_deletion",
    "CoreConfig.queue_max": "tests/unit/server/core/test_hub.py::test_queue_is_bounded",
    "CoreConfig.queue_octets": "tests/unit/server/core/test_memory_bounds.py::test_message_queue_is_bounded_in_octets",
    "CoreConfig.session_queue_max": "tests/unit/server/core/test_intake.py"
    "::test_session_fills_only_its_own_part_of_the_queue",
    "lanchat/cli/commands/chat.py:PRINTED_MAX": "tests/unit/test_client_memory.py"
    "::test_printed_conversation_lines_are_bounded",
    "lanchat/terminal/line_editor.py:HISTORY_MAX": "tests/unit/test_client_memory.py::test_typed_lines_are_bounded",
    "lanchat/terminal/line_editor.py:TEXT_MAX": "tests/unit/terminal/test_line_editor.py"
    "::test_pasted_megabyte_is_truncated_quickly",
    "lanchat/cli/follow.py:SHOWN_MAX": "tests/unit/test_client_memory.py::test_ids_of_shown_messages_are_bounded",
    "ClientLimits.deferred_max": "tests/unit/app/test_deferred_lines.py::test_deferred_lines_are_bounded",
    "ClientLimits.deferred_octets_max": "tests/unit/app/test_backlog.py"
    "::test_records_without_known_author_are_bounded_in_octets",
    "lanchat/discovery/mdns.py:LOOKUPS_MAX": "tests/unit/test_client_memory.py"
    "::test_concurrent_name_lookups_are_bounded",
    "lanchat/discovery/mdns.py:REMEMBERED_OCTETS_MAX": "tests/unit/discovery/test_forged_servers.py"
    "::test_forged_announcements_hide_no_server_in_bounded_memory",
    "ClientLimits.backlog_octets_max": "tests/unit/app/test_backlog.py"
    "::test_stops_reading_server_while_events_are_undelivered",
    "lanchat/app/account_session.py:DECIDED_MAX": "tests/unit/test_client_memory.py"
    "::test_remembered_decisions_are_bounded",
    "lanchat/app/rooms.py:REFUSED_MAX": "tests/unit/test_client_memory.py::test_shown_refused_messages_are_bounded",
    "lanchat/transport/tls.py:UNREAD_MAX": "tests/unit/transport/test_tls.py::test_unread_frames_are_bounded_in_octets",
    "lanchat/transport/tls.py:UNREAD_MAX_LOGGED_IN": "tests/unit/transport/test_tls.py"
    "::test_unread_frames_are_bounded_in_octets",
    "lanchat/transport/tls.py:WRITE_BUFFER_MAX": "tests/unit/transport/test_tls.py"
    "::test_server_that_does_not_read_ends_the_connection",
    "lanchat/transport/bulk.py:UNREAD_MAX": "tests/unit/transport/test_bulk.py::test_unread_chunks_are_bounded",
    "lanchat/transport/bulk.py:WRITE_BUFFER_MAX": "tests/unit/transport/test_bulk.py"
    "::test_server_that_does_not_read_is_waited_for",
    "lanchat/transport/udp.py:_OPENERS_MAX": "tests/unit/test_client_memory.py"
    "::test_keys_that_open_datagrams_are_bounded",
    "lanchat/core/view/changes.py:EMOJI_MAX": "tests/unit/core/test_changes.py"
    "::test_emoji_of_one_text_are_bounded_and_the_first_ones_stay",
    "lanchat/core/view/changes.py:PENDING_MAX": "tests/unit/core/test_changes.py"
    "::test_first_read_checks_only_the_newest_edit",
    "ClientConfig.rooms_max": "tests/attacks/test_hostile_server.py::test_client_stays_within_bounds_and_recovers",
    "ClientConfig.users_max": "tests/attacks/test_hostile_server.py::test_client_stays_within_bounds_and_recovers",
    "ClientConfig.folded_max": "tests/unit/core/test_fold.py::test_cached_numbers_are_bounded",
    "lanchat/core/view/fold.py:_FRESH_MAX": "tests/unit/core/test_fold.py::test_records_kept_in_memory_are_bounded",
    "ClientConfig.entries_max": "tests/unit/core/test_pages.py::test_list_of_too_many_entries_breaks_the_protocol",
    "lanchat/core/session/pages.py:PAGES_MAX": "tests/unit/core/test_pages.py"
    "::test_list_without_end_breaks_the_protocol",
    "lanchat/protocol/blobs.py:RANGE_MAX": "tests/unit/platform/test_blobs.py::test_invalid_ranges_are_refused",
    "ClientConfig.aside_octets": "tests/attacks/test_hostile_server.py::test_client_stays_within_bounds_and_recovers",
    "lanchat/ui/model/chat_model.py:NOTICES_MAX": "tests/unit/test_client_memory.py::test_notices_are_bounded",
    "lanchat/ui/kit/fields/editor.py:_PICTURES_MAX": "tests/unit/test_client_memory.py"
    "::test_images_in_a_text_are_bounded",
    "lanchat/ui/model/entry_model.py:_SERVERS_MAX": "tests/ui/test_ui_invented_servers.py"
    "::test_known_servers_stay_and_unknown_ones_are_evicted",
    "lanchat/ui/kit/fonts.py:_MEASURED_MAX": "tests/unit/test_client_memory.py::test_cached_word_widths_are_bounded",
    "lanchat/ui/kit/canvas/glyphs.py:_LETTERS_MAX": "tests/unit/test_client_memory.py"
    "::test_cached_letter_fonts_are_bounded",
    "lanchat/ui/settings/memory.py:_DRAFTS_MAX": "tests/unit/test_client_memory.py::test_stored_drafts_are_bounded",
    "lanchat/ui/settings/memory.py:_DRAFTS_OCTETS_MAX": "tests/unit/test_client_memory.py"
    "::test_stored_drafts_are_bounded",
    "CoreConfig.quarantine_author_max": "tests/unit/server/core/test_quarantine.py"
    "::test_quarantine_is_bounded_in_all_and_for_each_author",
    "CoreConfig.quarantine_author_octets": "tests/unit/server/core/test_quarantine.py"
    "::test_quarantine_is_bounded_in_all_and_for_each_author",
    "CoreConfig.quarantine_max": "tests/unit/server/core/test_quarantine.py"
    "::test_quarantine_is_bounded_in_all_and_for_each_author",
    "CoreConfig.quarantine_octets": "tests/unit/server/core/test_quarantine.py"
    "::test_quarantine_is_bounded_in_all_and_for_each_author",
    "lanchat_server/core/reseeding/handed_in.py:PAIRS_MAX": "tests/unit/server/core/test_quarantine.py"
    "::test_counted_pairs_are_bounded",
    "lanchat/core/peers/carried.py:AUTHOR_MAX": "tests/unit/core/test_peer_talk.py"
    "::test_author_who_says_too_much_pushes_out_only_himself",
    "lanchat/core/peers/carried.py:ITEMS_MAX": "tests/unit/core/test_peer_talk.py::test_carried_messages_are_bounded",
    "lanchat/core/peers/carried.py:OCTETS_MAX": "tests/unit/core/test_peer_talk.py::test_carried_messages_are_bounded",
    "lanchat/core/peers/carried.py:LEFT_MAX": "tests/unit/core/test_peer_talk.py::test_decided_names_are_bounded",
    "lanchat/core/peers/pieces.py:ASSEMBLY_OCTETS_MAX": "tests/unit/core/test_peer_talk.py"
    "::test_bodies_that_are_fetched_are_bounded",
    "lanchat/core/peers/pieces.py:END_OCTETS_MAX": "tests/unit/core/test_peer_talk.py"
    "::test_bodies_that_are_fetched_are_bounded",
    "lanchat/core/peers/links.py:ENDS_OF_USER_MAX": "tests/unit/core/test_peer_links.py"
    "::test_starts_of_one_device_push_out_only_each_other",
    "lanchat/core/peers/hearsay.py:PARTS_MAX": "tests/unit/core/test_peer_statements.py"
    "::test_unfinished_lists_are_bounded",
    "lanchat/core/peers/missed.py:ASKED_MAX": "tests/unit/core/test_peer_missed.py"
    "::test_questions_for_missed_records_are_bounded",
    "lanchat/core/peers/records.py:FETCHED_OCTETS_MAX": "tests/unit/core/test_peer_records.py"
    "::test_records_without_a_proof_are_bounded",
    "lanchat/core/peers/records.py:PAGES_MAX": "tests/unit/core/test_peer_records.py"
    "::test_questions_for_records_are_bounded",
    "lanchat/core/peers/records.py:AVOIDED_MAX": "tests/unit/core/test_peer_records.py"
    "::test_ends_that_are_avoided_are_bounded",
    "lanchat/core/peers/talk.py:_UNPROVEN_MAX": "tests/unit/core/test_peer_talk.py"
    "::test_messages_of_unknown_authors_are_bounded",
    "lanchat_server/core/reseeding/reseeding.py:UNPROVEN_MAX": "tests/unit/server/service/test_reseeding.py"
    "::test_too_much_without_a_head_is_dropped",
    "CoreConfig.peer_ends_max": "tests/unit/server/core/test_peers.py::test_oldest_ended_session_gives_way",
    "lanchat_server/core/limits/closed.py:_USERS_MAX": "tests/unit/test_server_memory.py"
    "::test_users_over_quota_are_bounded",
    "lanchat_server/service/net/connection.py:REQUESTS_MAX": "tests/unit/server/service/test_slow_readers.py"
    "::test_small_pending_requests_are_bounded_in_number",
    "lanchat_server/service/net/connection.py:REQUESTS_OCTETS_MAX": "tests/unit/server/service/test_slow_readers.py"
    "::test_pending_requests_are_bounded_in_octets",
    "lanchat_server/service/net/connection.py:WRITE_BUFFER_BUSY": "tests/unit/server/service/test_slow_readers.py"
    "::test_no_further_answer_is_made_while_much_is_unread",
    "lanchat_server/service/net/connection.py:WRITE_BUFFER_MAX": "tests/unit/server/service/test_slow_readers.py"
    "::test_session_over_its_buffer_limit_ends",
    "lanchat_server/service/net/local_port.py:ADMITTED_MAX": "tests/unit/test_server_memory.py"
    "::test_concurrent_commands_are_bounded",
    "lanchat/platform/programs/notifications.py:WAITING_MAX": "tests/unit/platform/test_notifications.py"
    "::test_oldest_gives_way_and_none_outlives_the_window",
    "lanchat/platform/programs/instance.py:CALLS_MAX": "tests/unit/platform/test_instance.py"
    "::test_silent_connections_are_bounded_and_keep_nobody_out",
    "lanchat_server/service/net/local_port.py:PLACES_MAX": "tests/e2e/test_local_ports.py"
    "::test_connections_to_the_admin_port_block_no_user",
    "lanchat_server/service/net/outgoing.py:OUTGOING_MAX": "tests/unit/server/core/test_memory_bounds.py"
    "::test_budget_of_a_server_is_256_mib",
    "lanchat_server/service/host.py:BACKUPS_WAITING_MAX": thread_pool_queue,
    "lanchat_server/service/service.py:READS_MAX": "tests/unit/test_server_memory.py"
    "::test_large_answers_and_their_queue_are_bounded",
    "lanchat_server/service/service.py:PAGES_MAX": "tests/unit/test_server_memory.py"
    "::test_large_answers_and_their_queue_are_bounded",
    "lanchat_server/service/work/writer.py:JOBS_MAX": "tests/unit/test_server_memory.py"
    "::test_changes_waiting_for_the_writer_are_bounded",
    "lanchat_server/store/tables/bulk.py:_sqlite_statement": "tests/unit/test_server_memory.py"
    "::test_cached_statements_are_bounded",
    "lanchat_server/store/transactions/transaction.py:_SPENDERS_MAX": "tests/unit/test_server_memory.py"
    "::test_remembered_allowances_are_bounded",
}

OTHERS: dict[str, dict[str, str]] = {
    "a bound of one value, octets or characters, that a reader or writer checks": {
        "lanchat/about/licences.py": "_LINE_MAX",
        "lanchat/platform/programs/instance.py": "WISH_MAX _LINE_MAX _PLACE_MAX",
        "lanchat/platform/programs/notifications.py": "_TITLE_MAX _TEXT_MAX",
        "lanchat/store/policy.py": "POLICY_MAX",
        "lanchat_server/service/lifecycle/standby.py": "_HOLDER_MAX",
        "lanchat_server/maintenance/last_lease.py": "_OCTETS_MAX",
        "lanchat_server/maintenance/lost_log.py": "_OCTETS_MAX",
        "lanchat/core/rooms/giving.py": "_AUTHORS_MAX _RECORDS_MAX",
        "lanchat/platform/disk/packing.py": "ENTRIES_MAX",
        "lanchat/terminal/line_editor.py": "_SEQUENCE_MAX",
        "lanchat/terminal/prompts.py": "PASSWORD_FILE_MAX",
        "lanchat/platform/network/own_end.py": "_TABLE_MAX",
        "lanchat/platform/network/segmentation.py": "TOGETHER_MAX",
        "lanchat/protocol/datagram/beacon.py": "ANSWER_SIZE_MAX LABEL_OCTETS_MAX NAME_OCTETS_MAX",
        "lanchat/protocol/log/certificates.py": "CERTIFICATE_MAX",
        "lanchat/protocol/log/statements.py": "STATEMENT_MAX",
        "lanchat/protocol/log/peers.py": "PEER_INFO_MAX",
        "lanchat/protocol/wire/peers.py": "RECORDS_OCTETS_MAX",
        "lanchat/protocol/wire/bulk.py": "BULK_FRAME_MAX",
        "lanchat/protocol/log/files.py": "FILE_OCTETS_MAX LEAVES_OCTETS_MAX",
        "lanchat/protocol/text/file_names.py": "NAME_OCTETS_MAX _SUFFIX_CHARACTERS_MAX",
        "lanchat/protocol/datagram/peering.py": "CONTENT_MAX",
        "lanchat/core/session/composer.py": "_LAMPORT_MAX",
        "lanchat/protocol/datagram/packer.py": "PAYLOAD_MAX SUBMIT_PAYLOAD_MAX _FRAMES_MAX",
        "lanchat/protocol/text/identity.py": "ADDRESSES_MAX HOST_MAX INVITE_MAX LABEL_MAX",
        "lanchat/protocol/log/messages.py": "HEADER_MAX SUBMITTED_HEADER_MAX",
        "lanchat/protocol/text/names.py": "_UNTIDY_MAX",
        "lanchat/protocol/text/search_words.py": "WORD_MAX _MARKS_MAX _QUERY_WORDS_MAX _TOKENS_MAX",
        "lanchat/store/identities.py": "FILE_MAX",
        "lanchat/store/settings.py": "_SETTINGS_MAX",
        "lanchat/ui/kit/fields/editor.py": "CHARACTERS_MAX",
        "lanchat/ui/kit/fields/entry_text.py": "PASTED_MAX",
        "lanchat/ui/kit/fonts.py": "_WORD_MAX",
        "lanchat/ui/settings/memory.py": "_DRAFT_MAX",
        "lanchat/ui/kit/fields/field.py": "_FIELD_OCTETS_MAX",
        "lanchat/ui/kit/keys/xlib.py": "_SELECTION_MAX",
        "lanchat_server/admin/run.py": "ROWS_MAX",
        "lanchat_server/admin/local.py": "LINE_MAX PLACE_MAX",
        "lanchat_server/service/answers.py": "TEXT_MAX",
        "lanchat_server/maintenance/backup.py": "_KEYS_MAX _KEY_OCTETS_MAX _LINE_MAX _MANIFEST_OCTETS_MAX",
        "lanchat_server/maintenance/importing/report.py": "SKIPPED_MAX",
        "lanchat_server/maintenance/importing/sqldump.py": "_DEPTH_MAX _REPLACED_MAX _BITS_MAX",
        "lanchat_server/maintenance/importing/tables.py": "_FIELD_MAX",
        "lanchat_server/cli/importing.py": "_FILE_MAX",
        "lanchat_server/config.py": "_SENDER_MAX",
        "lanchat_server/core/relay/outbound.py": "PAYLOAD_MAX",
        "lanchat_server/logs.py": "LINE_MAX",
        "lanchat_server/core/accounts/recovery.py": "_TYPED_MAX",
        "lanchat_server/admin/channel.py": "LINE_MAX",
        "lanchat_server/service/keys.py": "_FILE_MAX",
        "lanchat_server/service/reporting/metrics.py": "_HEAD_MAX",
        "lanchat_server/service/net/places.py": "GREETING_MAX",
        "lanchat_server/store/connection/url.py": "HOSTS_MAX _NAME_MAX",
        "lanchat_server/store/searching/search.py": "_NO_BOUND",
        "lanchat_server/service/transfers/connection.py": "WRITE_BUFFER_MAX PARTS_MAX",
    },
    "an amount of work, or of what one answer or screen shows; nothing is kept": {
        "lanchat/transport/receiving_thread.py": "TOGETHER_MAX",
        "lanchat_server/service/work/writer.py": "CONFLICTS_MAX",
        "lanchat_server/store/sqlstore.py": "CONFLICTS_MAX",
        "lanchat_server/store/searching/filling.py": "TEXT_MAX",
        "lanchat_server/service/upkeep/filling.py": "PARTS_MAX",
        "ClientConfig": "submit_octets",
        "CoreConfig": "batch_max batch_octets",
        "lanchat/app/commands/rooms.py": "ROOM_PAGES_MAX",
        "lanchat/transport/connecting.py": "ZONES_MAX",
        "lanchat/platform/disk/saving.py": "NAMES_MAX",
        "lanchat/app/login/dial.py": "TRIES_MAX",
        "lanchat/transport/driver.py": "_ROUNDS_MAX",
        "lanchat/app/login/entry.py": "NAMED_MAX",
        "lanchat/platform/network/interfaces.py": "INTERFACES_MAX",
        "lanchat/discovery/mdns_sockets.py": "_DISCARDED_MAX",
        "ClientLimits": "older_pages_max unread_pages_max",
        "lanchat/discovery/probe.py": "UNICAST_MAX",
        "lanchat/app/api/values.py": "UNREAD_MAX",
        "lanchat/platform/network/segmentation.py": "SEGMENTS_MAX",
        "lanchat/transport/udp.py": "DRAIN_MAX",
        "lanchat/transport/peer_socket.py": "DRAIN_MAX",
        "lanchat_server/core/peers.py": "DISTANCES_MAX",
        "lanchat/protocol/wire/peers.py": "HOPS_MAX",
        "lanchat/store/database.py": "_REPAIRS_MAX",
        "lanchat/protocol/text/markup.py": "DEPTH_MAX",
        "lanchat/ui/conversation/body.py": "_GROUNDS_MAX",
        "lanchat/ui/conversation/composer.py": "PARTS_MAX ROWS_MAX",
        "lanchat/ui/model/entry_model.py": "_ROUNDS_KEPT",
        "lanchat/ui/kit/wakeup.py": "BATCH_MAX",
        "lanchat_server/core/hub.py": "BATCHES_MAX",
        "lanchat_server/core/limits/throttle.py": "_DOUBLINGS_MAX",
        "lanchat_server/passwords.py": "WORKERS_MAX",
        "lanchat_server/service/net/acceptor.py": "ACCEPT_MAX HANDSHAKES_MAX",
        "lanchat_server/service/net/datagrams.py": "DRAIN_MAX",
        "lanchat_server/service/reporting/figures.py": "NAME_MAX URL_MAX",
        "lanchat_server/service/net/local_port.py": "ACCEPT_MAX",
        "lanchat_server/store/transactions/claiming.py": "_LIFETIMES_MAX",
        "lanchat_server/store/searching/search.py": "ROOMS_MAX",
        "lanchat_server/window/overview.py": "_ADDRESSES_MAX",
        "lanchat/app/commands/administration.py": "PAGES_MAX",
        "lanchat/ui/administration/now_page.py": "_ROWS_MAX",
        "lanchat/ui/administration/now.py": "VALUES_MAX",
        "lanchat/ui/administration/list_page.py": "_ROWS_MAX",
        "lanchat/ui/kit/table.py": "_TEXT_MAX",
        "lanchat/ui/conversation/emoji_input.py": "_NAME_MAX",
        "lanchat/ui/model/emoji_rows.py": "RECENT_MAX",
        "lanchat/cli/commands/chat_rooms.py": "FOUND_MAX",
    },
    "a time": {
        "lanchat/platform/disk/renames.py": "_BUSY_PAUSES",
        "ClientConfig": "silence_max tls_silence_max",
        "ThrottleConfig": "delay_max",
        "lanchat/transport/connecting.py": "_TCP_RTO_MAX_MS",
        "lanchat/ui/kit/keys/xlib.py": "_ANSWER_MAX",
        "lanchat_server/core/accounts/recovery.py": "INVITE_DAYS_MAX INVITE_LIFETIME_MAX",
        "lanchat_server/admin/channel.py": "SILENCE_MAX",
        "lanchat_server/service/net/connection.py": "_LOOK_MAX",
        "lanchat_server/service/upkeep/housekeeping.py": "SILENCE_MAX",
        "lanchat_server/service/transfers/connection.py": "SILENCE_MAX",
        "lanchat_server/window/main.py": "_GOODBYE_MAX",
    },
    "a cache whose arguments are names of our own tables, or that has none": {
        "lanchat/i18n/emoji.py": "_tables",
        "lanchat/ui/kit/canvas/emoji_pictures.py": "_column _COLUMNS_KEPT",
        "lanchat/protocol/text/cleaning.py": "_runs",
        "lanchat/protocol/text/search_words.py": "_newer",
        "lanchat/store/schema.py": "_expected",
        "lanchat_server/store/tables/bulk.py": "_insert_into _sqlite_put _sqlite_update",
        "lanchat_server/store/transactions/rooms.py": "_putting",
        "lanchat_server/store/dump.py": "row_type",
    },
    "names of columns": {
        "lanchat_server/store/transactions/rooms.py": "_KEPT",
    },
    "a bound of the wire, which a decoder checks": {
        "lanchat/protocol/limits.py": "*",
    },
}


# What names a bound, and what names a cache.
_BOUND = re.compile(r"(_MAX|_BOUND|_BUSY|_KEPT)(_|$)")
_FIELD = re.compile(r"(_max|_octets|_addresses|_per_run|_per_room|^entries)$")
_CONFIGS = {
    "CoreConfig": "lanchat_server/core/config.py",
    "ThrottleConfig": "lanchat_server/core/limits/throttle.py",
    "ClientConfig": "lanchat/core/config.py",
    "ClientLimits": "lanchat/app/limits.py",
}


@cache
def bounds() -> set[str]:
    """Every constant, field of a configuration and cache in the product that is named as a bound."""
    found = set()
    for package in ("lanchat", "lanchat_server"):
        for file in sorted((ROOT / package).rglob("*.py")):
            name = file.relative_to(ROOT).as_posix()
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                found |= {f"{name}:{each}" for each in _assigned(node) if _BOUND.search(each)}
                found |= {f"{name}:{each}" for each in _cached(node)}
                if isinstance(node, ast.ClassDef) and _CONFIGS.get(node.name) == name:
                    fields = [each for line in node.body for each in _assigned(line)]
                    found |= {f"{node.name}.{each}" for each in fields if _FIELD.search(each)}
    return found


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _cached(node: ast.stmt) -> list[str]:
    """The function or name whose results a cache of the standard library keeps."""
    marks = ("lru_cache", "cache(")
    if isinstance(node, ast.FunctionDef):
        return [node.name] if any("cache" in ast.unparse(mark) for mark in node.decorator_list) else []
    return _assigned(node) if any(mark in ast.unparse(node) for mark in marks) and _assigned(node) else []


def explained() -> set[str]:
    """All entries of OTHERS; "*": whatever the module has."""
    found = set()
    for place, names in [pair for places in OTHERS.values() for pair in places.items()]:
        start = f"{place}{':' if '/' in place else '.'}"
        listed = [start + name for name in names.split()]
        assert not found & set(listed)
        found |= {name for name in bounds() if name.startswith(start)} if names == "*" else set(listed)
    return found


def test_every_memory_constant_is_listed() -> None:
    assert not explained() & MEMORIES.keys()
    assert bounds() == explained() | MEMORIES.keys()


def test_referenced_tests_exist() -> None:
    for reference in MEMORIES.values():
        if isinstance(reference, str):
            file, _, name = reference.partition("::")
            assert (ROOT / file).is_file(), reference
            assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), reference


@pytest.mark.parametrize("fill", {each: None for each in MEMORIES.values() if callable(each)})
def test_memory_stays_within_its_constant(fill: Callable[[], None]) -> None:
    fill()

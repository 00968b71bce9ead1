"""All attacks in full size, and their tables for docs/RELIABILITY.md:

    python -m tests.attacks [PART …] [--quick] [--write] [--database mariadb]

Parts: forgeries, replays, members, guessing, ports, floods, rowdy, slow, unread, piles, rights, ground, neighbours,
hostile; without any all of them, which takes an hour and a half.
`--write` puts the tables of the parts that were run into the document, those on MariaDB beside those on SQLite. The
exit code is 1 when an attack succeeded, or cost others more than it may. `--database mariadb`: the servers are on a
MariaDB server of the attackers' own.
testssl.sh is needed for `ports` (Debian: apt-get install testssl.sh).
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.attacks import (
    databases,
    floods,
    forgeries,
    guessing,
    handshakes,
    hostile_server_process,
    local,
    mass_creation,
    members,
    reflection,
    replaced_databases,
    replays,
    rights,
    timing,
    unread,
)
from tests.attacks.outcome import Outcome, faults, made_by, publish, table, title
from tests.attacks.recording_client import RecordingClient, observed_server
from tests.support.marked import RELIABILITY
from tests.support.ports import free_port

Part = Callable[[Path, bool], Iterator[Outcome]]


def run_forgeries(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Datagrams that nobody sealed."""
    with observed_server(folder) as (server, watcher):
        tape, stranger = forgeries.record_two_sessions(server)
        yield forgeries.against_the_opener(tape, stranger, 100_000 if quick else 1_000_000, seed=1)
        yield forgeries.against_the_socket(watcher, 10_000 if quick else 200_000, seed=2)
    yield forgeries.against_a_client(folder / "client", 20_000 if quick else 200_000, seed=3)


def run_replays(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Recorded datagrams, proofs and messages, sent again."""
    with observed_server(folder) as (server, watcher):
        outcome, tape = replays.replay_datagrams(watcher, rounds=1 if quick else 20)
        yield outcome
        yield replays.replay_proofs(server, 10 if quick else 200)
        yield replays.replay_messages(server, 50 if quick else 1_000)
        server.stop()
    with server.restart() as again, RecordingClient(again.port, key=watcher.key) as back:
        back.log_in_by_key()
        yield replays.replay_after_restart(back, tape)
    yield replays.replay_to_clients(folder / "client", rounds=1 if quick else 120)


def run_members(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Forged messages of a member; former members."""
    with observed_server(folder) as (_, watcher):
        yield members.messages_of_others(watcher, 100 if quick else 600)
        yield members.messages_of_another_log(watcher)
        yield members.two_bodies_under_one_number(watcher, 30 if quick else 150)
        yield members.removed_member(watcher)
        yield members.revoked_device(watcher)


def run_guessing(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Guessed passwords and user names."""
    guesses = 10_000 if quick else 100_000
    for addresses in (1, 10_000):
        yield asyncio.run(guessing.guess_one_account(folder / f"one{addresses}", guesses, addresses))
    for addresses in (1, 100):
        yield asyncio.run(guessing.guess_many_accounts(folder / f"many{addresses}", guesses // 10, 10, addresses))
    with observed_server(folder / "real") as (server, _):
        yield guessing.guess_over_sockets(server, 200 if quick else 5_000)
        yield guessing.user_name_disclosure(server, 50 if quick else 400)


def run_ports(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Answers of the ports to unauthenticated clients."""
    discovery = free_port()
    with observed_server(folder, discovery_port=discovery) as (server, watcher):
        key = watcher.tape.keys.key_id.to_bytes(4, "big")
        step = 50 if quick else 1
        yield reflection.measure_reflection(discovery, "the discovery port", step, key, answers=True)
        yield reflection.measure_reflection(server.port, "the relay port", step, key, answers=False)
        yield handshakes.check_tls_configuration(server.port)
        if not quick:
            yield handshakes.run_testssl(server.port, folder)


def run_floods(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Floods of unauthenticated clients."""
    for kind, count in (("noise", 50_000), ("mute", 10_000), ("hesitant", 10_000), ("handshakes", 1_000)):
        seconds, rounds, log_in = (2.0, 1, 3) if quick else (5.0, 2, 5)
        yield floods.unauthenticated_flood(folder / kind, kind, count, seconds=seconds, rounds=rounds, log_in=log_in)


def run_rowdy(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Members that send more frames than the limits allow."""
    yield from _of_members(folder, ("submits", "nacks", "pages", "searches", "mixture"), quick)


def run_slow(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Members that write or read too slowly."""
    yield from _of_members(folder, ("dawdlers", "readless"), quick)


def run_unread(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Members whose sessions send requests and read nothing."""
    contents = unread.Contents.few() if quick else unread.Contents()
    with unread.full_server(folder, contents) as (server, watcher):
        for draw in unread.REQUEST_KINDS:
            yield unread.flood_of_one_member(server, watcher, draw, 2.0 if quick else 15.0)
        for one in (True, False):
            yield unread.flood_of_edits(server, watcher, 5.0 if quick else 120.0, one)
    with unread.full_server(folder / "crowd", unread.Contents.few()) as (server, watcher):
        yield unread.flood_of_many_accounts(server, watcher, 40, 5.0 if quick else 40.0)
        yield unread.incomplete_frames(server, watcher, 20 if quick else 100)


def run_piles(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Mass creation of rooms and accounts with long names."""
    with observed_server(folder / "rooms") as (server, watcher):
        yield mass_creation.many_rooms(server, watcher, *(3, 40) if quick else (21, 200))
    with observed_server(folder / "names") as (server, watcher):
        yield mass_creation.many_accounts(server, watcher, folder / "reader", 30 if quick else 500)
        yield mass_creation.growing_user_names(server, 50 if quick else 1_000)


def run_rights(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Ended rights, lost devices, and what answers reveal."""
    with observed_server(folder / "server") as (server, watcher):
        yield rights.queued_requests_after_revocation(server, watcher, 3 if quick else 30)
        yield rights.lost_device(server)
        yield rights.recovery_codes_after_password_change(server)
        yield rights.private_room_names(server, 10 if quick else 90)
        yield rights.numbers_before_joining(server, 10 if quick else 100)
    yield rights.invite_codes_of_former_moderators(folder / "codes")
    yield local.same_display_name(folder / "display")
    pairs = 200 if quick else 2_000
    yield from timing.time_room_requests(folder / "rooms", pairs)
    yield from timing.time_message_numbers(folder / "numbers", pairs)
    yield from timing.time_registration_codes(folder / "registration", pairs)


def run_ground(folder: Path, quick: bool) -> Iterator[Outcome]:
    """A replaced database; a wrong clock."""
    folder.mkdir(parents=True, exist_ok=True)
    yield replaced_databases.database_file_replaced(folder)
    yield replaced_databases.database_rolled_back(folder)
    yield replaced_databases.clock_set_ahead(folder / "clock")


def run_neighbours(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Other users of the computer, other hosts on the LAN."""
    yield local.held_connections(folder / "held")
    yield local.impostor(folder / "impostor" / "server")
    yield local.symbolic_links_and_modes(folder / "links")
    yield local.invented_servers(folder / "invented", 64 if quick else 1_000)
    yield local.metrics_scrapes(folder / "figures", 2.0 if quick else 10.0, 100, 200)


def run_hostile(folder: Path, quick: bool) -> Iterator[Outcome]:
    """A trusted server that turns hostile, against a client."""
    yield from hostile_server_process.hostile_runs(folder, 0.5 if quick else 5.0)


def _of_members(folder: Path, kinds: tuple[str, ...], quick: bool) -> Iterator[Outcome]:
    seconds, rounds = (2.0, 1) if quick else (4.0, 2)
    for kind in kinds:
        yield floods.member_flood(folder / kind, kind, 5, seconds=seconds, rounds=rounds)


PARTS: dict[str, Part] = {
    "forgeries": run_forgeries,
    "replays": run_replays,
    "members": run_members,
    "guessing": run_guessing,
    "ports": run_ports,
    "floods": run_floods,
    "rowdy": run_rowdy,
    "slow": run_slow,
    "unread": run_unread,
    "piles": run_piles,
    "rights": run_rights,
    "ground": run_ground,
    "neighbours": run_neighbours,
    "hostile": run_hostile,
}


def _run(name: str, quick: bool) -> list[Outcome]:
    """The outcomes of a part; each is printed at once."""
    print(f"\n#### {name}", flush=True)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="lanchat-attacks-") as folder:
        for outcome in PARTS[name](Path(folder), quick):
            print("| " + " | ".join(outcome.row()) + " |", flush=True)
            outcomes.append(outcome)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="in a small form")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/RELIABILITY.md")
    parser.add_argument("--database", choices=databases.KINDS, default=databases.KINDS[0])
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(unknown)}")
    tables, found, began = {}, [], time.monotonic()
    with databases.using(options.database):
        for name in options.parts or PARTS:
            outcomes = _run(name, options.quick)
            made = made_by(name, options.database, options.quick)
            tables[title(name, options.database)] = f"{made}\n\n{table(outcomes)}"
            found += faults(outcomes)
    if options.write:
        publish(RELIABILITY, list(PARTS), tables)
    print(f"\n{time.monotonic() - began:.0f} s, {len(found)} faults")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

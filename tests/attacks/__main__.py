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
    ground,
    guessing,
    handshakes,
    local,
    members,
    piles,
    reflection,
    replays,
    rights,
    timing,
    turned,
    unread,
)
from tests.attacks.outcome import Outcome, faults, made_by, publish, table, title
from tests.attacks.tapped import Tapped, watched
from tests.support.marked import RELIABILITY
from tests.support.ports import free_port

Part = Callable[[Path, bool], Iterator[Outcome]]


def forged(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Datagrams that nobody sealed."""
    with watched(folder) as (server, watcher):
        tape, stranger = forgeries.tapes(server)
        yield forgeries.against_the_opener(tape, stranger, 100_000 if quick else 1_000_000, seed=1)
        yield forgeries.against_the_socket(watcher, 10_000 if quick else 200_000, seed=2)
    yield forgeries.against_a_client(folder / "client", 20_000 if quick else 200_000, seed=3)


def replayed(folder: Path, quick: bool) -> Iterator[Outcome]:
    """What was sent once."""
    with watched(folder) as (server, watcher):
        outcome, tape = replays.of_datagrams(watcher, rounds=1 if quick else 20)
        yield outcome
        yield replays.of_proofs(server, 10 if quick else 200)
        yield replays.of_messages(server, 50 if quick else 1_000)
        server.stop()
    with server.restart() as again, Tapped(again.port, key=watcher.key) as back:
        back.log_in_by_key()
        yield replays.after_a_restart(back, tape)
    yield replays.at_a_client(folder / "client", rounds=1 if quick else 120)


def lied(folder: Path, quick: bool) -> Iterator[Outcome]:
    """A member's lies, and who is none any more."""
    with watched(folder) as (_, watcher):
        yield members.in_other_names(watcher, 100 if quick else 600)
        yield members.of_another_log(watcher)
        yield members.two_bodies(watcher, 30 if quick else 150)
        yield members.removed(watcher)
        yield members.revoked(watcher)


def guessed(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Passwords and names."""
    guesses = 10_000 if quick else 100_000
    for addresses in (1, 10_000):
        yield asyncio.run(guessing.one_user(folder / f"one{addresses}", guesses, addresses))
    for addresses in (1, 100):
        yield asyncio.run(guessing.many_users(folder / f"many{addresses}", guesses // 10, 10, addresses))
    with watched(folder / "real") as (server, _):
        yield guessing.over_sockets(server, 200 if quick else 5_000)
        yield guessing.names(server, 50 if quick else 400)


def knocked(folder: Path, quick: bool) -> Iterator[Outcome]:
    """What ports say to strangers."""
    discovery = free_port()
    with watched(folder, discovery_port=discovery) as (server, watcher):
        key = watcher.tape.keys.key_id.to_bytes(4, "big")
        step = 50 if quick else 1
        yield reflection.reflect(discovery, "the discovery port", step, key, answers=True)
        yield reflection.reflect(server.port, "the relay port", step, key, answers=False)
        yield handshakes.matrix(server.port)
        if not quick:
            yield handshakes.by_testssl(server.port, folder)


def flooded(folder: Path, quick: bool) -> Iterator[Outcome]:
    """From outside."""
    for kind, count in (("noise", 50_000), ("mute", 10_000), ("hesitant", 10_000), ("handshakes", 1_000)):
        seconds, rounds, log_in = (2.0, 1, 3) if quick else (5.0, 2, 5)
        yield floods.by_strangers(folder / kind, kind, count, seconds=seconds, rounds=rounds, log_in=log_in)


def rowdy(folder: Path, quick: bool) -> Iterator[Outcome]:
    """From inside: more frames than anybody may send."""
    yield from _of_members(folder, ("submits", "nacks", "pages", "searches", "mixture"), quick)


def slow(folder: Path, quick: bool) -> Iterator[Outcome]:
    """From inside: who writes and who reads too slowly."""
    yield from _of_members(folder, ("dawdlers", "readless"), quick)


def not_read(folder: Path, quick: bool) -> Iterator[Outcome]:
    """From inside: whose sessions ask and read nothing."""
    contents = unread.Contents.few() if quick else unread.Contents()
    with unread.full(folder, contents) as (server, watcher):
        for draw in unread.DRAWS:
            yield unread.of_one_member(server, watcher, draw, 2.0 if quick else 15.0)
        for one in (True, False):
            yield unread.edits(server, watcher, 5.0 if quick else 120.0, one)
    with unread.full(folder / "crowd", unread.Contents.few()) as (server, watcher):
        yield unread.of_a_crowd(server, watcher, 40, 5.0 if quick else 40.0)
        yield unread.half_frames(server, watcher, 20 if quick else 100)


def piled(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Rooms, accounts, names without end."""
    with watched(folder / "rooms") as (server, watcher):
        yield piles.rooms(server, watcher, *(3, 40) if quick else (21, 200))
    with watched(folder / "names") as (server, watcher):
        yield piles.names(server, watcher, folder / "reader", 30 if quick else 500)
        yield piles.growing_names(server, 50 if quick else 1_000)


def righted(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Rights that ended, devices that were found, and what answers tell."""
    with watched(folder / "server") as (server, watcher):
        yield rights.waiting_requests(server, watcher, 3 if quick else 30)
        yield rights.finder(server)
        yield rights.old_codes(server)
        yield rights.private_names(server, 10 if quick else 90)
        yield rights.numbers_before_joining(server, 10 if quick else 100)
    yield rights.moderators_codes(folder / "codes")
    yield local.same_display_name(folder / "display")
    pairs = 200 if quick else 2_000
    yield from timing.rooms(folder / "rooms", pairs)
    yield from timing.numbers(folder / "numbers", pairs)
    yield from timing.codes(folder / "registration", pairs)


def moved(folder: Path, quick: bool) -> Iterator[Outcome]:
    """The ground moves: another database, another time."""
    folder.mkdir(parents=True, exist_ok=True)
    yield ground.replaced_file(folder)
    yield ground.older_copy(folder)
    yield ground.clock_ahead(folder / "clock")


def neighboured(folder: Path, quick: bool) -> Iterator[Outcome]:
    """Other users of the computer, neighbours on the network."""
    yield local.held_connections(folder / "held")
    yield local.impostor(folder / "impostor" / "server")
    yield local.links_and_modes(folder / "links")
    yield local.invented_servers(folder / "invented", 64 if quick else 1_000)
    yield local.scrapes(folder / "figures", 2.0 if quick else 10.0, 100, 200)


def hostile(folder: Path, quick: bool) -> Iterator[Outcome]:
    """A server that people trust and that turns hostile, against a client."""
    yield from turned.sieges(folder, 0.5 if quick else 5.0)


def _of_members(folder: Path, kinds: tuple[str, ...], quick: bool) -> Iterator[Outcome]:
    seconds, rounds = (2.0, 1) if quick else (4.0, 2)
    for kind in kinds:
        yield floods.by_a_member(folder / kind, kind, 5, seconds=seconds, rounds=rounds)


PARTS: dict[str, Part] = {
    "forgeries": forged,
    "replays": replayed,
    "members": lied,
    "guessing": guessed,
    "ports": knocked,
    "floods": flooded,
    "rowdy": rowdy,
    "slow": slow,
    "unread": not_read,
    "piles": piled,
    "rights": righted,
    "ground": moved,
    "neighbours": neighboured,
    "hostile": hostile,
}


def _run(name: str, quick: bool) -> list[Outcome]:
    """What a part came to; told as it comes."""
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
    with databases.on(options.database):
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

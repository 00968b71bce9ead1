"""Targets: the client's local copy on a damaged disk, and the server's backup from anybody's hands."""

import contextlib
import hashlib
import io
import sqlite3
import time
import warnings
import zipfile
from functools import cache
from typing import Annotated, Any
from unittest import mock

import msgspec

from lanchat.core.ports import Forked, LocalStoreError
from lanchat.protocol.codec import U63, decoder, encode
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.messages import Message
from lanchat.protocol.log.records import Head, Record, genesis_hash
from lanchat.protocol.problems import Problem
from lanchat.protocol.wire import Room, User
from lanchat.store import local
from lanchat.store.local import SqliteLocalStore
from lanchat.store.rows import Damaged, pack, unpack
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import backup
from lanchat_server.store import open_store
from lanchat_server.store.tables import schema
from tests.fuzz.file_targets import folder
from tests.fuzz.target import Target, rule
from tests.support import local_log, stores
from tests.support.local_log import LOG_ID

WAITING = 12
LOG = local_log.Log().fill(40)
GENESIS = genesis_hash(LOG_ID, 1)

# --- The local copy -------------------------------------------------------------------------------------------------

# Where and what is overwritten in the file and in its write-ahead log, and where the file ends (None: where it did).
_Damage = tuple[list[tuple[Annotated[int, msgspec.Meta(ge=0, le=2**20)], bytes]], list[tuple[U63, bytes]], U63 | None]
_decode_damage = decoder(_Damage)


def _local_store(octets: bytes) -> None:
    """Opens, or is moved aside and begun anew with the messages that can be read; never says what was not written."""
    try:
        file_damage, log_damage, cut = _decode_damage(octets)
    except ProtocolError as error:
        raise LocalStoreError(Problem.OTHER, reason="no damage at all") from error
    file, log = _sound_store()
    with folder() as here:
        path = here / "log.sqlite"
        path.write_bytes(_damaged(file, file_damage)[: len(file) if cut is None else cut])
        path.with_name("log.sqlite-wal").write_bytes(_damaged(log, log_damage))
        store = SqliteLocalStore(path)
        try:
            _use(store)
        finally:
            store.close()
        # Whatever it was, it is mended now: a second start says nothing more and can be written.
        store = SqliteLocalStore(path)
        added = store.add_outgoing(local_log.key(99), local_log.message(99), 1)
        assert added in store.outgoing()
        store.close()


def _damaged(sound: bytes, damage: list[tuple[int, bytes]]) -> bytes:
    data = bytearray(sound)
    for at, noise in damage[:64]:
        at %= len(data)
        noise = noise[: len(data) - at]
        data[at : at + len(noise)] = noise
    return bytes(data)


def _use(store: SqliteLocalStore) -> None:
    true_records = [link.record for link in LOG.links]
    true_messages = {local_log.key(n): local_log.message(n, f"text {n} " * 20) for n in range(1, WAITING + 1)}
    for item in store.outgoing():
        assert true_messages[item.key] == item.message, "a false message in the outbox"
    with contextlib.suppress(LocalStoreError):
        assert all(record in true_records for record in store.records(1, 1, 100)), "a false record"
    with contextlib.suppress(LocalStoreError):
        assert store.head(1) in (None, *(LOG.head(seq) for seq in range(41))), "a false head"
    for attempt in (
        lambda: store.span(1),
        lambda: store.append(1, LOG.span(31, 33), LOG.head(33)),
        lambda: store.prepend(1, LOG.span(1, 2), GENESIS),
        store.rooms,
        store.users,
        lambda: store.certificates([b"d" * 16]),
        lambda: store.save_users([]),
        lambda: store.remove_outgoing([local_log.key(1)]),
    ):
        with contextlib.suppress(LocalStoreError, Forked):
            attempt()


@cache
def _sound_store() -> tuple[bytes, bytes]:
    """A store as a power cut leaves it: a file, and part of it in the write-ahead log."""
    with folder() as here:
        store = SqliteLocalStore(here / "log.sqlite")
        store.start_span(1, 0, GENESIS)
        for n in range(1, WAITING + 1):
            store.add_outgoing(local_log.key(n), local_log.message(n, f"text {n} " * 20), n)
            if n == WAITING // 2:
                with contextlib.closing(sqlite3.connect(here / "log.sqlite")) as other:
                    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.append(1, LOG.span(1, 30), LOG.head(30))
        store.save_certificates([(b"d" * 16, local_log.certificate(5))])
        file, log = ((here / name).read_bytes() for name in ("log.sqlite", "log.sqlite-wal"))
        store.close()
    return file, log


def _damages() -> list[bytes]:
    file, log = _sound_store()
    texts = [(file.index(b"text 3 text") + 2, b"X")], [(log.rindex(b"text 9 text") + 2, b"X")]
    return [
        encode((*texts, None)),
        encode((texts[0], [(0, bytes(32))], None)),
        encode(([], [], None)),
        encode(([(0, b"not a database")], [], None)),
        encode(([(100, bytes(4000))], [], None)),
        encode(([], [(0, b"\0\0\0\0")], 4096)),
        encode(([(4096 * page, b"\xff" * 100) for page in range(1, 8)], [], None)),
        encode(([], [(32 + 24 + 4120 * frame, b"X" * 50) for frame in range(4)], 0)),
        encode(([(68, b"\0\0\0\x09")], [], None)),
    ]


# The rows that `lanchat.store.local` reads: with which decoder of its own, under which key, what of which types. Their
# checksum is set right here, as a faulty program would.
_ROWS: tuple[tuple[str, tuple[Any, ...], tuple[Any, ...]], ...] = (
    ("_decode_link", (1, 1), (Record, bytes)),
    ("_decode_span", (1,), (int, bytes, int, bytes, Head | None)),
    ("_decode_room", (1,), (Room,)),
    ("_decode_user", (1,), (User,)),
    ("_decode_certificate", (b"d" * 16,), (Certificate,)),
    ("decode_outgoing", (1, b"d" * 16, 1, 1), (Message, int)),
)


def _local_row(octets: bytes) -> None:
    choice, value = (octets[0], octets[1:]) if octets else (0, b"")
    name, key, kinds = _ROWS[choice % len(_ROWS)]
    decode = getattr(local, name)
    blob = pack(key, msgspec.Raw(value)) if choice < 128 else value
    found = unpack(decode, key, blob)
    parts = found if len(kinds) > 1 else (found,)
    assert len(parts) == len(kinds), "a row of another length"
    assert all(map(isinstance, parts, kinds)), "a value of another type than its table's"
    assert all(len(part) == 32 for part in parts if isinstance(part, bytes)), "a hash of another length"
    assert unpack(decode, key, pack(key, found)) == found


def _rows() -> list[bytes]:
    link, head = LOG.links[3], LOG.head(4)
    room = Room(1, "one", 1, 1, 1, True, 2)  # type: ignore[arg-type]
    values = (link, (0, GENESIS, 4, link.hash, head), room, User(1, "a", "A", 1, 0), local_log.certificate(5))  # type: ignore[arg-type]
    rows = [bytes([place]) + encode(value) for place, value in enumerate(values)]
    return [*rows, bytes([5]) + encode((local_log.message(1), 7)), b"\x80" + pack((1, 1), link)]


# --- The backup -----------------------------------------------------------------------------------------------------

_decode_members = decoder(dict[str, bytes])


def _backup(octets: bytes) -> None:
    """The first octet: a file as it stands, members whose digests are set right, or members under the manifest of
    another backup. Nothing of a refused one is taken over, and nothing is written outside of the data directory."""
    choice, content = (octets[0] % 3, octets[1:]) if octets else (0, b"")
    members: dict[str, bytes] = {}
    if choice:
        try:
            members = _decode_members(content)
        except ProtocolError as error:
            raise StoreError("no members at all") from error
        if choice == 2:
            members["manifest.json"] = _sound_members()["manifest.json"]
        content = _archive(members)
    with folder() as here:
        file = here / "office.backup"
        file.write_bytes(content)
        data = here / "data"
        try:
            backup.restore(file, None, data)
        except StoreError as error:
            rule("\n" not in str(error), "a complaint of several lines")
            rule(not (data / "keys").exists(), "keys of a refused backup were taken over")
            raise
        finally:
            rule({entry.name for entry in here.iterdir()} <= {"office.backup", "data"}, "a file outside of the data")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
        assert len(set(names)) == len(names), "a file that is there twice"
        assert choice != 2 or members == _sound_members(), "an altered backup was taken"
        store = open_store(None, data)
        try:
            assert store.snapshot().log.epoch >= 2
        finally:
            store.close()


def _with_one_twice() -> bytes:
    """The sound backup with a table that stands in it a second time."""
    out = io.BytesIO(_sound_backup())
    with _the_same_moment(), warnings.catch_warnings(action="ignore"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr("tables/users", _sound_members()["tables/users"])
    return out.getvalue()


def _archive(members: dict[str, bytes]) -> bytes:
    """A backup with these members; without a manifest one is written for them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        digests = {}
        for name, content in members.items():
            if name != "manifest.json":
                archive.writestr(name[:200].replace("\0", ""), content)
                digests[name] = hashlib.sha256(content).digest()
        manifest = backup.BackupManifest(backup.FORMAT, schema.REVISION, 1, _log_id(), 1, digests)
        archive.writestr("manifest.json", members.get("manifest.json") or msgspec.json.encode(manifest))
    return out.getvalue()


def _the_same_moment() -> contextlib.AbstractContextManager[Any]:
    """In which a backup is made: so it is the same octets in every run."""
    return mock.patch.multiple(time, time=lambda: 1.7e9, time_ns=lambda: 1_700_000_000 * 10**9)


@cache
def _sound_backup() -> bytes:
    with folder() as here:
        (here / "keys").mkdir()
        for name in ("identity.key", "identity.crt", "log.key"):
            (here / "keys" / name).write_bytes(name.encode() * 20)
        store = open_store(None, here, random_octets=lambda count: stores.octets("fuzz", count), now_ms=1000)
        store.take_lease("fuzz", 1)
        try:
            anna, boris = stores.added(store, "Anna", "Boris")
            with store.transaction() as tx:
                tx.add_device(stores.device(anna.id))
                tx.add_members([stores.member(stores.general(store).id, user.id) for user in (anna, boris)])
            log = stores.Log(store)
            log.say("hello", "world", author=anna.id)
            file = here / "office.backup"
            with _the_same_moment():
                backup.backup(file, store, here / "keys")
            return file.read_bytes()
        finally:
            store.close()


@cache
def _log_id() -> bytes:
    return msgspec.json.decode(_sound_members()["manifest.json"], type=backup.BackupManifest).log_id


@cache
def _sound_members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(_sound_backup())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _backups() -> list[bytes]:
    members = {name: content for name, content in _sound_members().items() if name != "manifest.json"}
    few = dict.fromkeys(members, b"") | {"keys/log.key": members["keys/log.key"]}
    altered = members | {"keys/log.key": members["keys/log.key"].swapcase()}
    outside = [members | {name: b"x"} for name in ("keys/../../evil", "keys/.hidden", "/evil", "tables/x", "keys/")]
    made = [b"\1" + encode(item) for item in (members, few, *outside)]
    return [b"\0" + _sound_backup(), b"\0" + _with_one_twice(), *made, b"\2" + encode(members), b"\2" + encode(altered)]


TARGETS = (
    Target("local-store", _local_store, LocalStoreError, _damages, examples=30),
    Target("local-row", _local_row, Damaged, _rows),
    Target("backup", _backup, StoreError, _backups, examples=25, octets_max=1 << 17),
)

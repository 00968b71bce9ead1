"""`backup` and `restore`: one file with the server's keys and its database, of either kind into either kind.

The file is a zip archive with fixed member names, so that nothing in it names a path:

    keys/<name>         the files of the keys folder
    tables/<table>      JSON Lines: an array per row, in the order of the columns; octets in base64
    manifest.json       format, revision, log, and SHA-256 of each other member; written last

Reading checks all of it before anything is written: names, sizes, checksums, the type and range of every value, and the
hash chain of every room from its beginning to its head. The file holds private keys and password hashes, hence mode
0600; it is not encrypted.
"""

import hashlib
import re
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
from sqlalchemy import Table, func, select
from sqlalchemy.engine import Connection

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import make_private_folder, read_private, reading, replacing
from lanchat.protocol.codec import U63, Key16, Key32
from lanchat_server.core.model import LogState
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import key_swap, last_lease, lost_log
from lanchat_server.maintenance.reserve import DiskReserve
from lanchat_server.store import SqlStore, dump, open_store
from lanchat_server.store.soundness import ConsistencyCheck
from lanchat_server.store.tables import reads, schema

FORMAT = 1
# Since the first one only what is made from the rest was added, which is not in a backup.
_REVISIONS = ("0001", "0002", "0003", schema.REVISION)
# Tables that backups of older revisions do not have: nothing was in them.
_ADDED = {f"tables/{table.name}" for table in (schema.contents, schema.content_uses)}
_MANIFEST = "manifest.json"
_KEY_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
# A key or certificate is below 4 KiB; a server has three.
_KEY_OCTETS_MAX = 64 * 1024
_KEYS_MAX = 32
_MANIFEST_OCTETS_MAX = 64 * 1024
# The longest row is a record: 16 KiB of text, a few of its characters written as six, and 600 octets of the rest.
_LINE_MAX = 256 * 1024
_BLOCK = 1 << 20


class BackupManifest(msgspec.Struct, frozen=True):
    """What stands in manifest.json."""

    format: int
    revision: Annotated[str, msgspec.Meta(max_length=32)]
    made_ms: U63
    log_id: Key16
    epoch: Annotated[int, msgspec.Meta(ge=1, lt=2**32 - 1)]
    digests: dict[str, Key32]


class BackupSummary(msgspec.Struct, frozen=True):
    """What was backed up or restored; `epoch` of the log as it is in the database now."""

    log: LogState
    users: int
    messages: int


class BackupContents(msgspec.Struct, frozen=True):
    """What a backup holds: its log as it was then, and when it was made."""

    log: LogState
    made_ms: int
    users: int
    messages: int


class RestorePlan(msgspec.Struct, frozen=True):
    """What a restore would do: `contents` of the file take the place of what is in `database` and among the keys.
    `newest_ms`: when its last message was stored, 0: there is none."""

    contents: BackupContents
    database: str
    log: LogState
    users: int
    messages: int
    newest_ms: int
    keys: bool

    @property
    def replaces(self) -> bool:
        """Whether anything is there."""
        return bool(self.users or self.messages or self.keys)


def examine(file: Path) -> BackupContents:
    """Read all of a backup, and check it as a restore does. Raises StoreError."""
    with _open(file) as archive:
        return _check(archive, file)[1]


def backup(file: Path, store: SqlStore, keys: Path, reserve: DiskReserve | None = None) -> BackupSummary:
    """Write a backup of the store, as it is at this moment, and of the files in the folder `keys`.

    Safe beside the writer, from any thread. `file` is replaced when all of it is written, and only then; mode 0600.
    Raises StoreError, also when the `reserve` would be used.
    """
    try:
        with replacing(file) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            return _write(archive, store, keys, reserve or DiskReserve(file.parent, 0))
    except OSError as error:
        raise StoreError(_("Cannot write {file}: {reason}").format(file=file, reason=os_error_text(error))) from error


def backup_at_rest(file: Path, url: str | None, data_dir: Path, reserve: DiskReserve | None = None) -> BackupSummary:
    """`backup` of a server that does not run. Raises StoreError, also when it does run."""
    store = open_store(url, data_dir, migrate=False)
    try:
        store.claim_lease()
        key_swap.settle(data_dir / "keys", store.log)
        return backup(file, store, data_dir / "keys", reserve)
    finally:
        store.close()


def restore(
    file: Path,
    url: str | None,
    data_dir: Path,
    *,
    force: bool = False,
    agree: Callable[[RestorePlan], bool] | None = None,
) -> BackupSummary:
    """Put a backup into the database at `url` (None: SQLite in `data_dir`) and the keys into `data_dir`/keys.

    The log's epoch becomes one more than any that this database or the backup has seen, so that clients notice. Whoever
    is killed meanwhile leaves all that was there, or all of the backup, once the next start has settled the keys
    (key_swap.py). Raises StoreError: nothing is written when a server has the database or the backup is damaged, nor
    when there are users, messages or keys already, unless `force` says to replace them. `agree` is told of the plan
    before anything is replaced, and takes the place of `force`.
    """
    with _open(file) as archive:
        manifest, contents = _check(archive, file)
        make_private_folder(data_dir, strict=False)
        keys = data_dir / "keys"
        if not force and agree is None and keys.is_dir() and any(keys.iterdir()):
            raise StoreError(_not_empty(keys))
        store = open_store(url, data_dir, command=True)
        try:
            store.claim_lease()
            known = last_lease.newest_epoch(data_dir, contents.log)
            with store.replacing() as connection:
                if agree is not None:
                    force = agree(_plan(connection, contents, store, keys))
                    if not force:
                        raise StoreError(_("Nothing was restored"))
                summary = _fill(connection, archive, manifest, store, known, force)
                key_swap.stage(keys, summary.log, _archived_keys(archive))
            key_swap.settle(keys, summary.log)
            lost_log.begin(data_dir, summary.log, time.time_ns() // 1_000_000)
            return summary
        finally:
            store.close()


def _file_problem(error: OSError, file: Path) -> str:
    return _("{file}: {reason}").format(file=error.filename or file, reason=os_error_text(error))


# ---------------------------------------------------------------------------------------------------------------
# Writing


def _write(archive: zipfile.ZipFile, store: SqlStore, keys: Path, reserve: DiskReserve) -> BackupSummary:
    digests = {f"keys/{name}": _add(archive, f"keys/{name}", [content], reserve) for name, content in _read_keys(keys)}
    with store.reading() as connection:
        log = reads.read_log(connection)
        assert log is not None
        for table in dump.TABLES:
            digests[f"tables/{table.name}"] = _add(archive, f"tables/{table.name}", _lines(connection, table), reserve)
        summary = _summary(connection, log)
    manifest = BackupManifest(FORMAT, schema.REVISION, time.time_ns() // 1_000_000, log.log_id, log.epoch, digests)
    archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return summary


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    for row in dump.read_rows(connection, table):
        yield encode(row) + b"\n"


def _add(archive: zipfile.ZipFile, name: str, parts: Iterator[bytes] | list[bytes], reserve: DiskReserve) -> bytes:
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as member:
        for part in parts:
            reserve.wrote(len(part))
            digest.update(part)
            member.write(part)
    return digest.digest()


def _read_keys(folder: Path) -> list[tuple[str, bytes]]:
    found = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return [(path.name, read_private(path, _KEY_OCTETS_MAX)) for path in found if _KEY_NAME.fullmatch(path.name)]


def _summary(connection: Connection, log: LogState) -> BackupSummary:
    def count(table: Table, *which: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*which)).scalar_one())

    present = schema.records.c.room_id.not_in(reads.DELETED_ROOMS)
    return BackupSummary(log, count(schema.users), count(schema.records, present))


# ---------------------------------------------------------------------------------------------------------------
# Reading


@contextmanager
def _open(file: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever it does wrong becomes one StoreError."""
    try:
        with reading(file) as source, zipfile.ZipFile(source) as archive:
            yield archive
    except OSError as error:
        raise StoreError(_file_problem(error, file)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise StoreError(_unusable(file, _("damaged or cut off"))) from error


def _check(archive: zipfile.ZipFile, file: Path) -> tuple[BackupManifest, BackupContents]:
    """Everything about an archive from outside; raises StoreError."""
    try:
        manifest = _check_manifest(archive)
        _check_members(archive, manifest)
        counts = _check_rows(archive, manifest)
    except (ValueError, UnicodeDecodeError, RecursionError, KeyError) as error:
        ours = type(error) is ValueError  # others are of libraries, in English
        raise StoreError(_unusable(file, str(error) if ours else _("damaged or cut off"))) from error
    log = LogState(manifest.log_id, manifest.epoch)
    return manifest, BackupContents(log, manifest.made_ms, counts[schema.users], counts[schema.records])


def _unusable(file: Path, reason: str) -> str:
    return _("{file} is no usable backup: {reason}").format(file=file, reason=" ".join(reason.split())[:200])


def _check_manifest(archive: zipfile.ZipFile) -> BackupManifest:
    members = archive.infolist()
    if any(member.flag_bits & 1 or member.compress_type not in (0, zipfile.ZIP_DEFLATED) for member in members):
        raise ValueError(_("not made by this program"))
    names = [member.filename for member in members]
    if names.count(_MANIFEST) != 1 or archive.getinfo(_MANIFEST).file_size > _MANIFEST_OCTETS_MAX:
        raise ValueError(_("no manifest"))
    manifest = msgspec.json.decode(_content(archive, _MANIFEST, _MANIFEST_OCTETS_MAX), type=BackupManifest)
    if manifest.format != FORMAT or manifest.revision not in _REVISIONS:
        text = _("made by another version (format {format}, revision {revision})")
        raise ValueError(text.format(format=manifest.format, revision=manifest.revision))
    if sorted(names) != sorted([_MANIFEST, *manifest.digests]):
        raise ValueError(_("files are missing or too many"))
    return manifest


def _check_members(archive: zipfile.ZipFile, manifest: BackupManifest) -> None:
    tables = {f"tables/{table.name}" for table in dump.TABLES}
    keys = {name for name in manifest.digests if name not in tables}
    needed = tables if manifest.revision == schema.REVISION else tables - _ADDED
    if not needed <= manifest.digests.keys() or len(keys) > _KEYS_MAX:
        raise ValueError(_("files are missing or too many"))
    for name in keys:
        folder, _slash, rest = name.partition("/")
        if folder != "keys" or not _KEY_NAME.fullmatch(rest) or archive.getinfo(name).file_size > _KEY_OCTETS_MAX:
            raise ValueError(_("a file that does not belong there"))
    for name, expected in manifest.digests.items():
        digest = hashlib.sha256()
        with archive.open(name) as member:
            while block := member.read(_BLOCK):
                digest.update(block)
        if digest.digest() != expected:
            raise ValueError(_("{file} was altered").format(file=name))


def _check_rows(archive: zipfile.ZipFile, manifest: BackupManifest) -> Counter[Table]:
    """How many rows each table has."""
    soundness, counts = ConsistencyCheck(manifest.log_id), Counter[Table]()
    for table in dump.TABLES:
        for row in _rows(archive, table):
            soundness.check(table, row)
            counts[table] += 1
    soundness.finish()
    return counts


def _rows(archive: zipfile.ZipFile, table: Table) -> Iterator[dump.Row]:
    decode = msgspec.json.Decoder(dump.row_type(table)).decode
    name = f"tables/{table.name}"
    if name in _ADDED and name not in archive.namelist():
        return
    with archive.open(name) as member:
        while line := member.readline(_LINE_MAX):
            if not line.endswith(b"\n"):
                raise ValueError(_("a row of the table {table} is too long").format(table=table.name))
            yield decode(line)


def _content(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as member:
        return member.read(most)


# ---------------------------------------------------------------------------------------------------------------
# Restoring


def _not_empty(what: object) -> str:
    return _("{what} is not empty: use --force to replace what is there").format(what=what)


def _plan(connection: Connection, contents: BackupContents, store: SqlStore, keys: Path) -> RestorePlan:
    there = _summary(connection, store.log)
    newest_ms = connection.execute(select(func.max(schema.rooms.c.head_ms)).where(schema.rooms.c.head_seq > 0)).scalar()
    has_keys = keys.is_dir() and any(keys.iterdir())
    return RestorePlan(contents, str(store.address), store.log, there.users, there.messages, newest_ms or 0, has_keys)


def _fill(
    connection: Connection,
    archive: zipfile.ZipFile,
    manifest: BackupManifest,
    store: SqlStore,
    known: int,
    force: bool,
) -> BackupSummary:
    """`known`: the newest epoch that this log had here, in a database that may be gone."""
    there = _summary(connection, store.log)
    if not force and (there.users or there.messages):
        raise StoreError(_not_empty(store.address))
    seen = store.log.epoch if store.log.log_id == manifest.log_id else 0
    log = LogState(manifest.log_id, max(seen, manifest.epoch, known) + 1)
    dump.clear(connection)
    for table in dump.TABLES:
        dump.write_rows(connection, table, _rows(archive, table))
    dump.set_log(connection, log)
    return _summary(connection, log)


def _archived_keys(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    for name in archive.namelist():
        if name.startswith("keys/"):
            yield name.removeprefix("keys/"), _content(archive, name, _KEY_OCTETS_MAX)

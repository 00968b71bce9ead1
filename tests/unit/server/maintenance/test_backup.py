"""Backup and restore between every pair of database kinds; damaged and malicious archives."""

import json
import os
import random
import stat
import struct
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lanchat_server.core.ports import Fenced, StoreError
from lanchat_server.maintenance.backup import BackupSummary, backup, backup_at_rest, restore
from lanchat_server.store import open_store
from lanchat_server.store.transactions.claiming import LeaseTiming
from tests.support.filled_store import KEY_FILES, content, fill, write_keys
from tests.support.mariadb import MariaDB
from tests.support.stores import KINDS, Database, Log, added, databases

NOT_ROWS = (b"[" * 100_000 + b"\n", b'["' + b"x" * 10_000_000 + b'"]\n', b"\xff\n", b"[]\n", b"null\n", b"[]")


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "source").mkdir()
    yield from databases(request, tmp_path / "source", request.param)


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "target").mkdir()
    if request.param == "sqlite":
        yield from databases(request, tmp_path / "target", "sqlite")
        return
    server: MariaDB = request.getfixturevalue("mariadb")
    database = Database(tmp_path / "target", server.create_database("restored"))
    yield database
    database.close()
    server.execute("DROP DATABASE restored")


def test_restore_reproduces_the_database(source: Database, target: Database, tmp_path: Path) -> None:
    write_keys(source.folder)
    store = source.open()
    fill(store)
    before = content(store)
    file = tmp_path / "office.backup"
    made = backup(file, store, source.folder / "keys")
    assert made == BackupSummary(store.log, 2, 1404)
    assert made.log.epoch == 1
    put_back = restore(file, target.url, target.folder)
    assert (put_back.users, put_back.messages, put_back.log.epoch) == (2, 1404, 2)
    restored = target.open()
    assert restored.log.epoch == 2
    assert content(restored) == before
    assert {path.name: path.read_bytes() for path in (target.folder / "keys").iterdir()} == KEY_FILES
    added(restored, "Carla")
    Log(restored).say("a new message", device="new")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def octets_of_members(file: Path, whole: bytes) -> set[int]:
    """Where the contents of an archive's members stand, not their names and places."""
    file.write_bytes(whole)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    places: set[int] = set()
    for info in infos:
        begin = info.header_offset + 30 + sum(struct.unpack_from("<HH", whole, info.header_offset + 26))
        places.update(range(begin, begin + info.compress_size))
    return places


class TestRestoring:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """A backup of a small SQLite database."""
        folder = tmp_path / "source"
        folder.mkdir()
        write_keys(folder)
        database = Database(folder, None)
        store = database.open()
        added(store, "Anna")
        Log(store).say("apple", "pear")
        backup(tmp_path / "a.backup", store, folder / "keys")
        database.close()
        return tmp_path / "a.backup"

    def test_existing_database_is_not_replaced_without_force(
        self, file: Path, tmp_path: Path, database: Database
    ) -> None:
        store = database.open()
        added(store, "Boris")
        store.close()
        with pytest.raises(StoreError, match="is not empty"):
            restore(file, database.url, database.folder)
        again = database.open()
        assert [row.name for row in again.snapshot().users] == ["Boris"]
        assert again.log.epoch == 1
        again.close()
        assert not (database.folder / "keys").exists()
        assert restore(file, database.url, database.folder, force=True).users == 1
        assert [row.name for row in database.open().snapshot().users] == ["Anna"]

    def test_existing_keys_are_not_replaced_without_force(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "target" / "keys").mkdir(parents=True)
        other = tmp_path / "target" / "keys" / "log.key"
        other.write_text("other")
        with pytest.raises(StoreError, match="is not empty"):
            restore(file, None, tmp_path / "target")
        assert other.read_text() == "other"
        assert not (tmp_path / "target" / "lanchat.sqlite3").exists()
        restore(file, None, tmp_path / "target", force=True)
        assert other.read_bytes() == KEY_FILES["log.key"]

    def test_every_restore_is_a_new_epoch(self, file: Path, tmp_path: Path) -> None:
        epochs = [restore(file, None, tmp_path / "target", force=True).log.epoch for _ in range(3)]
        assert epochs == [2, 3, 4]
        copy = tmp_path / "b.backup"
        assert backup_at_rest(copy, None, tmp_path / "target").log.epoch == 4
        assert restore(copy, None, tmp_path / "third").log.epoch == 5

    @pytest.mark.mariadb
    def test_crashed_server_is_fenced(
        self, file: Path, tmp_path: Path, mariadb_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lanchat_server.store.transactions.claiming.LEASE_TIMING", LeaseTiming(0.1))
        silent = open_store(mariadb_url, tmp_path)
        silent.take_lease("old", 1)
        restore(file, mariadb_url, tmp_path / "new")
        with pytest.raises(Fenced):
            added(silent, "Carla")
        silent.close()

    def test_running_sqlite_server_is_not_touched(self, file: Path, tmp_path: Path) -> None:
        store = open_store(None, tmp_path / "target")
        for attempt in (
            lambda: restore(file, None, tmp_path / "target", force=True),
            lambda: backup_at_rest(tmp_path / "b.backup", None, tmp_path / "target"),
        ):
            with pytest.raises(StoreError, match="Another LAN Chat server"):
                attempt()
        assert not (tmp_path / "b.backup").exists()
        store.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="no file modes there")
    def test_restored_files_are_private(self, file: Path, tmp_path: Path) -> None:
        old = os.umask(0)
        try:
            restore(file, None, tmp_path / "target")
        finally:
            os.umask(old)
        keys = tmp_path / "target" / "keys"
        files = [file, tmp_path / "target" / "lanchat.sqlite3", *keys.iterdir()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE(keys.stat().st_mode) == 0o700

    def test_unreadable_and_unwritable_files_are_reported(self, file: Path, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="No such file"):
            restore(tmp_path / "nothing", None, tmp_path / "target")
        with pytest.raises(StoreError):
            restore(tmp_path, None, tmp_path / "target")
        with pytest.raises(StoreError):
            backup_at_rest(tmp_path / "no" / "folder" / "a.backup", None, tmp_path / "source")
        assert not (tmp_path / "target").exists()

    # Archives from outside

    def refused(self, file: Path, tmp_path: Path) -> str:
        """Why this archive is not restored; nothing was written."""
        target = tmp_path / "untouched"
        with pytest.raises(StoreError) as raised:
            restore(file, None, target, force=True)
        assert "\n" not in str(raised.value)
        assert not target.exists()
        return str(raised.value)

    def test_truncated_archive_is_refused(self, file: Path, tmp_path: Path) -> None:
        whole = file.read_bytes()
        for length in (0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1):
            file.write_bytes(whole[:length])
            self.refused(file, tmp_path)

    def test_altered_octets_are_refused_or_harmless(self, file: Path, tmp_path: Path) -> None:
        whole = file.read_bytes()
        rng = random.Random(3)
        refusals = []
        places = rng.sample(range(len(whole)), 150)
        for place in places:
            file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.randrange(8))]) + whole[place + 1 :])
            try:
                summary = restore(file, None, tmp_path / "target", force=True)
                assert (summary.users, summary.messages) == (1, 2)  # a date or an attribute in the zip directory
            except StoreError as error:
                refusals.append(str(error))
        # Of a stream of deflate some bits mean nothing.
        assert len(refusals) >= 0.9 * len(octets_of_members(file, whole).intersection(places)) > 20
        assert not any("\n" in text for text in refusals)

    def rewritten(self, file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
        """The archive with other members and a manifest that fits them."""
        import hashlib
        from base64 import b64encode

        with zipfile.ZipFile(file) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        manifest = json.loads(members["manifest.json"])
        digests = {
            name: b64encode(hashlib.sha256(data).digest()).decode()
            for name, data in members.items()
            if name != "manifest.json"
        }
        members["manifest.json"] = json.dumps(manifest | {"digests": digests}).encode()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return file

    @pytest.mark.parametrize(
        "name",
        ["../evil", "/etc/evil", "keys/../evil", "keys/", "keys/a/b", "keys/.hidden", "keys/..", "C:\\evil", "other/x",
         "tables/other", "keys/" + "x" * 65, "keys/a\\b", "keys/nul\n"],
    )  # fmt: skip
    def test_unexpected_member_name_is_refused(self, file: Path, tmp_path: Path, name: str) -> None:
        self.refused(self.rewritten(file, lambda members: members.update({name: b"evil"})), tmp_path)

    def alter(self, file: Path, table: str, number: int, column: int, value: object) -> Path:
        def change(members: dict[str, bytes]) -> None:
            rows = [json.loads(line) for line in members[f"tables/{table}"].splitlines()]
            rows[number][column] = value
            members[f"tables/{table}"] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

        return self.rewritten(file, change)

    @pytest.mark.parametrize(
        ("table", "number", "column", "value"),
        [
            ("users", 0, 0, "1"),
            ("users", 0, 0, -1),
            ("users", 0, 0, 2**63),
            ("users", 0, 1, "x" * 65),
            ("users", 0, 1, "Boris"),
            ("users", 0, 6, 9),
            ("rooms", 0, 3, 9),
            ("rooms", 0, 7, 1),
            ("rooms", 0, 8, "AAAA"),
            ("records", 0, 1, 2),
            ("records", 0, 2, 999),
            ("records", 0, 4, "AAAAAAAAAAAAAAAAAAAAAA=="),
            ("records", 0, 9, "AAAA"),
            ("records", 0, 11, "banana"),
            ("records", 0, 11, "\ud800"),
            ("records", 1, 13, "A" * 43 + "="),
            ("records", 1, 0, 4711),
        ],
    )
    def test_invalid_value_is_refused(
        self, file: Path, tmp_path: Path, table: str, number: int, column: int, value: object
    ) -> None:
        self.refused(self.alter(file, table, number, column, value), tmp_path)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("format", 2), ("format", "1"), ("revision", "9999"), ("epoch", 0), ("epoch", 2**32 - 1), ("log_id", "AAAA")],
    )
    def test_invalid_manifest_is_refused(self, file: Path, tmp_path: Path, field: str, value: object) -> None:
        def change(members: dict[str, bytes]) -> None:
            members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | {field: value}).encode()

        self.refused(self.rewritten(file, change), tmp_path)

    def test_missing_members_are_refused(self, file: Path, tmp_path: Path) -> None:
        self.refused(self.rewritten(file, lambda members: members.pop("tables/rejections") and None), tmp_path)

    def test_missing_records_are_refused(self, file: Path, tmp_path: Path) -> None:
        def change(members: dict[str, bytes]) -> None:
            members["tables/records"] = members["tables/records"].splitlines(keepends=True)[0]

        assert "records are missing" in self.refused(self.rewritten(file, change), tmp_path)

    @pytest.mark.parametrize("data", NOT_ROWS, ids=range(len(NOT_ROWS)))
    def test_lines_that_are_no_rows_are_refused(self, file: Path, tmp_path: Path, data: bytes) -> None:
        self.refused(self.rewritten(file, lambda members: members.update({"tables/invites": data})), tmp_path)

    def test_duplicate_member_name_is_refused(self, file: Path, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
            archive.writestr("manifest.json", b"{}")
        self.refused(file, tmp_path)

    def test_dangling_references_roll_back_everything(self, file: Path, tmp_path: Path, database: Database) -> None:
        store = database.open()
        log_id = store.log.log_id
        store.close()
        row = [4711, 1, 0, 1, 0, 0]
        line = json.dumps(row).encode() + b"\n"
        bad = self.rewritten(file, lambda members: members.update({"tables/memberships": line}))
        with pytest.raises(StoreError) as raised:
            restore(bad, database.url, database.folder)
        assert "\n" not in str(raised.value)
        again = database.open()
        assert (again.log.log_id, again.snapshot().users) == (log_id, [])
        assert not (database.folder / "keys").exists()


def test_backup_during_writes_is_consistent(database: Database, tmp_path: Path) -> None:
    """The writer continues meanwhile; restoring checks the backups."""
    store = database.open()
    log = Log(store)
    log.say(*(f"message {i}" for i in range(600)))
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            log.say("more", "and more")

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        files = [tmp_path / f"{i}.backup" for i in range(3)]
        made = [backup(file, store, tmp_path / "no keys") for file in files]
    finally:
        stop.set()
        writer.join(10)
    for i, (file, summary) in enumerate(zip(files, made, strict=True)):
        assert summary.messages >= 600
        assert restore(file, None, tmp_path / f"target {i}").messages == summary.messages
    assert made[0].messages < log.head.seq


def test_failed_backup_leaves_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "data", None)
    store = database.open()
    file = tmp_path / "a.backup"
    backup(file, store, tmp_path / "keys")
    before = file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left"):
        backup(file, store, tmp_path / "keys")
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.backup", "data"]
    database.close()

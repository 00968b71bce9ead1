"""Importing accounts and messages into a store of each kind: what is made, what is skipped, repetition, dry runs."""

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.codes import Role, RoomKind
from lanchat.protocol.log.certificates import open_certificate_untrusted
from lanchat.protocol.log.keys import public_octets
from lanchat.protocol.log.messages import check_author, decode_header_untrusted
from lanchat.protocol.log.records import chain_hash, genesis_hash
from lanchat_server.core.directory.directory import Directory, direct_name
from lanchat_server.maintenance.importing.messages import ImportOptions, MessageImport
from lanchat_server.maintenance.importing.report import ImportReport, SkipReason
from lanchat_server.maintenance.importing.tables import OldRow
from lanchat_server.maintenance.importing.times import TimeReader
from lanchat_server.maintenance.importing.users import import_users
from lanchat_server.passwords import PasswordHasher
from lanchat_server.store import SqlStore
from tests.support.stores import KINDS, Log, added, databases

LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"7")
NOW_MS = 1_800_000_000_000


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    for database in databases(request, tmp_path, request.param):
        yield database.open()


def rows(*found: dict[str, str]) -> list[OldRow]:
    return [OldRow(line, fields) for line, fields in enumerate(found, 2)]


def md5(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()


def users(store: SqlStore, *found: dict[str, str], dry_run: bool = False) -> ImportReport:
    hasher = PasswordHasher(memory_kib=64, time_cost=1, workers=2)
    try:
        return asyncio.run(import_users(store, hasher, rows(*found), NOW_MS, lambda _rows: None, dry_run=dry_run))
    finally:
        hasher.close()


def reasons(report: ImportReport) -> list[tuple[int, SkipReason]]:
    return [(row.line, row.reason) for row in report.reasons]


class TestUsers:
    def test_accounts_are_made_with_wrapped_passwords(self, store: SqlStore) -> None:
        report = users(
            store,
            {"name": "anna", "password": md5("12345").upper(), "email": "a@b.example", "display_name": "Anna A."},
            {"name": "Борис", "password": md5("пароль"), "email": "nonsense"},
        )
        assert (report.rows, report.added, report.skipped) == (2, 2, 0)
        directory = Directory(store.snapshot())
        anna, boris = directory.user_named("anna"), directory.user_named("борис")
        assert anna is not None
        assert boris is not None
        assert (anna.display_name, anna.email, anna.role, anna.disabled) == (
            "Anna A.",
            "a@b.example",
            Role.MEMBER,
            False,
        )
        assert (boris.display_name, boris.email, boris.role) == ("Борис", "", Role.MEMBER)
        assert set(directory.members(directory.general().id)) == {anna.id, boris.id}
        assert anna.password_hash.startswith("$md5$argon2id$")
        assert md5("12345") not in anna.password_hash
        hasher = PasswordHasher(memory_kib=64, time_cost=1, workers=1)
        assert asyncio.run(hasher.verify("12345", anna.password_hash))
        hasher.close()

    def test_rows_that_cannot_be_accounts_are_named(self, store: SqlStore) -> None:
        good = md5("x")
        report = users(
            store,
            {"name": "", "password": good},
            {"name": "two words", "password": good},
            {"name": "x" * 33, "password": good},
            {"name": "\udcff", "password": good},
            {"password": good},
            {"name": "anna", "password": "plain"},
            {"name": "anna"},
            {"name": "carla", "password": good},
            {"name": "CARLA", "password": good},
            {"name": "саrlа", "password": good},
        )
        assert reasons(report) == [
            *((line, SkipReason.NAME) for line in range(2, 7)),
            *((line, SkipReason.MD5) for line in (7, 8)),
            *((line, SkipReason.NAME_TAKEN) for line in (10, 11)),
        ]
        assert [user.name for user in store.snapshot().users] == ["carla"]

    def test_repeated_import_adds_nothing_and_changes_nothing(self, store: SqlStore) -> None:
        added(store, "dora")
        table = [{"name": name, "password": md5(name)} for name in ("Dora", "eva")]
        users(store, *table)
        before = store.snapshot()
        report = users(store, *table)
        assert (report.added, report.present, report.skipped) == (0, 2, 0)
        assert store.snapshot() == before

    def test_dry_run_writes_nothing(self, store: SqlStore) -> None:
        before = store.snapshot()
        report = users(store, {"name": "anna", "password": md5("x")}, {"name": "b b"}, dry_run=True)
        assert (report.added, report.skipped) == (1, 1)
        assert store.snapshot() == before


def messages(
    store: SqlStore, *found: dict[str, str], room: str = "", now_ms: int = NOW_MS, **options: object
) -> ImportReport:
    chosen = ImportOptions(room, **options)  # type: ignore[arg-type]
    work = MessageImport(store, LOG_KEY, SYSTEM_ENTROPY, now_ms, TimeReader(UTC), chosen)
    return work.run(rows(*found), lambda _rows: None)


def said(author: str, text: str, **more: str) -> dict[str, str]:
    return {"author": author, "text": text, "time": "2009-02-13 23:31:30"} | more


def texts(store: SqlStore, room: int) -> list[str]:
    page = store.page(room, anchor=1, forward=True, limit=9999, first_seq=1, octets=1 << 30)
    return [(record.body or b"").decode() for record in page.records]


class TestMessages:
    def test_records_hold_and_their_certificate_says_imported(self, store: SqlStore) -> None:
        [anna] = added(store, "anna")
        Log(store).say("before")
        assert messages(store, said("Anna", "hello"), said("anna", "Привет\r\n😀")).added == 2
        directory = Directory(store.snapshot())
        room = directory.general()
        page = store.page(room.id, anchor=1, forward=True, limit=10, first_seq=1, octets=1 << 20)
        assert texts(store, room.id) == ["before", "hello", "Привет\n😀"]
        [device] = directory.devices_of(anna.id)
        assert device.revoked_ms == NOW_MS
        log_id, log_public = directory.log.log_id, public_octets(LOG_KEY)
        body = open_certificate_untrusted(log_public, log_id, device.certificate)
        assert (body.user, body.imported, body.device) == (anna.id, True, device.id)
        chain = genesis_hash(log_id, room.id)
        for record in page.records:
            chain = chain_hash(log_id, room.id, chain, record)
        assert chain == room.head.hash == page.after
        for record in page.records[1:]:
            header = decode_header_untrusted(record.header)
            assert (header.device, header.sent_ms, record.time_ms) == (device.id, 1_234_567_890_000, NOW_MS)
            check_author(device.public_key, log_id, record.header, record.body_hash, record.signature)
        assert [record.seq for _room, record in store.search({room.id: 1}, "hello", before=0, limit=9)] == [2]

    def test_repeated_import_stores_nothing_twice(self, store: SqlStore) -> None:
        added(store, "anna", "boris")
        table = [said("anna", "one"), said("boris", "one"), said("anna", "one"), said("anna", "x" * 9000)]
        assert messages(store, *table).added == 4
        general = Directory(store.snapshot()).general().id
        before = texts(store, general)
        assert [len(text) for text in before] == [3, 3, 3, 4000, 4000, 1000]
        Log(store).say("meanwhile")
        report = messages(store, *table, said("anna", "new"), now_ms=NOW_MS + 5)
        assert (report.added, report.present) == (1, 4)
        assert texts(store, general) == [*before, "meanwhile", "new"]

    def test_rooms_and_direct_conversations_are_made(self, store: SqlStore) -> None:
        anna, boris = added(store, "anna", "boris")
        report = messages(
            store,
            said("anna", "here", room="Кухня"),
            said("boris", "to you", to="ANNA"),
            said("boris", "to all", to="all"),
            {"author_id": "7", "text": "by number", "to_id": "8"},
            names={"7": "anna", "8": "boris"},
        )
        assert (report.added, report.skipped, report.made) == (4, 0, 1)
        directory = Directory(store.snapshot())
        kitchen = directory.room_named("кухня")
        direct = directory.room_named(direct_name(anna.id, boris.id))
        assert kitchen is not None
        assert direct is not None
        assert (kitchen.kind, direct.kind) == (RoomKind.PUBLIC, RoomKind.DIRECT)
        assert set(directory.members(kitchen.id)) == {anna.id}
        assert set(directory.members(direct.id)) == {anna.id, boris.id}
        assert (texts(store, kitchen.id), texts(store, direct.id)) == (["here"], ["to you", "by number"])
        assert texts(store, directory.general().id) == ["to all"]

    def test_rows_that_cannot_be_messages_are_named(self, store: SqlStore) -> None:
        added(store, "anna")
        report = messages(
            store,
            said("nobody", "x"),
            said("anna", "x", to="nobody"),
            said("anna", " \n"),
            said("anna", "\udcff"),
            said("anna", "x", time="once"),
            said("anna", "x", room="direct:1:2"),
            said("anna", "x", room="@x"),
            {"text": "x"},
        )
        assert reasons(report) == [
            (2, SkipReason.NO_AUTHOR),
            (3, SkipReason.NO_RECIPIENT),
            (4, SkipReason.TEXT),
            (5, SkipReason.TEXT),
            (6, SkipReason.TIME),
            (7, SkipReason.ROOM),
            (8, SkipReason.ROOM),
            (9, SkipReason.NO_AUTHOR),
        ]
        assert texts(store, Directory(store.snapshot()).general().id) == []

    def test_accounts_of_authors_are_made_when_asked_for(self, store: SqlStore) -> None:
        report = messages(store, said("gone", "x"), said("gone", "y"), said("b b", "z"), make_authors=True)
        assert (report.added, report.made, report.skipped) == (2, 1, 1)
        [user] = store.snapshot().users
        assert (user.name, user.disabled, user.role, user.password_hash) == ("gone", True, Role.MEMBER, "")

    def test_dry_run_writes_nothing(self, store: SqlStore) -> None:
        added(store, "anna")
        before = store.snapshot()
        table = [said("anna", "x", room="kitchen"), said("gone", "y")] * 600
        report = messages(store, *table, make_authors=True, dry_run=True)
        assert (report.rows, report.added, report.made) == (1200, 1200, 2)
        assert store.snapshot() == before

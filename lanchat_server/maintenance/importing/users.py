"""`import-users`: accounts of the original program, whose table has the MD5 of each password in hex.

Of the MD5 only an Argon2id hash is stored (passwords.py); the first log-in with the password replaces it. A row whose
name an account has already is left alone, so that the import may be repeated.
"""

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from lanchat.protocol.codes import Role
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text.names import clean_display_name, clean_email, clean_user_name, name_key, shape_key, tidy_name
from lanchat_server.core.accounts import accounts
from lanchat_server.core.accounts.accounts import NewUser
from lanchat_server.core.accounts.changes import DirectoryChange
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import UserRow
from lanchat_server.maintenance.importing.report import ImportReport, SkipReason, Tell
from lanchat_server.maintenance.importing.tables import OldRow
from lanchat_server.passwords import MD5_DIGITS, PasswordHasher
from lanchat_server.store import SqlStore

# Accounts of one transaction, whose passwords are hashed side by side.
_BATCH = 64


class _NewAccount(NamedTuple):
    name: str
    display_name: str
    email: str
    digits: str


async def import_users(
    store: SqlStore, hasher: PasswordHasher, rows: Iterable[OldRow], now_ms: int, tell: Tell, *, dry_run: bool = False
) -> ImportReport:
    """Make the accounts, all of them members, under the lease of `store`. `tell` is told of the rows that are done.
    Raises StoreError, and ProtocolError of `rows`; what was stored by then stays."""
    directory, report = Directory(store.snapshot()), ImportReport()
    accepted = _accepted(rows, directory, report)
    while batch := list(islice(accepted, _BATCH)):
        if not dry_run:
            hashes = await asyncio.gather(*(hasher.wrap_md5(found.digits) for found in batch))
            _store(store, directory, batch, hashes, now_ms)
        report.added += len(batch)
        tell(report.rows)
    return report


def _store(store: SqlStore, directory: Directory, batch: list[_NewAccount], hashes: list[str], now_ms: int) -> None:
    changes: list[DirectoryChange[UserRow]] = []
    with store.transaction() as tx:
        for found, password_hash in zip(batch, hashes, strict=True):
            new = NewUser(found.name, found.display_name, found.email, password_hash, Role.MEMBER)
            changes.append(accounts.add_user(tx, directory, new, now_ms, first_is_administrator=False))
    for change in changes:
        change.apply()


def _accepted(rows: Iterable[OldRow], directory: Directory, report: ImportReport) -> Iterator[_NewAccount]:
    """Those of the rows that make an account; the others are counted."""
    before = {user.id for user in directory.users.values()}
    keys: set[str] = set()
    shapes: set[str] = set()
    for line, fields in rows:
        report.rows += 1
        given = fields.get("name", "")
        name = cleaned_name(given)
        digits = fields.get("password", "").strip().lower()
        if name is None:
            report.skip(line, given, SkipReason.NAME)
        elif (known := directory.user_named(name)) is not None and known.id in before:
            report.present += 1
        elif name_key(name) in keys or shape_key(name) in shapes or directory.is_like_a_user(name):
            report.skip(line, given, SkipReason.NAME_TAKEN)
        elif not MD5_DIGITS.fullmatch(digits):
            report.skip(line, given, SkipReason.MD5)
        else:
            keys.add(name_key(name))
            shapes.add(shape_key(name))
            yield _NewAccount(name, _display_name(fields, name), _email(fields), digits)


def cleaned_name(given: str) -> str | None:
    """The name that an account gets for it; None: it can have none such."""
    try:
        return clean_user_name(tidy_name(given, joiners=False))
    except ProtocolError:
        return None


def _display_name(fields: dict[str, str], name: str) -> str:
    try:
        return clean_display_name(tidy_name(fields.get("display_name", "") or name))
    except ProtocolError:
        return name


def _email(fields: dict[str, str]) -> str:
    """None that is none: the account is good without."""
    try:
        return clean_email(tidy_name(fields.get("email", ""), joiners=False))
    except ProtocolError:
        return ""

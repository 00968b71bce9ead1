"""`import-users` and `import-messages`."""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.clock import SYSTEM_CLOCK
from lanchat.platform.entropy import SYSTEM_ENTROPY
from lanchat.protocol.errors import ProtocolError
from lanchat.terminal.arguments import Parser, file_path
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lanchat_server.maintenance.importing.report import ImportReport, SkipReason
    from lanchat_server.maintenance.importing.tables import Columns, OldTable
    from lanchat_server.store import SqlStore

# Octets: a million messages have some 200 MB, and all of the file is in memory.
_FILE_MAX = 1 << 30


# --- Grammar ----------------------------------------------------------------------------------------------------------


def _field(text: str) -> tuple[str, str]:
    field, separator, column = text.partition("=")
    if not separator or not field or not column:
        raise argparse.ArgumentTypeError(_("must be {expected}").format(expected="FIELD=COLUMN"))
    return field, column


def _table_options(parser: Parser, fields: str) -> None:
    parser.add_argument("file", metavar="FILE", type=file_path, help=_("a CSV file, or an SQL dump"))
    parser.add_argument("--format", choices=("csv", "sql"), help=_("what the file is; else by its name"))
    parser.add_argument("--table", metavar="NAME", help=_("the table in an SQL dump; else by its name and columns"))
    text = _("which column is which, where the name does not tell; may be given again. Fields: {fields}")
    parser.add_argument(
        "--column", metavar="FIELD=COLUMN", action="append", type=_field, default=[], help=text.format(fields=fields)
    )
    text = _("the encoding, such as cp1251; else as the dump says, UTF-8, or Windows-1251")
    parser.add_argument("--charset", metavar="NAME", help=text)
    parser.add_argument("--dry-run", action="store_true", help=_("say what would be imported, and write nothing"))


def users_options(parser: Parser) -> None:
    """Of `import-users`."""
    _table_options(parser, "name, password, email, display_name")


def messages_options(parser: Parser) -> None:
    """Of `import-messages`."""
    _table_options(parser, "author, author_id, room, to, to_id, text, time")
    parser.add_argument(
        "--room", default="", metavar="ROOM", help=_("for messages that name none; else the first room")
    )
    parser.add_argument(
        "--users", metavar="FILE", type=file_path, help=_("the table of users, where messages have numbers")
    )
    text = _("make a disabled account for each author that has none")
    parser.add_argument("--make-accounts", action="store_true", help=text)
    parser.add_argument("--utc", action="store_true", help=_("times are UTC, not those of this computer's zone"))


# --- Doing it ---------------------------------------------------------------------------------------------------------


def import_users(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Make accounts from a table of users."""
    from lanchat_server.maintenance.importing.tables import USERS, read_untrusted
    from lanchat_server.maintenance.importing.users import import_users as make_accounts
    from lanchat_server.passwords import PasswordHasher

    columns = _columns(options, options.file, USERS)
    text = _text(options.file, columns)
    argon2 = settings.argon2
    with _errors(options.file), _store(settings, may_create=True, dry_run=options.dry_run) as store:
        hasher = PasswordHasher(argon2.memory_kib, argon2.time_cost, argon2.parallelism, argon2.workers)
        try:
            rows = read_untrusted(text, USERS, columns)
            tell = _RowProgress(output).tell
            work = make_accounts(store, hasher, rows, SYSTEM_CLOCK.wall_ms(), tell, dry_run=options.dry_run)
            report = asyncio.run(work)
        finally:
            hasher.close()
        without = not any(user.role.name == "ADMINISTRATOR" for user in store.snapshot().users)
    done = _("{added} accounts imported, {present} were there, {skipped} rows skipped")
    _show(options, output, report, done)
    if without and not options.dry_run:
        output.note(_("There is no administrator yet: lanchat-server users set-role USER administrator"))
    return DONE


def import_messages(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Store messages of an old table in the log."""
    from lanchat_server.maintenance.importing.messages import ImportOptions, MessageImport
    from lanchat_server.maintenance.importing.tables import MESSAGES, read_untrusted
    from lanchat_server.maintenance.importing.times import TimeReader

    columns = _columns(options, options.file, MESSAGES)
    text = _text(options.file, columns)
    with _errors(options.file), _store(settings, may_create=False, dry_run=options.dry_run) as store:
        names = _names(options, text, columns)
        chosen = ImportOptions(options.room, names, options.make_accounts, options.dry_run)
        log_key = _log_key(settings, options.dry_run)
        times = TimeReader(UTC if options.utc else None)
        now_ms = SYSTEM_CLOCK.wall_ms()
        work = MessageImport(store, log_key, SYSTEM_ENTROPY, now_ms, times, chosen)
        report = work.run(read_untrusted(text, MESSAGES, columns), _RowProgress(output).tell)
    done = _("{added} messages imported, {present} were there, {skipped} rows skipped; rooms and accounts made: {made}")
    _show(options, output, report, done)
    return DONE


def _log_key(settings: ServerConfig, dry_run: bool) -> "Ed25519PrivateKey":
    """What signs for the imported messages; one that is not kept where nothing is and nothing may be written."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from lanchat_server.service.errors import StartError
    from lanchat_server.service.keys import has_keys, load_or_create

    if dry_run and not has_keys(settings.data_dir):
        return Ed25519PrivateKey.generate()
    try:
        return load_or_create(settings.data_dir).log_key
    except StartError as error:
        raise CliError(FAILED, str(error)) from None


def _columns(options: argparse.Namespace, file: Path, kind: "OldTable") -> "Columns":
    from lanchat_server.maintenance.importing.tables import Columns, format_of

    unknown = [field for field, _column in options.column if field not in kind.fields]
    if unknown:
        text = _("there is no field {field}: there are {fields}")
        raise CliError(FAILED, text.format(field=unknown[0], fields=", ".join(kind.fields)))
    return Columns(options.format or format_of(file), dict(options.column), options.table, options.charset)


def _text(file: Path, columns: "Columns") -> str:
    from lanchat_server.maintenance.importing.tables import decode_untrusted

    try:
        with open(file, "rb") as source:
            octets = source.read(_FILE_MAX + 1)
    except OSError as error:
        text = _("{file} cannot be read: {reason}")
        raise CliError(FAILED, text.format(file=shown(str(file)), reason=os_error_text(error))) from None
    if len(octets) > _FILE_MAX:
        text = _("{file} is larger than {limit} MiB: split it")
        raise CliError(FAILED, text.format(file=shown(str(file)), limit=_FILE_MAX >> 20))
    with _errors(file):
        return decode_untrusted(octets, columns)


def _names(options: argparse.Namespace, text: str, columns: "Columns") -> dict[str, str]:
    """Old numbers of users to their names: from the file that was named, or the same dump."""
    from lanchat_server.maintenance.importing.tables import NAMES, Columns, format_of, has_table, read_untrusted

    if options.users is not None:
        columns = Columns(format_of(options.users), charset=options.charset)
        text = _text(options.users, columns)
    elif columns.format == "csv" or not has_table(text, NAMES, Columns("sql")):
        return {}
    rows = read_untrusted(text, NAMES, Columns(columns.format))
    return {row.fields["id"]: row.fields["name"] for row in rows if "id" in row.fields and "name" in row.fields}


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise CliError(FAILED, str(error)) from None
    except ProtocolError as error:
        text = _("{file} cannot be imported: {reason}")
        raise CliError(FAILED, text.format(file=shown(str(file)), reason=shown(str(error)))) from None


@contextmanager
def _store(settings: ServerConfig, *, may_create: bool, dry_run: bool) -> "Iterator[SqlStore]":
    """The database, when no server has it. A dry run makes an embedded one that is not there yet elsewhere."""
    from lanchat_server.admin.run import check_no_server_runs
    from lanchat_server.store import open_store
    from lanchat_server.store.connection.url import parse_url

    check_no_server_runs(settings.data_dir)
    url, folder = settings.database, settings.data_dir
    path = parse_url(url, folder).path
    with ExitStack() as stack:
        if dry_run and may_create and path is not None and not path.exists():
            url, folder = None, Path(stack.enter_context(TemporaryDirectory(prefix="lanchat-import-")))
        store = open_store(url, folder, command=True, may_create=may_create)
        stack.callback(store.close)
        store.claim_lease()
        yield store


class _RowProgress:
    """A line on stderr every second."""

    def __init__(self, output: OutputWriter) -> None:
        self._output = output
        self._last = time.monotonic()

    def tell(self, rows: int) -> None:
        now = time.monotonic()
        if now - self._last >= 1.0:
            self._last = now
            self._output.note(_("{rows} rows").format(rows=rows))


def _reason_text(reason: "SkipReason") -> str:
    from lanchat_server.maintenance.importing.report import SkipReason

    return {
        SkipReason.NAME: _("no name that a user can have"),
        SkipReason.NAME_TAKEN: _("another account has this name, or one that looks like it"),
        SkipReason.MD5: _("no MD5 of a password: 32 hexadecimal digits"),
        SkipReason.NO_AUTHOR: _("no account of its author"),
        SkipReason.NO_RECIPIENT: _("no account of its recipient"),
        SkipReason.ROOM: _("no name that a room can have"),
        SkipReason.TIME: _("no time that can be read"),
        SkipReason.TEXT: _("no text that can be shown"),
    }[reason]


def _show(options: argparse.Namespace, output: OutputWriter, report: "ImportReport", text: str) -> None:
    for row in report.reasons:
        line = _("line {line}: {about}: {reason}")
        output.note(line.format(line=row.line, about=shown(row.about[:80]), reason=_reason_text(row.reason)))
    figures = {name: getattr(report, name) for name in ("rows", "added", "present", "skipped", "made")}
    reasons = [{"line": row.line, "about": row.about, "reason": row.reason.value} for row in report.reasons]
    if options.dry_run:
        text = _("Nothing was written. It would be: {what}").format(what=text)
    output.row({**figures, "dry_run": options.dry_run, "reasons": reasons}, text.format(**figures))

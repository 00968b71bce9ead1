"""Commands on keys and database as a whole: init-db, backup, restore, copy-database."""

import argparse
import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lanchat.i18n import _, ngettext
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import OutputFile, open_private
from lanchat.protocol import wire
from lanchat.terminal.exits import DONE, FAILED, NO_SERVER, REFUSED, USAGE, CliError
from lanchat.terminal.output import OutputWriter, clock, shown
from lanchat.terminal.prompts import agree, has_terminal
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError, StoreRefused, StoreUnreachable
from lanchat_server.maintenance.reserve import EVERY, MIB, DiskReserve

if TYPE_CHECKING:
    from lanchat_server.maintenance.backup import BackupSummary, RestorePlan
    from lanchat_server.maintenance.copying import CopyProgress


class _Terminated(BaseException):
    """SIGTERM came."""


@contextmanager
def _in_order_when_terminated() -> Iterator[None]:
    """SIGTERM ends the program, as it does otherwise, once everything that is open was given up: no draft stays."""

    def terminate(_number: int, _frame: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        codes = {StoreUnreachable: NO_SERVER, StoreRefused: REFUSED}
        raise CliError(codes.get(type(error), FAILED), str(error)) from None


def init_db(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Make what is missing of database, account and tables. With `--dry-run` only say whether that will go well."""
    from lanchat_server.maintenance.initdb import check_init
    from lanchat_server.maintenance.initdb import init_db as make_database
    from lanchat_server.store.connection.url import parse_url

    with _errors_in_one_line():
        address = str(parse_url(settings.database, settings.data_dir))
        if options.dry_run:
            return _say_state(output, address, check_init(settings.database, options.admin_url, settings.data_dir))
        make_database(settings.database, options.admin_url, settings.data_dir)
    output.row({"database": address, "ready": True}, _("The database {database} is ready").format(database=address))
    return DONE


def copy_database(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Copy all of a database into an empty one, of either kind."""
    with _in_order_when_terminated(), _errors_in_one_line():
        return _copy_database(options, settings, output)
    return FAILED


def _copy_database(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    from lanchat_server.maintenance.copying import copy_database as copy
    from lanchat_server.store.connection.url import parse_url

    try:
        made = copy(options.source, options.target, settings.data_dir, _ProgressLine(output).tell)
    except KeyboardInterrupt:
        output.warn(_("Interrupted: the same command goes on where it was"))
        raise
    if made.found:
        output.note(_("An earlier copy had {rows} rows already").format(rows=made.found))
    target = str(parse_url(options.target, settings.data_dir))
    values = {
        "database": target,
        "log_id": made.log.log_id.hex(),
        "log_epoch": made.log.epoch,
        "rows": made.rows,
        "tables": made.tables,
        "seconds": round(made.seconds, 3),
    }
    text = _("Copied to {database} and compared: {users}, {messages}, {rate} rows a second")
    users, messages = _counts(made.tables["users"], made.tables["records"])
    rate = round(made.rows / max(made.seconds, 0.001))
    output.row(values, text.format(database=target, users=users, messages=messages, rate=rate))
    return DONE


class _ProgressLine:
    """A line on stderr every second."""

    def __init__(self, output: OutputWriter) -> None:
        self._output = output
        self._last = time.monotonic()

    def tell(self, progress: "CopyProgress") -> None:
        now = time.monotonic()
        if now - self._last < 1.0:
            return
        self._last = now
        doing = _("comparing {table}: {done} of {total}") if progress.comparing else _("{table}: {done} of {total}")
        self._output.note(doing.format(table=progress.table, done=progress.done, total=progress.total))


def _say_state(output: OutputWriter, address: str, exists: bool) -> int:
    text = _("The database {database} is there") if exists else _("The database {database} can be made")
    output.row({"database": address, "exists": exists, "dry_run": True}, text.format(database=address))
    return DONE


def backup(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Write keys and database to a file."""
    with _in_order_when_terminated():
        return _backup(options, settings, output)
    return FAILED


def _backup(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    from lanchat_server.admin.backups import CLAIMED_FILE, check_written
    from lanchat_server.cli.administration import administration
    from lanchat_server.core.model import LogState
    from lanchat_server.maintenance.backup import BackupSummary

    file = _backup_file(options)
    try:
        # Before the work: whatever cannot be written to is known at once.
        destination = OutputFile(file)
    except OSError as error:
        raise _unwritable(file, error) from None
    to_stdout = destination.is_standard_output
    try:
        with administration(settings) as admin:
            made = admin.ask(wire.CreateBackup(), wire.BackupMade)
        # Never a path from the answer.
        reserve = DiskReserve(settings.data_dir, settings.disk_reserve_mib * MIB)
        _claim(settings.data_dir / CLAIMED_FILE, destination, file, reserve)
        if not to_stdout and file.is_file():
            check_written(file)
        if options.keep is not None:
            _rotate(file, options.keep)
    except StoreError as error:
        raise CliError(FAILED, str(error)) from None
    finally:
        destination.abandon()
    text = _("Written to {file}: {users}, {messages}. Whoever has this file can pass for the server")
    _show(
        file,
        output,
        BackupSummary(LogState(made.log_id, made.log_epoch), made.users, made.messages),
        text,
        to_stdout,
    )
    return DONE


def _backup_file(options: argparse.Namespace) -> Path:
    """Where the backup goes. Raises CliError."""
    from lanchat.platform.clock import SYSTEM_CLOCK
    from lanchat.platform.disk.files import make_private_folder
    from lanchat.platform.entropy import SYSTEM_ENTROPY
    from lanchat_server.maintenance.rotation import backup_name

    if (options.file is None) == (options.to is None) or (options.keep and options.to is None):
        raise CliError(USAGE, _("Give either a file, or a folder with --to, for which --keep is"))
    if options.to is None:
        file: Path = options.file
        return file
    try:
        make_private_folder(options.to, strict=False)
    except OSError as error:
        raise _unwritable(options.to, error) from None
    return Path(options.to / backup_name(SYSTEM_CLOCK.wall_ms(), SYSTEM_ENTROPY))


def _rotate(file: Path, keep: int) -> None:
    from lanchat_server.maintenance.rotation import delete_oldest

    try:
        delete_oldest(file.parent, file.name, keep)
    except OSError as error:
        raise _unwritable(file.parent, error) from None


def _claim(made: Path, destination: OutputFile, file: Path, reserve: DiskReserve) -> None:
    """Copy the server's backup to where the administrator wants it; other disks included, never half of it. Raises
    StoreError when that uses the reserve."""
    try:
        with open(open_private(made, os.O_RDONLY), "rb") as source:
            while octets := source.read(EVERY):
                reserve.wrote(len(octets))
                destination.stream.write(octets)
        destination.finish()
    except OSError as error:
        raise _unwritable(file, error) from None
    finally:
        made.unlink(missing_ok=True)


def _unwritable(file: Path, error: OSError) -> CliError:
    text = _("Cannot write {file}: {reason}").format(file=shown(str(file)), reason=os_error_text(error))
    return CliError(FAILED, text)


def restore(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Put a backup in the place of keys and database."""
    from lanchat_server.admin.run import check_no_server_runs
    from lanchat_server.maintenance.backup import restore as put_back

    with _errors_in_one_line():
        # Its keys would be taken from under it, whatever database it has.
        check_no_server_runs(settings.data_dir)
        consent = _Consent(options, output)
        # Without anybody to ask, what is there stays: said in one line, before anything is opened.
        agree = consent.agree if options.yes or options.force or has_terminal() else None
        summary = put_back(options.file, settings.database, settings.data_dir, force=options.force, agree=agree)
    text = _("Restored from {file}: {users}, {messages}")
    _show(options.file, output, summary, text)
    return DONE


class _Consent:
    """Says what a restore is going to do, and asks where something is lost by it."""

    def __init__(self, options: argparse.Namespace, output: OutputWriter) -> None:
        self._options = options
        self._output = output

    def agree(self, plan: "RestorePlan") -> bool:
        self._tell(plan)
        if not plan.replaces or self._options.yes or self._options.force:
            return True
        if str(self._options.file) == "-":  # nobody can answer
            return False
        return asyncio.run(agree(_("Replace what is there?")))

    def _tell(self, plan: "RestorePlan") -> None:
        contents = plan.contents
        users, messages = _counts(contents.users, contents.messages)
        text = _("{file}: {users}, {messages}, made {moment}")
        made = clock(contents.made_ms / 1000)
        self._output.note(text.format(file=shown(str(self._options.file)), users=users, messages=messages, moment=made))
        if not plan.replaces:
            self._output.note(_("{database} is empty").format(database=plan.database))
            return
        users, messages = _counts(plan.users, plan.messages)
        text = _("{database} now: {users}, {messages}, the newest from {moment}")
        newest = clock(plan.newest_ms / 1000)
        self._output.note(text.format(database=plan.database, users=users, messages=messages, moment=newest))
        if plan.users and plan.log.log_id != contents.log.log_id:
            self._output.note(_("The backup is of another server than the one that is there"))
        elif plan.newest_ms > contents.made_ms:
            self._output.note(_("What was written since the backup was made will be lost on the server"))
        self._output.note(_("Accounts, messages and keys that are there are replaced by those of the file"))


def _counts(users: int, messages: int) -> tuple[str, str]:
    return (
        ngettext("{number} account", "{number} accounts", users).format(number=users),
        ngettext("{number} message", "{number} messages", messages).format(number=messages),
    )


def _show(file: Path, output: OutputWriter, summary: "BackupSummary", text: str, beside: bool = False) -> None:
    """`beside`: the data went to standard output, so this goes to the other stream."""
    users, messages = _counts(summary.users, summary.messages)
    line = text.format(file=shown(str(file)), users=users, messages=messages)
    if beside:
        output.note(line)
        return
    values = {
        "log_id": summary.log.log_id.hex(),
        "log_epoch": summary.log.epoch,
        "users": summary.users,
        "messages": summary.messages,
        "file": str(file),
    }
    output.row(values, line)

"""Commands on keys and database as a whole: init-db, backup, restore, copy-database."""

import argparse
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lanchat.i18n import _, ngettext
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.files import OutputFile, open_private
from lanchat.protocol import wire
from lanchat.terminal.exits import DONE, FAILED, CliError
from lanchat.terminal.output import OutputWriter, shown
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.reserve import EVERY, MIB, DiskReserve

if TYPE_CHECKING:
    from lanchat_server.maintenance.backup import BackupSummary
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
        raise CliError(FAILED, str(error)) from None


def init_db(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Make what is missing of database, account and tables."""
    from lanchat_server.maintenance.initdb import init_db as make_database
    from lanchat_server.store.url import parse_url

    with _errors_in_one_line():
        make_database(settings.database, options.admin_url, settings.data_dir)
        address = str(parse_url(settings.database, settings.data_dir))
    output.row({"database": address, "ready": True}, _("The database {database} is ready").format(database=address))
    return DONE


def copy_database(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Copy all of a database into an empty one, of either kind."""
    with _in_order_when_terminated(), _errors_in_one_line():
        return _copy_database(options, settings, output)
    return FAILED


def _copy_database(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    from lanchat_server.maintenance.copying import copy_database as copy
    from lanchat_server.store.url import parse_url

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


def backup(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    """Write keys and database to a file."""
    with _in_order_when_terminated():
        return _backup(options, settings, output)
    return FAILED


def _backup(options: argparse.Namespace, settings: ServerConfig, output: OutputWriter) -> int:
    from lanchat_server.admin.backups import CLAIMED_FILE
    from lanchat_server.cli.administration import administration
    from lanchat_server.core.model import LogState
    from lanchat_server.maintenance.backup import BackupSummary

    try:
        # Before the work: whatever cannot be written to is known at once.
        destination = OutputFile(options.file)
    except OSError as error:
        raise _unwritable(options.file, error) from None
    to_stdout = destination.is_standard_output
    try:
        with administration(settings) as admin:
            made = admin.ask(wire.CreateBackup(), wire.BackupMade)
        # Never a path from the answer.
        reserve = DiskReserve(settings.data_dir, settings.disk_reserve_mib * MIB)
        _claim(settings.data_dir / CLAIMED_FILE, destination, options.file, reserve)
    except StoreError as error:
        raise CliError(FAILED, str(error)) from None
    finally:
        destination.abandon()
    text = _("Written to {file}: {users}, {messages}. Whoever has this file can pass for the server")
    _show(
        options,
        output,
        BackupSummary(LogState(made.log_id, made.log_epoch), made.users, made.messages),
        text,
        to_stdout,
    )
    return DONE


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
        summary = put_back(options.file, settings.database, settings.data_dir, force=options.force)
    text = _("Restored from {file}: {users}, {messages}")
    _show(options, output, summary, text)
    return DONE


def _counts(users: int, messages: int) -> tuple[str, str]:
    return (
        ngettext("{number} account", "{number} accounts", users).format(number=users),
        ngettext("{number} message", "{number} messages", messages).format(number=messages),
    )


def _show(
    options: argparse.Namespace, output: OutputWriter, summary: "BackupSummary", text: str, beside: bool = False
) -> None:
    """`beside`: the data went to standard output, so this goes to the other stream."""
    users, messages = _counts(summary.users, summary.messages)
    line = text.format(file=shown(str(options.file)), users=users, messages=messages)
    if beside:
        output.note(line)
        return
    values = {
        "log_id": summary.log.log_id.hex(),
        "log_epoch": summary.log.epoch,
        "users": summary.users,
        "messages": summary.messages,
        "file": str(options.file),
    }
    output.row(values, line)

"""Commands on keys and database as a whole: init-db, backup, restore."""

import argparse
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lanchat.cli.exits import DONE, FAILED, CliError
from lanchat.cli.output import Output, shown
from lanchat.i18n import _, ngettext
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise CliError(FAILED, str(error)) from None


def init_db(options: argparse.Namespace, settings: ServerConfig, output: Output) -> int:
    """Make what is missing of database, account and tables."""
    from lanchat_server.initdb import init_db as make_database
    from lanchat_server.store.url import parse_url

    with _told_in_one_line():
        make_database(settings.database, options.admin_url, settings.data_dir)
        address = str(parse_url(settings.database, settings.data_dir))
    output.row({"database": address, "ready": True}, _("The database {database} is ready").format(database=address))
    return DONE


def backup(options: argparse.Namespace, settings: ServerConfig, output: Output) -> int:
    """Write keys and database to a file."""
    from lanchat_server.admin import AdminError, run_admin

    try:
        made = run_admin(settings, "backup", {})
    except AdminError as error:
        raise CliError(FAILED, str(error)) from None
    _claim(Path(made["file"]), options.file)
    text = _("Written to {file}: {users}, {messages}. Whoever has this file can pass for the server")
    _show(options, output, made, text)
    return DONE


def _claim(made: Path, file: Path) -> None:
    """Move the server's backup to where the administrator wants it; other disks included, never half of it."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with made.open("rb") as source, os.fdopen(_private(part), "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
    except OSError as error:
        reason = error.strerror or error
        text = _("Cannot write {file}: {reason}").format(file=shown(str(file)), reason=reason)
        raise CliError(FAILED, text) from None
    finally:
        made.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def _private(file: Path) -> int:
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)


def restore(options: argparse.Namespace, settings: ServerConfig, output: Output) -> int:
    """Put a backup in the place of keys and database."""
    from lanchat_server.backup import restore as put_back

    with _told_in_one_line():
        summary = put_back(options.file, settings.database, settings.data_dir, force=options.force)
    text = _("Restored from {file}: {users}, {messages}")
    made = {
        "log_id": summary.log.log_id.hex(),
        "log_epoch": summary.log.epoch,
        "users": summary.users,
        "messages": summary.messages,
    }
    _show(options, output, made, text)
    return DONE


def _show(options: argparse.Namespace, output: Output, made: dict[str, Any], text: str) -> None:
    values = made | {"file": str(options.file)}
    users = ngettext("{number} account", "{number} accounts", made["users"]).format(number=made["users"])
    messages = ngettext("{number} message", "{number} messages", made["messages"]).format(number=made["messages"])
    output.row(values, text.format(file=shown(str(options.file)), users=users, messages=messages))

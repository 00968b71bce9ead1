"""Commands on keys and database as a whole: init-db, backup, restore."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lanchat.cli.exits import DONE, FAILED, CliError
from lanchat.cli.output import Output, shown
from lanchat.i18n import _, ngettext
from lanchat_server.config import ServerConfig
from lanchat_server.core.ports import StoreError

if TYPE_CHECKING:
    from lanchat_server.backup import Summary


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
    from lanchat_server.backup import backup_at_rest

    with _told_in_one_line():
        summary = backup_at_rest(options.file, settings.database, settings.data_dir)
    text = _("Written to {file}: {users}, {messages}. Whoever has this file can pass for the server")
    _show(options, output, summary, text)
    return DONE


def restore(options: argparse.Namespace, settings: ServerConfig, output: Output) -> int:
    """Put a backup in the place of keys and database."""
    from lanchat_server.backup import restore as put_back

    with _told_in_one_line():
        summary = put_back(options.file, settings.database, settings.data_dir, force=options.force)
    text = _("Restored from {file}: {users}, {messages}. Start the server: clients give back what is newer")
    _show(options, output, summary, text)
    return DONE


def _show(options: argparse.Namespace, output: Output, summary: "Summary", text: str) -> None:
    values = {
        "file": str(options.file),
        "log_id": summary.log.log_id.hex(),
        "log_epoch": summary.log.epoch,
        "users": summary.users,
        "messages": summary.messages,
    }
    users = ngettext("{number} account", "{number} accounts", summary.users).format(number=summary.users)
    messages = ngettext("{number} message", "{number} messages", summary.messages).format(number=summary.messages)
    output.row(values, text.format(file=shown(str(options.file)), users=users, messages=messages))

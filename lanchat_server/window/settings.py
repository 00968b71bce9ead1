"""The server's settings as its window shows them. Knows no Tk."""

from collections.abc import Callable
from typing import NamedTuple

from lanchat.i18n import _
from lanchat.i18n.sizes import size_text
from lanchat.protocol.codes import Registration
from lanchat.ui.kit.table_rows import TableRow
from lanchat_server.config import ServerConfig

# Work that waits for others, and who gets its result in the window's thread.
Beside = Callable[[Callable[[], str], Callable[[str], None]], None]


class SettingsSource(NamedTuple):
    """What the page of settings shows, and by what it tries the mail server."""

    config: ServerConfig
    beside: Beside


def settings_rows(config: ServerConfig) -> list[TableRow]:
    """Each setting that people ask for, by the name that it has in the configuration file; no password."""
    registration = {
        Registration.OPEN: _("everybody may register"),
        Registration.INVITE: _("with an invitation code"),
        Registration.CLOSED: _("administrators make accounts"),
    }
    limit = config.user_octets_per_day
    smtp = config.smtp
    rows = [
        ("name", _("Name"), config.name),
        ("registration", _("Registration"), registration[config.registration]),
        ("port", _("Port"), str(config.port)),
        ("data_dir", _("Data folder"), str(config.data_dir)),
        ("database", _("Database"), _database(config.database)),
        ("limits.message_rate", _("Messages per second, of one person"), f"{config.message_rate:g}"),
        ("limits.sessions_per_user", _("Sessions of one person"), str(config.sessions_per_user)),
        ("limits.sessions_total", _("Sessions together"), str(config.sessions_total)),
        ("limits.user_octets_per_day", _("Messages of one person a day"), size_text(limit) if limit else _("no limit")),
        ("limits.rooms_total", _("Rooms"), str(config.rooms_total)),
        ("smtp.host", _("Mail server"), f"{smtp.host}:{smtp.port}" if smtp else _("none: no codes by e-mail")),
        ("backup.folder", _("Folder of nightly backups"), str(config.backup_folder or _("none"))),
    ]
    return [TableRow(key, (name, value, key)) for key, name, value in rows]


def _database(url: str | None) -> str:
    """Where it is, without user and password."""
    if url is None:
        return _("embedded, in the data folder")
    scheme, _separator, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"

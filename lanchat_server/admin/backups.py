"""Where backups go that administrators ask the server for."""

import contextlib
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.entropy import Entropy
from lanchat.platform.files import make_private_folder
from lanchat.protocol import wire
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.backup import BackupSummary, backup
from lanchat_server.maintenance.reserve import DiskReserve
from lanchat_server.store import SqlStore

# Made for a command, which moves it away: a server that runs as another user could not write where that one wants it.
CLAIMED_FILE = "unclaimed.backup"
# Those that sessions ask for: in this folder, so many; the oldest are deleted.
FOLDER = "backups"
KEPT = 5
_NAME = re.compile(r"lanchat-\d{8}-\d{6}-[0-9a-f]{4}\.backup")


def make_backup(
    store: SqlStore, data_dir: Path, reserve: DiskReserve, now_ms: int, *, claimed: bool, entropy: Entropy
) -> wire.BackupMade:
    """Write a backup into the data directory. Raises StoreError."""
    if claimed:
        file = data_dir / CLAIMED_FILE
        summary = backup(file, store, data_dir / "keys", reserve)
        if reserve.given_up:
            file.unlink(missing_ok=True)
        return describe(file, summary)
    folder = data_dir / FOLDER
    made = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    file = folder / f"lanchat-{made}-{entropy.token_bytes(2).hex()}.backup"
    try:
        make_private_folder(folder)
        summary = backup(file, store, data_dir / "keys", reserve)
        _delete_oldest(folder, file.name)
    except OSError as error:
        text = _("Cannot write {file}: {reason}")
        raise StoreError(text.format(file=file, reason=os_error_text(error))) from error
    return describe(file, summary)


def _delete_oldest(folder: Path, newest: str) -> None:
    """Never the one that was just made, also when the clock was set back."""
    others = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name) and name != newest)
    for name in others[: max(0, len(others) - KEPT + 1)]:
        (folder / name).unlink(missing_ok=True)


def remove_leftovers(data_dir: Path) -> None:
    """Remove what a server that was killed left: a backup that nobody claimed, and those that were being written. What
    cannot be removed stays."""
    drafts = (*data_dir.glob(f".{CLAIMED_FILE}.*.new"), *(data_dir / FOLDER).glob(".lanchat-*.backup.*.new"))
    for file in (data_dir / CLAIMED_FILE, *drafts):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def describe(file: Path, summary: BackupSummary) -> wire.BackupMade:
    """What was written, and where."""
    log = summary.log
    return wire.BackupMade(file.name, log.log_id, log.epoch, summary.users, summary.messages)

"""Where backups go that administrators ask the server for."""

import contextlib
from pathlib import Path

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.files import make_private_folder
from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance.backup import BackupSummary, backup, examine
from lanchat_server.maintenance.reserve import DiskReserve
from lanchat_server.maintenance.rotation import DRAFTS, backup_name, delete_oldest
from lanchat_server.store import SqlStore

# Made for a command, which moves it away: a server that runs as another user could not write where that one wants it.
CLAIMED_FILE = "unclaimed.backup"
# Those that sessions ask for: in this folder, so many; the oldest are deleted.
FOLDER = "backups"
KEPT = 5


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
    file = data_dir / FOLDER / backup_name(now_ms, entropy)
    try:
        make_private_folder(file.parent)
        summary = backup(file, store, data_dir / "keys", reserve)
        delete_oldest(file.parent, file.name, KEPT)
    except OSError as error:
        raise _unwritable(file, error) from error
    return describe(file, summary)


def make_nightly(
    store: SqlStore, data_dir: Path, reserve: DiskReserve, file: Path, keep: int
) -> tuple[Path, BackupSummary]:
    """Write a backup to `file`, read it again, and only then delete the oldest ones beside it. Raises StoreError; those
    that were there stay then, and nothing of the new one."""
    try:
        make_private_folder(file.parent, strict=False)
        summary = backup(file, store, data_dir / "keys", reserve)
        check_written(file)
        delete_oldest(file.parent, file.name, keep)
    except OSError as error:
        raise _unwritable(file, error) from error
    return file, summary


def check_written(file: Path) -> None:
    """Read a backup as a restore does. Raises StoreError when it is none; then it is deleted."""
    try:
        examine(file)
    except StoreError:
        file.unlink(missing_ok=True)
        raise


def _unwritable(file: Path, error: OSError) -> StoreError:
    return StoreError(_("Cannot write {file}: {reason}").format(file=file, reason=os_error_text(error)))


def remove_leftovers(data_dir: Path) -> None:
    """Remove what a server that was killed left: a backup that nobody claimed, and those that were being written. What
    cannot be removed stays."""
    drafts = (*data_dir.glob(f".{CLAIMED_FILE}.*.new"), *(data_dir / FOLDER).glob(DRAFTS))
    for file in (data_dir / CLAIMED_FILE, *drafts):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def describe(file: Path, summary: BackupSummary) -> wire.BackupMade:
    """What was written, and where."""
    log = summary.log
    return wire.BackupMade(file.name, log.log_id, log.epoch, summary.users, summary.messages)

"""How far the lease of the database had come when this server had it last, kept beside the database.

While it runs, a server notices that an older copy came in the place of its database, and ends. The next start, which a
service manager makes by itself, would go on with that copy, as nothing in it tells; but its lease stands where it stood
when the copy was made. A backup that is restored gives the log another epoch, and is no such copy.
"""

import contextlib
from pathlib import Path

import msgspec

from lanchat.i18n import _
from lanchat.platform.disk.files import read_private, replace_file
from lanchat_server.core.model import LogState
from lanchat_server.core.ports import StoreError
from lanchat_server.store import SqlStore
from lanchat_server.store.transactions.claiming import LeaseHolder

LAST_LEASE_FILE = "lease.json"
_OCTETS_MAX = 4096


class LastLease(msgspec.Struct, frozen=True):
    """`log_id` in hex; `incarnation` and `changes` as in the lease of the `database`."""

    database: str
    log_id: str
    epoch: int
    incarnation: int
    changes: int


def read(data_dir: Path) -> LastLease | None:
    """None when there is none that can be read."""
    try:
        return msgspec.json.decode(read_private(data_dir / LAST_LEASE_FILE, _OCTETS_MAX), type=LastLease)
    except (OSError, ValueError, RecursionError):
        return None


def write(data_dir: Path, last: LastLease) -> None:
    """Raises OSError."""
    replace_file(data_dir / LAST_LEASE_FILE, msgspec.json.encode(last))


def remember(data_dir: Path, store: SqlStore) -> None:
    """After the last commit that is known. Nothing when no lease was taken, or the file cannot be written."""
    mark, log = store.lease_mark, store.log
    if mark is not None:
        with contextlib.suppress(OSError):
            write(data_dir, LastLease(str(store.address), log.log_id.hex(), log.epoch, *mark))


def check(data_dir: Path, store: SqlStore, held: LeaseHolder) -> None:
    """Raise StoreError when the lease, as it is `held` now, has not come as far as it had."""
    last, log = read(data_dir), store.log
    if last is None or (last.database, last.log_id, last.epoch) != (str(store.address), log.log_id.hex(), log.epoch):
        return
    # The count begins at a random number with each incarnation.
    same = held.incarnation == last.incarnation
    if held.changes < last.changes if same else held.incarnation < last.incarnation:
        text = _(
            "The database {database} is older than this server left it: an older copy came in its place. Bring the"
            " newer one back, or restore a backup. To go on with it all the same, remove {file}"
        )
        raise StoreError(text.format(database=store.address, file=data_dir / LAST_LEASE_FILE))


def newest_epoch(data_dir: Path, log: LogState) -> int:
    """That this log had here; 0: nothing is known of it."""
    last = read(data_dir)
    return last.epoch if last is not None and last.log_id == log.log_id.hex() else 0

"""What is kept beside the database for when that is lost: which log it held, and whether clients are asked for it back.

`keys/log.json` belongs to the keys, as their log is nobody's without them. `reseeding.json` in the data folder is there
while clients are asked: since the start with `--reseed`, or a restored backup, for OPEN_DAYS.
"""

import contextlib
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from lanchat.i18n import _
from lanchat.platform.disk.files import read_private, replace_file
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import LogState
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import last_lease

IDENTITY_FILE = "log.json"
RESEEDING_FILE = "reseeding.json"
# After so long whoever still has something to give has been away for a fortnight.
OPEN_DAYS = 14
_DAY_MS = 86_400_000
# 100,000 revoked devices are 3.5 MB.
_OCTETS_MAX = 16 << 20
F = TypeVar("F", bound=msgspec.Struct)


class KeptLog(msgspec.Struct, frozen=True):
    """`log_id` in hex; `general`: the id of the room that everybody is in, 0: not known."""

    log_id: str
    epoch: int
    general: int = 0


class ReseedingMark(msgspec.Struct, frozen=True):
    """`settled`: new messages were taken since. `revoked`: devices, in hex, that the database has no row of."""

    log_id: str
    epoch: int
    since_ms: int
    settled: bool = False
    revoked: tuple[str, ...] = ()


def _read(path: Path, kind: type[F]) -> F | None:
    """None when there is none that can be read."""
    try:
        return msgspec.json.decode(read_private(path, _OCTETS_MAX), type=kind)
    except (OSError, ValueError, RecursionError):
        return None


def remember_log(data_dir: Path, directory: Directory) -> None:
    """Keep which log the keys belong to. Nothing when the file cannot be written."""
    log = directory.log
    present = KeptLog(log.log_id.hex(), log.epoch, directory.general().id)
    path = data_dir / "keys" / IDENTITY_FILE
    if _read(path, KeptLog) != present:
        with contextlib.suppress(OSError):
            replace_file(path, msgspec.json.encode(present))


def known_log(data_dir: Path) -> KeptLog | None:
    """Which log the keys of this folder belong to, as far as anything says so."""
    found = _read(data_dir / "keys" / IDENTITY_FILE, KeptLog)
    last = last_lease.read(data_dir)
    if found is None and last is not None:
        return KeptLog(last.log_id, last.epoch)
    if found is not None and last is not None and last.log_id == found.log_id:
        return replace(found, epoch=max(found.epoch, last.epoch))
    return found


def check_log(data_dir: Path, log: LogState) -> None:
    """Raise StoreError when the database has another log than the one that is to come back."""
    known = known_log(data_dir)
    if known is not None and known.log_id != log.log_id.hex():
        raise StoreError(_("The database holds another log than the one that these keys belong to"))


def begin(data_dir: Path, log: LogState, now_ms: int) -> None:
    """From now on clients are asked. Raises OSError."""
    _write(data_dir, ReseedingMark(log.log_id.hex(), log.epoch, now_ms))


def _write(data_dir: Path, mark: ReseedingMark) -> None:
    replace_file(data_dir / RESEEDING_FILE, msgspec.json.encode(mark))


def mark_of(data_dir: Path, log: LogState, now_ms: int) -> ReseedingMark | None:
    """The mark of this log and epoch, while it is in force."""
    mark = _read(data_dir / RESEEDING_FILE, ReseedingMark)
    if mark is None or (mark.log_id, mark.epoch) != (log.log_id.hex(), log.epoch):
        return None
    return mark if now_ms - mark.since_ms < OPEN_DAYS * _DAY_MS else None


def keep_revoked(data_dir: Path, mark: ReseedingMark, devices: frozenset[bytes], *, settled: bool) -> ReseedingMark:
    """The mark with these. Raises OSError."""
    changed = replace(mark, settled=settled, revoked=tuple(sorted(device.hex() for device in devices)))
    _write(data_dir, changed)
    return changed

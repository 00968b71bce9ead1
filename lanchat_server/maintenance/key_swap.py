"""The keys of a restored backup take their place in step with the database, whenever the process dies.

Database and keys are two things that no transaction spans. So the new keys are made durable first, in a folder beside
the old ones whose name says which state of the log they belong to (`keys.for-<log id>-<epoch>`); then the database
commits, which gives the log that epoch; then the folder is renamed. Whoever finds such a folder later looks at the
database: it has the epoch of the name, and the swap is finished, or another one, and the restore never happened.
Without this a crash right after the commit would leave a server without keys, and its next start would make new ones:
to every client an impostor.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lanchat.platform.disk.files import close_folder_to_others, create_private, sync_folder
from lanchat.platform.disk.renames import rename
from lanchat_server.core.model import LogState


def _place(keys: Path, log: LogState) -> Path:
    return keys.with_name(f"{keys.name}.for-{log.log_id.hex()}-{log.epoch}")


def stage(keys: Path, log: LogState, files: Iterable[tuple[str, bytes]]) -> None:
    """Make keys ready, durably, for the moment when the log has this state. Raises OSError."""
    draft = Path(tempfile.mkdtemp(prefix=".keys-", dir=keys.parent))  # mkdtemp makes it with mode 0700
    try:
        with contextlib.suppress(OSError):  # refused when the keys are read
            close_folder_to_others(draft)
        for name, content in files:
            create_private(draft / name, content)
        sync_folder(draft)
        place = _place(keys, log)
        shutil.rmtree(place, ignore_errors=True)
        rename(draft, place)
        sync_folder(keys.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def settle(keys: Path, log: LogState) -> None:
    """After a restore, and before keys are read at a start: put those into place that belong to the state of the log,
    and remove those that belong to another. Raises OSError."""
    place, replaced = _place(keys, log), keys.with_name(f"{keys.name}.replaced")
    if place.is_dir():
        if keys.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            rename(keys, replaced)
        rename(place, keys)
        sync_folder(keys.parent)
    shutil.rmtree(replaced, ignore_errors=True)
    for other in keys.parent.glob(f"{keys.name}.for-*"):
        shutil.rmtree(other, ignore_errors=True)

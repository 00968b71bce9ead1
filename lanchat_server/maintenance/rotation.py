"""Folders of backups: the newest are kept. Their names say when they were made; other files are left alone."""

import os
import re
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

from lanchat.platform.entropy import Entropy

_NAME = re.compile(r"lanchat-([0-9]{8}-[0-9]{6})-[0-9a-f]{4}\.backup")
_TIME = "%Y%m%d-%H%M%S"
DRAFTS = ".lanchat-*.backup.*.new"


def backup_name(now_ms: int, entropy: Entropy) -> str:
    """Of a backup that is made now."""
    made = datetime.fromtimestamp(now_ms / 1000, UTC).strftime(_TIME)
    return f"lanchat-{made}-{entropy.token_bytes(2).hex()}.backup"


def newest_ms(folder: Path, now_ms: int) -> int:
    """When the newest backup in the folder was made; 0: there is none. One from the future, made before the clock was
    set back, does not count. Raises OSError, not for a missing folder."""
    made = [moment for name in _names(folder) if (moment := _made_ms(name)) <= now_ms]
    return max(made, default=0)


def delete_oldest(folder: Path, newest: str, keep: int) -> None:
    """All but so many. Never the one that was just made; those that say to be newer go first, as the clock was ahead
    then. Raises OSError."""
    others = sorted((name for name in _names(folder) if name != newest), key=lambda name: (name < newest, name))
    for name in others[: max(0, len(others) - keep + 1)]:
        (folder / name).unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    """Files of this user and of the folder's owner: others may lay theirs into a folder such as /tmp."""
    try:
        with os.scandir(folder) as entries:
            owners = {_user(), 0, os.stat(folder).st_uid}
            return [entry.name for entry in entries if _NAME.fullmatch(entry.name) and _is_of(entry, owners)]
    except FileNotFoundError:
        return []


def _user() -> int:
    if sys.platform == "win32":
        return 0
    return os.geteuid()


def _is_of(entry: "os.DirEntry[str]", owners: set[int]) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone meanwhile
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid in owners


def _made_ms(name: str) -> int:
    found = _NAME.fullmatch(name)
    try:
        moment = datetime.strptime(found[1] if found else "", _TIME).replace(tzinfo=UTC)
    except ValueError:
        return 0
    return max(0, int(moment.timestamp() * 1000))

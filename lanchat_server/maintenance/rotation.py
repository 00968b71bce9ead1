"""Folders of backups: the newest are kept. Their names say when they were made; other files are left alone."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

from lanchat.platform.entropy import Entropy

_NAME = re.compile(r"lanchat-(\d{8}-\d{6})-[0-9a-f]{4}\.backup")
_TIME = "%Y%m%d-%H%M%S"
DRAFTS = ".lanchat-*.backup.*.new"


def backup_name(now_ms: int, entropy: Entropy) -> str:
    """Of a backup that is made now."""
    made = datetime.fromtimestamp(now_ms / 1000, UTC).strftime(_TIME)
    return f"lanchat-{made}-{entropy.token_bytes(2).hex()}.backup"


def newest_ms(folder: Path) -> int:
    """When the newest backup in the folder was made; 0: there is none. Raises OSError, not for a missing folder."""
    made = [_made_ms(name) for name in _names(folder)]
    return max(made, default=0)


def delete_oldest(folder: Path, newest: str, keep: int) -> None:
    """All but so many. Never the one that was just made, also when the clock was set back. Raises OSError."""
    others = sorted(name for name in _names(folder) if name != newest)
    for name in others[: max(0, len(others) - keep + 1)]:
        (folder / name).unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _NAME.fullmatch(name)]
    except FileNotFoundError:
        return []


def _made_ms(name: str) -> int:
    found = _NAME.fullmatch(name)
    try:
        moment = datetime.strptime(found[1] if found else "", _TIME).replace(tzinfo=UTC)
    except ValueError:
        return 0
    return max(0, int(moment.timestamp() * 1000))

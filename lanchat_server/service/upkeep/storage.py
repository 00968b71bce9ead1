"""How much room there is for what is stored: on the disk, and of what the log may take. Looked at now and then."""

import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lanchat_server.core.limits.meter import STEPS
from lanchat_server.maintenance.reserve import MIB
from lanchat_server.store.connection.url import parse_url

if TYPE_CHECKING:
    from lanchat_server.config import ServerConfig

# How much of the disk's reserve is free when it counts as 100, 95 and 80 percent used.
_DISK_STEPS = ((1.0, 100), (1.25, 95), (2.0, 80))
# When the reserve was reached, so much of it must be free before anything is stored again.
_AGAIN = 1.05
# Seconds after which a warning is repeated while its reason lasts.
REPEATED = 3600.0

log = logging.getLogger(__name__)


def folders_of(config: "ServerConfig") -> tuple[set[Path], bool]:
    """Where the server writes, and whether the database is among it: one on a database server has a disk that nobody
    here can look at."""
    path = parse_url(config.database, config.data_dir).path
    return {config.data_dir} | ({path.parent} if path is not None else set()), path is not None


def free_octets(folders: Iterable[Path]) -> int | None:
    """Of the fullest of their disks; None when the system does not say. May wait for a disk."""
    try:
        return min(shutil.disk_usage(folder).free for folder in folders)
    except OSError:
        return None


class StorageState:
    """What is known of it. `octets` of the log and `free` on the disk are None until they are known."""

    def __init__(self, config: "ServerConfig") -> None:
        """Looks at the disk at once, and waits for it."""
        self.folders, self.knows_database_disk = folders_of(config)
        self.reserve = config.disk_reserve_mib * MIB
        self.most = config.log_octets
        self.octets: int | None = None
        self.free: int | None = None
        self.disk_full = False
        self.look_at(free_octets(self.folders))
        self._told: dict[str, tuple[int, float]] = {}

    def look_at(self, free: int | None) -> None:
        """So much is free now."""
        self.free = free
        least = self.reserve * (_AGAIN if self.disk_full else 1.0)
        self.disk_full = bool(self.reserve and free is not None and free < least)

    @property
    def disk_percent(self) -> int:
        """0, or the step that was reached: 80, 95, 100."""
        if self.disk_full:
            return 100
        if not self.reserve or self.free is None:
            return 0
        return next((percent for part, percent in _DISK_STEPS if self.free < part * self.reserve), 0)

    @property
    def log_percent(self) -> int:
        """Of what the log may take."""
        return 0 if not self.most or self.octets is None else min(100, 100 * self.octets // self.most)

    @property
    def state(self) -> str:
        """ok, near (from 80 percent), close (from 95) or full."""
        worst = max(self.disk_percent, self.log_percent)
        return "full" if worst >= 100 else "close" if worst >= STEPS[1] else "near" if worst >= STEPS[0] else "ok"

    def warn(self, now: float) -> None:
        """Log what has come to another step, and what is not well from time to time."""
        self._warn("disk", self.disk_percent, now, self._disk_text)
        steps = (100, *reversed(STEPS))
        self._warn("log", next((step for step in steps if self.log_percent >= step), 0), now, self._log_text)

    def _warn(self, what: str, step: int, now: float, text: Callable[[int], str]) -> None:
        before, at = self._told.get(what, (0, 0.0))
        if step == before and (not step or now - at < REPEATED):
            return
        self._told[what] = step, now
        if step:
            log.warning("%s", text(step))
        else:
            log.info("there is room again: %s", text(step))

    def _disk_text(self, step: int) -> str:
        text = f"{(self.free or 0) // MIB} MiB are free on the disk, the reserve is {self.reserve // MIB} MiB"
        return f"{text}: nothing new is stored" if step >= 100 else text

    def _log_text(self, step: int) -> str:
        text = f"messages take {(self.octets or 0) // MIB} of the {self.most // MIB} MiB that they may"
        return f"{text}: nothing new is stored" if step >= 100 else text

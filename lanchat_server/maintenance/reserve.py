"""What a backup leaves free on the disk with the data directory: new messages need it."""

import shutil
from pathlib import Path

import msgspec

from lanchat.i18n import _
from lanchat_server.core.ports import StoreError

MIB = 1 << 20
# Octets that are written between two looks.
EVERY = MIB


class DiskReserve(msgspec.Struct):
    """`octets` of the disk with `folder`; 0: none."""

    folder: Path
    octets: int
    # Nobody wants the backup any more.
    given_up: bool = False
    _since: int = EVERY

    def give_up(self) -> None:
        """From any thread: whoever writes is to stop."""
        self.given_up = True

    def wrote(self, octets: int) -> None:
        """So much was written, there or elsewhere. Raises StoreError when too little is left, and after `give_up`."""
        if self.given_up:
            raise StoreError(_("The backup was given up"))
        self._since += octets
        if self._since < EVERY or not self.octets:
            return
        self._since = 0
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return
        if free < self.octets:
            text = _("The disk with {folder} has no room for this backup: {reserve} MiB of it are a reserve")
            raise StoreError(text.format(folder=self.folder, reserve=self.octets // MIB))

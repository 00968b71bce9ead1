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
    _since: int = EVERY

    def wrote(self, octets: int) -> None:
        """So much was written, there or elsewhere. Raises StoreError when too little is left."""
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

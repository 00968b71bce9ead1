"""The page of backups as plain values. No Tk."""

from collections.abc import Callable

from lanchat.i18n import _
from lanchat.ui.administration.page_model import PageModel
from lanchat.ui.administration.port import AdministrationPort, BackupFile


class BackupModel(PageModel):
    """Backups are written on the server's computer."""

    def __init__(self, server: AdministrationPort, changed: Callable[[], None]) -> None:
        """Nothing is asked before `begin`."""
        super().__init__(changed)
        self._server = server

    def begin(self) -> None:
        """Writes a backup beside everything else; it may take many minutes."""
        self._act(self._server.create_backup, _written)


def _written(made: BackupFile) -> str:
    text = _("Backup {file} was written. Accounts: {users}, messages: {messages}.")
    return text.format(file=made.file, users=made.users, messages=made.messages)

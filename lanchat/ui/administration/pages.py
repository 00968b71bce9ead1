"""The pages of an administrator, in their order."""

from lanchat.i18n import _
from lanchat.ui.administration.backup_page import BackupPage
from lanchat.ui.administration.now_page import NowPage
from lanchat.ui.administration.people_page import PeoplePage
from lanchat.ui.administration.port import AdministrationPort
from lanchat.ui.administration.rooms_page import RoomsPage
from lanchat.ui.administration.window_view import Tab
from lanchat.ui.kit.toolkit import Toolkit


def administration_tabs(tools: Toolkit, server: AdministrationPort) -> list[Tab]:
    """Each with what makes it."""
    return [
        Tab(_("People"), lambda master: PeoplePage(tools, master, server)),
        Tab(_("Rooms"), lambda master: RoomsPage(tools, master, server)),
        Tab(_("Backup"), lambda master: BackupPage(tools, master, server)),
        Tab(_("Now"), lambda master: NowPage(tools, master, server)),
    ]

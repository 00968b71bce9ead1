"""Where a file of a message is saved: the system's own dialog."""

from tkinter import filedialog

from lanchat.app.api import Line
from lanchat.i18n import _
from lanchat.ui.kit.toolkit import Toolkit
from lanchat.ui.model.chat import Chat


def save_file(tools: Toolkit, chat: Chat, line: Line, index: int) -> None:
    """Asks for a place and saves file number `index` of a stored message there. A file that is there already stays:
    then an error is told in passing."""
    path = filedialog.asksaveasfilename(
        parent=tools.root, title=_("Save the file as"), initialfile=line.files[index].name, confirmoverwrite=False
    )
    if path:
        chat.save_file(line, index, str(path))

"""Files of a message in words, for the places of the window that show texts."""

from lanchat.app.api import FileView, Line
from lanchat.i18n import _
from lanchat.i18n.sizes import size_text


def file_words(file: FileView) -> str:
    """A file in one line."""
    return _("📎 {name}, {size}").format(name=file.name, size=size_text(file.size))


def shown_text(line: Line) -> str:
    """What a message says: its text, and a line for each of its files."""
    return "\n".join([*([line.text] if line.text else []), *map(file_words, line.files)])

"""What the window "About LAN Chat" of both programs says."""

from lanchat.about.licences import licence_notices
from lanchat.about.version import version_line
from lanchat.i18n import _


def about() -> tuple[tuple[str, str], list[tuple[str, str]]]:
    """Title and introduction; then title and text of the licence of each part of the program."""
    introduction = version_line() + "\n\n"
    try:
        notices = licence_notices()
    except (OSError, ValueError) as error:
        failed = _("The licences cannot be read: {error}").format(error=error)
        return (_("About LAN Chat"), introduction + failed), []
    introduction += _("LAN Chat is free software. These are the licences of the program and of what it contains.")
    return (_("About LAN Chat"), introduction), [(notice.title, notice.text) for notice in notices]

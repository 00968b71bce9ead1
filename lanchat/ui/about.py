"""Opens the window "About LAN Chat" over any page."""

from lanchat.ui.kit.toolkit import Toolkit


def open_about(tools: Toolkit) -> None:
    """The program's version, and the licences of all that it contains. Loaded when it is asked for."""
    from lanchat.about.texts import about
    from lanchat.ui.kit.text_window import TextWindow

    heading, licences = about()
    TextWindow(tools.root, tools.palette, tools.px, heading, licences)

"""`lanchat` without a command, and `lanchat window`: the window, where there is a display."""

import argparse
import os

from lanchat.i18n import _
from lanchat.platform.programs.display import has_display
from lanchat.terminal.exits import FAILED, CliError


def open_window(options: argparse.Namespace) -> int:
    """The window's exit code. Raises CliError when there is nothing to show it on."""
    if not has_display():
        raise CliError(FAILED, _("There is no display for the window; in a terminal use lanchat chat ROOM"))
    try:
        import tkinter
    except ImportError:
        text = _("The window needs Tk: install python3-tk. In a terminal use lanchat chat ROOM")
        raise CliError(FAILED, text) from None
    from lanchat.cli.profile import profile_directory
    from lanchat.core.policy import NO_POLICY
    from lanchat.ui.launch import run

    if options.language:
        os.environ["LANCHAT_LANGUAGE"] = options.language
    try:
        return run(
            profile_directory(options),
            server=options.server,
            invite=options.invite,
            fingerprint=options.fingerprint,
            accept_new=options.accept_new,
            user=options.user,
            discovery_port=options.discovery_port,
            policy=options.policy or NO_POLICY,
            link=options.link,
            hidden=options.hidden,
        )
    except tkinter.TclError as error:
        if "display" not in str(error):
            raise
        text = _("The display {name} cannot be used; in a terminal use lanchat chat ROOM")
        raise CliError(FAILED, text.format(name=os.environ.get("DISPLAY", ""))) from None

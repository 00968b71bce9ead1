"""By what name the task bar of Windows knows a program."""

import contextlib
import sys

# Application user model ids; a shortcut that an installer makes has the same.
CLIENT_ID = "LANChat.LANChat"
SERVER_ID = "LANChat.Server"


def name_program(app_id: str) -> None:
    """Before the first window. The task bar then puts windows and shortcuts with this id together, under the program's
    own icon, also where Python runs it. Other systems need nothing of it."""
    if sys.platform == "win32":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # no more than a wrong picture
            ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID(app_id)

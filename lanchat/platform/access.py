"""Who may use a folder on Windows, where modes mean nothing: access control lists."""

import os
import subprocess
import sys
from pathlib import Path

# Security identifiers, which are the same in each language of Windows: the owner, SYSTEM, the administrators.
_MAY_USE = ("*S-1-3-4", "*S-1-5-18", "*S-1-5-32-544")
_FULL = "(OI)(CI)F"  # all rights, handed on to files and folders in it
_TIMEOUT = 30.0  # seconds


def owner_only_command(folder: Path) -> list[str]:
    """The command of Windows that takes what the folder above says from a folder and all in it, and lets the owner,
    administrators and the system alone use it."""
    icacls = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "icacls.exe")
    return [icacls, str(folder), "/inheritance:r", "/grant:r", *(f"{who}:{_FULL}" for who in _MAY_USE), "/q"]


def keep_to_owner(folder: Path) -> bool:
    """Nobody else on this computer may use a folder and what is in it; False where that cannot be, as on a file system
    without rights. Nothing is done elsewhere, where its mode says so, nor below the user's own folder, which is closed
    to others. Raises OSError when Windows lacks the program for it."""
    if sys.platform != "win32" or folder.absolute().is_relative_to(Path.home()):
        return True
    try:
        done = subprocess.run(  # noqa: S603 - a program of Windows by its full path
            owner_only_command(folder),
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0

"""Who may use a folder on Windows, where modes mean nothing: access control lists, and owners."""

import os
import subprocess
import sys
from pathlib import Path

# Security identifiers, which are the same in each language of Windows: the owner, SYSTEM, the administrators.
_MAY_USE = ("*S-1-3-4", "*S-1-5-18", "*S-1-5-32-544")
# The account that services run with, ours too: what an administrator has restored or copied must be usable by it.
SERVICE_ACCOUNT = "*S-1-5-19"
# SYSTEM, the administrators, and what installs Windows' own parts.
_ADMINISTRATORS = frozenset(
    ("S-1-5-18", "S-1-5-32-544", "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464")
)
FULL = "(OI)(CI)F"  # all rights, handed on to files and folders in it
_TIMEOUT = 30.0  # seconds


def system_program(name: str) -> str:
    """The full path of a program of Windows: by its name alone one in the current folder would be started."""
    return os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", name)


def owner_only_command(folder: Path, *others: str) -> list[str]:
    """The command of Windows that takes what the folder above says from a folder and all in it, and lets the owner,
    administrators, the system and `others` alone use it."""
    grants = [f"{who}:{FULL}" for who in (*_MAY_USE, *others)]
    return [system_program("icacls.exe"), str(folder), "/inheritance:r", "/grant:r", *grants, "/q"]


def keep_to_owner(folder: Path, *others: str) -> bool:
    """Nobody else on this computer but `others` may use a folder and what is in it; False where that cannot be, as on a
    file system without rights. Nothing is done elsewhere, where its mode says so, nor below the user's own folder,
    which is closed to others. Raises OSError when Windows lacks the program for it."""
    if sys.platform != "win32" or folder.absolute().is_relative_to(Path.home()):
        return True
    try:
        done = subprocess.run(  # noqa: S603 - a program of Windows by its full path
            owner_only_command(folder, *others),
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def is_trusted_owner(owner: str, user: str) -> bool:
    """Whether what `owner` has can be changed by administrators of the computer and by `user` alone. Both are security
    identifiers; an empty owner: the file system knows none."""
    return bool(owner) and (owner == user or owner in _ADMINISTRATORS)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _FILE_OBJECT, _OWNER, _TOKEN_QUERY, _TOKEN_USER = 1, 1, 8, 1

    def owner_of(path: Path) -> str:
        """The security identifier of a file's or folder's owner; empty when nobody can say."""
        advapi = ctypes.WinDLL("advapi32")
        owner, descriptor = ctypes.c_void_p(), ctypes.c_void_p()
        advapi.GetNamedSecurityInfoW.argtypes = (wintypes.LPCWSTR, *(wintypes.DWORD,) * 2, *(ctypes.c_void_p,) * 5)
        places = (ctypes.addressof(owner), None, None, None, ctypes.addressof(descriptor))
        if advapi.GetNamedSecurityInfoW(str(path), _FILE_OBJECT, _OWNER, *places):
            return ""
        try:
            return _sid_text(owner)
        finally:
            _free(descriptor)

    def current_user() -> str:
        """The security identifier of the account that this process runs with; empty when nobody can say."""
        advapi, kernel = ctypes.WinDLL("advapi32"), ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
        advapi.OpenProcessToken.argtypes = (ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p)
        advapi.GetTokenInformation.argtypes = (
            *(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
            *(wintypes.DWORD, ctypes.c_void_p),
        )
        token = ctypes.c_void_p()
        if not advapi.OpenProcessToken(kernel.GetCurrentProcess(), _TOKEN_QUERY, ctypes.addressof(token)):
            return ""
        try:
            # TOKEN_USER: a pointer to the identifier, attributes, and the identifier itself, 68 octets at most.
            found, length = (ctypes.c_void_p * 32)(), wintypes.DWORD()
            size, needed = ctypes.sizeof(found), ctypes.addressof(length)
            if not advapi.GetTokenInformation(token, _TOKEN_USER, ctypes.addressof(found), size, needed):
                return ""
            return _sid_text(ctypes.c_void_p(found[0]))
        finally:
            kernel.CloseHandle(token)

    def _sid_text(sid: ctypes.c_void_p) -> str:
        text = wintypes.LPWSTR()
        advapi = ctypes.WinDLL("advapi32")
        advapi.ConvertSidToStringSidW.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        if not sid or not advapi.ConvertSidToStringSidW(sid, ctypes.addressof(text)):
            return ""
        try:
            return text.value or ""
        finally:
            _free(ctypes.cast(text, ctypes.c_void_p))

    def _free(memory: ctypes.c_void_p) -> None:
        kernel = ctypes.WinDLL("kernel32")
        kernel.LocalFree.argtypes = (ctypes.c_void_p,)
        kernel.LocalFree(memory)

"""Other processes of this computer: whether one has ended."""

import contextlib
import os
import select
import sys
import time

_POLL = 0.02  # seconds, where the system tells of no end
# Windows: the right to wait for a process, and why one cannot be opened.
_SYNCHRONIZE = 0x00100000
_ACCESS_DENIED = 5


def has_ended(process: int, timeout: float) -> bool:
    """Waits up to `timeout` seconds for the end of a process; whether it has ended. False also where this user may not
    ask."""
    if sys.platform == "win32":
        return _ended_on_windows(process, timeout)
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            return _ended_by_descriptor(process, timeout)
    deadline = time.monotonic() + timeout
    while _is_there(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL)
    return True


if sys.platform == "linux":

    def _ended_by_descriptor(process: int, timeout: float) -> bool:
        """Raises OSError where the kernel has no such descriptors."""
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([descriptor], [], [], timeout)[0])
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import ctypes

    def _ended_on_windows(process: int, timeout: float) -> bool:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        kernel.CloseHandle.argtypes = (ctypes.c_void_p,)
        deadline = time.monotonic() + timeout
        # Another user's process cannot be waited for, but is another error when it has ended.
        while not (handle := kernel.OpenProcess(_SYNCHRONIZE, False, process)):
            if ctypes.get_last_error() != _ACCESS_DENIED:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        try:
            return bool(kernel.WaitForSingleObject(handle, round(timeout * 1000)) == 0)
        finally:
            kernel.CloseHandle(handle)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

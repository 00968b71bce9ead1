"""The server as a service of Windows: the program that the service manager starts, without anybody logged on.

`ServiceRun` is the service between the manager's calls and ours, and knows no Windows; `run_dispatcher` ties it to the
manager by its C interface, which needs no package beside Python.
"""

import asyncio
import enum
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from lanchat_server.core.ports import StoreError
from lanchat_server.service.errors import StartError

SERVICE_NAME = "LANChatServer"
# What the manager may ask, and what is answered to anything else (ERROR_CALL_NOT_IMPLEMENTED).
_STOP, _INTERROGATE, _SHUTDOWN, _PRESHUTDOWN = 1, 4, 5, 15
_NOT_IMPLEMENTED = 120
# ERROR_SERVICE_SPECIFIC_ERROR: the manager starts it again, as `service install` has told it to; the log says why.
FAILED = 1066
# Milliseconds until the manager takes a start or a stop for hanging; a database may be upgraded, or slow.
WAIT_HINT = 60_000

log = logging.getLogger(__name__)
Serve = Callable[[Callable[[Any], None], asyncio.Event], Awaitable[None]]


class RunState(enum.Enum):
    """As the service manager numbers them."""

    STOPPED = 1
    STARTING = 2
    STOPPING = 3
    RUNNING = 4


class ServiceRun:
    """One run of the service. `main` and `control` are called by the manager, in different threads."""

    def __init__(self, serve: Serve, report: Callable[[RunState, int], None]) -> None:
        """`serve` runs until its event is set; `report` tells the manager a state and, of STOPPED, an exit code."""
        self._serve = serve
        self._report = report
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopping = False

    def main(self) -> None:
        """From the start to the end of the service."""
        self._report(RunState.STARTING, 0)
        code = 0
        try:
            asyncio.run(self._run())
        except (StartError, StoreError) as error:
            log.error("%s", error)
            code = FAILED
        except Exception:
            log.exception("the service ended")
            code = FAILED
        self._report(RunState.STOPPED, code)

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        await self._serve(self._serves, self._stop)

    def _serves(self, ready: Any) -> None:
        """Each time when the server begins to serve, or to stand by; a service that was told to stop runs no more."""
        if not self._stopping:
            self._report(RunState.RUNNING, 0)

    def control(self, code: int) -> int:
        """What the manager asks for; 0 or Windows' number of an error. Returns at once."""
        if code in (_STOP, _SHUTDOWN, _PRESHUTDOWN):
            self._stopping = True
            self._report(RunState.STOPPING, 0)
            if self._loop is not None and self._stop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
            return 0
        return 0 if code == _INTERROGATE else _NOT_IMPLEMENTED


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _OWN_PROCESS = 0x10
    _ACCEPTS = 0x1 | 0x4 | 0x100  # stop, shutdown, preshutdown

    class _Status(ctypes.Structure):
        _fields_ = [
            (name, wintypes.DWORD)
            for name in ("kind", "state", "accepts", "exit_code", "own_exit_code", "checkpoint", "wait_hint")
        ]

    _Main = ctypes.WINFUNCTYPE(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
    _Handler = ctypes.WINFUNCTYPE(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)

    class _ServiceEntry(ctypes.Structure):
        _fields_ = [("name", wintypes.LPWSTR), ("main", _Main)]

    def run_dispatcher(serve: Serve) -> bool:
        """Runs the service until it has ended; False when the service manager did not start this program."""
        api = ctypes.WinDLL("advapi32", use_last_error=True)
        api.RegisterServiceCtrlHandlerExW.argtypes = (wintypes.LPCWSTR, _Handler, ctypes.c_void_p)
        api.RegisterServiceCtrlHandlerExW.restype = ctypes.c_void_p
        api.SetServiceStatus.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Status))
        handle: list[int] = []

        def report(state: RunState, code: int) -> None:
            waits = state in (RunState.STARTING, RunState.STOPPING)
            accepts = _ACCEPTS if state is RunState.RUNNING else 0
            own = 1 if code == FAILED else 0
            status = _Status(_OWN_PROCESS, state.value, accepts, code, own, int(waits), WAIT_HINT if waits else 0)
            api.SetServiceStatus(handle[0], ctypes.byref(status))

        run = ServiceRun(serve, report)
        handler = _Handler(lambda code, kind, data, context: run.control(code))

        def main(count: int, arguments: Any) -> None:
            handle.append(api.RegisterServiceCtrlHandlerExW(SERVICE_NAME, handler, None))
            run.main()

        table = (_ServiceEntry * 2)(_ServiceEntry(SERVICE_NAME, _Main(main)), _ServiceEntry(None, _Main()))
        return bool(api.StartServiceCtrlDispatcherW(table))

else:

    def run_dispatcher(serve: Serve) -> bool:
        """Windows alone has such a manager."""
        return False

"""Tells a service manager that the server serves, lives and stops: sd_notify(3), for units of the type `notify`.

The manager names a local datagram socket in NOTIFY_SOCKET, the distance of the signs of life that it wants in
WATCHDOG_USEC, in microseconds, and whose they are in WATCHDOG_PID. Each state is one datagram `NAME=value`, so no
library is needed. The signs of life come from the event loop: a server whose loop hangs is started anew.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Mapping
from types import TracebackType

_MICROSECONDS = 1_000_000

log = logging.getLogger(__name__)


class Supervisor:
    """Used with `async with` on the event loop while the server serves: READY on the way in, STOPPING on the way out.
    Does nothing where no manager asked."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """What the manager asked for stands in the environment."""
        self._place = environment.get("NOTIFY_SOCKET", "")
        self._distance = _watchdog_seconds(environment) if self._place else 0.0
        self._signs: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        """Tells that the server serves."""
        self._tell("READY=1")
        if self._distance:
            self._signs = asyncio.create_task(self._give_signs_of_life())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tells that it stops."""
        if self._signs is not None:
            self._signs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._signs
        self._tell("STOPPING=1")

    async def _give_signs_of_life(self) -> None:
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._distance / 2)  # half of it, as sd_watchdog_enabled(3) recommends

    def _tell(self, state: str) -> None:
        """Never blocks and never fails: what the manager does not take is logged."""
        if not self._place or sys.platform == "win32":
            return
        # A name that begins with @ is in Linux' abstract namespace, where that octet is 0.
        place = "\0" + self._place[1:] if self._place.startswith("@") else self._place
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(state.encode(), place)
        except OSError as error:
            log.warning("the service manager was not told %s: %s", state, error)


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """The longest time without a sign of life that the manager takes from this process; 0: it wants none."""
    try:
        meant = int(environment.get("WATCHDOG_PID") or os.getpid())
        distance = int(environment.get("WATCHDOG_USEC") or 0)
    except ValueError:
        return 0.0
    return max(distance, 0) / _MICROSECONDS if meant == os.getpid() else 0.0

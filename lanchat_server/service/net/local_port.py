"""`LocalPort`: a listener on the loopback address whose visitors hold bounded places for a bounded time.

Everybody who uses the computer can connect. A visitor has one of PLACES_MAX places (places.py) until it has shown what
lets it in, or until it is served; when all are taken, the oldest one of the address that holds most gives way. Few
connections are taken over in one turn of the event loop, so that an honest visitor, who needs a few turns, is served
beside somebody who opens thousands.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lanchat.platform.network.ports import listen
from lanchat_server.service.net.places import ConnectionSlots

# Descriptors and buffers: some 20 KiB each before anything came, the line limit of the port at most.
PLACES_MAX = 64
# Those who were let in. Honest need: an administrator's command or two, one of them a backup.
ADMITTED_MAX = 16
# Connections taken over in one turn of the event loop.
ACCEPT_MAX = 4
BACKLOG = 256
# Seconds that a visitor has for reading the rest of its answer.
CLOSE_TIMEOUT = 10.0

log = logging.getLogger(__name__)


class LocalConnection:
    """One connection; `address` is what places are shared out by."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """`reader` and `writer` are of one connection, which the port closes."""
        self.reader = reader
        self.writer = writer
        self.address: str = (writer.get_extra_info("peername") or ("",))[0]

    def hang_up(self) -> None:
        """What waits for octets of it sees the end of the connection."""
        self.writer.transport.abort()


class LocalPort:
    """Listens from `start` to `close`. `serve(visitor)` may raise OSError, EOFError, ValueError and TimeoutError; the
    connection is closed when it returns. `name`: of the port, for the log."""

    def __init__(self, name: str, serve: Callable[[LocalConnection], Awaitable[None]], line_max: int) -> None:
        """`line_max`: octets that `readline` and `readuntil` of a visitor take. `port` is 0 until `start`."""
        self._name = name
        self._serve = serve
        self._line_max = line_max
        self._places: ConnectionSlots[LocalConnection] = ConnectionSlots(PLACES_MAX)
        self._admitted: set[LocalConnection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Raises OSError when the port is taken."""
        sock = listen(("127.0.0.1", port), BACKLOG)
        try:
            self.port = sock.getsockname()[1]
            # asyncio accepts as many connections at a time as the backlog that it is told of.
            self._server = await asyncio.start_server(
                self._connected, sock=sock, limit=self._line_max, backlog=ACCEPT_MAX
            )
            sock.listen(BACKLOG)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        """Stop listening and hang up on those who are still waiting."""
        if self._server is not None:
            self._server.close()
        for visitor in self._places:
            visitor.hang_up()

    def admit(self, visitor: LocalConnection) -> bool:
        """It has shown what lets it in: its place is free for others, and nobody takes its own. False when too many
        were let in already."""
        if len(self._admitted) >= ADMITTED_MAX or not self._places.discard(visitor):
            return False
        self._admitted.add(visitor)
        return True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = LocalConnection(reader, writer)
        loser = self._places.add(visitor)
        if loser is not None:
            loser.hang_up()
        try:
            await self._serve(visitor)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            log.debug("%s: %s", self._name, error)
        finally:
            await _close(writer)
            self._places.discard(visitor)
            self._admitted.discard(visitor)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is left; whoever does not read it loses it."""
    try:
        writer.close()
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()

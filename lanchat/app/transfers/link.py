"""Connections to the server for contents, one at a time, each with a ticket of the session; made anew after a break.

What a transfer does on one connection it does again on the next one: it asks the server, or looks at the disk, how far
it was. Tries follow one another with growing pauses, and end when nothing came forward for as long as the command's
patience.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from lanchat.app.api import CommandError, ErrorKind
from lanchat.app.command_errors import offline, refusal, refused_with, unreadable
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.wire.base import Frame
from lanchat.protocol.wire.bulk import BulkFromServer
from lanchat.transport.bulk import BulkChannel, Chunk, open_bulk
from lanchat.transport.tls import ChannelClosed

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession

T = TypeVar("T")
CONNECT_TIMEOUT = 10.0
# Seconds without an octet after which a connection counts as broken: the server may be waiting for its disk, or scan a
# file before it takes it.
SILENCE = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
# Refusals that pass by themselves.
_PASSING = frozenset((wire.Code.BUSY, wire.Code.UNAVAILABLE))

log = logging.getLogger(__name__)


class TransferLink:
    """The connections of one command. `moved` is called by whoever gets something forward: the patience begins
    anew."""

    def __init__(self, member: "AccountSession", patience: float) -> None:
        """`patience`: seconds without progress after which it gives up. Nothing is connected."""
        self._member = member
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._channel: BulkChannel | None = None
        self.moved()
        # Octets of the largest file that the server takes, once it has said so.
        self.largest: int | None = None

    def moved(self) -> None:
        """Something came forward."""
        self._moved_at = self._loop.time()
        self._pause = FIRST_PAUSE

    async def do(self, transfer: Callable[["TransferLink"], Awaitable[T]]) -> T:
        """The result of `transfer`, begun again after each break of the connection. Raises CommandError, and whatever
        else `transfer` raises."""
        while True:
            try:
                if self._channel is None:
                    await self._open()
                return await transfer(self)
            except (ChannelClosed, OSError, TimeoutError, CommandError) as error:
                self.close()
                await self._wait_after(error)
            except BaseException:
                self.close()
                raise

    async def _wait_after(self, error: Exception) -> None:
        """Until the next try; raises what the command ends with when there is none."""
        if isinstance(error, ChannelClosed) and isinstance(error.__cause__, ProtocolError):
            raise unreadable() from error
        pause = self._pause
        if isinstance(error, CommandError):
            if error.kind is not ErrorKind.OFFLINE and error.code not in _PASSING:
                raise error
            pause = max(pause, error.retry_s)
        log.info("a transfer was broken off: %s", error)
        if self._loop.time() + pause > self._moved_at + self._patience:
            raise error if isinstance(error, CommandError) else offline() from error
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        await asyncio.sleep(pause)

    async def _open(self) -> None:
        """A connection with a ticket. Raises CommandError, OSError, TimeoutError, ChannelClosed."""
        ticket: wire.TransferTicket = await self._member.ask(wire.OpenTransfers())
        self.largest = ticket.file_octets
        control = self._member.driver.channel
        if control is None or control.fingerprint is None:
            raise offline()
        host, port = control.peer[:2]
        try:
            self._channel = await open_bulk(host, port, control.fingerprint, CONNECT_TIMEOUT)
        except ProtocolError as error:
            raise unreadable() from error
        self.send(wire.UseTicket(ticket.ticket))
        await self.expect(wire.TransferDone)

    def close(self) -> None:
        """End the connection, if there is one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    # On the present connection

    @property
    def answered(self) -> bool:
        """Whether the server said something that was not read yet, or is gone."""
        return self._present().has_parts

    def send(self, frame: Frame) -> None:
        """Raises ChannelClosed."""
        self._present().send(frame)

    async def send_chunk(self, number: int, octets: bytes) -> None:
        """Raises ChannelClosed, TimeoutError."""
        await self._present().send_chunk(number, octets, SILENCE)

    async def expect(self, *kinds: type[BulkFromServer]) -> BulkFromServer:
        """The next part, a frame of one of these kinds. Raises CommandError for a refusal, and for anything else."""
        part = await self._read()
        if not isinstance(part, kinds):
            raise unreadable()
        return part

    async def expect_chunk(self) -> Chunk:
        """The next part, a chunk. Raises as `expect`."""
        part = await self._read()
        if not isinstance(part, Chunk):
            raise unreadable()
        return part

    async def _read(self) -> Chunk | BulkFromServer:
        part = await self._present().read(SILENCE)
        if isinstance(part, wire.TransferRefused):
            raise refusal(wire.Failure(0, part.code, part.text, part.retry_ms))
        return part

    def _present(self) -> BulkChannel:
        if self._channel is None:
            raise ChannelClosed
        return self._channel


def too_large() -> CommandError:
    """A file is larger than the server takes."""
    code = wire.Code.FILE_TOO_LARGE
    return CommandError(ErrorKind.REFUSED, refused_with(code), code)

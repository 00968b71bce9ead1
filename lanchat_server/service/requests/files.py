"""Connections for files: what a session needs to open one."""

from lanchat.protocol import wire
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection


async def open_transfers(
    context: RequestContext, connection: ClientConnection, operation: wire.OpenTransfers
) -> wire.TransferTicket:
    """A ticket for one connection."""
    assert connection.user is not None
    return context.transfers.open_ticket(connection.session, connection.user)

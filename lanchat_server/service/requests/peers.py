"""Links between clients: who takes datagrams, and who is named to whom."""

from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.log.peers import PeerEnd, open_peer_untrusted
from lanchat_server.core.peers import Announced, addresses_of
from lanchat_server.core.refusals import Refused
from lanchat_server.service.context import RequestContext
from lanchat_server.service.net.connection import ClientConnection


async def announce_peer(
    context: RequestContext, connection: ClientConnection, operation: wire.AnnouncePeer
) -> wire.Roster:
    """Those whom this client is to have links to; they are told of it."""
    directory, peers = context.directory, context.core.peers
    device = directory.devices[connection.device]
    try:
        body = open_peer_untrusted(device.public_key, directory.log.log_id, operation.info)
    except ProtocolError as error:
        raise Refused(Code.BAD_REQUEST, str(error)) from error
    addresses = addresses_of(connection.address, operation.port, operation.hosts)
    peers.announce(Announced(operation.info, body.end, device.user, addresses, connection.session))
    found = peers.peers_of(body.end)
    _tell_others(context, body.end, found)
    return wire.Roster([peers.shown(other, warm) for other, warm in found.items()])


def _tell_others(context: RequestContext, end: PeerEnd, others: dict[PeerEnd, bool]) -> None:
    """A frame for those that keep the link open, and one for the others."""
    peers = context.core.peers
    for warm in (True, False):
        sessions = [peers.session_of(other) for other, is_warm in others.items() if is_warm is warm]
        context.core.announce_to(wire.PeersChanged([peers.shown(end, warm)]), [number for number in sessions if number])

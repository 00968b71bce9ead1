"""Who can be reached without the server."""

from typing import TYPE_CHECKING, Any

from lanchat.app import api
from lanchat.core.peers.peers import PeerReach

if TYPE_CHECKING:
    from lanchat.app.account_session import AccountSession
    from lanchat.app.client_state import ClientState


async def list_peers(client: "ClientState", command: api.ListPeersCommand) -> list[api.PeerView]:
    """Returns as soon as everybody who is known is reached."""
    member = client.logged_in()
    await member.wait_for(lambda: _all_reached(member), command.patience)
    known = member.core.peers.known(member.now()) if member.core.peers is not None else []
    return [_peer_view(member, reach) for reach in sorted(known, key=lambda reach: (reach.user, reach.device))]


def _all_reached(member: "AccountSession") -> bool:
    known = member.core.peers.known(member.now()) if member.core.peers is not None else []
    return bool(known) and all(reach.live for reach in known)


def _peer_view(member: "AccountSession", reach: PeerReach) -> api.PeerView:
    user = member.core.directory.users.get(reach.user)
    heard = member.wall_ms() / 1000 - reach.silent_for if reach.silent_for is not None else 0.0
    path = api.PeerPath.DIRECT if reach.live else api.PeerPath.NONE
    return api.PeerView(reach.user, user.name if user is not None else "", reach.device.hex(), path, heard)


HANDLERS: dict[type, Any] = {api.ListPeersCommand: list_peers}

"""`lanchat peers`: who is reachable without the server."""

from lanchat.app import api
from lanchat.cli.session import CliSession
from lanchat.i18n import _
from lanchat.terminal.output import clock, rfc3339, shown

# Seconds in which links open, those of this process included.
PATIENCE = 6.0


async def peers(session: CliSession) -> None:
    """A line for each device of others that this computer has, or should have, a way to; also while the server is
    away."""
    if not await session.go_live_or_away():
        session.note_away()
    for peer in await session.call(api.ListPeersCommand(PATIENCE)):
        values = {
            "user": peer.name,
            "device": peer.device,
            "path": peer.path.value,
            "last_heard": rfc3339(peer.last_heard) if peer.last_heard else None,
        }
        session.output.row(values, f"{shown(peer.name)}  {peer.device}  {_path_text(peer)}")


def _path_text(peer: api.PeerView) -> str:
    if peer.path is api.PeerPath.DIRECT:
        return _("reachable without the server")
    if peer.last_heard:
        return _("not reachable, last heard {time}").format(time=clock(peer.last_heard))
    return _("not reachable without the server")

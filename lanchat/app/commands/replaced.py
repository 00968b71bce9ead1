"""Servers that another one has replaced, since a person started anew: what this profile received from them."""

from typing import TYPE_CHECKING

from lanchat.app import api
from lanchat.app.login.trust import known_candidate, server_view
from lanchat.protocol.text.identity import clean_fingerprint

if TYPE_CHECKING:
    from lanchat.app.client_state import ClientState


async def list_replaced(client: "ClientState", command: api.ListReplacedCommand) -> list[api.Server]:
    """In the order in which they were accepted. Raises LocalStoreError."""
    profile = client.profile
    return [
        server_view(known_candidate(known), known.fingerprint, api.Trust.PINNED)
        for known in profile.servers()
        if known.replaced and profile.device(known.log_id) is not None
    ]


def open_replaced(client: "ClientState", command: api.ConnectCommand) -> api.Server | None:
    """The server with this fingerprint when another one stands in its place: its local copy is open now."""
    if not command.fingerprint or command.address or command.invite or client.policy.server is not None:
        return None
    known = client.profile.known_by_fingerprint(clean_fingerprint(command.fingerprint))
    if known is None or not known.replaced:
        return None
    device = client.profile.device(known.log_id)
    if device is None:
        return None
    server = server_view(known_candidate(known), known.fingerprint, api.Trust.PINNED)
    client.remember(known, device, server, None)
    return server

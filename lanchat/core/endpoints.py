"""The ends that a client core exchanges frames with: the server of the log, and other clients (peers)."""

import msgspec


class ServerEndpoint(msgspec.Struct, frozen=True):
    """The server of the log, through the session that is logged in."""


class PeerEndpoint(msgspec.Struct, frozen=True):
    """Another client of the same log, by the id of its device."""

    device: bytes


Endpoint = ServerEndpoint | PeerEndpoint

SERVER = ServerEndpoint()

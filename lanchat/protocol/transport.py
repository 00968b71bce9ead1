"""The ways on which frames travel between a client and its server."""

import enum


class Transport(enum.Enum):
    """The way a frame came or goes: the UDP relay or the TLS control channel."""

    UDP = "udp"
    TLS = "tls"

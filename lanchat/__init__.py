"""LAN Chat: the client, and what client and server share."""

__version__ = "0.1.0"

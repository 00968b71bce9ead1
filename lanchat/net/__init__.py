"""Asyncio shells around the protocol core: TLS channel, UDP, discovery."""

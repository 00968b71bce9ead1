"""What asyncio offers no public way to for TLS connections: how large their buffers are and what waits in them.

All use of its private parts is here. `tests/unit/server/service/test_tls_internals.py` fails where a version of Python
has changed them.
"""

import asyncio
from asyncio.sslproto import SSLProtocol

# What asyncio reads into, for each TLS connection as long as it lives. Its 256 KiB are for few connections with much to
# say; here are a thousand with little: one TLS record.
READ_BUFFER = 16 * 1024
# Of a connection for files, of which there are few: a reading of 16 KiB takes as long as one of 256.
LARGE_READ_BUFFER = 256 * 1024


def shrink_read_buffers() -> None:
    """Connections that are made from now on in this process read into READ_BUFFER octets."""
    SSLProtocol.max_size = READ_BUFFER


def waiting_octets(transport: asyncio.Transport) -> int:
    """Octets that were handed to a transport and not to the kernel. What TLS has sealed waits in a transport below,
    which asyncio's own figure for a TLS connection leaves out."""
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    sealed: int = below.get_write_buffer_size() if below is not None else 0
    return transport.get_write_buffer_size() + sealed


def enlarge_read_buffer(transport: asyncio.Transport) -> None:
    """This connection reads into LARGE_READ_BUFFER octets from now on."""
    protocol = getattr(transport, "_ssl_protocol", None)
    if protocol is not None:
        protocol.max_size = LARGE_READ_BUFFER

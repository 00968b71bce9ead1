"""Several datagrams at once between program and kernel: Linux cuts up what is sent and leaves together what comes.

What a batch sends to one client is one system call instead of one for each datagram (UDP_SEGMENT, Linux 4.18); the
client's kernel hands over what came together the same way (UDP_GRO, Linux 5.0). On the wire nothing changes. See
udp(7) and <linux/udp.h>.
"""

import contextlib
import socket
import struct
import sys
from collections.abc import Sequence

_UDP_SEGMENT = 103
_UDP_GRO = 104
_SEND_LENGTH = struct.Struct("=H")
_RECEIVED_LENGTH = struct.Struct("=i")
# 50 datagrams of 1,200 octets stay below the 64 and the 65,507 octets that the kernel takes at once.
SEGMENTS_MAX = 50
# No datagram, and nothing that the kernel leaves together, is longer.
TOGETHER_MAX = 1 << 16

if sys.platform != "win32":
    ANCILLARY_SPACE = socket.CMSG_SPACE(_RECEIVED_LENGTH.size)


def cuts_up(sock: socket.socket) -> bool:
    """Whether this kernel takes several datagrams as one and cuts them up itself."""
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError):
        sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
        return True
    return False


def cut_into(size: int) -> list[tuple[int, int, bytes]]:
    """The ancillary data of `sendmsg` which says how long each datagram is."""
    return [(socket.IPPROTO_UDP, _UDP_SEGMENT, _SEND_LENGTH.pack(size))]


def leave_together(sock: socket.socket) -> bool:
    """Ask the kernel to hand over what came together as one; False where it can't. Then read with `recvmsg`."""
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
        return True
    return False


def parted(octets: bytes, ancillary: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    """The datagrams in what `recvmsg` gave: all of one length but the last, which may be shorter."""
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO and len(value) >= _RECEIVED_LENGTH.size:
            size = max(1, _RECEIVED_LENGTH.unpack_from(value)[0])
            return [octets[start : start + size] for start in range(0, len(octets), size)]
    return [octets]

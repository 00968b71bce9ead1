"""A computer that asks for our service by multicast DNS in ways that want an answer to itself:

    python -m tests.lab.mdns_stranger ADDRESS SERVER

Prints one JSON object: lengths of what came to this computer alone, by question, and how many answers the group got.
"""

import contextlib
import json
import select
import socket
import struct
import sys
import time

from lanchat.protocol.datagram.beacon import SERVICE_TYPE

GROUP, PORT = "224.0.0.251", 5353
_PTR, _IN, _UNICAST = 12, 1, 0x8000
_PATIENCE = 1.0
# From linux/in.h; Python has no name for it.
_IP_PKTINFO = 8


def question(name: str, ask_class: int) -> bytes:
    """A query with one PTR question."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", _PTR, ask_class)


def ask(address: str, server: str, port: int, to: str, ask_class: int) -> tuple[list[int], int]:
    """Lengths of the answers to `port` of this computer, and the number of those to the group."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        sock.bind(("", port))
        here = socket.inet_aton(address)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + here)
        sock.sendto(question(SERVICE_TYPE, ask_class), (to, PORT))
        mine, others = [], 0
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            octets, ancillary, _, sender = sock.recvmsg(9000, 256)
            if sender[0] != server:
                continue
            if ancillary[0][2][8:12] == here:
                mine.append(len(octets))
            else:
                others += 1
        return mine, others


def main() -> None:
    address, server = sys.argv[1:]
    asked: dict[str, list[int]] = {}
    group = 0
    for name, port, to, ask_class in (
        ("answer me, to the group", PORT, GROUP, _IN | _UNICAST),
        ("answer me, to the server", PORT, server, _IN | _UNICAST),
        ("a simple resolver, to the group", 0, GROUP, _IN),
        ("a simple resolver, to the server", 0, server, _IN),
    ):
        asked[name], heard = ask(address, server, port, to, ask_class)
        group += heard
    print(json.dumps({"alone": asked, "group": group}))


if __name__ == "__main__":
    main()

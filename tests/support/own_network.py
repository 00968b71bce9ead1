"""A network of its own for the process that runs the tests, and for all that it starts.

Servers under test announce themselves by multicast, and clients under test listen to everybody: without this, a test
finds the servers of those that run beside it, and those of the office it is run in. Linux and root only; others share
the network that is there.
"""

import ctypes
import os
import shutil
import subprocess
import sys

_CLONE_NEWNET = 0x40000000  # linux/sched.h; os.unshare is there from Python 3.12 on
# Loopback, and an interface as computers have one: with an address, able to broadcast, the way to everywhere.
_COMMANDS = """
link set lo up
link add lan0 type veth peer name far0
link set far0 up
link set lan0 up
addr add 198.51.100.2/24 brd + dev lan0
route add default dev lan0
"""


def leave_for_own_network() -> bool:
    """Call once, before anything has opened a socket or started a thread that will. False where it cannot be had."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        return False  # root of a container that may not
    for command in _COMMANDS.strip().splitlines():
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)
    return True

"""Computers on switches, made of network namespaces: real kernels, real sockets, real packet filters.

    with Lab() as lab:
        lan = lab.lan()
        server = lab.computer((lan, "10.0.0.1/24"))
        client = lab.computer((lan, "10.0.0.2/24"))
        client.run("ping", "-c1", "10.0.0.1")

A computer is a namespace with `lo` and `eth0`, `eth1`, … in the order of its links; a LAN is a namespace with a bridge
`br0` that forwards multicast everywhere, as cheap switches do. Cables are the kernel's (veth), or programs that treat
frames badly (wire.py). The computer's own network is not touched. Names are unique to the process, every command has a
time limit, and `close` removes everything, also what a failed test left.
"""

import atexit
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.wire import Conditions
from tests.support.child import Child
from tests.support.waiting import patient

COMMAND_TIMEOUT = patient(10.0)
_numbers = itertools.count(1)
_open_labs: "weakref.WeakSet[Lab]" = weakref.WeakSet()


def missing() -> str | None:
    """Why no lab can be had here, None when it can: not root, or no `ip`."""
    if os.name != "posix" or os.geteuid() != 0:
        return "needs root"
    return None if shutil.which("ip") else "needs iproute2"


def _environment() -> dict[str, str]:
    """Of programs in the lab: they start warm, which warm_start.py grants with this character set alone."""
    return dict(os.environ) | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _call(
    argv: Sequence[str], text: str | None = None, timeout: float = COMMAND_TIMEOUT, env: Mapping[str, str] | None = None
) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout, env=env)
    if done.returncode:
        raise RuntimeError(f"$ {' '.join(argv)}\nexit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Namespace:
    """One network namespace; the programs in it are started here and end with it."""

    def __init__(self, siblings: "list[Namespace]", kind: str) -> None:
        self.name = f"lanchat-{os.getpid()}-{next(_numbers)}-{kind}"
        self._children: list[Child] = []
        _call(["ip", "netns", "add", self.name])
        siblings.append(self)  # at once: setting it up may fail

    def argv(self, *argv: str) -> list[str]:
        """The command line that runs `argv` in here; the process is the same, so signals reach it."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv: str, timeout: float = COMMAND_TIMEOUT) -> str:
        """Runs a program and returns its stdout. RuntimeError when it fails, TimeoutExpired when it takes longer."""
        return _call(self.argv(*argv), timeout=timeout, env=_environment())

    def start(self, *argv: str) -> Child:
        """Starts a program that goes on running; it is killed with the namespace."""
        child = Child(self.argv(*argv), env=_environment())
        self._children.append(child)
        return child

    def ip(self, *commands: str) -> None:
        """`ip` commands, such as "link set lo up", in one go."""
        _call(["ip", "-n", self.name, "-batch", "-"], "\n".join(commands))

    def nft(self, rules: str) -> None:
        """Adds a packet filter, in nft's own language."""
        _call(self.argv("nft", "-f", "-"), rules)

    def delete(self) -> None:
        for child in self._children:
            if child.returncode is None:
                child.kill()
        self._children.clear()
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            _call(["ip", "netns", "delete", self.name])


class Lan(Namespace):
    """A switch."""

    def __init__(self, siblings: list[Namespace]) -> None:
        super().__init__(siblings, "lan")
        self._ports = itertools.count(1)
        self.ip("link add br0 type bridge mcast_snooping 0 stp_state 0", "link set br0 up")

    def plug(self, computer: "Computer", device: str) -> None:
        """A cable from a new port to `device` of the computer."""
        port = self.new_port()
        self.ip(
            f"link add {port} type veth peer name {device} netns {computer.name}",
            f"link set {port} master br0 up",
        )

    def new_port(self) -> str:
        """A name for a port."""
        return f"p{next(self._ports)}"

    def drop_broadcast(self) -> None:
        """The switch forwards no IP broadcast; ARP passes."""
        self.drop("ether daddr ff:ff:ff:ff:ff:ff ether type ip")

    def drop_multicast(self) -> None:
        """The switch forwards no multicast, multicast DNS included."""
        self.drop("ether daddr & ff:ff:ff:00:00:00 == 01:00:5e:00:00:00")
        self.drop("ether daddr & ff:ff:00:00:00:00 == 33:33:00:00:00:00")

    def lose(self, percent: float) -> None:
        """The switch loses so many of the IP packets that it forwards, in each direction, TCP and UDP alike."""
        self.drop(f"ether type ip numgen random mod 1000 < {round(percent * 10)}")

    def forward_everything(self) -> None:
        """No rule is left."""
        self.nft("flush ruleset")

    def drop(self, match: str) -> None:
        """Forward nothing that matches, in nft's own language."""
        chain = f"c{next(_numbers)}"
        self.nft(
            f"add table bridge drops\n"
            f"add chain bridge drops {chain} {{ type filter hook forward priority 0; }}\n"
            f"add rule bridge drops {chain} {match} drop\n"
        )


class Computer(Namespace):
    """A computer with one cable per (lan, "address/prefix")."""

    def __init__(self, siblings: list[Namespace], links: Sequence[tuple[Lan, str]]) -> None:
        super().__init__(siblings, "pc")
        self._devices = itertools.count()
        self.ip("link set lo up")
        for lan, address in links:
            self.connect(lan, address)

    def connect(self, lan: Lan, address: str) -> str:
        """Plugs in one more cable; returns the device's name."""
        device = self.new_device()
        lan.plug(self, device)
        self.set_up(device, address)
        return device

    def new_device(self) -> str:
        """A name for a network device."""
        return f"eth{next(self._devices)}"

    def set_up(self, device: str, address: str) -> None:
        """Give a device its address and switch it on."""
        self.ip(f"address add {address} broadcast + dev {device}", f"link set {device} up")

    def readdress(self, old: str, new: str, device: str = "eth0") -> None:
        """Another address, as after a change of network."""
        self.ip(f"address del {old} dev {device}", f"address add {new} broadcast + dev {device}")


class Lab:
    """Makes LANs and computers, and removes them all in `close`."""

    def __init__(self) -> None:
        self._namespaces: list[Namespace] = []
        self._cables: list[Child] = []
        _open_labs.add(self)

    def lan(self) -> Lan:
        return Lan(self._namespaces)

    def computer(self, *links: tuple[Lan, str]) -> Computer:
        return Computer(self._namespaces, links)

    def rough_cables(self, conditions: Conditions, *links: tuple[Lan, Computer, str]) -> None:
        """One more cable for each (lan, computer, "address/prefix"), all of them with these conditions."""
        ends = [(lan, lan.new_port(), computer, computer.new_device(), address) for lan, computer, address in links]
        pairs = [f"{lan.name}/{port}={computer.name}/{device}" for lan, port, computer, device, _ in ends]
        argv = [sys.executable, "-m", "tests.lab.wire", conditions.to_json(), *pairs]
        cables = Child(argv, cwd=Path(__file__).parents[2])
        self._cables.append(cables)
        cables.wait_for_line(lambda line: line == "up", 10, "the cables are there")
        for lan, port, computer, device, address in ends:
            lan.ip(f"link set {port} master br0 up")
            computer.set_up(device, address)

    def close(self) -> None:
        while self._cables:
            self._cables.pop().kill()
        while self._namespaces:
            self._namespaces.pop().delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@atexit.register
def _close_leftovers() -> None:
    for lab in list(_open_labs):
        lab.close()

"""The networks of the matrix and what is done to them: each case one row of the table."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab.netns import Computer, Lab, Lan
from tests.lab.wire import Conditions

CLIENTS = 3
SERVER = "10.0.0.1"


@dataclass(slots=True)
class Net:
    """What a case is played on. `server_address` is where the server is at first."""

    lans: list[Lan]
    server: Computer
    clients: list[Computer]
    server_address: str = SERVER


Meanwhile = Callable[[Net, threading.Event], None]


@dataclass(frozen=True, slots=True)
class Case:
    """`build` makes the network; `trouble` is done to it once everybody is live; `meanwhile` runs beside the talk,
    until it is done or the event is set. `typed`: nobody can discover anything, the address is typed. Each client
    writes `count` messages, `rate` a second."""

    name: str
    build: Callable[[Lab], Net]
    trouble: Callable[[Net], None] = lambda net: None
    meanwhile: Meanwhile | None = None
    typed: bool = False
    count: int = 100
    rate: float = 20.0


# --- Networks --------------------------------------------------------------------------------------------------------


def one_lan(lab: Lab) -> Net:
    """A switch with good cables."""
    lan = lab.lan()
    server = lab.computer((lan, f"{SERVER}/24"))
    return Net([lan], server, [lab.computer((lan, f"10.0.0.{11 + number}/24")) for number in range(CLIENTS)])


def two_lans(lab: Lab) -> Net:
    """The server has a cable in each of two networks, so has one of the clients; the other clients in one each."""
    lans = [lab.lan(), lab.lan()]
    server = lab.computer((lans[0], f"{SERVER}/24"), (lans[1], "10.9.0.1/24"))
    both = lab.computer((lans[0], "10.0.0.11/24"), (lans[1], "10.9.0.11/24"))
    return Net(lans, server, [both, lab.computer((lans[0], "10.0.0.12/24")), lab.computer((lans[1], "10.9.0.13/24"))])


def rough(conditions: Conditions) -> Callable[[Lab], Net]:
    """One switch; the clients' cables are of these conditions."""

    def build(lab: Lab) -> Net:
        lan = lab.lan()
        server = lab.computer((lan, f"{SERVER}/24"))
        clients = [lab.computer() for _ in range(CLIENTS)]
        lab.rough_cables(
            conditions, *((lan, client, f"10.0.0.{11 + number}/24") for number, client in enumerate(clients))
        )
        return Net([lan], server, clients)

    return build


def without(*kinds: str) -> Callable[[Lab], Net]:
    """One switch that does not forward these, from the beginning."""

    def build(lab: Lab) -> Net:
        net = one_lan(lab)
        for kind in kinds:
            BLOCKS[kind](net.lans[0])
        return net

    return build


BLOCKS: dict[str, Callable[[Lan], None]] = {
    "broadcast": Lan.drop_broadcast,
    "multicast": Lan.drop_multicast,
    "udp": lambda lan: lan.drop("ip protocol udp"),
}


# --- Troubles --------------------------------------------------------------------------------------------------------


def lossy(percent: float) -> Callable[[Net], None]:
    def trouble(net: Net) -> None:
        if percent:
            net.lans[0].lose(percent)

    return trouble


def block_udp(net: Net) -> None:
    BLOCKS["udp"](net.lans[0])


def blackhole(off: float, on: float) -> Meanwhile:
    """Nothing passes for `off` seconds, then everything for `on`, and so on."""

    def meanwhile(net: Net, over: threading.Event) -> None:
        lan = net.lans[0]
        while not over.is_set():
            lan.drop("ether type ip")
            over.wait(off)
            lan.forward_everything()
            over.wait(on)

    return meanwhile


def after(seconds: float, act: Callable[[Net], None]) -> Meanwhile:
    """Once, some time after the talk has begun."""

    def meanwhile(net: Net, over: threading.Event) -> None:
        over.wait(seconds)
        act(net)

    return meanwhile


def down_and_up(which: Callable[[Net], Computer], seconds: float) -> Meanwhile:
    """The first interface of a computer goes down a second after the talk has begun, and comes back."""

    def meanwhile(net: Net, over: threading.Event) -> None:
        over.wait(1.0)
        which(net).ip("link set eth0 down")
        threading.Event().wait(seconds)
        which(net).ip("link set eth0 up")

    return meanwhile


def client_moves(net: Net) -> None:
    net.clients[0].readdress("10.0.0.11/24", "10.0.0.99/24")


def server_moves(net: Net) -> None:
    net.server.readdress(f"{SERVER}/24", "10.0.0.2/24")


def first_client(net: Net) -> Computer:
    return net.clients[0]


def server(net: Net) -> Computer:
    return net.server


# --- The matrix ------------------------------------------------------------------------------------------------------

MILLISECOND = 1e-3
CASES = (
    *(Case(f"{percent} % lost each way", one_lan, lossy(percent)) for percent in (0, 1, 5, 10, 20, 30)),
    Case("delay 50 ms each way", rough(Conditions(delay=50 * MILLISECOND))),
    Case("reordered: delay 5 to 45 ms", rough(Conditions(delay=25 * MILLISECOND, jitter=20 * MILLISECOND))),
    Case("20 % doubled", rough(Conditions(delay=5 * MILLISECOND, jitter=5 * MILLISECOND, duplicate=0.2))),
    Case(
        "delay 5 to 45 ms, 20 % doubled, 10 % lost",
        rough(Conditions(delay=25 * MILLISECOND, jitter=20 * MILLISECOND, duplicate=0.2, loss=0.1)),
    ),
    Case("blackhole: 5 s nothing, 2 s everything", one_lan, meanwhile=blackhole(5.0, 2.0), count=40, rate=2.0),
    Case("a client's address changes", one_lan, meanwhile=after(1.0, client_moves), rate=10.0),
    Case("the server's address changes", one_lan, meanwhile=after(1.0, server_moves), rate=10.0),
    Case("UDP blocked altogether, address typed", without("udp"), typed=True),
    Case("UDP blocked in the middle", one_lan, meanwhile=after(1.0, block_udp)),
    Case("multicast blocked", without("multicast")),
    Case("broadcast blocked", without("broadcast")),
    Case("two interfaces, two networks", two_lans),
    Case("a client's interface down for 3 s", one_lan, meanwhile=down_and_up(first_client, 3.0)),
    Case("the server's interface down for 3 s", one_lan, meanwhile=down_and_up(server, 3.0)),
    Case("the server's interface down for 20 s", one_lan, meanwhile=down_and_up(server, 20.0), rate=5.0),
)

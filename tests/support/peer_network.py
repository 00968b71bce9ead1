"""Peer links on a network in memory: virtual time, loss, firewalls that let answers in and nothing else."""

import heapq
import itertools
from collections.abc import Callable
from random import Random

from lanchat.core.peers.links import PeerIdentity, PeerLinks
from lanchat.protocol import wire
from lanchat.protocol.log import keys
from lanchat.protocol.log.certificates import Certificate, CertificateBody, issue_certificate
from tests.support.fake_log import LOG_ID, key_of

SECRET = b"s" * 32
LOG_KEY = key_of(1)
# Of a firewall: an outbound datagram lets answers in for so long.
_FORGETS_AFTER = 30.0
_DELAY = 0.002


def certificate_of(number: int, not_after_ms: int = 2**50) -> Certificate:
    public = keys.public_octets(key_of(number))
    name = f"user{number}"
    return issue_certificate(LOG_KEY, CertificateBody(LOG_ID, number, public, name, name, not_after_ms, 1))


class PeerHost:
    """One start of a client, of user `number`, at an address of its own. `firewall`: what is no answer is dropped."""

    def __init__(self, net: "PeerNetwork", number: int, boot: int, *, firewall: bool = True) -> None:
        self.net = net
        self.number = number
        self.firewall = firewall
        self.address = wire.PeerAddress(bytes([10, 0, number, boot]), 5000)
        self.certificate = certificate_of(number)
        self.refused: set[int] = set()
        self.alive = True
        self.received: list[tuple[int, bytes]] = []
        # Datagrams and octets that left.
        self.sent = 0
        self.octets = 0
        self._opened: dict[wire.PeerAddress, float] = {}
        seed = bytes([number]) * 16 + bytes([boot]) * 16
        self.links = PeerLinks(
            PeerIdentity(LOG_ID, keys.public_octets(LOG_KEY), key_of(number), boot, seed),
            now_ms=lambda: 1_700_000_000_000 + int(net.now * 1000),
            random=net.random.randbytes,
            refuses=lambda owner: owner.user in self.refused,
        )
        self.links.use_certificate(self.certificate, SECRET)

    def entry(self, *, warm: bool = True) -> wire.Peer:
        """As a roster shows it."""
        return wire.Peer(self.links.info, self.certificate, [self.address], warm)

    def told_of(self, *others: "PeerHost", warm: bool = True, complete: bool = False) -> None:
        """By the server."""
        peers = [other.entry(warm=warm) for other in others]
        self.links.take_roster(peers, self.net.now, complete=complete)

    def live(self) -> set[int]:
        """Users whose ends are heard."""
        return set(self.links.live_ends(self.net.now).values())

    def lets_in(self, source: wire.PeerAddress) -> bool:
        return not self.firewall or self.net.now < self._opened.get(source, -1e9) + _FORGETS_AFTER

    def take(self, source: wire.PeerAddress, datagram: bytes) -> None:
        got = self.links.receive_untrusted(source, datagram, self.net.now)
        if got is not None:
            self.received.append((got[1], got[2]))

    def timer(self) -> float | None:
        return self.links.timer()

    def handle_timer(self) -> None:
        self.links.handle_timer(self.net.now)

    def flush(self) -> None:
        for address, datagram in self.links.take_datagrams():
            self.sent += 1
            self.octets += len(datagram)
            self._opened[address] = self.net.now
            self.net.carry(self.address, address, datagram)


class PeerNetwork:
    """`passes(source, destination)`: whether there is a way at all; `loss`: part of the datagrams."""

    def __init__(self, *, loss: float = 0.0, seed: int = 1) -> None:
        self.now = 1000.0
        self.random = Random(seed)
        self.loss = loss
        self.passes: Callable[[wire.PeerAddress, wire.PeerAddress], bool] = lambda source, destination: True
        self.hosts: dict[wire.PeerAddress, PeerHost] = {}
        # Datagrams to addresses of no host, for a test that has one of its own.
        self.strays: list[tuple[wire.PeerAddress, wire.PeerAddress, bytes]] = []
        self._under_way: list[tuple[float, int, wire.PeerAddress, wire.PeerAddress, bytes]] = []
        self._count = itertools.count()

    def host(self, number: int, boot: int = 1, *, firewall: bool = True) -> PeerHost:
        """A new one."""
        host = PeerHost(self, number, boot, firewall=firewall)
        self.hosts[host.address] = host
        return host

    def carry(self, source: wire.PeerAddress, destination: wire.PeerAddress, datagram: bytes) -> None:
        if self.random.random() >= self.loss and self.passes(source, destination):
            item = (self.now + _DELAY, next(self._count), source, destination, datagram)
            heapq.heappush(self._under_way, item)

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.now + seconds
        for _ in range(1_000_000):
            self._flush()
            timers = (host.timer() for host in self.hosts.values() if host.alive)
            due = min((timer for timer in timers if timer is not None), default=end + 1)
            due = min(due, self._under_way[0][0] if self._under_way else due)
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self._step()
        raise AssertionError("the links ask to be called without end")

    def _flush(self) -> None:
        for host in self.hosts.values():
            if host.alive:
                host.flush()

    def _step(self) -> None:
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, source, destination, datagram = heapq.heappop(self._under_way)
            host = self.hosts.get(destination)
            if host is None:
                self.strays.append((source, destination, datagram))
            elif host.alive and host.lets_in(source):
                host.take(source, datagram)
        for host in self.hosts.values():
            timer = host.timer()
            if host.alive and timer is not None and timer <= self.now:
                host.handle_timer()

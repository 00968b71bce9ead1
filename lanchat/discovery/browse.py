"""Finding servers: probe and DNS-SD at the same time, merged.

`discover` is one search, `Browser` a list that is kept up to date for as long as somebody looks at it. The probe is
what makes it fast (a few milliseconds); DNS-SD finds servers on networks that drop our datagrams and let multicast
DNS through. Where both speak, the address that answered a probe is kept, for it is known to be reachable.

What is found is a hint. Anybody on the network can answer, with any name and any fingerprint; what makes a server the
right one is its pinned key, which is checked by whoever connects.
"""

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from lanchat.discovery.listing import ANSWER_LIFETIME, DiscoveredServer, ServerList, Source, found
from lanchat.discovery.probe import Prober
from lanchat.platform.network.interfaces import list_interfaces
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT, Advert

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

    from lanchat.discovery.mdns import MdnsEndpoint

__all__ = ["DISCOVERY_PORT", "Browser", "DiscoveredServer", "discover"]

# Pauses between rounds of probes: datagrams get lost, and a thousand clients must not shout for ever.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
# A search that ends with the first answer lets the probe go ahead: it is nearly always enough, and then nobody waits
# for python-zeroconf to be imported, opened and closed again. DNS-SD itself waits 20 to 120 ms before it asks.
BROWSE_HEAD_START = 0.05
# A browser's steady interval, also that of looking for new interfaces: 100 clients that look at the same time send
# 10 rounds a second.
BROWSER_INTERVAL = 10.0
# Rounds that a browser adds when a known server did not answer the first.
_EXTRA_PAUSES = (0.1, 0.2, 0.4, 0.8)
# An announcement or a goodbye makes a browser probe: a stranger can send as many as he likes.
_ASK_AGAIN_INTERVAL = 0.3
# How late it is seen at most that a server has stopped answering.
_SWEEP_INTERVAL = 0.25
# Closing takes a few milliseconds, unless a goodbye is under way; nobody waits longer for it.
_CLOSE_TIMEOUT = 0.1

_log = logging.getLogger(__name__)
# Searches that are still closing: the event loop itself keeps no reference.
_closing: set[asyncio.Task[None]] = set()

OnFound = Callable[[DiscoveredServer], None]


async def discover(
    timeout: float,
    *,
    discovery_port: int = DISCOVERY_PORT,
    last_known: Sequence[tuple[str, int]] = (),
    use_zeroconf: bool = True,
    on_found: OnFound | None = None,
    stop_after_first: bool = False,
    wanted: Callable[[DiscoveredServer], bool] | None = None,
    on_left_out: Callable[[], None] = lambda: None,
) -> list[DiscoveredServer]:
    """The servers that were heard within `timeout` seconds, in the order of their first sign of life.

    `last_known` are addresses (host, control port) of earlier days; those in numbers are asked directly and first.
    `wanted` ones are known: they are listed however many others there are, with all addresses that claim to be them.
    `on_found` is called once for each server, of wanted ones for each of their addresses; `on_left_out` when there are
    more than one list takes. With `stop_after_first` it returns as soon as one (when said, a wanted one) is found.
    """
    search = _Search(on_found, on_left_out, wanted)
    tasks = [asyncio.create_task(search.probe(discovery_port, _numeric_hosts(last_known)))]
    if use_zeroconf:
        delay = BROWSE_HEAD_START if stop_after_first else 0.0
        tasks.append(asyncio.create_task(search.browse(delay)))
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await (search.first.wait() if stop_after_first else asyncio.sleep(timeout))
    finally:
        await _close(tasks)
    return search.listing.servers


class _Search:
    """One call of `discover`."""

    def __init__(
        self,
        on_found: OnFound | None,
        on_left_out: Callable[[], None],
        wanted: Callable[[DiscoveredServer], bool] | None,
    ) -> None:
        self.listing = ServerList(is_known=wanted or (lambda server: False))
        self._wanted = wanted or (lambda server: True)
        self.first = asyncio.Event()
        self._on_found = on_found
        self._on_left_out = on_left_out
        self._told_left_out = False

    async def probe(self, discovery_port: int, hosts: Sequence[str]) -> None:
        async with _prober(self._answered, discovery_port, hosts) as prober:
            for pause in _pauses():
                await asyncio.sleep(pause)
                prober.send()

    async def browse(self, delay: float) -> None:
        await asyncio.sleep(delay)
        await _browse(self._announced, lambda source: None)

    def _answered(self, server: DiscoveredServer) -> None:
        self._report(server, self.listing.answered(server, asyncio.get_running_loop().time()))

    def _announced(self, server: DiscoveredServer, source: Source) -> None:
        self._report(server, self.listing.announced(server, source, asyncio.get_running_loop().time()))

    def _report(self, server: DiscoveredServer, is_new: bool) -> None:
        if self.listing.left_out and not self._told_left_out:
            self._told_left_out = True
            self._on_left_out()
        if is_new:
            if self._wanted(server):
                self.first.set()
            if self._on_found:
                self._on_found(server)


class Browser:
    """A list of servers that is kept up to date, for a window. All of it in one event loop.

    `start(on_change)` calls back with the whole list at each change; `stop` ends it. A server leaves the list about a
    second after its goodbye, or `lifetime` seconds after its last answer.
    """

    def __init__(
        self,
        *,
        discovery_port: int = DISCOVERY_PORT,
        last_known: Sequence[tuple[str, int]] = (),
        use_zeroconf: bool = True,
        interval: float = BROWSER_INTERVAL,
        lifetime: float = ANSWER_LIFETIME,
        is_known: Callable[[DiscoveredServer], bool] = lambda server: False,
    ) -> None:
        """`last_known`: addresses (host, control port) of earlier days; the first 16 in numbers are asked by unicast in
        each round. `interval`: seconds from one steady round to the next; `lifetime`: seconds from a server's last
        answer to its leaving the list. Servers for which `is_known` is true are listed however many others there are.
        """
        self._discovery_port = discovery_port
        self._last_known = _numeric_hosts(last_known)
        self._use_zeroconf = use_zeroconf
        self._interval = interval
        self._listing = ServerList(lifetime, is_known)
        self._shown: list[DiscoveredServer] = []
        self._on_change: Callable[[list[DiscoveredServer]], None] = lambda servers: None
        self._prober: Prober | None = None
        self._asked_again = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def servers(self) -> list[DiscoveredServer]:
        """In the order of their first sign of life."""
        return list(self._shown)

    def start(self, on_change: Callable[[list[DiscoveredServer]], None]) -> None:
        """Call once, in the event loop."""
        self._on_change = on_change
        work = [self._probe(), self._sweep()]
        if self._use_zeroconf:
            work.append(_browse(self._announced, self._withdrawn))
        self._tasks = [asyncio.create_task(coroutine) for coroutine in work]

    async def stop(self) -> None:
        """Ends the search; waits 0.1 s at most for sockets to be closed, which goes on after that. A second call does
        nothing."""
        tasks, self._tasks = self._tasks, []
        await _close(tasks)

    async def _probe(self) -> None:
        eager = True
        while True:
            hosts = [*self._last_known, *(server.host for server in self._listing.servers)]
            async with _prober(self._answered, self._discovery_port, hosts) as self._prober:
                await self._turn(self._prober, eager)
            eager = False

    async def _turn(self, prober: Prober, eager: bool) -> None:
        """One interval with the same sockets: more rounds when it is the first, or when somebody is missing."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for pause in _EXTRA_PAUSES:
            await asyncio.sleep(pause)
            if eager or self._listing.is_missing(began):
                prober.send()
        await asyncio.sleep(began + self._interval - loop.time())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL)
            self._update()

    def _answered(self, server: DiscoveredServer) -> None:
        self._listing.answered(server, asyncio.get_running_loop().time())
        self._update()

    def _announced(self, server: DiscoveredServer, source: Source) -> None:
        if self._listing.announced(server, source, asyncio.get_running_loop().time()):
            self._ask_again()
        self._update()

    def _withdrawn(self, source: Source) -> None:
        if self._listing.withdrawn(source, asyncio.get_running_loop().time()):
            self._ask_again()
        self._update()

    def _ask_again(self) -> None:
        """DNS-SD tells of a change: a probe tells whether the server is there, and when it is not any more."""
        now = asyncio.get_running_loop().time()
        if self._prober and now - self._asked_again >= _ASK_AGAIN_INTERVAL:
            self._asked_again = now
            self._prober.send()

    def _update(self) -> None:
        self._listing.expire(asyncio.get_running_loop().time())
        if self._listing.servers != self._shown:
            self._shown = self._listing.servers
            self._on_change(list(self._shown))


@contextlib.asynccontextmanager
async def _prober(on_found: OnFound, discovery_port: int, hosts: Sequence[str]) -> AsyncIterator[Prober]:
    """A prober whose first round is on its way."""
    prober = Prober(lambda advert, host: on_found(found(advert, host, "probe")), discovery_port)
    try:
        await prober.open(await asyncio.to_thread(list_interfaces), hosts)
        yield prober
    finally:
        prober.close()


async def _browse(on_found: Callable[[DiscoveredServer, Source], None], on_gone: Callable[[Source], None]) -> None:
    """Listens to DNS-SD on all interfaces until cancelled."""
    await asyncio.to_thread(importlib.import_module, "lanchat.discovery.mdns")
    from lanchat.discovery import mdns

    def take_advert(advert: Advert, host: str, source: Source) -> None:
        on_found(found(advert, host, "zeroconf"), source)

    async def watch(station: "AsyncZeroconf", place: "MdnsEndpoint") -> None:
        await mdns.Watcher(place, take_advert, on_gone).run(station)

    def pass_over(place: "MdnsEndpoint", error: Exception) -> None:
        _log.debug("no DNS-SD on %s: %s", place, error)

    await mdns.keep_stations(watch, pass_over)


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _numeric_hosts(addresses: Sequence[tuple[str, int]]) -> list[str]:
    """The IP addresses among the hosts: a name would have to be looked up, which may take seconds."""
    hosts = []
    for host, _ in addresses:
        with contextlib.suppress(ValueError):
            hosts.append(str(ip_address(host)))
    return hosts


async def _close(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        _closing.add(task)
        task.add_done_callback(_closed)
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT)


def _closed(task: asyncio.Task[None]) -> None:
    _closing.discard(task)
    if not task.cancelled() and (error := task.exception()):
        _log.error("a search for servers failed", exc_info=error)

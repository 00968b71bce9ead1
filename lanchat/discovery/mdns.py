"""Everything that touches python-zeroconf: announcing a server, watching for servers, one instance per interface.

Import this module in a thread, when it is wanted: the library takes 10 ms of a quick computer, much longer from a
cold disk. The rest costs the event loop no time: that a registration takes 1.2 s and the first answer 0.1 to 0.2 s is
the protocol waiting (RFC 6762, sections 5.2, 6 and 8.1).

One instance with several interfaces hands out the addresses of all of them on each, so that a client gets one that
it cannot reach. Hence an instance per interface, which knows only what was heard there. IPv4 and IPv6 have one each:
an instance for both binds one socket that hears the other interfaces, too. Both announce the same records.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import msgspec
from zeroconf import (
    Error,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    ServiceListener,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from lanchat.discovery.mdns_sockets import limit_to_own_interface
from lanchat.platform.network.interfaces import (
    RESCAN_INTERVAL,
    Interface,
    announceable,
    is_host,
    list_interfaces,
    serving,
    with_zone,
)
from lanchat.protocol.datagram.beacon import SERVICE_TYPE, Advert, decode_txt, encode_txt, service_label
from lanchat.protocol.errors import ProtocolError

# Goodbyes are sent three times within 0.25 s; a stop that takes longer is left to itself.
CLOSE_TIMEOUT = 0.8
# How long one instance name is asked for its address, when the answer did not bring it along.
LOOKUP_TIMEOUT = 3.0
# Names that are asked for at once. A stranger can announce thousands; honest networks have a few, and their answers
# bring the address along. A waiting one holds about 5 KiB.
LOOKUPS_MAX = 32

# What strangers announce is remembered by the library for as long as they say. Honest need: some 20 records of each
# computer on the network, 300 octets each. Beyond, all of it is forgotten, and what is still there is heard again.
REMEMBERED_OCTETS_MAX = 2 << 20
_RECORD_OCTETS = 600

# A registration takes 1.2 s; where IPv4 is not announced, IPv6 goes on alone.
_NAME_TIMEOUT = 5.0
# A new IPv6 address is usable after two seconds at most (RFC 4862, section 5.4).
_USABLE_TIMEOUT = 5.0
_USABLE_PAUSE = 0.1

_PORT = 5353


class MdnsEndpoint(msgspec.Struct, frozen=True):
    """Where an instance speaks: an interface, over IPv4 or IPv6."""

    interface: Interface
    version: IPVersion

    def __str__(self) -> str:
        """The interface's name, as logs show it; IPv6 is marked."""
        return f"{self.interface.name} (IPv6)" if self.version is IPVersion.V6Only else self.interface.name


# Runs until it is cancelled; by then the instance is still open.
Serve = Callable[[AsyncZeroconf, MdnsEndpoint], Awaitable[None]]
# Where a service was seen: place and instance name. Stays the same while it is there.
Source = tuple[MdnsEndpoint, str]


async def keep_stations(
    serve: Serve,
    on_trouble: Callable[[MdnsEndpoint, Exception], None],
    host: str | None = None,
    rescan_interval: float = RESCAN_INTERVAL,
) -> None:
    """Keeps one python-zeroconf instance per network interface and family of addresses, with `serve` running on each,
    until cancelled; then says goodbye everywhere, which takes CLOSE_TIMEOUT seconds at most. With `host`, on that
    address only.

    Trouble on an interface (no multicast, port 5353 taken, it vanished) goes to `on_trouble`, once while the
    interface is there, and the next scan tries again.
    """
    stations = _Stations(serve, on_trouble)
    try:
        while True:
            interfaces = await asyncio.to_thread(list_interfaces)
            stations.reconcile(serving(interfaces, host))
            await asyncio.sleep(rescan_interval)
    finally:
        await stations.close()


class _Stations:
    """One task per place."""

    def __init__(self, serve: Serve, on_trouble: Callable[[MdnsEndpoint, Exception], None]) -> None:
        self._serve = serve
        self._on_trouble = on_trouble
        self._running: dict[MdnsEndpoint, asyncio.Task[None]] = {}
        self._leaving: dict[asyncio.Task[None], MdnsEndpoint] = {}
        self._troubled: set[MdnsEndpoint] = set()

    def reconcile(self, interfaces: Sequence[Interface]) -> None:
        wanted = set(_places(announceable(interfaces)))
        self._troubled &= wanted
        for place, task in list(self._running.items()):
            if task.done() or place not in wanted:
                del self._running[place]
                self._leave(task, place)
        for place in wanted - self._running.keys():
            self._running[place] = asyncio.create_task(self._run(place, self._predecessors(place)))

    def _predecessors(self, place: MdnsEndpoint) -> list[asyncio.Task[None]]:
        """What is still being closed on the same interface, which had other addresses."""
        return [
            task
            for task, old in self._leaving.items()
            if (old.interface.index, old.version) == (place.interface.index, place.version)
        ]

    async def close(self) -> None:
        for place, task in self._running.items():
            self._leave(task, place)
        self._running.clear()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_TIMEOUT)

    def _leave(self, task: asyncio.Task[None], place: MdnsEndpoint) -> None:
        task.cancel()
        self._leaving[task] = place
        task.add_done_callback(self._leaving.pop)

    async def _run(self, place: MdnsEndpoint, predecessors: Sequence[asyncio.Task[None]]) -> None:
        """Not before its predecessors are closed: it would take their last answers for those of another server with
        the same name."""
        try:
            if predecessors:
                await asyncio.wait(predecessors)
            async with _station(place) as station:
                await self._serve(station, place)
        except Exception as error:  # sockets, python-zeroconf's own, time-outs: nothing here may stop the program
            if place not in self._troubled:
                self._troubled.add(place)
                self._on_trouble(place, error)


def _places(interfaces: Sequence[Interface]) -> Iterator[MdnsEndpoint]:
    """Loopback has no IPv6 multicast."""
    for interface in interfaces:
        if interface.addresses:
            yield MdnsEndpoint(interface, IPVersion.V4Only)
        if socket.has_ipv6 and interface.ipv6 and not interface.is_loopback:
            yield MdnsEndpoint(interface, IPVersion.V6Only)


class _Answerer(Zeroconf):
    """Answers go to the group, never to the address that a question came from: it may be that of somebody who asked
    nothing, and an answer is several times as long as its question. Who asks as a simple resolver does, from another
    port, would not hear the group, and gets no answer."""

    def async_send(
        self,
        out: Any,
        addr: str | None = None,
        port: int = _PORT,
        v6_flow_scope: tuple[()] | tuple[int, int] = (),
        transport: Any = None,
    ) -> None:
        if addr is None or port == _PORT:
            super().async_send(out)


class _Forgetter(RecordUpdateListener):
    """Keeps what the library remembers of others within REMEMBERED_OCTETS_MAX."""

    def __init__(self, zeroconf: Zeroconf) -> None:
        self._zeroconf = zeroconf
        self._octets = 0

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Records that came; they are remembered right after."""
        for record in (update.new for update in records if update.old is None):
            self._octets += _RECORD_OCTETS + len(getattr(record, "text", b""))

    def async_update_records_complete(self) -> None:
        """Not before the others have read what came."""
        if self._octets > REMEMBERED_OCTETS_MAX:
            self._octets = 0
            asyncio.get_running_loop().call_soon(self._forget)

    def _forget(self) -> None:
        cache = self._zeroconf.cache
        cache.async_remove_records([record for of_name in cache.cache.values() for record in of_name])


@contextlib.asynccontextmanager
async def _station(place: MdnsEndpoint) -> AsyncIterator[AsyncZeroconf]:
    interface = place.interface
    if place.version is IPVersion.V6Only:
        await _wait_until_usable(interface)
    chosen = [interface.address] if place.version is IPVersion.V4Only else [interface.index]
    station = AsyncZeroconf(zc=_Answerer(interfaces=chosen, ip_version=place.version))
    try:
        limit_to_own_interface(station.zeroconf, interface.index)
        await station.zeroconf.async_wait_for_start()
        station.zeroconf.async_add_listener(_Forgetter(station.zeroconf), None)
        yield station
    finally:
        await station.async_close()


async def _wait_until_usable(interface: Interface) -> None:
    """A new IPv6 address cannot be used until nobody else on the cable is known to have it, and python-zeroconf goes on
    without. Raises OSError after _USABLE_TIMEOUT seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _USABLE_TIMEOUT
    while True:
        try:
            for own in interface.ipv6:
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                    sock.bind((str(own.ip), 0, 0, interface.index if own.is_link_local else 0))
        except OSError:
            if loop.time() > end:
                raise
        else:
            return
        await asyncio.sleep(_USABLE_PAUSE)


class Announcer:
    """Registers one server at every place. Over IPv6 it has the name that it got over IPv4 on the same interface."""

    def __init__(self, advert: Advert, service_type: str = SERVICE_TYPE) -> None:
        """`advert`: what is announced at each place, as a service of `service_type`."""
        self._advert = advert
        self._service_type = service_type
        self._names: dict[int, asyncio.Future[str]] = {}

    async def announce(self, station: AsyncZeroconf, place: MdnsEndpoint) -> None:
        """Registers the server and keeps it registered until cancelled. A name that is taken gets a "-2"."""
        info = ServiceInfo(
            self._service_type,
            await self._name(place),
            port=self._advert.port,
            properties=encode_txt(self._advert),
            server=_host_name(place.interface, self._advert),
            addresses=[own.ip.packed for own in place.interface.all_addresses],
        )
        announced = await station.async_register_service(info, allow_name_change=True)
        if place.version is IPVersion.V4Only:
            self._note(place.interface, info.name)
        await announced
        await asyncio.Event().wait()

    async def _name(self, place: MdnsEndpoint) -> str:
        if place.version is IPVersion.V6Only and place.interface.addresses:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_NAME_TIMEOUT):
                    return await asyncio.shield(self._named(place.interface))
        return f"{service_label(self._advert.name)}.{self._service_type}"

    def _named(self, interface: Interface) -> asyncio.Future[str]:
        return self._names.setdefault(interface.index, asyncio.get_running_loop().create_future())

    def _note(self, interface: Interface, name: str) -> None:
        if self._named(interface).done():
            del self._names[interface.index]
        self._named(interface).set_result(name)


def _host_name(interface: Interface, advert: Advert) -> str:
    """Not the computer's own name, which belongs to the system's responder; another one on each interface, for two
    may be on one network. The same over IPv4 and IPv6: many take what they hear over both for one."""
    return f"lanchat-{advert.log_id[:6].hex()}-{interface.all_addresses[0].ip.packed.hex()}.local."


class Watcher(ServiceListener):
    """Hears about servers on one interface and passes on what is well formed.

    `found(advert, host, source)` is called for a new one and for changes, `gone(source)` after its goodbye or when
    its records have expired, also for sources that were never found.
    """

    def __init__(
        self,
        place: MdnsEndpoint,
        found: Callable[[Advert, str, Source], None],
        gone: Callable[[Source], None],
        service_type: str = SERVICE_TYPE,
    ) -> None:
        """`place`: where it listens. Both callbacks are called in the event loop. `service_type`: what it hears of."""
        self._place = place
        self._found = found
        self._gone = gone
        self._service_type = service_type
        self._lookups: set[asyncio.Task[None]] = set()

    async def run(self, station: AsyncZeroconf) -> None:
        """Watches until cancelled. The first answer comes within 0.1 to 0.2 s."""
        await station.async_add_service_listener(self._service_type, self)
        try:
            await asyncio.Event().wait()
        finally:
            for task in list(self._lookups):
                task.cancel()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Called by the library in the event loop. Reports the service from the records that came along, or asks for
        them; passed over when LOOKUPS_MAX others are being asked for, or when its name breaks the rules."""
        try:
            info = AsyncServiceInfo(self._service_type, name)
        except Error:  # a name that breaks the rules of DNS-SD
            return
        if info.load_from_cache(zc):
            self._report(info)
        elif len(self._lookups) < LOOKUPS_MAX:
            task = asyncio.create_task(self._look_up(zc, info))
            self._lookups.add(task)
            task.add_done_callback(self._lookups.discard)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """As `add_service`: after a change the whole service is reported anew."""
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        """Called by the library after a goodbye, or when the records have expired."""
        self._gone((self._place, name))

    async def _look_up(self, zc: Zeroconf, info: AsyncServiceInfo) -> None:
        with contextlib.suppress(Error, OSError):
            if await info.async_request(zc, LOOKUP_TIMEOUT * 1000):
                self._report(info)

    def _report(self, info: ServiceInfo) -> None:
        label = info.name[: -len(self._service_type) - 1]
        try:
            advert = decode_txt(info.properties, info.port, label)
        except ProtocolError:
            return
        host = _best_address(info, self._place.interface)
        if host is not None:
            self._found(advert, host, (self._place, info.name))


def _best_address(info: ServiceInfo, interface: Interface) -> str | None:
    """One that this interface reaches by itself, IPv4 first, else the first that can be a server's; None when there is
    none. With the interface as zone when it is link-local."""
    hosts = [ip_address(packed) for packed in info.addresses_by_version(IPVersion.All)]
    usable = [host for host in hosts if is_host(host) and (interface.is_loopback or not host.is_loopback)]
    usable.sort(key=lambda host: (not interface.reaches(host), host.version == 6, host.is_link_local))
    return next((_reachable(host, interface) for host in usable), None)


def _reachable(host: IPv4Address | IPv6Address, interface: Interface) -> str:
    return with_zone(str(host), interface.index) if host.version == 6 and host.is_link_local else str(host)

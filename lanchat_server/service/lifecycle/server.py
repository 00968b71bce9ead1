"""Start and stop of a server: `serve` puts the parts together and takes them apart in order."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from lanchat.i18n import _
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.clock import SYSTEM_CLOCK
from lanchat.platform.disk.files import make_private_folder
from lanchat.platform.network.interfaces import outside_addresses
from lanchat.platform.network.ports import claim, listen
from lanchat.platform.programs.console import stopping_with_console
from lanchat.platform.programs.interrupts import STOP_SIGNALS
from lanchat.protocol import wire
from lanchat.protocol.text.identity import fingerprint_words, make_invite
from lanchat.transport.certificates import server_context
from lanchat_server.admin.backups import remove_leftovers
from lanchat_server.admin.channel import AdminChannel
from lanchat_server.config import ServerConfig
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.model import LogState
from lanchat_server.core.ports import StoreError
from lanchat_server.maintenance import key_swap, last_lease, lost_log
from lanchat_server.service.errors import StartError
from lanchat_server.service.host import ServiceHost
from lanchat_server.service.keys import ServerKeys, has_keys, load_or_create
from lanchat_server.service.lifecycle.standby import FreeLease, StandbyReady, identity_of, stand_by
from lanchat_server.service.net.acceptor import Acceptor
from lanchat_server.service.net.connection import frame_budget
from lanchat_server.service.net.datagrams import DatagramRelay
from lanchat_server.service.net.descriptors import sessions_that_fit
from lanchat_server.service.net.discovery import DiscoveryService
from lanchat_server.service.reporting.metrics import Exporter
from lanchat_server.service.reporting.supervisor import Supervisor
from lanchat_server.service.service import CLOSE_PATIENCE, Service
from lanchat_server.service.upkeep.contents import erase_unnamed
from lanchat_server.service.upkeep.erasing import erase_deleted
from lanchat_server.service.upkeep.leasing import LeasePromise, keep_lease, remember_lease
from lanchat_server.service.upkeep.memory import share_arenas
from lanchat_server.service.upkeep.reindexing import index_anew
from lanchat_server.service.upkeep.reseeding import begin_reseeding
from lanchat_server.store import SqlStore, open_store
from lanchat_server.store.sqlstore import this_process

Administer = Callable[[Any], Awaitable[wire.Result]]
BACKLOG = 256
# All addresses, of both families where IPv6 works.
_EVERYWHERE = ("", "::")
# Tries to get the same free number for TCP and UDP when any port will do.
PORT_TRIES = 32
# A server whose lease may have run out waits so long for what is under way: less than TAKEOVER_MARGIN.
EXPIRED_PATIENCE = 0.3

log = logging.getLogger(__name__)


class ServerReady(msgspec.Struct, frozen=True):
    """What a server says when it serves. `status` and `administer`, which carries out a request of an administrator,
    are for the thread of the service. `setup_code`: what the first account can be made with from other computers;
    empty when there are accounts."""

    name: str
    port: int
    fingerprint: str
    words: str
    invite: str
    addresses: tuple[str, ...]
    status: Callable[[], dict[str, Any]]
    administer: Administer
    setup_code: str = ""


class Term:
    """The time from when a server gets ready to serve until it does not serve any more."""

    def __init__(self, stopped: asyncio.Event, begun: Callable[[], Awaitable[None]]) -> None:
        """`stopped`: the server is to end. `begun` tells the service manager that it serves."""
        self.stopped = stopped
        self.begun = begun
        # Why it has to end before: the lease is somebody else's, or may be soon.
        self.fenced = ""
        self.expired = False
        self._over = asyncio.Event()

    def end_fenced(self, reason: str) -> None:
        """The lease is somebody else's."""
        self.fenced = self.fenced or reason
        self._over.set()

    def end_expired(self) -> None:
        """The lease could not be renewed: a standby may take it."""
        log.error("the database does not answer: a standby may take over, so this server stops serving")
        self.expired = True
        self._over.set()

    async def wait(self) -> None:
        """Until it is over, or the server is to end."""
        waits = [asyncio.create_task(event.wait()) for event in (self.stopped, self._over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


async def serve(
    config: ServerConfig,
    *,
    on_ready: Callable[[ServerReady], None],
    stop: asyncio.Event | None = None,
    on_standby: Callable[[StandbyReady], None] = lambda _ready: None,
) -> None:
    """Run until SIGTERM, Ctrl-C or `stop`. `on_ready` and `on_standby` are called each time when the server begins to
    serve, or to stand by. Raises StartError with one line for a person."""
    stopped, stands_by, served = stop or asyncio.Event(), config.standby, False
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        if stop is None:
            # Not for a service: Windows tells it of each user's log-off as of an end of its console.
            stack.enter_context(stopping_with_console(lambda: loop.call_soon_threadsafe(stopped.set)))
        begun = _once(lambda: stack.enter_async_context(Supervisor()))
        if stands_by:
            _check_ports(config)
        while not stopped.is_set():
            free: FreeLease | None = None
            if stands_by:
                _handle_signals(stopped, stack)
                free = await stand_by(config, stopped, begun, on_standby, again=served)
                if free is None:
                    return
            term = Term(stopped, begun)
            served = await _serve_once(config, free, term, on_ready) or served
            if term.fenced and not stands_by:
                raise StartError(_("{reason}: this server has stopped").format(reason=term.fenced))
            if term.fenced:
                log.warning("%s: this server stands by", term.fenced)
            stands_by = stands_by or term.expired


def _once(work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Does the work with the first call, and nothing with later ones."""
    done = False

    async def call() -> None:
        nonlocal done
        if not done:
            done = True
            await work()

    return call


async def _serve_once(
    config: ServerConfig, free: FreeLease | None, term: Term, on_ready: Callable[[ServerReady], None]
) -> bool:
    """One term; False when another server was faster to take a lease that was `free`."""
    async with contextlib.AsyncExitStack() as stack:
        if free is not None:
            stack.callback(free.store.close)
        # Ports first: a second server by mistake must not touch the database's lease.
        listeners, datagrams, port = _bind(config)
        for sock in (*listeners, datagrams):
            stack.callback(sock.close)
        if free is None:
            store = await asyncio.to_thread(_open, config)
            stack.callback(store.close)
        else:
            store = free.store
        return await _run(config, store, listeners, datagrams, port, term, on_ready, free)


def _open(config: ServerConfig) -> SqlStore:
    try:
        make_private_folder(config.data_dir, strict=False)
        if not config.reseed:
            return open_store(config.database, config.data_dir)
        known = lost_log.known_log(config.data_dir)
        if known is None or not has_keys(config.data_dir):
            text = _("The keys in {folder} belong to no log: nothing can come back")
            raise StartError(text.format(folder=config.data_dir / "keys"))
        lost = LogState(bytes.fromhex(known.log_id), known.epoch), known.general
        store = open_store(config.database, config.data_dir, lost=lost)
        try:
            lost_log.check_log(config.data_dir, store.log)
        except BaseException:
            store.close()
            raise
        return store
    except StoreError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        text = _("The folder {folder} cannot be used: {reason}")
        raise StartError(text.format(folder=config.data_dir, reason=os_error_text(error))) from error


async def _run(
    config: ServerConfig,
    store: SqlStore,
    listeners: list[socket.socket],
    datagrams: socket.socket,
    port: int,
    term: Term,
    on_ready: Callable[[ServerReady], None],
    free: FreeLease | None,
) -> bool:
    config = _with_room(config)
    share_arenas()
    await _check_database(config, store)
    keys = load_or_create(config.data_dir)
    leased = asyncio.get_running_loop().time()
    directory = await _take_lease(config, store, keys, free)
    if directory is None:
        return False
    remove_leftovers(config.data_dir)
    service = Service(config, store, keys, directory, str(store.address), term.end_fenced)
    begin_reseeding(service.context)
    service.writer.proven = leased
    service.promise.given = service.promise.given or free is not None
    log_id = directory.log.log_id
    budget = partial(frame_budget, service.core.config)
    epoch, driver, seal = directory.log.epoch, service.driver, service.connections.limits
    relay = DatagramRelay(datagrams, log_id, epoch, driver.received, driver.step, service.count, budget, seal)
    service.connections.relay = relay
    acceptor = Acceptor(listeners, _context(keys), service.connect, config.unauthenticated_max, service.count)
    service.connections.on_settled = acceptor.release_slot
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(_close, service, store, term)
        relay.start()
        stack.callback(relay.close)
        acceptor.start()
        stack.push_async_callback(acceptor.close)
        administer = ServiceHost(service.context).administer
        admin = AdminChannel(config.data_dir, administer, stop=term.stopped.set)
        await admin.start()
        stack.callback(admin.close)
        await _start_extras(config, service, port, stack)
        _handle_signals(term.stopped, stack)
        lease = keep_lease(service.promise, service.writer, service.tasks, service.now, term.end_expired)
        remembering = remember_lease(config.data_dir, store)
        erasing = erase_deleted(service.writer, service.now, service.context.work.to_erase)
        unnamed = erase_unnamed(
            service.context.transfers, service.context.wall_ms, lambda: not service.core.reseeding.is_open
        )
        indexing = index_anew(service.writer, service.now, service.indexing)
        for work in (lease, remembering, indexing, erasing, unnamed):
            stack.callback(service.background(work).cancel)
        service.wake()
        _spare_collections()
        on_ready(_ready(config, service, port, partial(administer, claims=False)))
        await term.begun()
        await term.wait()
        log.info("stopping")
    return True


async def _take_lease(
    config: ServerConfig, store: SqlStore, keys: ServerKeys, free: FreeLease | None
) -> Directory | None:
    """What the database holds, under the lease; None when one that was `free` is not any more, or cannot be had."""
    terms = LeasePromise(config.standby or free is not None).terms(identity_of(keys))
    store.indexes_behind = True
    try:
        if free is None:
            await asyncio.to_thread(store.take_lease, this_process(), SYSTEM_CLOCK.wall_ms(), terms)
        elif not await asyncio.to_thread(store.take_over, this_process(), terms, free.is_free):
            return None
        if config.reseed:
            await asyncio.to_thread(_begin_reseeding, config, store)
        return Directory(await asyncio.to_thread(store.snapshot))
    except StoreError as error:
        if free is None:
            raise StartError(str(error)) from error
        log.warning("the lease of the database cannot be taken: %s", error)
        return None


def _begin_reseeding(config: ServerConfig, store: SqlStore) -> None:
    """Raises StoreError."""
    known = lost_log.known_log(config.data_dir)
    store.begin_epoch(max(store.log.epoch, known.epoch if known is not None else 0) + 1)
    try:
        lost_log.begin(config.data_dir, store.log, SYSTEM_CLOCK.wall_ms())
    except OSError as error:
        text = _("The folder {folder} cannot be used: {reason}")
        raise StoreError(text.format(folder=config.data_dir, reason=os_error_text(error))) from error


def _with_room(config: ServerConfig) -> ServerConfig:
    """With as many sessions as the system has descriptors for."""
    fitting = sessions_that_fit(config.sessions_total, config.unauthenticated_max)
    if fitting < config.sessions_total:
        log.warning(
            "the system allows too few open files: %d sessions instead of %d (ulimit -n)",
            fitting,
            config.sessions_total,
        )
    return replace(config, sessions_total=fitting)


async def _close(service: Service, store: SqlStore, term: Term) -> None:
    if not await service.close(EXPIRED_PATIENCE if term.expired else CLOSE_PATIENCE):
        store.abandon()
    last_lease.remember(service.context.config.data_dir, store)


async def _check_database(config: ServerConfig, store: SqlStore) -> None:
    """That it is no older copy; a restore that was cut short is finished. Raises StartError."""
    try:
        if not config.reseed:
            last_lease.check(config.data_dir, store, await asyncio.to_thread(store.lease_holder))
        key_swap.settle(config.data_dir / "keys", store.log)
    except (OSError, StoreError) as error:
        raise StartError(str(error)) from error


async def _start_extras(config: ServerConfig, service: Service, port: int, stack: contextlib.AsyncExitStack) -> None:
    if config.metrics_port:
        try:
            exporter = Exporter(service.context.metrics)
            await exporter.start(config.metrics_port)
            stack.callback(exporter.close)
        except OSError as error:
            raise StartError(_port_taken(config.metrics_port)) from error
        except ImportError as error:
            text = _("Figures on a port need the library prometheus-client: pip install {package}")
            raise StartError(text.format(package="'lanchat[metrics]'")) from error
    if config.discovery:
        discovery = DiscoveryService(
            name=config.name,
            port=port,
            log_id=service.context.directory.log.log_id,
            fingerprint=service.context.keys.fingerprint,
            discovery_port=config.discovery_port,
            host=config.host or None,
            logger=logging.getLogger("lanchat_server.discovery"),
        )
        await discovery.start()
        stack.push_async_callback(discovery.stop)


def _spare_collections() -> None:
    """What was made so far stays until the end, and what comes is freed by counting references; looking for cycles
    after every 700 new objects took a fifth of the writer's time (docs/PERFORMANCE.md). Housekeeping does it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _context(keys: Any) -> ssl.SSLContext:
    try:
        return server_context(keys.certificate_file, keys.identity_file)
    except (OSError, ssl.SSLError) as error:
        raise StartError(_("The server's key cannot be used: {error}").format(error=error)) from error


def _ready(config: ServerConfig, service: Service, port: int, administer: Administer) -> ServerReady:
    fingerprint = service.context.keys.fingerprint
    addresses = _addresses(config)
    hosts = tuple(config.public_host.split(",")) if config.public_host else addresses
    invite = make_invite(hosts[0], port, fingerprint, hosts[1:])
    status = lambda: wire.status_document(service.status())  # noqa: E731
    words, code = fingerprint_words(fingerprint), service.context.setup_code
    if code:
        log.info("no account yet: the first one is made on this computer, or with the set-up code %s", code)
    return ServerReady(config.name, port, fingerprint, words, invite, addresses, status, administer, code)


def _addresses(config: ServerConfig) -> tuple[str, ...]:
    """Where others can reach the server, the likeliest first. In no network the computer's name has to do: it may come
    into one. An address that it was told to listen on stands alone, as there is no other."""
    if config.host not in (*_EVERYWHERE, "0.0.0.0"):  # noqa: S104 - compared, not bound
        return (config.host,)
    found = outside_addresses()
    if config.host == "0.0.0.0" or not socket.has_dualstack_ipv6():  # noqa: S104
        found = [address for address in found if ":" not in address]
    return tuple(found) or (socket.gethostname(),)


def _handle_signals(stopped: asyncio.Event, stack: contextlib.AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        with contextlib.suppress(ValueError):  # not the main thread: the window stops the server itself
            for number in STOP_SIGNALS:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
        return
    for number in STOP_SIGNALS:
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stopped.set)
            stack.callback(loop.remove_signal_handler, number)


# --- Ports -----------------------------------------------------------------------------------------------------------


def _port_taken(port: int) -> str:
    return _("Port {port} is in use by another program. Choose another one with --port.").format(port=port)


def _bind(config: ServerConfig) -> tuple[list[socket.socket], socket.socket, int]:
    """A TCP listener and a UDP socket with the same number. Raises StartError."""
    for _attempt in range(PORT_TRIES if not config.port else 1):
        try:
            tcp = _tcp_socket(config.host, config.port)
        except OSError as error:
            raise StartError(_bind_error(config, error)) from error
        port: int = tcp.getsockname()[1]
        try:
            return [tcp], _udp_socket(config.host, port), port
        except OSError as error:
            tcp.close()
            if config.port:
                raise StartError(_bind_error(config, error)) from error
    raise StartError(_("No free port was found."))


def _check_ports(config: ServerConfig) -> None:
    """Raise StartError when they cannot be had, though they are not used yet."""
    listeners, datagrams, _port = _bind(config)
    for sock in (*listeners, datagrams):
        sock.close()


def _bind_error(config: ServerConfig, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return _("The address {host} is unknown.").format(host=config.host)
    # EADDRINUSE on Linux, Windows, macOS; WSAEACCES: another program has it for itself, or Windows keeps it for one.
    if error.errno in (98, 10048, 48) or getattr(error, "winerror", None) == 10013:
        return _port_taken(config.port)
    reason = os_error_text(error)
    return _("Cannot listen on {host} port {port}: {reason}").format(
        host=config.host or "*", port=config.port, reason=reason
    )


def _family(host: str) -> socket.AddressFamily:
    """IPv6 when that is what the address is; every address of both kinds where nothing is said and IPv6 works."""
    if host in _EVERYWHERE:
        return socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    family: socket.AddressFamily = _look_up(host, None)[0][0]
    return family


def _place(host: str, port: int, family: socket.AddressFamily) -> tuple[Any, ...]:
    """What a socket is bound to; a link-local address keeps its zone."""
    if host in _EVERYWHERE:
        return ("", port)
    place: tuple[Any, ...] = _look_up(host, port, family, socket.SOCK_STREAM)[0][4]
    return place


def _look_up(host: str, *question: Any) -> list[Any]:
    """Raises OSError, also for what no resolver can be asked."""
    try:
        return socket.getaddrinfo(host, *question)
    except ValueError as error:  # UnicodeError: a part of the name is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error


def _tcp_socket(host: str, port: int) -> socket.socket:
    family = _family(host)
    dual = family == socket.AF_INET6 and host in _EVERYWHERE
    sock = listen(_place(host, port, family), BACKLOG, family, both_families=dual)
    sock.setblocking(False)
    return sock


def _udp_socket(host: str, port: int) -> socket.socket:
    family = _family(host)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host not in _EVERYWHERE)
        claim(sock)
        sock.bind(_place(host, port, family))
    except OSError:
        sock.close()
        raise
    return sock

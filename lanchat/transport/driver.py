"""Drives one client core with a real clock, TLS and UDP: feeds it, drains it, sends, re-arms its timer. Nothing else.

Connecting is the dialer's business (dial.py): the core says when to try, the dialer comes back with a logged-in channel
or says why not.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Protocol

import msgspec

from lanchat.core.core import ClientCore
from lanchat.core.endpoints import SERVER, ServerEndpoint
from lanchat.core.events import ConnectionGivenUp, Event, KeysChanged, Output, ReconnectDue, SearchDue
from lanchat.core.session.states import Reason
from lanchat.platform.clock import TIMER_EARLY
from lanchat.platform.network.interfaces import outside_addresses
from lanchat.protocol import wire
from lanchat.protocol.datagram.packer import pack_datagrams
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import decode_from_server_untrusted
from lanchat.transport.connecting import still_ours
from lanchat.transport.peer_socket import PeerSocket
from lanchat.transport.tls import TlsChannel
from lanchat.transport.udp import UdpRelay

# The core's state changes in a few rounds at most; more means that it asks for the same thing without end.
_ROUNDS_MAX = 1000
_FAILURE_PAUSE = 1.0
# Frames that are taken between two turns of the event loop. A read may bring thousands of small ones.
_FRAMES_AT_ONCE = 500
# How late it is seen that this computer has lost an address; a look takes 10 µs.
_ADDRESS_INTERVAL = 1.0

log = logging.getLogger(__name__)


class EstablishedSession(msgspec.Struct, frozen=True):
    """A logged-in channel."""

    channel: TlsChannel
    welcome: wire.Welcome
    logged_in: wire.LoggedIn


class DialFailed(Exception):
    """No session this time. `final`: the server refuses this device for good, with `code`. `details`: what people
    are told, None for what `reason` says; `reason` None: nobody answered."""

    def __init__(
        self,
        details: ProblemDetails | None = None,
        *,
        final: bool = False,
        code: int = 0,
        reason: Reason | None = None,
    ) -> None:
        """`code`: what the server refused with; 0 when it named none."""
        super().__init__(str(details or reason or ""))
        self.details = details
        self.final = final
        self.code = code
        self.reason = reason


def _unexpected(error: Exception) -> ProblemDetails | None:
    return ProblemDetails.of(Problem.OTHER, reason=str(error)) if str(error) else None


class SessionDialer(Protocol):
    """Makes sessions; both raise DialFailed."""

    async def dial(self, opened: Callable[[], None]) -> EstablishedSession:
        """`opened()` is called when the server's identity was proven and log-in begins."""

    async def dial_beside(self) -> EstablishedSession:
        """Wherever the server is now, while a session lives that hears nothing of it."""


class Driver:
    """Event loop's thread only. `on_event` gets what the shell itself does not handle."""

    def __init__(
        self, core: ClientCore, dialer: SessionDialer, on_event: Callable[[Event], None], *, use_udp: bool
    ) -> None:
        """To be called in the event loop. `on_event` is called there, in the order of the events, from within `pump`.
        Without `use_udp` everything goes over TLS."""
        self.core = core
        self._dialer = dialer
        self._on_event = on_event
        # The code with which the server turned down the last try, 0 for none.
        self.turned_away = 0
        self._use_udp = use_udp
        self._loop = asyncio.get_running_loop()
        self._channel: TlsChannel | None = None
        self._udp: UdpRelay | None = None
        self._links = core.peers.links if core.peers is not None else None
        self._peers = self._open_peer_socket() if use_udp and core.peers is not None else None
        self._timer: asyncio.TimerHandle | None = None
        self._address_timer: asyncio.TimerHandle | None = None
        self._dialing: asyncio.Task[None] | None = None
        self._pumping = False
        self._stopped = False
        # Frames that came and are not taken, while the channel rests; `_held`: nobody takes what would come of them.
        self._frames: deque[bytes] = deque()
        self._resting = False
        self._held = False

    def now(self) -> float:
        """Seconds of the event loop's clock: the time that the core is given."""
        return self._loop.time()

    # --- Life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and go on for ever."""
        self.core.start(self.now())
        self.pump()

    def start_with(self, established: EstablishedSession) -> None:
        """Begin with a session that is there."""
        self.core.start(self.now())
        self.core.opened(self.now())
        self._adopt(established)

    def stop(self) -> None:
        """End the session; the outbox stays. Nothing is called any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if self._address_timer is not None:
            self._address_timer.cancel()
        if self._dialing is not None:
            self._dialing.cancel()
        if self._peers is not None:
            self._peers.close()
        self._drop_connection()

    @property
    def channel(self) -> TlsChannel | None:
        """The present connection."""
        return self._channel

    # --- Connecting -----------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._begin_try(lambda: self._dialer.dial(self._opened))

    def _search(self) -> None:
        """A second connection beside one that is silent; when the first one ends meanwhile, this is the next try."""
        self._begin_try(self._dialer.dial_beside)

    def _begin_try(self, dial: Callable[[], Awaitable[EstablishedSession]]) -> None:
        if self._dialing is None or self._dialing.done():
            self._dialing = self._loop.create_task(self._try(dial))

    async def _try(self, dial: Callable[[], Awaitable[EstablishedSession]]) -> None:
        try:
            established = await dial()
        except DialFailed as failed:
            self._failed(failed)
        except Exception as error:
            # Whatever a try dies of, the next one must come.
            log.exception("a try to connect failed")
            self._failed(DialFailed(_unexpected(error)))
        else:
            self._take_over(established)

    def _opened(self) -> None:
        self.core.opened(self.now())
        self.pump()

    def _take_over(self, established: EstablishedSession) -> None:
        """Logged in. A session that lives and was heard meanwhile is kept, a silent one gives way."""
        if self.core.in_session:
            if not self.core.silent:
                established.channel.close()
                return
            log.info("the server is reached by another connection")
            self._drop_connection()
            self.core.disconnected(self.now())
        self._adopt(established)

    def _failed(self, failed: DialFailed) -> None:
        if self.core.in_session:
            return
        self.turned_away = failed.code
        if failed.final:
            self.core.refused(self.now(), failed.details, failed.code)
        else:
            self.core.disconnected(self.now(), failed.reason, failed.details)
        self.pump()

    def _adopt(self, established: EstablishedSession) -> None:
        channel, welcome = established.channel, established.welcome
        self.turned_away = 0
        self._channel = channel
        if self._use_udp:
            self._udp = self._open_udp(channel, welcome)
        try:
            self.core.connected(
                established.logged_in,
                self.now(),
                epoch=welcome.log_epoch,
                limits=welcome.limits,
                use_udp=self._udp is not None,
                time_ms=welcome.time_ms,
            )
        except ProtocolError as error:
            self._lost(channel, error)
            return
        self._go_on(channel)  # paused from the beginning while nothing is taken
        channel.attach(self._take_frames, lambda error: self._lost(channel, error))
        self._watch_address(channel)
        self.pump()

    def _watch_address(self, channel: TlsChannel) -> None:
        """Nothing that is sent from an address which this computer no longer has is ever answered."""
        if self._address_timer is not None:
            self._address_timer.cancel()
        self._address_timer = self._loop.call_later(_ADDRESS_INTERVAL, self._check_address, channel)

    def _check_address(self, channel: TlsChannel) -> None:
        if channel is self._channel and not self._stopped:
            self._watch_address(channel)
            if not still_ours(channel.own):
                self.core.cut_off(self.now())
                self.pump()

    def _open_udp(self, channel: TlsChannel, welcome: wire.Welcome) -> UdpRelay | None:
        try:
            return UdpRelay(channel.peer, welcome.log_id, welcome.log_epoch, self._take_datagram, self.pump)
        except OSError as error:
            log.info("no UDP, everything goes over TLS: %s", error)
            return None

    def _open_peer_socket(self) -> PeerSocket | None:
        def take(address: wire.PeerAddress, datagram: bytes) -> None:
            self.core.receive_datagram(address, datagram, self.now())

        try:
            opened = PeerSocket(take, self.pump, port=self.core.peer_port)
        except OSError as error:
            log.info("no socket for other clients: %s", error)
            return None
        # It blocks for some milliseconds.
        found = self._loop.run_in_executor(None, outside_addresses)
        found.add_done_callback(lambda future: self._listen_to_peers(opened.port, future))
        return opened

    def _listen_to_peers(self, port: int, found: "asyncio.Future[list[str]]") -> None:
        if not (self._stopped or found.cancelled() or found.exception()):
            self.core.listen_to_peers(port, [ip_address(host).packed for host in found.result()], self.now())
            self.pump()

    def _lost(self, channel: TlsChannel, error: Exception | None) -> None:
        if channel is not self._channel or self._stopped:
            return
        log.info("the connection ended: %s", error or "closed by the server")
        if self._frames:
            error = self._take(len(self._frames)) or error
        self._drop_connection()
        self.core.disconnected(self.now(), Reason.BROKEN if isinstance(error, ProtocolError) else None)
        self.pump()

    def begin_again(self) -> None:
        """End the session and make a new one: what is known of the rooms is read from the local copy again."""
        if self._channel is not None:
            self._lost(self._channel, None)

    def _drop_connection(self) -> None:
        channel, self._channel = self._channel, None
        udp, self._udp = self._udp, None
        self._frames.clear()
        self._resting = False
        if udp is not None:
            udp.close()
        if channel is not None:
            channel.close()

    # --- Feeding --------------------------------------------------------------------------------------------------

    def _take_frames(self, frames: list[bytes]) -> None:
        self._frames.extend(frames)
        if not self._resting:
            self._feed()

    def _feed(self) -> None:
        """Take frames, as many as one turn of the event loop bears; the rest in the next ones."""
        channel = self._channel
        if channel is None or self._held:
            return
        error = self._take(_FRAMES_AT_ONCE)
        if error is not None:
            channel.abort(error)
        self.pump()
        if channel is self._channel:
            self._go_on(channel)

    def _take(self, most: int) -> ProtocolError | None:
        """Returns what breaks the protocol; then nothing more of this connection is taken."""
        try:
            for _ in range(min(most, len(self._frames))):
                octets = self._frames.popleft()
                self.core.receive(SERVER, Transport.TLS, decode_from_server_untrusted(octets), self.now())
        except ProtocolError as error:
            log.warning("the server breaks the protocol: %s", error)
            self._frames.clear()
            return error
        return None

    def _go_on(self, channel: TlsChannel) -> None:
        """Rest while there is more than can be taken now."""
        rest = self._held or bool(self._frames)
        if rest and not self._resting:
            channel.pause()
        elif self._resting and not rest:
            channel.resume()
        self._resting = rest
        if rest and not self._held:
            self._loop.call_soon(self._feed)

    def hold(self, held: bool) -> None:
        """Whether what comes is left where it is: on the channel; datagrams are lost, as they may be."""
        if held is self._held:
            return
        self._held = held
        if self._channel is not None:
            self._go_on(self._channel)

    def _take_datagram(self, frames: list[wire.LiveFromServer]) -> None:
        """The relay pumps when it has read everything that is there."""
        if self._held:
            self.core.drop("not taken in time")
            return
        try:
            for frame in frames:
                self.core.receive(SERVER, Transport.UDP, frame, self.now())
        except ProtocolError as error:
            self.core.drop(f"udp: {error}")

    # --- Draining -------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Take what the core has; call it after everything that was said to the core."""
        if self._pumping or self._stopped:
            return
        self._pumping = True
        try:
            self._drain()
        except Exception:
            # A mistake of ours in one place must not make the client deaf for good.
            log.exception("the client core failed")
            self._arm(self.now() + _FAILURE_PAUSE)
        else:
            self._arm(self.core.timer())
        finally:
            self._pumping = False

    def _drain(self) -> None:
        for _ in range(_ROUNDS_MAX):
            if self._links is not None and self._links.datagrams:
                self._send_to_peers()
            if self.core.idle:
                return
            events, outputs = self.core.take_events(), self.core.take_outputs()
            if outputs:
                self._send(outputs)
            for event in events:
                self._handle(event)
        raise RuntimeError("the client core asks for the same thing without end")

    def _handle(self, event: Event) -> None:
        match event:
            case ReconnectDue():
                self._connect()
            case SearchDue():
                self._search()
            case ConnectionGivenUp():
                self._drop_connection()
            case KeysChanged():
                if self._udp is not None:
                    self._udp.use_keys(event.keys)
            case _:
                self._on_event(event)

    def _send_to_peers(self) -> None:
        if self._peers is not None:
            for address, datagram in self.core.take_datagrams():
                self._peers.send(address, datagram)

    def _send(self, outputs: list[Output]) -> None:
        """By destination. No transport reaches peers."""
        datagrams = list[object]()
        for output in outputs:
            if not isinstance(output.destination, ServerEndpoint):
                self.core.drop("output to an unreachable peer")
            elif output.path is Transport.UDP:
                datagrams.append(output.frame)
            elif self._channel is not None:
                self._channel.send(output.frame)
        if self._udp is not None and datagrams:
            for payload in pack_datagrams(datagrams):
                self._udp.send(payload)
            if self._udp.nearly_used_up:
                self.core.renew(self.now())

    # --- Time -----------------------------------------------------------------------------------------------------

    def _arm(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None and not self._stopped:
            self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        # The loop may call a step of its clock early, and a timer must not come again for that.
        when = self.core.timer()
        now = self.now()
        self.core.handle_timer(max(now, when) if when is not None and when - now <= TIMER_EARLY else now)
        self.pump()

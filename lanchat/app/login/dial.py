"""How an enrolled device gets a session: at the last address or wherever discovery sees the same server, then log-in.

The pin holds at every address. A server whose certificate is right and whose log is another one was set up anew.

An address that refuses belongs to a computer that is there while its server is being restarted: it is tried again
before anything else. When it is silent the server is searched for beside the try. Searches shout at everybody on the
network, so the distance from one to the next doubles, up to half a minute.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lanchat.app.api import CommandError
from lanchat.app.command_errors import refused_with
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.app.login.handshake import GreetedChannel, ServerRefusal, VersionMismatch, greet
from lanchat.app.login.trust import Candidate, pin
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.core.ports import LocalStoreError
from lanchat.core.session.states import Reason
from lanchat.discovery.browse import discover
from lanchat.discovery.listing import Address, DiscoveredServer
from lanchat.platform.clock import SYSTEM_CLOCK, Clock
from lanchat.protocol.codes import Code
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.protocol.text.names import inert
from lanchat.store.identities import KnownServer, StoredDevice
from lanchat.store.profile import ProfileStore
from lanchat.transport.connecting import first_of
from lanchat.transport.driver import DialFailed, EstablishedSession
from lanchat.transport.tls import ChannelClosed, TlsChannel, open_channel

CONNECT_TIMEOUT = 4.0
# Addresses that are tried in one search. Honest need: one per interface of the server; others may say to be it.
TRIES_MAX = 64
# Three rounds of probes.
DISCOVERY_TIME = 0.6
# Tries that failed at the last address, this one included, before it is searched for.
SEARCH_AFTER = 3
# Seconds without an answer there after which it is searched for beside the try.
SILENT_AFTER = 0.5
SEARCH_FIRST = 1.0
SEARCH_LONGEST = 30.0
# The distance grows only after so many seconds: a standby takes the server's place within ten.
SEARCH_OFTEN = 15.0
# Refusals after which a device does not come back by itself.
FINAL = frozenset((Code.BAD_CREDENTIALS, Code.ACCOUNT_DISABLED, Code.DEVICE_REVOKED, Code.VERSION))


class DialOptions(msgspec.Struct, frozen=True):
    """How to look for servers and to speak to them."""

    discovery_port: int
    use_zeroconf: bool = True
    use_udp: bool = True
    connect_timeout: float = CONNECT_TIMEOUT
    limits: ClientLimits = CLIENT_LIMITS
    policy: Policy = NO_POLICY
    clock: Clock = SYSTEM_CLOCK


class Dialer:
    """Of one device at one server. `first`: a channel that is open and greeted already. `on_greeted(known, greeted)`
    hears of each server that was reached."""

    def __init__(
        self,
        profile: ProfileStore,
        known: KnownServer,
        device: StoredDevice,
        key: Ed25519PrivateKey,
        options: DialOptions,
        on_greeted: Callable[[KnownServer, GreetedChannel], None],
        first: GreetedChannel | None = None,
    ) -> None:
        """`known`: the pinned server, with the address that is tried first. `key`: the device's private key.
        `on_greeted` is called in the event loop, before log-in."""
        self.known = known
        self._profile = profile
        self._device = device.device_id
        self._user = device.user_id
        self._certificate = device.certificate
        self._key = key
        self._options = options
        self._on_greeted = on_greeted
        self._first = first
        self._failures = 0
        self._answered = False
        self._away_since = 0.0
        self._search_at = 0.0
        self._search_wait = SEARCH_FIRST

    async def dial(self, opened: Callable[[], None]) -> EstablishedSession:
        """Raises DialFailed. A channel that does not become a session is closed."""
        first, self._first = self._first, None
        if first is not None and first.channel.open:
            return await self._log_in(first.channel, first, opened)
        return await self._log_in(await self._reach(), None, opened)

    async def dial_beside(self) -> EstablishedSession:
        """A second session, while the server is silent in the first one: wherever it is now. Raises as `dial`. Whoever
        calls it keeps the distance between searches."""
        return await self._log_in(await self._race(self._search), None, lambda: None)

    async def _log_in(
        self, channel: TlsChannel, first: GreetedChannel | None, opened: Callable[[], None]
    ) -> EstablishedSession:
        try:
            async with asyncio.timeout(self._options.limits.greeting_timeout):
                opened()
                greeted = first or await greet(channel)
                self._check_log(greeted)
                self._note_name(greeted.welcome.server_name)
                self._on_greeted(self.known, greeted)
                logged_in = await greeted.log_in_device(self._device, self._key, self._certificate)
                if logged_in.user.id != self._user:
                    raise ProtocolError("logged in as somebody else")
        except BaseException as error:
            channel.abort()
            failed = _failed(error)
            if failed is None:
                raise
            raise failed from error
        self._failures = 0
        self._search_wait = SEARCH_FIRST
        return EstablishedSession(channel, greeted.welcome, logged_in)

    def _check_log(self, greeted: GreetedChannel) -> None:
        welcome = greeted.welcome
        if welcome.log_id != self.known.log_id or welcome.log_key != self.known.log_key:
            raise DialFailed(ProblemDetails.of(Problem.SERVER_SET_UP_ANEW), final=True)

    def _note_name(self, name: str) -> None:
        """What the server calls itself now."""
        if (name := inert(name)) and name != self.known.name:
            self._keep(replace(self.known, name=name))

    def _keep(self, known: KnownServer) -> None:
        """A profile that cannot be written only costs a search next time."""
        self.known = known
        with contextlib.suppress(LocalStoreError):
            self._profile.pin(known)

    async def _reach(self) -> TlsChannel:
        """A channel to the server with the pinned fingerprint, wherever it is now."""
        if not self._failures:
            self._away_since = asyncio.get_running_loop().time()
        self._failures += 1
        if asyncio.get_running_loop().time() < self._search_at:
            return await self._open(self.known.host, self.known.port)
        return await self._race(self._search_in_turn if self._failures >= SEARCH_AFTER else self._search_if_silent)

    async def _race(self, search: Callable[["asyncio.Future[TlsChannel]"], Awaitable[TlsChannel]]) -> TlsChannel:
        """At the last address and by the search; the first who proves the pinned key."""
        self._answered = False
        here = asyncio.ensure_future(self._open(self.known.host, self.known.port, self._note_answer))
        return await first_of([here, search(here)], TlsChannel.abort)

    async def _search_if_silent(self, here: "asyncio.Future[TlsChannel]") -> TlsChannel:
        done, _ = await asyncio.wait([here], timeout=SILENT_AFTER)
        if done or self._answered:
            raise DialFailed
        return await self._search_in_turn(here)

    async def _search_in_turn(self, here: "asyncio.Future[TlsChannel]") -> TlsChannel:
        now = asyncio.get_running_loop().time()
        self._search_at = now + self._search_wait
        if now - self._away_since >= SEARCH_OFTEN:
            self._search_wait = min(2.0 * self._search_wait, SEARCH_LONGEST)
        return await self._search(here)

    async def _search(self, here: "asyncio.Future[TlsChannel]") -> TlsChannel:
        """Where discovery sees the server; at the old address, too, for it may have come back meanwhile. Anybody can
        claim to be it, so each address is tried as soon as it is heard, beside the others."""
        tries = _Tries(self._open)

        def take_found(found: DiscoveredServer) -> None:
            here_again = found.address == (self.known.host, self.known.port) and self._answered and not here.done()
            if self._is_ours(found) and not here_again:
                tries.begin(found.address)

        for address in self._fixed_addresses():
            tries.begin(address)
        try:
            address, channel = await tries.first(self._seek(take_found))
        finally:
            await tries.close()
        self._moved(*address)
        return channel

    def _fixed_addresses(self) -> tuple[Address, ...]:
        """Where an administrator says that the server is; the last address is tried anyway."""
        fixed = self._options.policy.server
        if fixed is None or fixed.fingerprint != self.known.fingerprint:
            return ()
        last = (self.known.host, self.known.port)
        return tuple(address for address in ((fixed.host, fixed.port), *fixed.also) if address != last)

    async def _seek(self, take_found: Callable[[DiscoveredServer], None]) -> None:
        options = self._options
        if not options.policy.discovery:
            return
        for found in await discover(
            DISCOVERY_TIME,
            discovery_port=options.discovery_port,
            last_known=[(self.known.host, self.known.port)],
            use_zeroconf=options.use_zeroconf,
            on_found=take_found,
            wanted=self._is_ours,
        ):
            take_found(found)

    def _is_ours(self, found: DiscoveredServer) -> bool:
        return (found.log_id, found.fingerprint) == (self.known.log_id, self.known.fingerprint)

    def _note_answer(self) -> None:
        """At the last address somebody takes connections, however long the rest takes."""
        self._answered = True

    async def _open(self, host: str, port: int, on_answer: Callable[[], None] = lambda: None) -> TlsChannel:
        try:
            channel = await open_channel(host, port, self._options.connect_timeout, on_answer)
        except (OSError, TimeoutError, ProtocolError) as error:
            raise DialFailed from error
        if channel.fingerprint != self.known.fingerprint:
            channel.abort()
            raise DialFailed(ProblemDetails.of(Problem.OTHER_SERVER))
        return channel

    def _moved(self, host: str, port: int) -> None:
        """Next time this address first."""
        if (host, port) != (self.known.host, self.known.port):
            self._keep(replace(self.known, host=host, port=port))


class _Tries:
    """Connections to several addresses at the same time, TRIES_MAX in all; `close` ends those that nobody took."""

    def __init__(self, open_at: Callable[[str, int], Awaitable[TlsChannel]]) -> None:
        self._open_at = open_at
        self._tasks: dict[Address, asyncio.Future[TlsChannel]] = {}
        self._ended = asyncio.Event()
        self._taken: TlsChannel | None = None

    def begin(self, address: Address) -> None:
        if address not in self._tasks and len(self._tasks) < TRIES_MAX:
            self._tasks[address] = task = asyncio.ensure_future(self._open_at(*address))
            task.add_done_callback(lambda _: self._ended.set())

    async def first(self, search: Awaitable[object]) -> tuple[Address, TlsChannel]:
        """The first connection that stands, of those that `search` begins. Raises DialFailed."""
        searching = asyncio.ensure_future(search)
        searching.add_done_callback(lambda _: self._ended.set())
        try:
            while True:
                self._ended.clear()
                for address, task in self._tasks.items():
                    if task.done() and not task.exception():
                        self._taken = task.result()
                        return address, self._taken
                if searching.done() and all(task.done() for task in self._tasks.values()):
                    searching.result()
                    raise DialFailed
                await self._ended.wait()
        finally:
            searching.cancel()
            await asyncio.gather(searching, return_exceptions=True)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        for channel in await asyncio.gather(*self._tasks.values(), return_exceptions=True):
            if isinstance(channel, TlsChannel) and channel is not self._taken:
                channel.abort()


def _failed(error: BaseException) -> DialFailed | None:
    """What a try that got as far as the server died of; None for what is to be raised as it is."""
    match error:
        case ServerRefusal():
            code = error.failure.code
            return DialFailed(refused_with(code), final=code in FINAL, code=code)
        case VersionMismatch():
            return DialFailed(refused_with(Code.VERSION))
        case ProtocolError() | ChannelClosed(__cause__=ProtocolError()):
            return DialFailed(reason=Reason.BROKEN)
        case ChannelClosed() | OSError() | TimeoutError():
            return DialFailed()
        case _:
            return None


async def greet_candidate(
    profile: ProfileStore, candidate: Candidate, channel: TlsChannel, options: DialOptions
) -> tuple[KnownServer, GreetedChannel]:
    """Say hello to a server that is trusted, and pin it. Raises CommandError, ServerRefusal, ChannelClosed,
    ProtocolError; then the channel is closed."""
    try:
        async with asyncio.timeout(options.limits.greeting_timeout):
            greeted = await greet(channel)
        return pin(profile, candidate, channel, greeted.welcome, options.clock.wall_ms()), greeted
    except (CommandError, ServerRefusal, ChannelClosed, ProtocolError, OSError, TimeoutError, LocalStoreError):
        channel.abort()
        raise

"""The way in: which server it is, whether it is trusted, and the connection before log-in.

A server that is not trusted is looked at and hung up on; nothing of ours is sent. One that is trusted is greeted, and
its offer (registration, mail) is kept. The server ends a connection that does not log in within ten seconds, so a
person who types slowly gets a fresh one without noticing.
"""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from lanchat.app.api import ChangedIdentity, CommandError, ErrorKind, Server, Trust
from lanchat.app.command_errors import check_search, no_server, other_identity
from lanchat.app.login.dial import DialOptions, greet_candidate
from lanchat.app.login.handshake import GreetedChannel
from lanchat.app.login.trust import Candidate, found_candidate, found_view, judge, known_candidate, server_view
from lanchat.discovery.browse import discover
from lanchat.discovery.listing import DiscoveredServer
from lanchat.platform.network.interfaces import is_own
from lanchat.platform.network.own_end import is_trusted_end
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem
from lanchat.store.identities import KnownServer
from lanchat.store.profile import ProfileStore
from lanchat.transport.connecting import NEXT_ADDRESS, first_of
from lanchat.transport.tls import TlsChannel, open_channel

# After the first answer: the others of the same network answer within milliseconds, too.
MORE_SERVERS_TIME = 0.4
# Servers that one sentence names.
NAMED_MAX = 8


class LoginStages:
    """Event loop's thread only. `known`: the server that was reached and is trusted; `looked_at`: one that waits for
    a person's decision; `changed`: one that stands where a known one with another key did."""

    def __init__(self, profile: ProfileStore, options: DialOptions) -> None:
        """No server is known or looked at."""
        self.known: KnownServer | None = None
        self.server: Server | None = None
        self.welcome: wire.Welcome | None = None
        self.looked_at: tuple[Candidate, str] | None = None
        self.changed: tuple[Candidate, str] | None = None
        self._welcomed = asyncio.Event()
        self._profile = profile
        self._options = options
        self._greeted: GreetedChannel | None = None

    # --- Looking ----------------------------------------------------------------------------------------------------

    async def discover(
        self,
        timeout: float,
        on_found: Callable[[DiscoveredServer], None] | None = None,
        *,
        first_only: bool = False,
        expected: str = "",
        on_left_out: Callable[[], None] = lambda: None,
    ) -> list[DiscoveredServer]:
        """Servers on this network; the known ones, and those with the `expected` fingerprint, before all others, and
        asked directly, too; none where an administrator switched the search off. Raises LocalStoreError."""
        if not self._options.policy.discovery:
            return []
        known = {(server.log_id, server.fingerprint) for server in self._profile.servers()}
        return await discover(
            timeout,
            discovery_port=self._options.discovery_port,
            last_known=[(known.host, known.port) for known in self._profile.servers()],
            use_zeroconf=self._options.use_zeroconf,
            on_found=on_found,
            stop_after_first=first_only,
            wanted=None if first_only else lambda server: server.key in known or server.fingerprint == expected,
            on_left_out=on_left_out,
        )

    async def search(self, timeout: float, expected: str) -> Candidate:
        """The one server of this network, or the expected one. Raises CommandError."""
        check_search(self._options.policy)
        if expected:
            return self._one_of(await self.discover(timeout, expected=expected), expected)
        found = await self.discover(timeout, first_only=True)
        if found:
            more = await self.discover(min(timeout, MORE_SERVERS_TIME))
            found = list({server.key: server for server in (*found, *more)}.values())
        if len(found) > 1:
            names = [f"{server.name} ({server.host}:{server.port})" for server in found[:NAMED_MAX]]
            if len(found) > NAMED_MAX:
                names.append("…")
            raise CommandError(ErrorKind.INVALID, Problem.SEVERAL_SERVERS, names=tuple(names))
        if not found:
            raise no_server()
        return found_candidate(found[0])

    @staticmethod
    def _one_of(found: list[DiscoveredServer], expected: str) -> Candidate:
        """The server with this fingerprint, at all addresses that claim to be it: what else they claim is not proven.
        Raises CommandError."""
        claims = [server for server in found if server.fingerprint == expected]
        if not claims:
            raise no_server()
        addresses = dict.fromkeys(address for server in claims for address in (server.address, *server.also))
        first, *also = addresses
        return Candidate(*first, claims[0].name, claims[0].via, expected, None, tuple(also))

    def view(self, found: DiscoveredServer) -> Server:
        """`found` with what this profile makes of its fingerprint; that is not proven before a connection. Raises
        LocalStoreError."""
        return found_view(self._profile, found)

    # --- Connecting -------------------------------------------------------------------------------------------------

    async def look(self, candidate: Candidate, timeout: float, *, accept: bool, accept_own: bool = False) -> Server:
        """Connect, compare, and greet a server that is trusted or, with `accept`, new; with `accept_own`, new on this
        computer. Raises CommandError, ServerRefusal, ChannelClosed, LocalStoreError."""
        self.forget()
        candidate, channel = await self._open_one(candidate, timeout)
        fingerprint = channel.fingerprint
        assert fingerprint is not None
        try:
            trust = judge(self._profile, candidate, fingerprint)
        except BaseException as error:
            channel.abort()
            if isinstance(error, ChangedIdentity):
                self.changed = (candidate, fingerprint)
                error.server = server_view(candidate, fingerprint, Trust.CHANGED)
            raise
        accept = accept or (accept_own and is_trusted_end(channel.own, channel.peer))
        if trust is Trust.NEW and not accept:
            channel.abort()
            self.looked_at = (candidate, fingerprint)
            self.server = server_view(candidate, fingerprint, trust)
            return self.server
        await self._greet(candidate, channel)
        assert self.server is not None
        return self.server

    async def _open_one(self, candidate: Candidate, timeout: float) -> tuple[Candidate, TlsChannel]:
        """At the first of its addresses where it is; one after the other without waiting for the ones before (as RFC
        8305). Raises CommandError."""
        places = candidate.places
        if len(places) == 1:
            return candidate, await self._open(candidate, timeout)
        ways = [self._open_later(place, timeout, number * NEXT_ADDRESS) for number, place in enumerate(places)]
        return await first_of(ways, lambda found: found[1].abort())

    async def _open_later(self, candidate: Candidate, timeout: float, delay: float) -> tuple[Candidate, TlsChannel]:
        await asyncio.sleep(delay)
        channel = await self._open(candidate, timeout)
        if candidate.expected not in ("", channel.fingerprint):  # another computer has the address in this network
            channel.abort()
            raise other_identity(candidate.name)
        return candidate, channel

    async def _open(self, candidate: Candidate, timeout: float) -> TlsChannel:
        try:
            return await open_channel(candidate.host, candidate.port, min(timeout, self._options.connect_timeout))
        except (OSError, TimeoutError) as error:
            raise no_server(candidate.address, own=is_own(candidate.host)) from error
        except ProtocolError as error:
            raise CommandError(ErrorKind.NO_SERVER, Problem.NOT_A_SERVER, address=candidate.address) from error

    async def _greet(self, candidate: Candidate, channel: TlsChannel) -> None:
        known, self._greeted = await greet_candidate(self._profile, candidate, channel, self._options)
        self.looked_at = None
        self.note_welcome(known, self._greeted.welcome, candidate.via)

    def note_welcome(self, known: KnownServer, welcome: wire.Welcome, via: str = "known") -> None:
        """A trusted server said what it offers."""
        candidate = Candidate(known.host, known.port, known.name, via)
        self.known, self.welcome = known, welcome
        self.server = server_view(candidate, known.fingerprint, Trust.PINNED)
        self._welcomed.set()

    async def welcomed(self, fingerprint: str) -> None:
        """Wait until the server with this fingerprint (empty: the present one) said what it offers."""
        while self.known is None or self.welcome is None or fingerprint not in ("", self.known.fingerprint):
            self._welcomed.clear()
            await self._welcomed.wait()

    async def accept(self, fingerprint: str, timeout: float) -> None:
        """A person compared the words of the server that was looked at. Raises as `look`."""
        if self.known is not None and self.known.fingerprint == fingerprint:
            return
        if self.looked_at is None:
            raise CommandError(ErrorKind.INVALID, Problem.NO_SERVER_TO_ACCEPT)
        await self._accept(self.looked_at, fingerprint, timeout)

    async def _accept(self, looked_at: tuple[Candidate, str], fingerprint: str, timeout: float) -> None:
        candidate, shown = looked_at
        if shown != fingerprint:
            raise other_identity(candidate.name)
        candidate, channel = await self._open_one(candidate, timeout)
        if channel.fingerprint != fingerprint:
            channel.abort()
            raise other_identity(candidate.name)
        await self._greet(candidate, channel)

    async def start_anew(self, fingerprint: str, timeout: float) -> None:
        """A person compared the words of the server that stands in the place of a known one. Raises as `look`; then
        the known one is still expected there."""
        if self.changed is None:
            raise CommandError(ErrorKind.INVALID, Problem.NO_SERVER_TO_ACCEPT)
        candidate, shown = self.changed
        await self._accept((replace(candidate, expected="", also=()), shown), fingerprint, timeout)
        assert self.known is not None
        self._profile.replace_others(self.known)
        self.changed = None

    # --- The open connection ------------------------------------------------------------------------------------------

    def take_greeted(self) -> GreetedChannel | None:
        """The open connection, which is the caller's from now on."""
        greeted, self._greeted = self._greeted, None
        return greeted if greeted is not None and greeted.channel.open else None

    async def fresh_greeted(self, timeout: float) -> GreetedChannel:
        """A connection with a challenge that nobody used; give it back with `keep`. Raises CommandError,
        ServerRefusal, ChannelClosed, ProtocolError."""
        greeted = self.take_greeted()
        if greeted is not None:
            return greeted
        if self.known is None:
            raise CommandError(ErrorKind.INVALID, Problem.NOT_CONNECTED)
        candidate = known_candidate(self.known)
        channel = await self._open(candidate, timeout)
        if channel.fingerprint != self.known.fingerprint:
            channel.abort()
            raise other_identity(candidate.name)
        known, greeted = await greet_candidate(self._profile, candidate, channel, self._options)
        self.note_welcome(known, greeted.welcome)
        return greeted

    def keep(self, greeted: GreetedChannel) -> None:
        """The connection serves once more."""
        self._greeted = greeted

    def forget(self) -> None:
        """Another server is meant from now on, or none: nothing of this one is answered, and no log-in goes there."""
        self.hang_up()
        self.known = self.server = self.welcome = self.looked_at = self.changed = None

    def hang_up(self) -> None:
        """Close what is open before log-in."""
        greeted, self._greeted = self._greeted, None
        if greeted is not None:
            greeted.channel.close()

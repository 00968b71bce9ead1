"""The account and the connections of a client: what its commands work on."""

import asyncio
import contextlib
import gc
import logging
import random as system_random
from collections.abc import Callable

from msgspec.structs import replace

from lanchat.app import api
from lanchat.app.account_session import AccountSession
from lanchat.app.command_errors import not_logged_in
from lanchat.app.limits import CLIENT_LIMITS, ClientLimits
from lanchat.app.login.dial import Dialer, DialOptions
from lanchat.app.login.entry import LoginStages
from lanchat.app.login.handshake import GreetedChannel
from lanchat.app.login.trust import known_candidate, server_view
from lanchat.core.config import ClientConfig
from lanchat.core.core import ClientCore, LogIdentity
from lanchat.core.peers.peers import PeerStart
from lanchat.core.policy import NO_POLICY, Policy
from lanchat.platform.clock import SYSTEM_CLOCK, Clock
from lanchat.platform.entropy import SYSTEM_ENTROPY, Entropy
from lanchat.protocol import wire
from lanchat.protocol.datagram.beacon import DISCOVERY_PORT
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.log.keys import private_key
from lanchat.protocol.problems import ProblemDetails
from lanchat.store.identities import KnownServer, StoredDevice
from lanchat.store.local import SqliteLocalStore
from lanchat.store.profile import ProfileStore
from lanchat.transport.driver import Driver, EstablishedSession

log = logging.getLogger(__name__)
GOODBYE_TIME = 1.0
# The server sends a record right after its acknowledgement; the local copy should not end between the two.
SETTLE_TIME = 0.5


class ClientState:
    """`on_event` is called for each event, in order, in the loop's thread. One event loop for all calls."""

    def __init__(
        self,
        profile: ProfileStore,
        on_event: Callable[[api.Event], None],
        *,
        use_udp: bool = True,
        discovery_port: int = DISCOVERY_PORT,
        use_zeroconf: bool = True,
        policy: Policy = NO_POLICY,
        config: ClientConfig | None = None,
        limits: ClientLimits = CLIENT_LIMITS,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
        random: Callable[[], float] = system_random.random,
    ) -> None:
        """Nothing is connected. `discovery_port` and `use_zeroconf` say how servers are searched for; without `use_udp`
        everything goes over TLS; `policy`: what an administrator fixed; `config`: tunables of the core, its defaults
        without; `limits`: bounds above it."""
        self.profile = profile
        self.policy = policy
        # Connecting, logging in and leaving happen one after the other.
        self.turn = asyncio.Lock()
        self._on_event = on_event
        self.options = DialOptions(discovery_port, use_zeroconf, use_udp, policy=policy, clock=clock, limits=limits)
        self.entry = LoginStages(profile, self.options)
        self.member: AccountSession | None = None
        self.config = config or ClientConfig()
        self.limits = limits
        self._entropy = entropy
        self._random = random
        self._store: SqliteLocalStore | None = None
        # There was another member before.
        self._left = False
        self._revoke_at_end = False

    def emit(self, event: api.Event) -> None:
        """Tell; whoever listens badly must not stop the network."""
        try:
            self._on_event(event)
        except Exception:
            log.exception("an event was not taken: %s", type(event).__name__)

    async def close(self) -> None:
        """End the session. A device that was not to be remembered is revoked, when the server is there."""
        if self.member is not None:
            await self.member.settle(SETTLE_TIME)
        if self._revoke_at_end and self.member is not None and self.member.in_session:
            # When it fails the device stays enrolled, with a key that nobody has any more.
            with contextlib.suppress(api.CommandError):
                await self.member.ask(wire.Logout(), GOODBYE_TIME)
        await self.leave()

    # --- The account ------------------------------------------------------------------------------------------------

    def logged_in(self) -> AccountSession:
        """The account that is logged in or remembered; raises CommandError."""
        if self.member is None:
            raise not_logged_in()
        return self.member

    @property
    def unwritable(self) -> ProblemDetails | None:
        """Why the local copy cannot be written; else None."""
        return self._store.unwritable if self._store is not None else None

    async def leave(self) -> None:
        """End the session and stop reconnecting."""
        member, self.member = self.member, None
        channel = None
        if member is not None:
            self._left = True
            channel = member.driver.channel
            await member.stop()
        self.entry.hang_up()
        if channel is not None:
            await channel.wait_closed(GOODBYE_TIME)
        store, self._store = self._store, None
        if store is not None:
            store.close()
        self._revoke_at_end = False

    def remember(
        self, known: KnownServer, device: StoredDevice, server: api.Server, first: GreetedChannel | None
    ) -> AccountSession:
        """Become a remembered account and begin to connect. Raises LocalStoreError."""
        member, dialer = self._make_member(known, device, server, first)
        member.run(Driver(member.core, dialer, member.take_event, use_udp=self.options.use_udp))
        member.driver.start()
        return member

    def enter(
        self,
        known: KnownServer,
        device: StoredDevice,
        server: api.Server,
        established: EstablishedSession,
        *,
        keep: bool,
    ) -> AccountSession:
        """Become the account that has just logged in. Raises LocalStoreError."""
        member, dialer = self._make_member(known, device, server, None)
        member.run(Driver(member.core, dialer, member.take_event, use_udp=self.options.use_udp))
        member.driver.start_with(established)
        self._revoke_at_end = not keep
        return member

    def _make_member(
        self, known: KnownServer, device: StoredDevice, server: api.Server, first: GreetedChannel | None
    ) -> tuple[AccountSession, Dialer]:
        if self._left:
            # Its core and what was looked at of its rooms hold themselves, megabytes of them: 20 ms.
            self._left = False
            gc.collect()
        key = private_key(device.private_key)
        self._store = store = self.profile.local_store(known.log_id, device.user_id)
        core = ClientCore(
            config=self.config,
            identity=LogIdentity(known.log_id, 0, known.log_key),
            device_key=key,
            user=device.user_id,
            store=store,
            random=self._random,
            run=self._entropy.randbits(63),
            now_ms=self.options.clock.wall_ms,
            peers=PeerStart(
                self._entropy.randbits(63),
                self._entropy.token_bytes(32),
                self._entropy.token_bytes,
                device.certificate,
            ),
        )

        def keep_certificate(certificate: Certificate) -> None:
            stored = self.profile.device(known.log_id)
            if stored is not None and stored.device_id == device.device_id and stored.certificate != certificate:
                self.profile.save_device(replace(stored, certificate=certificate))

        member = self.member = AccountSession(
            core, store, device, server, self.emit, keep_certificate, self.options.clock.wall_ms, limits=self.limits
        )

        def greeted(reached: KnownServer, greeted: GreetedChannel) -> None:
            if member is self.member:
                self._greeted(member, reached, greeted)

        dialer = Dialer(self.profile, known, device, key, self.options, greeted, first)
        return member, dialer

    def _greeted(self, member: AccountSession, known: KnownServer, greeted: GreetedChannel) -> None:
        """The member's dialer reached the server: what it says of itself, and where it is now."""
        self.entry.note_welcome(known, greeted.welcome)
        before = member.server
        member.server = server_view(known_candidate(known), known.fingerprint, api.Trust.PINNED)
        if member.server.name != before.name:
            self.emit(api.ServerRenamed(member.server))

"""How an enrolled device gets a session: the last address, then wherever discovery sees the same server, then log-in.

The pin holds at every address. A server whose certificate is right and whose log is another one was set up anew.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lanchat.i18n import _
from lanchat.net.api import CommandError
from lanchat.net.discovery import discover
from lanchat.net.driver import DialFailed, Established
from lanchat.net.handshake import Greeted, Refusal, greet
from lanchat.net.listing import FoundServer
from lanchat.net.tls import Channel, ChannelClosed, open_channel
from lanchat.net.trust import Candidate, pin
from lanchat.net.words import code_text
from lanchat.protocol.client.ports import LocalStoreError
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.wire import Code
from lanchat.store.identities import KnownServer
from lanchat.store.profile import Profile

CONNECT_TIMEOUT = 4.0
LOGIN_TIMEOUT = 10.0
DISCOVERY_TIME = 1.0
# Failed tries at the last address before it is searched for: a server that is being restarted comes back there.
SEARCH_AFTER = 3
# Refusals after which a device does not come back by itself.
FINAL = frozenset((Code.BAD_CREDENTIALS, Code.ACCOUNT_DISABLED, Code.DEVICE_REVOKED, Code.VERSION))


@dataclass(frozen=True, slots=True)
class Options:
    """How to look for servers and to speak to them."""

    discovery_port: int
    use_zeroconf: bool = True
    use_udp: bool = True
    connect_timeout: float = CONNECT_TIMEOUT


class Dialer:
    """Of one device at one server. `first`: a channel that is open and greeted already. `on_greeted(known, greeted)`
    hears of each server that was reached."""

    def __init__(
        self,
        profile: Profile,
        known: KnownServer,
        device: bytes,
        key: Ed25519PrivateKey,
        options: Options,
        on_greeted: Callable[[KnownServer, Greeted], None],
        first: Greeted | None = None,
    ) -> None:
        self.known = known
        self._profile = profile
        self._device = device
        self._key = key
        self._options = options
        self._on_greeted = on_greeted
        self._first = first
        self._failures = 0

    async def dial(self, opened: Callable[[], None]) -> Established:
        """Raises DialFailed. A channel that does not become a session is closed."""
        first, self._first = self._first, None
        channel = first.channel if first is not None and first.channel.open else await self._reach()
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT):
                opened()
                greeted = first if first is not None and channel is first.channel else await greet(channel)
                self._check_log(greeted)
                self._on_greeted(self.known, greeted)
                logged_in = await greeted.log_in_device(self._device, self._key)
        except BaseException as error:
            channel.abort()
            failed = _failed(error)
            if failed is None:
                raise
            raise failed from error
        self._failures = 0
        return Established(channel, greeted.welcome, logged_in)

    def _check_log(self, greeted: Greeted) -> None:
        welcome = greeted.welcome
        if welcome.log_id != self.known.log_id or welcome.log_key != self.known.log_key:
            raise DialFailed(_("The server was set up anew: it does not know this account any more"), final=True)

    async def _reach(self) -> Channel:
        """A channel to the server with the pinned fingerprint, wherever it is now."""
        try:
            return await self._open(self.known.host, self.known.port)
        except DialFailed as failed:
            self._failures += 1
            if self._failures < SEARCH_AFTER:
                raise
            last = failed
        options = self._options
        for found in await discover(
            DISCOVERY_TIME,
            discovery_port=options.discovery_port,
            last_known=[(self.known.host, self.known.port)],
            use_zeroconf=options.use_zeroconf,
            stop_after_first=True,
            wanted=self._is_ours,
        ):
            # At the old address, too: it may have come back while it was searched for.
            if self._is_ours(found):
                with contextlib.suppress(DialFailed):
                    channel = await self._open(found.host, found.port)
                    self._moved(found.host, found.port)
                    return channel
        raise last

    def _is_ours(self, found: FoundServer) -> bool:
        return (found.log_id, found.fingerprint) == (self.known.log_id, self.known.fingerprint)

    async def _open(self, host: str, port: int) -> Channel:
        try:
            channel = await open_channel(host, port, self._options.connect_timeout)
        except (OSError, TimeoutError, ProtocolError) as error:
            raise DialFailed from error
        if channel.fingerprint != self.known.fingerprint:
            channel.abort()
            raise DialFailed(_("Another server answers at the known address"))
        return channel

    def _moved(self, host: str, port: int) -> None:
        """Next time this address first. A profile that cannot be written only costs a search then."""
        if (host, port) == (self.known.host, self.known.port):
            return
        self.known = replace(self.known, host=host, port=port)
        with contextlib.suppress(LocalStoreError):
            self._profile.pin(self.known)


def _failed(error: BaseException) -> DialFailed | None:
    """What a try that got as far as the server died of; None for what is to be raised as it is."""
    match error:
        case Refusal():
            code = error.failure.code
            return DialFailed(code_text(code), final=code in FINAL, code=code)
        case ProtocolError():
            return DialFailed(_("The server speaks another version: update this program or the server"))
        case ChannelClosed() | OSError() | TimeoutError():
            return DialFailed()
        case _:
            return None


async def greet_candidate(profile: Profile, candidate: Candidate, channel: Channel) -> tuple[KnownServer, Greeted]:
    """Say hello to a server that is trusted, and pin it. Raises CommandError, Refusal, ChannelClosed, ProtocolError;
    then the channel is closed."""
    try:
        async with asyncio.timeout(LOGIN_TIMEOUT):
            greeted = await greet(channel)
        return pin(profile, candidate, channel, greeted.welcome), greeted
    except (CommandError, Refusal, ChannelClosed, ProtocolError, OSError, TimeoutError, LocalStoreError):
        channel.abort()
        raise

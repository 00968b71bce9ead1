"""The client in an event loop: commands in, events out. What they mean stands in api.py.

    Client       one profile; the table of commands
    Entry        which server, whether it is trusted, the connection before log-in      (entry.py)
    Member       the account that is logged in or remembered: core, rooms, lines        (member.py)

A server that this profile knows and has a device key for is a Member at once, before it is reached: what the local copy
knows can be read, and messages wait in the outbox, while the server is away.
"""

import asyncio
import contextlib
import gc
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from random import random
from typing import Any

from msgspec.structs import replace

from lanchat.net import api, commands_account, commands_entry, commands_rooms, commands_talk
from lanchat.net.dial import Dialer, Options
from lanchat.net.driver import Driver, Established
from lanchat.net.entry import Entry
from lanchat.net.handshake import Greeted, Refusal
from lanchat.net.member import Member
from lanchat.net.tls import ChannelClosed
from lanchat.net.trust import known_candidate, server_view
from lanchat.net.words import broken, not_logged_in, offline, refusal, unreadable
from lanchat.protocol import wire
from lanchat.protocol.beacon import DISCOVERY_PORT
from lanchat.protocol.certificates import Certificate
from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.core import ClientCore, LogIdentity
from lanchat.protocol.client.ports import LocalStoreError
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.keys import private_key
from lanchat.store.identities import KnownServer, StoredDevice
from lanchat.store.local import SqliteLocalStore
from lanchat.store.profile import Profile

Handler = Callable[["Client", Any], Awaitable[Any]]

log = logging.getLogger(__name__)
GOODBYE_TIME = 1.0
# The server sends a record right after its acknowledgement; the local copy should not end between the two.
SETTLE_TIME = 0.5


class Client:
    """`on_event` is called for each event, in order, in the loop's thread. One event loop for all calls."""

    def __init__(
        self,
        profile: Profile,
        on_event: Callable[[api.Event], None],
        *,
        use_udp: bool = True,
        discovery_port: int = DISCOVERY_PORT,
        use_zeroconf: bool = True,
        config: ClientConfig | None = None,
    ) -> None:
        self.profile = profile
        # Connecting, logging in and leaving happen one after the other.
        self.turn = asyncio.Lock()
        self._on_event = on_event
        self.options = Options(discovery_port, use_zeroconf, use_udp)
        self.entry = Entry(profile, self.options)
        self.member: Member | None = None
        self.config = config or ClientConfig()
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

    async def call(self, command: api.Command) -> Any:
        """The command's result; raises CommandError and nothing else."""
        try:
            return await HANDLERS[type(command)](self, command)
        except Refusal as refused:
            raise refusal(refused.failure) from refused
        except LocalStoreError as error:
            raise api.CommandError(api.Trouble.LOCAL, str(error)) from error
        except ChannelClosed as error:
            raise (unreadable() if isinstance(error.__cause__, ProtocolError) else offline()) from error
        except ProtocolError as error:
            raise unreadable() from error
        except (OSError, TimeoutError) as error:
            raise offline() from error
        except api.CommandError:
            raise
        except Exception as error:
            log.exception("a command failed unexpectedly: %s", type(command).__name__)
            raise broken() from error

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

    def logged_in(self) -> Member:
        """The account that is logged in or remembered; raises CommandError."""
        if self.member is None:
            raise not_logged_in()
        return self.member

    @property
    def unwritable(self) -> str:
        """Why the local copy cannot be written; else empty."""
        return self._store.unwritable if self._store is not None else ""

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

    def remember(self, known: KnownServer, device: StoredDevice, server: api.Server, first: Greeted | None) -> Member:
        """Become a remembered account and begin to connect. Raises LocalStoreError."""
        member, dialer = self._make_member(known, device, server, first)
        member.run(Driver(member.core, dialer, member.take_event, use_udp=self.options.use_udp))
        member.driver.start()
        return member

    def enter(
        self, known: KnownServer, device: StoredDevice, server: api.Server, established: Established, *, keep: bool
    ) -> Member:
        """Become the account that has just logged in. Raises LocalStoreError."""
        member, dialer = self._make_member(known, device, server, None)
        member.run(Driver(member.core, dialer, member.take_event, use_udp=self.options.use_udp))
        member.driver.start_with(established)
        self._revoke_at_end = not keep
        return member

    def _make_member(
        self, known: KnownServer, device: StoredDevice, server: api.Server, first: Greeted | None
    ) -> tuple[Member, Dialer]:
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
            random=random,
            run=secrets.randbits(63),
            now_ms=lambda: max(0, int(time.time() * 1000)),
        )

        def keep_certificate(certificate: Certificate) -> None:
            stored = self.profile.device(known.log_id)
            if stored is not None and stored.device_id == device.device_id and stored.certificate != certificate:
                self.profile.save_device(replace(stored, certificate=certificate))

        member = self.member = Member(core, store, device, server, self.emit, keep_certificate)

        def greeted(reached: KnownServer, greeted: Greeted) -> None:
            if member is self.member:
                self._greeted(member, reached, greeted)

        dialer = Dialer(self.profile, known, device, key, self.options, greeted, first)
        return member, dialer

    def _greeted(self, member: Member, known: KnownServer, greeted: Greeted) -> None:
        """The member's dialer reached the server: what it says of itself, and where it is now."""
        self.entry.note_welcome(known, greeted.welcome)
        member.server = server_view(known_candidate(known), known.fingerprint, api.Trust.PINNED)


HANDLERS: dict[type, Handler] = {
    **commands_entry.HANDLERS,
    **commands_rooms.HANDLERS,
    **commands_talk.HANDLERS,
    **commands_account.HANDLERS,
}

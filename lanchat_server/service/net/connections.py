"""The open connections: their sessions, the keys of these, and when their people were seen."""

from collections.abc import Callable, Collection

from lanchat.platform.entropy import Entropy
from lanchat.protocol import wire
from lanchat.protocol.codes import Code
from lanchat.protocol.datagram.seal import SealLimits
from lanchat.protocol.wire import pack_frame
from lanchat_server.core.directory.differences import Differences
from lanchat_server.core.hub import ServerCore
from lanchat_server.service.net.connection import ClientConnection
from lanchat_server.service.net.datagrams import DatagramRelay


class ConnectionTable:
    """By the number of their session. For one event loop."""

    def __init__(
        self,
        core: ServerCore,
        now: Callable[[], float],
        wall_ms: Callable[[], int],
        entropy: Entropy,
        limits: SealLimits,
    ) -> None:
        """`now`: the core's clock; `wall_ms`: milliseconds UTC; session keys are drawn from `entropy`."""
        self.limits = limits
        # Set when the socket is there.
        self.relay: DatagramRelay | None = None
        # Set by the acceptor: a connection logged in or ended, its place before the log-in is free.
        self.on_settled: Callable[[ClientConnection], None] = lambda connection: None
        # Last-seen times (milliseconds) that the database does not have yet.
        self.seen_users: dict[int, int] = {}
        self.seen_devices: dict[bytes, int] = {}
        self._core = core
        self._now = now
        self._wall_ms = wall_ms
        self._entropy = entropy
        self._connections: dict[int, ClientConnection] = {}
        # When each session got its keys.
        self._keys_given: dict[int, float] = {}

    def all(self) -> list[ClientConnection]:
        """All that are open."""
        return list(self._connections.values())

    def get(self, session: int) -> ClientConnection | None:
        """The one of a session, None when it has ended."""
        return self._connections.get(session)

    def add(self, connection: ClientConnection) -> None:
        """TLS is up."""
        self._connections[connection.session] = connection

    def begin_session(self, connection: ClientConnection, user: int, device: bytes) -> None:
        """It has logged in."""
        self.on_settled(connection)
        connection.began_ms = self._wall_ms()
        self._core.add_session(connection.session, user, device, self._now())
        self.touch(connection)

    def remove(self, connection: ClientConnection) -> None:
        """It is gone, and with it its session."""
        self.on_settled(connection)
        self._connections.pop(connection.session, None)
        self.end_session(connection)

    def end_session(self, connection: ClientConnection) -> None:
        """Its session is over, at once: a client that does not hang up after a goodbye keeps its TCP connection for a
        while, but no datagram opens any more and no record goes there."""
        self._keys_given.pop(connection.session, None)
        if self.relay is not None:
            self.relay.close_channel(connection.session)
        if connection.user is not None:
            self.touch(connection)
            self._core.remove_session(connection.session, self._now())

    def touch(self, connection: ClientConnection) -> None:
        """The user and the device are here now."""
        if connection.user is not None:
            now_ms = self._wall_ms()
            self._core.last_seen[connection.user] = now_ms
            self.seen_users[connection.user] = now_ms
            self.seen_devices[connection.device] = now_ms

    # --- Keys of sessions ----------------------------------------------------------------------------------------

    def new_keys(self, session: int) -> wire.SessionKeys:
        """A fresh pair, with which the session's datagrams open from now on; the old one opens for half a minute
        more."""
        keys = wire.SessionKeys(
            self._free_key_id(),
            self._entropy.token_bytes(32),
            self._entropy.token_bytes(32),
            int(self.limits.key_lifetime * 1000),
        )
        self._keys_given[session] = self._now()
        if self.relay is not None:
            self.relay.open_channel(session, keys)
        return keys

    def send_keys(self, connection: ClientConnection) -> None:
        """Hand a fresh pair to a session."""
        connection.send(pack_frame(self.new_keys(connection.session)))

    def keys_worn(self, session: int, used: float) -> bool:
        """Whether this part of the life or of the packets of a session's keys is used; False without keys."""
        given = self._keys_given.get(session)
        if given is None or self.relay is None:
            return False
        left = self.relay.packets_left(session)
        return left < self.limits.packets_per_key * (1 - used) or self._now() - given > self.limits.key_lifetime * used

    def _free_key_id(self) -> int:
        """Two sessions under one id would take each other's datagrams for forgeries."""
        key_id = self._entropy.randbits(32)
        while self.relay is not None and self.relay.uses(key_id):
            key_id = self._entropy.randbits(32)
        return key_id

    # --- Ending sessions -----------------------------------------------------------------------------------------

    def end_sessions(self, user: int, code: Code | None, text: str, keep: ClientConnection | None = None) -> None:
        """End every session of a user, but for one."""
        for session in self._core.sessions.of_user(user):
            connection = self.get(session.id)
            if connection is not None and connection is not keep:
                connection.end(code, text)

    def end_devices(self, devices: Collection[bytes], user: int, keep: ClientConnection | None = None) -> None:
        """End the sessions of devices of a user that were revoked, but for one."""
        for session in self._core.sessions.of_user(user):
            connection = self.get(session.id)
            if session.device in devices and connection is not None and connection is not keep:
                connection.end(Code.DEVICE_REVOKED, "device revoked")

    def end_changed(self, changes: Differences) -> None:
        """End the sessions that have no right any more after changes that nobody was told of."""
        for session in list(self._core.sessions.all()):
            connection = self.get(session.id)
            if connection is not None and session.device in changes.revoked:
                connection.end(Code.DEVICE_REVOKED, "device revoked")
            elif connection is not None and session.user in changes.disabled:
                connection.end(Code.ACCOUNT_DISABLED, "account disabled")
            elif connection is not None and session.user in changes.passwords:
                connection.end(None, "password changed")

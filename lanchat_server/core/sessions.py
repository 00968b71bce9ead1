"""Who is connected: sessions, what they subscribed, and which way to reach them."""

from collections.abc import Collection, Iterable

import msgspec

from lanchat.protocol.codes import PresenceState
from lanchat.protocol.datagram.token_bucket import TokenBucket
from lanchat_server.core.config import CoreConfig


class Session(msgspec.Struct, eq=False):
    """One logged-in connection. `udp_seen`: when the last datagram of it opened, so that datagrams reach this client,
    as far as we know; `tls_queued`: octets that wait on its TLS channel (the shell keeps it current); `lagging`: rooms
    whose records were dropped for it; `requests` and `pages` (records of history) are shared by all sessions of the
    user."""

    id: int
    user: int
    device: bytes
    messages: TokenBucket
    nacks: TokenBucket
    requests: TokenBucket
    pages: TokenBucket
    rooms: set[int] = set()
    state: PresenceState = PresenceState.ONLINE
    udp_seen: float | None = None
    tls_queued: int = 0
    lagging: set[int] = set()


class SessionTable:
    """All sessions, by id, by user, and by subscribed room."""

    def __init__(self, config: CoreConfig) -> None:
        """Begins empty. `config` has the rates of what sessions may send and ask."""
        self._config = config
        self._sessions: dict[int, Session] = {}
        self._by_user: dict[int, dict[int, Session]] = {}
        self._subscribers: dict[int, dict[int, Session]] = {}

    def add(self, session_id: int, user: int, device: bytes) -> Session:
        """A session that has just logged in."""
        config = self._config
        session = Session(
            session_id,
            user,
            device,
            TokenBucket(config.message_rate, config.message_burst),
            TokenBucket(config.nack_rate, config.nack_burst),
            *self._shared_of(user),
        )
        self._sessions[session_id] = session
        self._by_user.setdefault(user, {})[session_id] = session
        return session

    def _shared_of(self, user: int) -> tuple[TokenBucket, TokenBucket]:
        """For all sessions of a user: who opens more may not ask for more."""
        for session in self._by_user.get(user, {}).values():
            return session.requests, session.pages
        config = self._config
        return (
            TokenBucket(config.request_rate, config.request_burst),
            TokenBucket(config.page_rate, config.page_burst),
        )

    def remove(self, session_id: int) -> Session | None:
        """The session that ended, its subscriptions with it; None when there is none of this id."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return None
        for room in session.rooms:
            self._unlist(room, session_id)
        mine = self._by_user[session.user]
        del mine[session_id]
        if not mine:
            del self._by_user[session.user]
        return session

    def subscribe(self, session: Session, room: int) -> None:
        """Whether the user may read the room is for the caller to check."""
        session.rooms.add(room)
        self._subscribers.setdefault(room, {})[session.id] = session

    def unsubscribe(self, session: Session, room: int) -> None:
        """Nothing happens when the session is not subscribed to the room."""
        session.rooms.discard(room)
        session.lagging.discard(room)
        self._unlist(room, session.id)

    def _unlist(self, room: int, session_id: int) -> None:
        listed = self._subscribers.get(room)
        if listed is not None:
            listed.pop(session_id, None)
            if not listed:
                del self._subscribers[room]

    def get(self, session_id: int) -> Session | None:
        """None: it has ended, or never began."""
        return self._sessions.get(session_id)

    def all(self) -> Iterable[Session]:
        """A view of the table, which must not change while it is iterated over."""
        return self._sessions.values()

    def of_user(self, user: int) -> list[Session]:
        """In order of log-in; empty for a user who is not connected. The list is the caller's."""
        return list(self._by_user.get(user, {}).values())

    def most_of_one_user(self) -> list[Session]:
        """The sessions of whoever has most."""
        return list(max(self._by_user.values(), key=len, default={}).values())

    def subscribers(self, room: int) -> Collection[Session]:
        """A view, which must not change while it is iterated over; empty for a room without any."""
        return self._subscribers.get(room, {}).values()

    def device_online(self, device: bytes) -> bool:
        """Whether this device has a session."""
        return any(session.device == device for session in self._sessions.values())

    def user_state(self, user: int) -> PresenceState:
        """Online when any of the user's sessions is, away when all are, offline without one."""
        states = [session.state for session in self._by_user.get(user, {}).values()]
        if not states:
            return PresenceState.OFFLINE
        return PresenceState.ONLINE if PresenceState.ONLINE in states else PresenceState.AWAY

    def online_users(self) -> list[int]:
        """Ids of the users who have a session, each once. The list is the caller's."""
        return list(self._by_user)

    def __len__(self) -> int:
        """Sessions of all users."""
        return len(self._sessions)

"""The connection as seen from the core: its state, whether UDP works, how long the server was silent, the next try.

TLS     the shell connects when told (`Due.RECONNECT`) and says how it went
UDP     pings at 0, 0.1, 0.3, 1 s after log-in; a pong by UDP opens the path; no pong closes it, tried again every
        30 s. A ping with token 0 says "I have heard nothing of you by UDP", so that a server need not send into
        a path that is open one way only; any other token says that a pong came
silence after 7.5 s a ping on both ways, after 10 s the connection is given up
tries   full jitter: U(0, min(longest, 0.5 s × 2^k)), so that a thousand clients do not come back in one instant. In the
        first minute `longest` is 4 s: a server that was restarted has everybody back within 5 s (docs/RELIABILITY.md);
        then 30 s, so that clients of a server that stays away do not keep the network busy
"""

import enum
from collections.abc import Callable

from lanchat.protocol.client.config import ClientConfig
from lanchat.protocol.client.events import Output, Path
from lanchat.protocol.client.states import IN_SESSION, LinkState, Move, Reason, after
from lanchat.protocol.wire import Ping

_UNHEARD = 0
_HEARD = 1


class Due(enum.Enum):
    """What the core must do because of the time."""

    RECONNECT = enum.auto()
    GIVE_UP = enum.auto()


class Link:
    """One per client core, over all its sessions."""

    def __init__(self, config: ClientConfig, random: Callable[[], float]) -> None:
        self._config = config
        self._random = random
        self.state = LinkState.CONNECTING
        self.reason = Reason.NONE
        self.detail = ""
        self.code = 0
        self.retry_at: float | None = None
        self.udp_open = False
        self._use_udp = True
        self._failures = 0
        self._down_since: float | None = None
        self._away_at: float | None = None
        self._heard = 0.0
        self._silence_ping_at: float | None = None
        self._udp_sent = 0.0
        self._pings_due: list[float] = []
        self._probe_ends: float | None = None
        self._udp_retry_at: float | None = None

    @property
    def up(self) -> bool:
        """Logged in."""
        return self.state in IN_SESSION

    def move(self, move: Move, reason: Reason = Reason.NONE, detail: str = "", code: int = 0) -> None:
        """Change the state; raises WrongMove."""
        self.state = after(self.state, move)
        self.reason, self.detail, self.code = reason, detail, code

    # --- Connecting -----------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin to connect, at once."""
        self.move(Move.TRY)
        self.retry_at = now
        self._down_since = now
        self._away_at = now + self._config.away_after

    def opened(self) -> None:
        self.retry_at = None
        self.move(Move.OPENED)

    def logged_in(self, now: float, use_udp: bool) -> None:
        """A session begins."""
        self.move(Move.LOGGED_IN)
        self.retry_at = None
        self._down_since = None
        self._away_at = None
        self._use_udp = use_udp
        self.udp_open = False
        self._heard = now
        self._udp_sent = now
        self._silence_ping_at = now + self._config.silence_ping
        self.probe(now)

    def settled(self, move: Move, reason: Reason) -> bool:
        """The core judged the session; True when that is news."""
        if after(self.state, move) is self.state and reason is self.reason:
            return False
        self.move(move, reason)
        if move is Move.COMPLETE:
            self._failures = 0
        return True

    def lost(self, now: float, reason: Reason, detail: str) -> None:
        """The connection ended or a try failed; the next try is drawn."""
        silent = self.up and reason is Reason.SILENT
        self.move(Move.SILENT if silent else Move.LOST, reason, detail)
        self.retry_at = now + self._random() * self._longest_wait(now)
        self._failures += 1
        if self._away_at is None and not silent:
            self._away_at = now + self._config.away_after
        self._stop_session()

    def _longest_wait(self, now: float) -> float:
        """Before the next try, after as many failures as there were."""
        config = self._config
        if self._down_since is None:
            self._down_since = now
        early = now - self._down_since < config.reconnect_early_time
        longest = config.reconnect_early if early else config.reconnect_longest
        return min(longest, config.reconnect_first * 2.0 ** min(self._failures, 16))

    def refused(self, detail: str, code: int) -> None:
        """No further tries."""
        self.move(Move.REFUSED, Reason.REFUSED, detail, code)
        self.retry_at = None
        self._away_at = None
        self._stop_session()

    def _stop_session(self) -> None:
        self.udp_open = False
        self._pings_due = []
        self._probe_ends = None
        self._udp_retry_at = None
        self._silence_ping_at = None

    # --- Hearing and pinging ----------------------------------------------------------------------------------------

    def heard(self, now: float) -> None:
        """Something genuine came, either way."""
        self._heard = now
        self._silence_ping_at = now + self._config.silence_ping

    def ponged(self, path: Path) -> bool:
        """A pong; True when it opened the UDP path."""
        if path is not Path.UDP or not self._use_udp:
            return False
        opened = not self.udp_open
        self.udp_open = True
        self._pings_due = []
        self._probe_ends = None
        self._udp_retry_at = None
        return opened

    def sent(self, path: Path, now: float) -> None:
        if path is Path.UDP:
            self._udp_sent = now

    def probe(self, now: float) -> None:
        """Find out whether UDP works, with several pings."""
        if self._use_udp and self._probe_ends is None:
            self._pings_due = [now + delay for delay in self._config.ping_times]
            self._probe_ends = self._pings_due[-1] + self._config.ping_patience
            self._udp_retry_at = None

    def ping(self) -> Output:
        """A ping by UDP."""
        return Output(Path.UDP, Ping(_HEARD if self.udp_open else _UNHEARD))

    # --- Time -----------------------------------------------------------------------------------------------------

    def timer(self) -> float | None:
        times = [self.retry_at, self._away_at]
        if self.up:
            times += [self._silence_ping_at, self._heard + self._config.silence_max]
            times += [self._pings_due[0] if self._pings_due else None, self._probe_ends, self._udp_retry_at]
            if self.udp_open:
                times.append(self._udp_sent + self._config.keep_alive)
        return min((when for when in times if when is not None), default=None)

    def handle_timer(self, now: float) -> tuple[list[Output], Due | None]:
        """Pings to send, and what else is due. Raises nothing."""
        if self.up:
            return self._watch_session(now)
        if self._away_at is not None and now >= self._away_at:
            self._away_at = None
            if self.state is not LinkState.AWAY:
                self.move(Move.PATIENCE_OVER, self.reason, self.detail)
        if self.retry_at is not None and now >= self.retry_at:
            self.retry_at = None
            return [], Due.RECONNECT
        return [], None

    def _watch_session(self, now: float) -> tuple[list[Output], Due | None]:
        if now >= self._heard + self._config.silence_max:
            return [], Due.GIVE_UP
        outputs: list[Output] = []
        if self._silence_ping_at is not None and now >= self._silence_ping_at:
            self._silence_ping_at = None
            outputs.append(Output(Path.TLS, Ping(_HEARD if self.udp_open else _UNHEARD)))
            self.probe(now)
        if self._probe_ends is not None and now >= self._probe_ends:
            outputs.extend(self._close_udp(now))
        self._watch_udp(now)
        if self._pings_due and now >= self._pings_due[0]:
            self._pings_due = [when for when in self._pings_due if when > now]
            outputs.append(self.ping())
        return outputs, None

    def _close_udp(self, now: float) -> list[Output]:
        """No pong came. The server may still believe in the path, so it is told on the way that works."""
        was_open, self.udp_open = self.udp_open, False
        self._probe_ends = None
        self._udp_retry_at = now + self._config.udp_retry
        return [Output(Path.TLS, Ping(_UNHEARD))] if was_open else []

    def _watch_udp(self, now: float) -> None:
        retry = self._udp_retry_at is not None and now >= self._udp_retry_at
        keep_alive = self.udp_open and now >= self._udp_sent + self._config.keep_alive
        if retry or keep_alive:
            self.probe(now)

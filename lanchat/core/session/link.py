"""The connection as seen from the core: its state, whether UDP works, how long the server was silent, the next try.

TLS     the shell connects when told (`DueAction.RECONNECT`) and says how it went
UDP     six pings within 0.6 s after log-in; a pong by UDP opens the path. No pong closes an open one when the server
        was heard over TLS meanwhile: a network that lets nothing through says nothing about UDP. A closed path is
        tried again after 2 s, doubling to 30. A ping with token 0 says "I have heard nothing of you by UDP", so that a
        server need not send into a path that is open one way only; any other token says that a pong came
        Whoever sends nothing by UDP for 25 s, or hears nothing there for 12 s, pings again
doubt   what should have been answered was not (the third try of a message, three NACKs): a ping on both ways at once;
        or nothing at all was heard for 7.5 s: over TLS first. Nothing for another 1.2 s: the shell searches for the
        server (`DueAction.SEARCH`) and makes a second connection, which takes the place of the silent one only when it
        is proven and logged in. While the silence lasts, two pings a second; the first sign of life ends it, and what
        was sent into it goes again at once
silence after 10 s the connection is given up, whether there is another one or not; also when TLS says nothing for 25 s
        and then for another 25 s after a ping, while UDP goes on
tries   full jitter: U(0, min(longest, 0.5 s × 2^k)), so that a thousand clients do not come back in one instant. In the
        first minute `longest` is 2 s: a server that was restarted has everybody back within 5 s (docs/RELIABILITY.md);
        then 30 s, so that clients of a server that stays away do not keep the network busy
"""

import enum
from collections.abc import Callable

from lanchat.core.config import ClientConfig
from lanchat.core.endpoints import SERVER
from lanchat.core.events import Output
from lanchat.core.session.states import IN_SESSION, LinkEvent, LinkState, Reason, after
from lanchat.core.timers import earliest
from lanchat.protocol.problems import ProblemDetails
from lanchat.protocol.transport import Transport
from lanchat.protocol.wire import Ping

_UNHEARD = 0
_HEARD = 1


class DueAction(enum.Enum):
    """What the core must do because of the time."""

    RECONNECT = enum.auto()
    SEARCH = enum.auto()
    GIVE_UP = enum.auto()


class LinkController:
    """One per client core, over all its sessions."""

    def __init__(self, config: ClientConfig, random: Callable[[], float]) -> None:
        """`random` returns values from 0 to below 1. No try is due before `start`."""
        self._config = config
        self._random = random
        self.state = LinkState.CONNECTING
        self.reason = Reason.NONE
        self.details: ProblemDetails | None = None
        self.code = 0
        self.retry_at: float | None = None
        self.udp_open = False
        self._use_udp = True
        self._failures = 0
        self._session_since = 0.0
        self._broken = 0
        self._down_since: float | None = None
        self._away_at: float | None = None
        self._heard = 0.0
        self._heard_tls = 0.0
        self._heard_udp = 0.0
        self._silence_ping_at: float | None = None
        self._doubted: float | None = None
        self._doubt_again = 0.0
        self._search_at: float | None = None
        self._search_wait = 0.0
        # Until then something must have come over TLS, however well UDP works.
        self._tls_until: float | None = None
        self._udp_sent = 0.0
        self._pings_due: list[float] = []
        self._probe_began = 0.0
        self._probe_ends: float | None = None
        self._udp_retry_at: float | None = None
        self._udp_retry = config.udp_retry_first

    @property
    def up(self) -> bool:
        """Logged in."""
        return self.state in IN_SESSION

    @property
    def silent(self) -> bool:
        """The server was asked for a sign of life, and there was none yet."""
        return self._doubted is not None

    def move(
        self, move: LinkEvent, reason: Reason = Reason.NONE, details: ProblemDetails | None = None, code: int = 0
    ) -> None:
        """Change the state; raises InvalidTransition."""
        self.state = after(self.state, move)
        self.reason, self.details, self.code = reason, details, code

    # --- Connecting -----------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin to connect, at once."""
        self.move(LinkEvent.TRY)
        self.retry_at = now
        self._down_since = now
        self._away_at = now + self._config.away_after

    def opened(self) -> None:
        """The server's identity was proven, log-in begins. Raises InvalidTransition when it had begun before."""
        self.retry_at = None
        self.move(LinkEvent.OPENED)

    def logged_in(self, now: float, use_udp: bool) -> None:
        """A session begins."""
        self.move(LinkEvent.LOGGED_IN)
        self.retry_at = None
        self._session_since = now
        self._away_at = None
        self._use_udp = use_udp
        self.udp_open = False
        self._udp_retry = self._config.udp_retry_first
        self._udp_sent = self._heard_udp = now
        self.heard(now, Transport.TLS)
        self.probe(now)

    def settled(self, move: LinkEvent, reason: Reason) -> bool:
        """The core judged the session; True when that is news."""
        if after(self.state, move) is self.state and reason is self.reason:
            return False
        self.move(move, reason)
        return True

    def lost(self, now: float, reason: Reason, details: ProblemDetails | None) -> None:
        """The connection ended or a try failed; the next try is drawn."""
        if self.up and now - self._session_since >= self._config.session_steady:
            self._failures = self._broken = 0
            self._down_since = None
        self._broken = self._broken + 1 if reason is Reason.BROKEN else 0
        silent = self.up and reason is Reason.SILENT
        self.move(LinkEvent.SILENT if silent else LinkEvent.LOST, reason, details)
        self.retry_at = now + self._wait(now)
        self._failures += 1
        if self._away_at is None and not silent:
            self._away_at = now + self._config.away_after
        self._stop_session()

    def _wait(self, now: float) -> float:
        """Until the next try. What broke the protocol twice in a row is likely to do so again: that is not tried at
        once."""
        if self._broken > 1:
            config = self._config
            longest = min(config.reconnect_longest, config.broken_first * 2.0 ** min(self._broken - 2, 16))
            return longest * (0.5 + 0.5 * self._random())
        return self._random() * self._longest_wait(now)

    def _longest_wait(self, now: float) -> float:
        """Before the next try, after as many failures as there were."""
        config = self._config
        if self._down_since is None:
            self._down_since = now
        early = now - self._down_since < config.reconnect_early_time
        longest = config.reconnect_early if early else config.reconnect_longest
        return min(longest, config.reconnect_first * 2.0 ** min(self._failures, 16))

    def refused(self, details: ProblemDetails | None, code: int) -> None:
        """No further tries."""
        self.move(LinkEvent.REFUSED, Reason.REFUSED, details, code)
        self.retry_at = None
        self._away_at = None
        self._stop_session()

    def _stop_session(self) -> None:
        self.udp_open = False
        self._pings_due = []
        self._probe_ends = None
        self._udp_retry_at = None
        self._silence_ping_at = None
        self._doubted = None
        self._search_at = None

    # --- Hearing and doubting ---------------------------------------------------------------------------------------

    def heard(self, now: float, path: Transport) -> bool:
        """Something genuine came; True when it ends a silence in which what was sent is likely to have been lost."""
        self._heard = now
        self._silence_ping_at = now + self._config.silence_ping
        if path is Transport.TLS:
            self._heard_tls = now
            self._tls_until = None
        else:
            self._heard_udp = now
        if self._doubted is None:
            return False
        ended = now - self._doubted >= self._config.silence_short
        self._doubted = None
        self._search_at = None
        if ended and self._probe_ends is not None:
            # Pings of the silence say nothing about UDP.
            self._probe_ends = None
            self.probe(now)
        return ended

    def doubt(self, now: float) -> list[Output]:
        """Something was not answered: ask the server for a sign of life."""
        if not self.up or self.silent or now < self._doubt_again:
            return []
        if self.udp_open:
            self.probe(now)
        return self._ask(now)

    def _ask(self, now: float) -> list[Output]:
        self._doubted = now
        self._doubt_again = now + self._config.doubt_every
        self._search_wait = self._config.search_first
        self._search_at = now + self._config.search_after * (1.0 + 0.25 * self._random())
        self._silence_ping_at = None
        return [Output(SERVER, Transport.TLS, self._ping())]

    def cut_off(self, now: float) -> list[Output]:
        """This computer has lost the address that the connection uses: nothing will be heard."""
        if not self.up:
            return []
        self._doubt_again = now
        outputs = self.doubt(now)
        self._search_at = now
        return outputs

    # --- UDP --------------------------------------------------------------------------------------------------------

    def ponged(self, path: Transport) -> bool:
        """A pong; True when it opened the UDP path."""
        if path is not Transport.UDP or not self._use_udp:
            return False
        opened = not self.udp_open
        self.udp_open = True
        self._pings_due = []
        self._probe_ends = None
        self._udp_retry_at = None
        self._udp_retry = self._config.udp_retry_first
        return opened

    def sent(self, path: Transport, now: float) -> None:
        """Something went out: by UDP it keeps the path open, so that the next ping is later."""
        if path is Transport.UDP:
            self._udp_sent = now

    def probe(self, now: float) -> None:
        """Find out whether UDP works, with several pings."""
        if self._use_udp and self._probe_ends is None:
            self._pings_due = [now + delay for delay in self._config.ping_times]
            self._probe_began = now
            self._probe_ends = self._pings_due[-1] + self._config.ping_patience
            self._udp_retry_at = None

    def ping(self) -> Output:
        """A ping by UDP."""
        return Output(SERVER, Transport.UDP, self._ping())

    def _ping(self) -> Ping:
        return Ping(_HEARD if self.udp_open else _UNHEARD)

    # --- Time -----------------------------------------------------------------------------------------------------

    def timer(self) -> float | None:
        """When `handle_timer` has something to do; None: never, unless something else happens."""
        if not self.up:
            return earliest(self.retry_at, self._away_at)
        return earliest(
            self.retry_at,
            self._away_at,
            self._tls_ping_at if self._tls_until is None else self._tls_until,
            self._silence_ping_at,
            self._search_at,
            self._heard + self._config.silence_max,
            self._pings_due[0] if self._pings_due else None,
            self._probe_ends,
            self._udp_retry_at,
            self._probe_at if self.udp_open and self._probe_ends is None else None,
        )

    def handle_timer(self, now: float) -> tuple[list[Output], DueAction | None]:
        """Pings to send, and what else is due. Raises nothing."""
        if self.up:
            return self._watch_session(now)
        if self._away_at is not None and now >= self._away_at:
            self._away_at = None
            if self.state is not LinkState.AWAY:
                self.move(LinkEvent.PATIENCE_OVER, self.reason, self.details)
        if self.retry_at is not None and now >= self.retry_at:
            self.retry_at = None
            return [], DueAction.RECONNECT
        return [], None

    def _watch_session(self, now: float) -> tuple[list[Output], DueAction | None]:
        tls_is_dead = self._tls_until is not None and now >= self._tls_until
        if tls_is_dead or now >= self._heard + self._config.silence_max:
            return [], DueAction.GIVE_UP
        outputs: list[Output] = []
        if self._tls_until is None and now >= self._tls_ping_at:
            self._tls_until = now + self._config.tls_silence_max
            outputs.append(Output(SERVER, Transport.TLS, self._ping()))
        if self._silence_ping_at is not None and now >= self._silence_ping_at:
            outputs.extend(self._ask(now))
        if self._probe_ends is not None and now >= self._probe_ends:
            outputs.extend(self._end_probe(now))
        retry = self._udp_retry_at is not None and now >= self._udp_retry_at
        if retry or (self.udp_open and now >= self._probe_at):
            self.probe(now)
        if self._pings_due and now >= self._pings_due[0]:
            self._pings_due = [when for when in self._pings_due if when > now]
            outputs.append(self.ping())
        if self._search_at is not None and now >= self._search_at:
            self._search_at = now + self._search_wait * (1.0 + 0.25 * self._random())
            self._search_wait *= 2.0
            return outputs, DueAction.SEARCH
        return outputs, None

    def _end_probe(self, now: float) -> list[Output]:
        """No pong came by UDP."""
        if self.udp_open and self._heard_tls < self._probe_began:
            self._pings_due = [now]
            self._probe_ends = now + self._config.silent_ping_every
            return self.doubt(now)
        return self._close_udp(now)

    def _close_udp(self, now: float) -> list[Output]:
        """The server may still believe in the path, so it is told on the way that works."""
        was_open, self.udp_open = self.udp_open, False
        self._probe_ends = None
        self._udp_retry_at = now + self._udp_retry
        self._udp_retry = min(2.0 * self._udp_retry, self._config.udp_retry_longest)
        return [Output(SERVER, Transport.TLS, self._ping())] if was_open else []

    @property
    def _tls_ping_at(self) -> float:
        """When TLS was quiet for so long that it is asked for a sign of life, though UDP may give plenty."""
        return self._heard_tls + self._config.keep_alive

    @property
    def _probe_at(self) -> float:
        """When an open path is to be pinged."""
        keep_alive = min(self._udp_sent + self._config.keep_alive, self._heard_udp + self._config.udp_silence)
        return keep_alive if self._doubted is None else min(keep_alive, self._doubted + self._config.silence_short)

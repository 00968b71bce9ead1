"""The states of the link, as a table. A missing entry is a mistake of the caller, never of the server.

A session state (syncing, live, lagging, resyncing, forked) says how well the rooms of a logged-in session are doing;
the core judges that after everything it hears, worst first: forked, resyncing, lagging, syncing, live.
"""

import enum


class LinkState(enum.Enum):
    """Whether there is a session, and how well it does; shown to people in plain words. Values are those of the command
    line's contract."""

    CONNECTING = "connecting"
    AUTHENTICATING = "authenticating"
    SYNCING = "syncing"
    LIVE = "live"
    LAGGING = "lagging"
    AWAY = "away"
    RESYNCING = "resyncing"
    FORKED = "forked"
    REFUSED = "refused"


class LinkEvent(enum.Enum):
    """What changes the state."""

    TRY = "a connection is tried"
    OPENED = "the server's identity was proven"
    LOGGED_IN = "log-in succeeded"
    COMPLETE = "every room is complete"
    LAGGED = "the server dropped what it had queued for us"
    SERVER_BEHIND = "the server has fewer records than we have"
    FORK = "the server has other records than we have"
    LOST = "the connection ended, or a try failed"
    PATIENCE_OVER = "tries failed for too long"
    SILENT = "the server said nothing for too long"
    REFUSED = "the server refuses this device"


class Reason(enum.Enum):
    """Why the state is what it is."""

    NONE = "none"
    NO_ANSWER = "no_answer"
    LOST = "lost"
    STOPPING = "stopping"
    SILENT = "silent"
    REFUSED = "refused"
    OTHER_HISTORY = "other_history"
    SHORTER_HISTORY = "shorter_history"
    OVERLOADED = "overloaded"
    LOCAL = "local"
    BROKEN = "broken"


S, M = LinkState, LinkEvent

_DOWN = {
    M.TRY: S.CONNECTING,
    M.OPENED: S.AUTHENTICATING,
    M.LOGGED_IN: S.SYNCING,
    M.LOST: S.CONNECTING,
    M.PATIENCE_OVER: S.AWAY,
    M.REFUSED: S.REFUSED,
}
_UP = {
    M.COMPLETE: S.LIVE,
    M.LAGGED: S.LAGGING,
    M.SERVER_BEHIND: S.RESYNCING,
    M.FORK: S.FORKED,
    M.LOST: S.CONNECTING,
    M.SILENT: S.AWAY,
    M.REFUSED: S.REFUSED,
}
TABLE: dict[LinkState, dict[LinkEvent, LinkState]] = {
    S.CONNECTING: _DOWN,
    S.AUTHENTICATING: {M.LOGGED_IN: S.SYNCING, M.LOST: S.CONNECTING, M.PATIENCE_OVER: S.AWAY, M.REFUSED: S.REFUSED},
    S.AWAY: _DOWN | {M.TRY: S.AWAY, M.LOST: S.AWAY},
    # A second connection that was under way is refused as well.
    S.REFUSED: {
        M.TRY: S.CONNECTING,
        M.OPENED: S.AUTHENTICATING,
        M.LOGGED_IN: S.SYNCING,
        M.LOST: S.REFUSED,
        M.REFUSED: S.REFUSED,
    },
    S.SYNCING: _UP,
    S.LIVE: _UP,
    S.LAGGING: _UP,
    S.RESYNCING: _UP,
    S.FORKED: _UP,
}
IN_SESSION = frozenset((S.SYNCING, S.LIVE, S.LAGGING, S.RESYNCING, S.FORKED))


class InvalidTransition(Exception):
    """The caller's mistake: this cannot happen in this state."""


def after(state: LinkState, move: LinkEvent) -> LinkState:
    """The next state; raises InvalidTransition for what cannot happen in `state`."""
    try:
        return TABLE[state][move]
    except KeyError:
        raise InvalidTransition(f"{move.value}: not while {state.value}") from None

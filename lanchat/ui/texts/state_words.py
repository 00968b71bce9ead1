"""What the state line says of the connection, in as many words as there is room for. Pure, in the language in use."""

from lanchat.app.api import LinkState, StateChanged
from lanchat.i18n import N_, _, ngettext
from lanchat.protocol.codes import Code
from lanchat.protocol.problems import Problem, ProblemDetails
from lanchat.wording.problems import details_text

# Of reasons that have no room in a narrow window as they stand.
BRIEF_REASONS = {
    Problem.OTHER_HISTORY: N_("The server has another history: nothing is sent"),
    Problem.SHORTER_HISTORY: N_("The server has lost messages: nothing is sent"),
    Problem.SERVER_UNREADABLE: N_("The server's data cannot be understood"),
    Problem.OVERLOADED: N_("Messages come too fast for this connection"),
    Code.BAD_REQUEST: N_("The versions of program and server may differ"),
    Code.VERSION: N_("Another version: update this program or the server"),
    Code.DISK_FULL: N_("The server's disk is nearly full: tell its administrator"),
    Code.LOG_FULL: N_("The server's store is full: tell its administrator"),
    Code.TOO_MANY_SESSIONS: N_("You are connected too many times"),
}


def state_line(change: StateChanged, server: str) -> str:
    """All that the state line says. `server`: its name; empty before it is known."""
    return state_lines(change, server)[0]


def state_lines(change: StateChanged, server: str) -> tuple[str, ...]:
    """The same in fewer and fewer words: why nothing goes on is said in all of them, what becomes of a text that is
    written meanwhile is left out first."""
    # A connection that was tried and failed is no progress to be told of.
    state = LinkState.AWAY if change.state is LinkState.CONNECTING and change.reason else change.state
    text = _state(state).format(server=server) if server else _nameless_state(state)
    reason, brief = _reason(change.reason)
    again = _("Next try in {n} s.").format(n=round(change.retry_in)) if change.retry_in >= 1 else ""
    peers = _peers(change.peers) if state is LinkState.AWAY else ""
    promise = _("What you write is kept and sent when it is back.") if state is LinkState.AWAY else ""
    lines = [(text, reason, again, peers, promise), (text, reason, again, peers), (text, reason, again)]
    if reason:
        lines += [(reason, again), (brief, again), (brief,)]
    else:
        lines += [(_brief_state(state), again), (_brief_state(state),)]
    return tuple(dict.fromkeys(" ".join(filter(None, parts)) for parts in lines))


def sentence(text: str) -> str:
    """With a full stop, unless it ends like a sentence."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _reason(details: ProblemDetails | None) -> tuple[str, str]:
    """In full, and in few words; empty for None."""
    if details is None:
        return "", ""
    whole = sentence(details_text(details))
    brief = BRIEF_REASONS.get(details.problem)
    return whole, sentence(_(brief)) if brief else whole


def _peers(count: int) -> str:
    if not count:
        return ""
    return ngettext("{n} colleague can be reached directly.", "{n} colleagues can be reached directly.", count).format(
        n=count
    )


def _state(state: LinkState) -> str:
    return {
        LinkState.CONNECTING: _("Connecting to {server}…"),
        LinkState.AUTHENTICATING: _("Connected to {server}, logging in…"),
        LinkState.SYNCING: _("Logged in. Fetching what you missed…"),
        LinkState.LIVE: _("Connected to {server}. Everything is up to date."),
        LinkState.LAGGING: _("The network is slow: catching up with {server}…"),
        LinkState.AWAY: _("{server} cannot be reached."),
        LinkState.RESYNCING: _("{server} was restored to an older state. Please tell your administrator."),
        LinkState.FORKED: _(
            "The history on the server is not the one that is stored on this computer. Please tell your administrator."
        ),
        LinkState.REFUSED: _("{server} has closed access to this computer."),
    }[state]


def _nameless_state(state: LinkState) -> str:
    """Before the server has said what it is called."""
    return {
        LinkState.CONNECTING: _("Connecting to the server…"),
        LinkState.AUTHENTICATING: _("Connected to the server, logging in…"),
        LinkState.LIVE: _("Connected to the server. Everything is up to date."),
        LinkState.LAGGING: _("The network is slow: catching up with the server…"),
        LinkState.AWAY: _("The server cannot be reached."),
        LinkState.RESYNCING: _("The server was restored to an older state. Please tell your administrator."),
        LinkState.REFUSED: _("The server has closed access to this computer."),
    }.get(state) or _state(state)


def _brief_state(state: LinkState) -> str:
    """Without the server's name, which may be long."""
    return {
        LinkState.LIVE: _("Everything is up to date."),
        LinkState.LAGGING: _("The network is slow: catching up…"),
        LinkState.RESYNCING: _("The server is in an older state: tell your administrator."),
        LinkState.FORKED: _("The server has another history: tell your administrator."),
    }.get(state) or _nameless_state(state)

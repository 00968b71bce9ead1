"""What the server's window says, as plain values: its state, and every line that it shows. Knows no Tk.

starting ──ServiceRunning──> running ──ask_stop──> stopping ──ServiceEnded──> stopped
    │                           │                                                │
    └──────ServiceEnded(problem)┴──> failed ──────────────start──────────────────┴──> starting
"""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from lanchat.i18n import _, decimal, ngettext
from lanchat.protocol.limits import USER_NAME_MAX
from lanchat.protocol.text.identity import parse_invite_untrusted
from lanchat.protocol.text.names import inert
from lanchat.ui.kit.fields.field_problems import FieldName, FieldProblem
from lanchat.ui.kit.fields.forms import NewAccount
from lanchat_server.figures_text import handed_in_lines, storage_lines, storage_warning
from lanchat_server.service.lifecycle.server import ServerReady
from lanchat_server.window.thread import Event, FirstAccountResult, ServiceEnded, ServiceFigures, ServiceRunning

# Of `status` there are more.
_HANDED_IN_LINES = 4


class ServiceState(enum.Enum):
    """Where the service is, as drawn above. FAILED: it could not start, or ended because of a problem."""

    STARTING = enum.auto()
    RUNNING = enum.auto()
    STOPPING = enum.auto()
    STOPPED = enum.auto()
    FAILED = enum.auto()


class ServerIdentity(msgspec.Struct, frozen=True):
    """How others find this server and know that it is the one."""

    name: str
    addresses: tuple[str, ...]
    port: int
    invite: str
    words: str
    digits: str


class WindowModel(msgspec.Struct):
    """`name`: the configured one, shown until the service tells its own."""

    name: str
    state: ServiceState = ServiceState.STARTING
    problem: str = ""
    identity: ServerIdentity | None = None
    status: Mapping[str, Any] = {}
    making_first: bool = False
    first_problem: FieldProblem | None = None
    first_line: str = ""  # how the making of the first account ended

    def start(self) -> None:
        """A new run begins; nothing of the run before is shown any more."""
        self.state, self.problem, self.identity, self.status = ServiceState.STARTING, "", None, {}
        self.making_first, self.first_problem, self.first_line = False, None, ""

    def ask_stop(self) -> None:
        """The service was told to stop: STOPPING until `take` gets its end."""
        self.state = ServiceState.STOPPING

    def take(self, event: Event) -> None:
        """What an event of the service changes."""
        if isinstance(event, ServiceEnded):
            self.state = ServiceState.FAILED if event.problem else ServiceState.STOPPED
            self.problem, self.status = event.problem, {}
        elif isinstance(event, ServiceRunning):
            self.identity = identity(event.ready)
            if self.state is ServiceState.STARTING:
                self.state = ServiceState.RUNNING
        elif isinstance(event, ServiceFigures):
            self.status = event.status
        elif isinstance(event, FirstAccountResult):
            self._take_first(event)

    def _take_first(self, event: FirstAccountResult) -> None:
        self.making_first = False
        if event.problem and event.open:
            self.first_problem = FieldProblem(event.problem, FieldName.USER)
            return
        text = _("{user} is the administrator of this server.")
        if event.problem:
            text = _("The account {user} was not made: somebody else made the first one, and is the administrator.")
        self.first_line = text.format(user=inert(event.user, USER_NAME_MAX))

    def ask_first(self, user: str, password: str, again: str) -> bool:
        """Whether the first account may be asked for like this; says what is wrong."""
        if self.making_first or not self.needs_first:
            return False
        self.first_problem = NewAccount(user, password, again).problem(needs_invite=False)
        self.making_first = self.first_problem is None
        return self.making_first

    @property
    def needs_first(self) -> bool:
        """Whether there is no account yet."""
        return self.state is ServiceState.RUNNING and bool(self.status.get("setup_code")) and not self.first_line

    @property
    def title(self) -> str:
        """The name of the server: its own once it has served, before that the configured one."""
        return self.identity.name if self.identity else self.name

    @property
    def online(self) -> list[str]:
        """Names of those who are connected, sorted as people expect."""
        return sorted(self.status.get("users_online", ()), key=str.casefold)

    def state_line(self) -> str:
        """The state, and while it runs for how long, once the figures say so."""
        if self.state is ServiceState.RUNNING:
            uptime = self.status.get("uptime_s")
            return _("Running") if uptime is None else _("Running for {time}").format(time=duration(uptime))
        return {
            ServiceState.STARTING: _("Starting…"),
            ServiceState.STOPPING: _("Stopping…"),
            ServiceState.STOPPED: _("Stopped"),
            ServiceState.FAILED: _("Not running"),
        }[self.state]

    def online_line(self) -> str:
        """How many people are connected."""
        return _("Online now: {count}").format(count=len(self.online))

    def figures_line(self) -> str:
        """Rooms, messages, database: what says at a glance whether all is well."""
        if not self.status:
            return ""
        rooms = self.status.get("rooms", ())
        parts = [
            ngettext("{count} room", "{count} rooms", len(rooms)).format(count=len(rooms)),
            _messages(sum(room.get("head", 0) for room in rooms)),
        ]
        latency = self.status.get("database", {}).get("latency_ms")
        if latency:  # 0: nothing was committed yet
            parts.append(_("database {time} ms").format(time=decimal(latency)))
        return " · ".join(parts)

    def storage_line(self) -> str:
        """Too little room, and of what; empty while all is well."""
        report = self.status.get("storage", {})
        warning = storage_warning(report)
        return ". ".join([warning, *storage_lines(report)[:1]]) if warning else ""

    def handed_in_line(self) -> str:
        """What others handed in of whom, and what waits in the quarantine; a few lines."""
        lines = handed_in_lines(self.status)
        more = len(lines) - _HANDED_IN_LINES
        if more > 0:
            waiting = lines[-1:] if self.status.get("quarantined") else []
            lines = [*lines[: _HANDED_IN_LINES - len(waiting)], *waiting]
        return "\n".join(lines)

    def setup_line(self) -> str:
        """How the first account is made, or who has it since; empty when there was one before."""
        if self.first_line:
            return self.first_line
        code = self.status.get("setup_code", "")
        if not code:
            return ""
        text = _(
            "There is no account yet, and the first one is the administrator's. Make it here or with LAN Chat on this"
            " computer, or on another one with this set-up code: {code}"
        )
        return text.format(code=code)

    def asks_before_stop(self) -> bool:
        """Whether stopping now cuts somebody off."""
        return self.state is ServiceState.RUNNING and bool(self.online)


def _messages(count: int) -> str:
    return ngettext("{count} message", "{count} messages", count).format(count=f"{count:,}".replace(",", "\u202f"))


def identity(ready: ServerReady) -> ServerIdentity:
    """What to show of a server: the address in the invite link, then others that other computers can reach."""
    host = parse_invite_untrusted(ready.invite).host
    others = (address for address in ready.addresses if address != host)
    digits = " ".join(ready.fingerprint[start : start + 4] for start in range(0, len(ready.fingerprint), 4))
    return ServerIdentity(ready.name, (host, *others), ready.port, ready.invite, ready.words, digits)


def duration(seconds: float) -> str:
    """Hours and minutes as people say them; the two largest units."""
    minutes = int(seconds) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes % 60)
    return _("{minutes} min").format(minutes=minutes) if minutes else _("less than a minute")

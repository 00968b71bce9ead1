"""What the server's window says, as plain values: its state, and every line that it shows. Knows no Tk.

starting ──Running──> running ──ask_stop──> stopping ──Ended──> stopped
    │                    │                                        │
    └──────Ended(problem)┴──> failed ──────────start──────────────┴──> starting
"""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from lanchat.i18n import _, ngettext
from lanchat.protocol.identity import parse_invite_untrusted
from lanchat_server.figures_text import storage_lines, storage_warning
from lanchat_server.service.server import Ready
from lanchat_server.window_thread import Ended, Event, Figures, Running


class State(enum.Enum):
    STARTING = enum.auto()
    RUNNING = enum.auto()
    STOPPING = enum.auto()
    STOPPED = enum.auto()
    FAILED = enum.auto()


class Identity(msgspec.Struct, frozen=True):
    """How others find this server and know that it is the one."""

    name: str
    addresses: tuple[str, ...]
    port: int
    invite: str
    words: str
    digits: str


class Model(msgspec.Struct):
    """`name`: the configured one, shown until the service tells its own."""

    name: str
    state: State = State.STARTING
    problem: str = ""
    identity: Identity | None = None
    status: Mapping[str, Any] = {}

    def start(self) -> None:
        self.state, self.problem, self.identity, self.status = State.STARTING, "", None, {}

    def ask_stop(self) -> None:
        self.state = State.STOPPING

    def take(self, event: Event) -> None:
        if isinstance(event, Ended):
            self.state = State.FAILED if event.problem else State.STOPPED
            self.problem, self.status = event.problem, {}
        elif isinstance(event, Running):
            self.identity = identity(event.ready)
            if self.state is State.STARTING:
                self.state = State.RUNNING
        elif isinstance(event, Figures):
            self.status = event.status

    @property
    def title(self) -> str:
        return self.identity.name if self.identity else self.name

    @property
    def online(self) -> list[str]:
        """Names of those who are connected, sorted as people expect."""
        return sorted(self.status.get("users_online", ()), key=str.casefold)

    def state_line(self) -> str:
        if self.state is State.RUNNING:
            uptime = self.status.get("uptime_s")
            return _("Running") if uptime is None else _("Running for {time}").format(time=duration(uptime))
        return {
            State.STARTING: _("Starting…"),
            State.STOPPING: _("Saying goodbye to everybody…"),
            State.STOPPED: _("Stopped"),
            State.FAILED: _("Not running"),
        }[self.state]

    def online_line(self) -> str:
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
            parts.append(_("database {time} ms").format(time=f"{latency:.1f}"))
        return " · ".join(parts)

    def storage_line(self) -> str:
        """Too little room, and of what; empty while all is well."""
        report = self.status.get("storage", {})
        warning = storage_warning(report)
        return ". ".join([warning, *storage_lines(report)[:1]]) if warning else ""

    def setup_line(self) -> str:
        """How the first account is made; empty when there is one."""
        code = self.status.get("setup_code", "")
        if not code:
            return ""
        text = _(
            "There is no account yet, and the first one is the administrator's. Make it with LAN Chat on this computer,"
            " or on another one with this set-up code: {code}"
        )
        return text.format(code=code)

    def asks_before_stop(self) -> bool:
        """Whether stopping now cuts somebody off."""
        return self.state is State.RUNNING and bool(self.online)


def _messages(count: int) -> str:
    return ngettext("{count} message", "{count} messages", count).format(count=f"{count:,}".replace(",", "\u202f"))


def identity(ready: Ready) -> Identity:
    """What to show of a server: the address in the invite link, then others that other computers can reach."""
    host = parse_invite_untrusted(ready.invite).host
    others = (address for address in ready.addresses if address != host)
    digits = " ".join(ready.fingerprint[start : start + 4] for start in range(0, len(ready.fingerprint), 4))
    return Identity(ready.name, (host, *others), ready.port, ready.invite, ready.words, digits)


def duration(seconds: float) -> str:
    """Hours and minutes as people say them; the two largest units."""
    minutes = int(seconds) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes % 60)
    return _("{minutes} min").format(minutes=minutes) if minutes else _("less than a minute")

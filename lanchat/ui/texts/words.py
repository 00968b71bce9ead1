"""What the window says in plain words beside its labels: states, reasons, times. Pure, in the language in use."""

import datetime
import time

from lanchat.app.api import Line, Person, RoomView
from lanchat.i18n import _, ngettext
from lanchat.protocol.codes import Code, HistoryPolicy, PresenceState, RoomKind
from lanchat.ui.texts.state_words import sentence
from lanchat.ui.texts.today import local
from lanchat.wording.problems import details_text

# From so many others on it is told how many of them have read a message.
LARGE_ROOM = 20
# So far may the clocks of two computers be apart without being spoken of.
MINUTES_APART = 60


def refusal(code: Code) -> str:
    """Why the server did not take a message."""
    return {
        Code.NOT_A_MEMBER: _("you are no longer a member of this room"),
        Code.BAD_SIGNATURE: _("its signature does not match; please write it again"),
        Code.UNKNOWN_DEVICE: _("the server does not know this computer; please log in again"),
        Code.AUTHOR_REVOKED: _("this computer's access was revoked"),
        Code.BAD_TEXT: _("it holds characters that are not allowed"),
        Code.TOO_LARGE: _("it is too long"),
        Code.NO_SUCH_TARGET: _("the message that it refers to is not there"),
        Code.TARGET_NOT_YOURS: _("only its author may change a message"),
        Code.AUTHOR_DISABLED: _("your account is disabled"),
        Code.ACCOUNT_DISABLED: _("your account is disabled"),
        Code.NOT_ALLOWED: _("you may not do that here"),
        Code.ROOM_ARCHIVED: _("the room is archived"),
        Code.ROOM_DELETED: _("the room was deleted"),
        Code.TOO_MANY_CHANGES: _("it was edited, or reacted to, as often as this server allows"),
    }.get(code, _("the server did not take it (code {code})").format(code=int(code)))


def clock(seconds: float) -> str:
    """Hours and minutes, local time."""
    return f"{local(seconds):%H:%M}"


def day(date: datetime.date, today: datetime.date) -> str:
    """`Today`, `Yesterday`, `22 November`, with the year when it is another one."""
    if date == today:
        return _("Today")
    if date == today - datetime.timedelta(days=1):
        return _("Yesterday")
    text = _months()[date.month - 1].format(day=date.day)
    return text if date.year == today.year else _("{date} {year}").format(date=text, year=date.year)


def _months() -> tuple[str, ...]:
    return (
        _("{day} January"),
        _("{day} February"),
        _("{day} March"),
        _("{day} April"),
        _("{day} May"),
        _("{day} June"),
        _("{day} July"),
        _("{day} August"),
        _("{day} September"),
        _("{day} October"),
        _("{day} November"),
        _("{day} December"),
    )


def moment(seconds: float, now: float | None = None) -> str:
    """A time in a list: the clock today, the day before, the date else; empty for 0."""
    if not seconds:
        return ""
    today = local(time.time() if now is None else now).date()
    date = local(seconds).date()
    if date == today:
        return clock(seconds)
    if date == today - datetime.timedelta(days=1):
        return _("Yesterday")
    if date.year == today.year:
        return f"{date.day:02}.{date.month:02}"
    return f"{date.day:02}.{date.month:02}.{date.year % 100:02}"


def full_moment(seconds: float) -> str:
    """Date and time in full, for tooltips and dialogs; empty for 0."""
    if not seconds:
        return ""
    when = local(seconds)
    date = _months()[when.month - 1].format(day=when.day)
    return _("{date} {year}, {clock}").format(date=date, year=when.year, clock=when.strftime("%H:%M:%S"))


def presence(person: Person, now: float | None = None) -> str:
    """Online, away, or when somebody was last seen."""
    if person.state is PresenceState.ONLINE:
        return _("online")
    if person.state is PresenceState.AWAY:
        return _("away")
    return last_seen(person.last_seen, now)


def last_seen(seconds: float, now: float | None = None) -> str:
    """How long ago, roughly."""
    if not seconds:
        return _("never seen")
    minutes = int(((time.time() if now is None else now) - seconds) // 60)
    if -MINUTES_APART <= minutes < 1:
        return _("seen just now")
    if minutes < 0:
        return _seen(seconds, now)
    if minutes < 60:
        return ngettext("seen {n} minute ago", "seen {n} minutes ago", minutes).format(n=minutes)
    if minutes < 24 * 60:
        return ngettext("seen {n} hour ago", "seen {n} hours ago", minutes // 60).format(n=minutes // 60)
    return _seen(seconds, now)


def _seen(seconds: float, now: float | None) -> str:
    if _is_yesterday(seconds, now):
        return _("seen yesterday")
    return _("seen {when}").format(when=moment(seconds, now))


def added(seconds: float, now: float | None = None) -> str:
    """Since when something is there."""
    if _is_yesterday(seconds, now):
        return _("added yesterday")
    return _("added {when}").format(when=moment(seconds, now))


def _is_yesterday(seconds: float, now: float | None) -> bool:
    today = local(time.time() if now is None else now).date()
    return local(seconds).date() == today - datetime.timedelta(days=1)


def person_name(person: Person) -> str:
    """The name that people read."""
    return person.display_name or person.name


def author(line: Line) -> str:
    """The name above a message."""
    return line.display_name or line.author_name


def room_title(room: RoomView) -> str:
    """A room's name as it stands in lists and titles."""
    return room.title or room.name


def room_kind(room: RoomView) -> str:
    """What kind of room it is, for the line below its name."""
    if room.kind is RoomKind.DIRECT:
        return _("Direct conversation")
    if room.kind is RoomKind.PRIVATE:
        return _("Private room, archived") if room.archived else _("Private room")
    return _("Public room, archived") if room.archived else _("Public room")


def history_policy(policy: HistoryPolicy) -> str:
    """Who may read what was said before."""
    if policy is HistoryPolicy.EVERYTHING:
        return _("New members see earlier messages")
    return _("New members do not see earlier messages")


def members(count: int, online: int = 0) -> str:
    """How many are in a room, and how many of them are online when somebody is."""
    people = ngettext("{n} member", "{n} members", count).format(n=count)
    return _("{members} · {n} online").format(members=people, n=online) if online else people


def readers(line: Line) -> str:
    """How many have read an own message in a large room, as long as some have and some have not; else empty."""
    some = line.mine and not line.deleted and 0 < line.read < line.members
    return _("{n} of {all}").format(n=line.read, all=line.members) if some and line.members >= LARGE_ROOM else ""


def ticks(line: Line) -> str:
    """What clock and ticks of a message mean."""
    if line.refused is not None:
        return _("Not sent: {reason}").format(reason=refusal(line.refused))
    if line.seq is None and line.waits:
        return sentence(details_text(line.waits))
    if line.seq is None:
        return _("Not stored yet. It is kept on this computer and sent as soon as possible.")
    if not line.members:
        return _("Stored on the server")
    if line.read >= line.members:
        return _("Stored, read by everybody")
    return _("Stored, received by {received} of {all}, read by {read}").format(
        received=line.received, read=line.read, all=line.members
    )


def grouped_hex(fingerprint: str) -> str:
    """A fingerprint in groups of four digits, eight groups a line."""
    groups = [fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4)]
    return "\n".join(" ".join(groups[start : start + 8]) for start in range(0, len(groups), 8))

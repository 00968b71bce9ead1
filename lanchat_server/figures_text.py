"""The server's figures, times and sizes as an administrator reads them: in the window and on the command line."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lanchat.i18n import _, decimal, ngettext
from lanchat.i18n.sizes import size_text
from lanchat.terminal.output import clock, shown
from lanchat_server.service.wall_clock import TOLERANCE_MS


def status_lines(report: Mapping[str, Any]) -> list[str]:
    """What `status` says."""
    database, queues = report["database"], report["queues"]
    online = report["users_online"]
    title = _("{name}, version {version}, running for {time}").format(
        name=shown(report["name"]), version=report["version"], time=duration(report["uptime_s"])
    )
    other = shown(report.get("other_server") or "")
    if report.get("role") == "standby":
        return [title, *_standby_lines(other, database)]
    lines = [
        title,
        _online_line(online, report["sessions"]),
        _database_line(database),
        _("Waiting: {submissions} messages, {octets} bytes to clients").format(
            submissions=queues["submissions"], octets=queues["tls_octets"]
        ),
    ]
    if other:
        lines.append(_("{server} stands by, to take over when this server is gone").format(server=other))
    if code := report.get("setup_code"):
        lines.append(_("No account yet. Set-up code for the first one: {code}").format(code=code))
    if search := report.get("search"):
        text = _("The search is being indexed anew: {done} of {all} messages")
        lines.append(text.format(done=search["indexed"], all=search["of"]))
    lines += handed_in_lines(report)
    lines += reseeding_lines(report.get("reseeding"))
    lines += storage_lines(report.get("storage", {}))
    lines += clock_lines(report.get("clock", {}))
    for room in report["rooms"]:
        members = ngettext("{number} member", "{number} members", room["members"]).format(number=room["members"])
        messages = ngettext("{number} message", "{number} messages", room["head"]).format(number=room["head"])
        lines.append(f"  {shown(room['name'])}: {messages}, {members}")
    return lines


def handed_in_lines(report: Mapping[str, Any]) -> list[str]:
    """Whose messages others handed in since the start, and what waits for an administrator."""
    lines = []
    for figures in report.get("handed_in", ()):
        stored = figures["stored"]
        text = ngettext(
            "{user} handed in {number} message of {author}", "{user} handed in {number} messages of {author}", stored
        )
        line = text.format(user=shown(figures["by"]), number=stored, author=shown(figures["author"]))
        if waiting := figures["quarantined"]:
            line += _(", and {number} for the quarantine").format(number=waiting)
        lines.append(line)
    if waiting := report.get("quarantined", 0):
        text = ngettext(
            "In the quarantine: {number} message of shut out authors",
            "In the quarantine: {number} messages of shut out authors",
            waiting,
        )
        lines.append(text.format(number=waiting))
    return lines


def reseeding_lines(report: Mapping[str, Any] | None) -> list[str]:
    """What came back from clients, room by room; nothing when they are not asked."""
    if report is None:
        return []
    lines = [_("The log comes back from its clients:")]
    for room in report["rooms"]:
        people = ngettext("from {number} person", "from {number} people", room["people"]).format(number=room["people"])
        back = ngettext("{number} message came back", "{number} messages came back", room["returned"])
        name = shown(room["name"]) or _("(direct messages)")
        line = f"  {name}: {back.format(number=room['returned'])} {people}"
        if room["missing"]:
            text = ngettext("nobody here has {number} more", "nobody here has {number} more", room["missing"])
            line += f", {text.format(number=room['missing'])}"
        if room["forks"]:
            line += ", " + _("a client has other messages: it keeps them, and its copy can be exported")
        lines.append(line)
    return lines


def _standby_lines(other: str, database: Mapping[str, Any]) -> list[str]:
    return [
        _("Stands by, and answers no clients: {server} serves").format(server=other)
        if other
        else _("Stands by, and answers no clients: the database is away"),
        _database_line(database),
    ]


def _online_line(names: Sequence[str], sessions: int) -> str:
    line = _("Online: {number} (sessions: {sessions})").format(number=len(names), sessions=sessions)
    return f"{line}: {shown(', '.join(names))}" if names else line


def _database_line(database: Mapping[str, Any]) -> str:
    latency = decimal(float(database["latency_ms"] or 0.0))
    return _("Database: {url}, {latency} ms").format(url=database["url"], latency=latency)


def storage_lines(report: Mapping[str, Any]) -> list[str]:
    """What is stored, and how much more there is room for."""
    if report.get("log_octets") is None:
        return []
    taken, most = size_text(report["log_octets"]), report["log_octets_max"]
    text = _("Messages take {size} of {most}") if most else _("Messages take {size}")
    parts = [text.format(size=taken, most=size_text(most))]
    if report["disk_free_octets"] is not None:
        text = _("{free} free on the disk, {reserve} of it a reserve")
        sizes = {"free": size_text(report["disk_free_octets"]), "reserve": size_text(report["disk_reserve_octets"])}
        parts.append(text.format(**sizes))
    if not report["database_disk_known"]:
        parts.append(_("the disk of the database server is not known here"))
    lines = [", ".join(parts)]
    if warning := storage_warning(report):
        lines.append(warning)
    if names := report["users_over_quota"]:
        text = _("Have used up what one person may store a day: {names}")
        lines.append(text.format(names=shown(", ".join(names))))
    return lines


def storage_warning(report: Mapping[str, Any]) -> str:
    """What to say of too little room; empty while there is enough."""
    return {
        "near": _("Warning: room for new messages is getting short"),
        "close": _("Warning: there is hardly any room for new messages"),
        "full": _("No room: nothing new is stored until there is some"),
    }.get(report.get("state", ""), "")


def clock_lines(report: Mapping[str, Any]) -> list[str]:
    """What is wrong with the clock of the server's computer; nothing when it was never set."""
    lines = []
    if report.get("jumps"):
        seconds = report["last_jump_s"]
        times = ngettext("Clock set {number} time", "Clock set {number} times", report["jumps"])
        by = _("{time} ahead") if seconds > 0 else _("{time} back")
        last = _("the last time {by}").format(by=by.format(time=duration(abs(seconds))))
        lines.append(f"{times.format(number=report['jumps'])}, {last}")
    if report.get("behind_newest_s", 0) > TOLERANCE_MS / 1000:
        text = _("The clock is {time} behind the newest message")
        lines.append(text.format(time=duration(report["behind_newest_s"])))
    return lines


def local_time(moment: str | None) -> str:
    """A time in RFC 3339 as a person reads it; None: never."""
    return clock(datetime.fromisoformat(moment).timestamp()) if moment else _("never")


def duration(seconds: float) -> str:
    """A time span for a person: the two largest units."""
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return _("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)

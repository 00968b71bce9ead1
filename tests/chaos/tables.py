"""The tables of the long runs, made of all pieces that are kept, for docs/RELIABILITY.md."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos.commands import COMMANDS
from tests.chaos.parts import DATABASES, OUTAGES, RECOVERY_P99
from tests.chaos.pieces import Figures, Kept, bound
from tests.support.figures import percentile, table

RECOVERY = ("recoveries", "p50 s", "p99 s", "max s")


def times(values: Sequence[float]) -> list[Any]:
    return [len(values), *(percentile(values, part) for part in (0.5, 0.99, 1.0))]


def judged(pieces: Sequence[Figures]) -> list[int]:
    """Messages made, told as stored, lost, twice or out of order, other faults."""
    kinds = Counter(fault.split(":")[0] for piece in pieces for fault in piece["faults"])
    lost, twice = kinds.pop("lost", 0), kinds.pop("twice", 0) + kinds.pop("order", 0)
    made = [sum(piece.get(name, 0) for piece in pieces) for name in ("made", "told")]
    return [*made, lost, twice, kinds.total()]


JUDGED = ("messages written", "told as stored", "lost", "twice or out of order", "other faults")


def together(pieces: Sequence[Figures], name: str) -> list[float]:
    return [value for piece in pieces for value in piece[name]]


def report(kept: Kept) -> str:
    """All tables; parts that were not played are left out."""
    parts = [_kills(kept), _points(kept), _starts(kept), _outages(kept), _troubles(kept), _two(kept), _typists(kept)]
    return "\n\n".join(part for part in [_summary(kept), *parts] if part)


def _summary(kept: Kept) -> str:
    pieces = [piece for piece in kept.under("") if "commands" not in piece]
    if not pieces:
        return ""
    made, _, lost, twice, other = judged(pieces)
    servers = sum(sum(piece.get("kills", {}).values()) + piece.get("steps", 0) for piece in pieces)
    clients = sum(piece.get("deaths", 0) for piece in pieces)
    text = f"{servers:,} servers and {clients:,} clients killed, {made:,} messages written meanwhile: {lost} lost, "
    text += f"{twice} twice or out of order, {other} other faults."
    if lost or not made:
        return text
    text += f" With 95 % confidence fewer than one message in {bound(made):,} is lost in such trouble"
    return f"{text}, and fewer than one kill in {bound(servers):,} loses one." if servers >= 3 else f"{text}."


def _kills(kept: Kept) -> str:
    rows = []
    for kind in DATABASES:
        if pieces := kept.under(f"kills/{kind}/"):
            killed = sum(sum(piece["kills"].values()) for piece in pieces)
            returns = together(pieces, "returns")
            rows.append(
                [kind, killed, *judged(pieces), *times(together(pieces, "recoveries")), *times(returns)[1:]],
            )
    columns = ("database", "kills", *JUDGED, *RECOVERY, "from the kill: p50 s", "p99 s", "max s")
    text = "Servers killed with SIGKILL while ten clients write. Recovery: from the new server's ready line until a"
    text += " client is live; beside it from the kill, when the new server is started at once.\n\n"
    return text + table(columns, rows) if rows else ""


def _points(kept: Kept) -> str:
    counts = Counter[str]()
    for piece in kept.under("kills/"):
        counts.update(piece["kills"])
    return "Where they died:\n\n" + table(("point", "kills"), sorted(counts.items())) if counts else ""


def _starts(kept: Kept) -> str:
    rows = []
    for kind in DATABASES:
        for point in ("statement", "key-file", "lease-taken"):
            if pieces := kept.under(f"starts/{kind}/{point}/"):
                unusable = sum(len(piece["faults"]) for piece in pieces)
                rows.append([f"{kind}, {point}", sum(piece["steps"] for piece in pieces), unusable])
    text = "A first start killed at every step, then started again:\n\n"
    return text + table(("database, step", "kills", "unusable afterwards"), rows) if rows else ""


def report_commands(kept: Kept) -> str:
    """A table of its own: it says nothing of messages."""
    rows = []
    for command in COMMANDS:
        names = [f"commands/{kind}/{command.name}" for kind in DATABASES]
        if any(name in kept for name in names):
            figures = [kept[name]["commands"] if name in kept else "" for name in names]
            faults = [fault for name in names if name in kept for fault in kept[name]["faults"]]
            rows.append([command.name, *figures, len(faults)])
    kinds = [f"kills, {kind}" for kind in DATABASES]
    return table(("command", *kinds, "lost, half done, or not to be completed"), rows) if rows else ""


def _outages(kept: Kept) -> str:
    rows = []
    for outage, _ in OUTAGES:
        if pieces := kept.under(f"outages/{outage}"):
            killed = sum(sum(piece["kills"].values()) for piece in pieces)
            rows.append([outage, killed, *judged(pieces), *times(together(pieces, "recoveries"))])
    text = "A server that stays away for a while, ten clients:\n\n"
    return text + table(("outage s", "times", *JUDGED, *RECOVERY), rows) if rows else ""


def _troubles(kept: Kept) -> str:
    rows = []
    for name in ("MariaDB/away", "MariaDB/disk", "SQLite/disk"):
        for piece in kept.under(f"troubles/{name}"):
            for each in piece["reports"]:
                figures = (f"{each['seconds']:g}", each["meanwhile"], each["waited"], each["back"], each["caught_up"])
                growth = round(each["growth"] / (1 << 20), 1)
                title = f"{name.split('/')[0]}: {each['name']}"
                rows.append([title, *figures, each["busy"], each["flooded"], growth, len(piece["faults"])])
    columns = ("trouble", "for s", "acknowledged meanwhile", "waited", "back s", "caught up s", "`Busy`", "flooded")
    text = "A database in trouble, ten clients writing and one flooding. Back: from the end of the trouble to the first"
    text += " acknowledgement; growth: the server's memory at most.\n\n"
    return text + table((*columns, "growth MiB", "faults"), rows) if rows else ""


def _two(kept: Kept) -> str:
    pieces = kept.under("two/")
    if not pieces:
        return ""
    fenced = together(pieces, "fenced")
    row = [len(fenced), *judged(pieces), percentile(fenced, 0.5), max(fenced), *times(together(pieces, "recoveries"))]
    columns = ("takeovers", *JUDGED, "older one ended: p50 s", "max s", *RECOVERY)
    return "A second server on the same database, again and again, found by discovery:\n\n" + table(columns, [row])


def _typists(kept: Kept) -> str:
    pieces = kept.under("typists/")
    if not pieces:
        return ""
    made, _, *rest = judged(pieces)
    row = [sum(piece["deaths"] for piece in pieces), made, *rest]
    text = "`lanchat chat` killed with SIGKILL while it writes, two at a time on one profile:\n\n"
    return text + table(("kills", "messages told", *JUDGED[2:]), [row])


def slow(kept: Kept) -> list[str]:
    """Recoveries that are not as quick as promised."""
    found = []
    for kind in DATABASES:
        recoveries = together(kept.under(f"kills/{kind}/"), "recoveries")
        if (p99 := percentile(recoveries, 0.99)) > RECOVERY_P99:
            found.append(f"{kind}: clients were live only after {p99:.2f} s (p99)")
    return found

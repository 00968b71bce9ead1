"""The figures of a running server, and as the JSON document that scripts read."""

from typing import Annotated, Any, ClassVar

import msgspec

from lanchat.protocol.codec import I64, U32, U63
from lanchat.protocol.limits import STATUS_COUNTERS_MAX, STATUS_LISTED_MAX
from lanchat.protocol.wire.base import Frame, Short

_LISTED = msgspec.Meta(max_length=STATUS_LISTED_MAX)


class RoomFigures(msgspec.Struct, array_like=True, frozen=True):
    """A room: the number of its newest record, how many members it has."""

    id: U63
    name: Short
    head: U63
    members: U32


class QueueFigures(msgspec.Struct, array_like=True, frozen=True):
    """Messages that wait for the writer (`submissions`) or their predecessors (`held`), repairs that are being read,
    octets that wait for clients over TLS."""

    submissions: U32
    held: U32
    repairs: U32
    tls_octets: U63


class DatabaseFigures(msgspec.Struct, array_like=True, frozen=True):
    """Its address without a password, and how many microseconds the writer's last job took."""

    url: Annotated[str, msgspec.Meta(max_length=1024)]
    latency_us: U63


class ClockFigures(msgspec.Struct, array_like=True, frozen=True):
    """How often the server's clock was set since the start, by how much the last time (negative: back), and how much
    later than the clock the newest message is."""

    jumps: U32
    last_jump_ms: I64
    behind_newest_ms: U63


class StorageFigures(msgspec.Struct, array_like=True, frozen=True):
    """Room for what is stored. `state`: ok, near, close or full; nil: not known; `log_octets_max` 0: no bound."""

    state: Short
    log_octets: U63 | None
    log_octets_max: U63
    disk_free_octets: U63 | None
    disk_reserve_octets: U63
    database_disk_known: bool
    user_octets_per_day: U63
    users_over_quota: Annotated[list[Short], _LISTED]


class SearchFigures(msgspec.Struct, array_like=True, frozen=True):
    """How many messages of how many an index that is made anew has."""

    indexed: U63
    of: U63


class HandedInFigures(msgspec.Struct, array_like=True, frozen=True):
    """Who handed in how many messages of somebody else since the start: stored, and kept for an administrator."""

    by: Short
    author: Short
    stored: U63
    quarantined: U63


class ReturnFigures(msgspec.Struct, array_like=True, frozen=True):
    """How a room came back from clients. `returned` messages of `people`; `missing`: how many more clients have spoken
    of; `forks`: how often a client had other messages than the log."""

    name: Short
    returned: U63
    people: U32
    missing: U63
    forks: U32


class ReseedingFigures(msgspec.Struct, array_like=True, frozen=True):
    """While clients are asked for the log. `people` have been asked and had something to say."""

    people: U32
    rooms: Annotated[list[ReturnFigures], _LISTED]


class CounterFigure(msgspec.Struct, array_like=True, frozen=True):
    """How often something happened since the start."""

    name: Short
    number: U63


class StatusReport(Frame, frozen=True, tag=15):
    """Figures of the server. `users_online`: their names; `rooms`: those with the newest messages, or a page of all, as
    `Status` asks; `search`: while an old log is indexed anew; `setup_code`: while there is no account. `standing_by`:
    it answers nobody, and waits to take over from `other_server`; else that one waits to take over (empty: none).
    `reseeding`: while clients are asked for the log; `handed_in`: as after a time without the server; `quarantined`:
    how many messages wait for an administrator."""

    concealed: ClassVar[frozenset[str]] = frozenset({"setup_code"})

    name: Short
    version: Short
    uptime_ms: U63
    users_online: Annotated[list[Short], _LISTED]
    sessions: U32
    rooms_total: U63
    rooms: Annotated[list[RoomFigures], _LISTED]
    queues: QueueFigures
    database: DatabaseFigures
    clock: ClockFigures
    storage: StorageFigures
    counters: Annotated[list[CounterFigure], msgspec.Meta(max_length=STATUS_COUNTERS_MAX)]
    search: SearchFigures | None = None
    setup_code: Short = ""
    standing_by: bool = False
    other_server: Short = ""
    handed_in: Annotated[list[HandedInFigures], _LISTED] = []
    quarantined: U63 = 0
    reseeding: ReseedingFigures | None = None


def status_document(report: StatusReport) -> dict[str, Any]:
    """The report as scripts read it: times in seconds (`latency_ms` in milliseconds), null for what is not known; no
    `setup_code` when there are accounts."""
    clock = report.clock
    return {
        "name": report.name,
        "version": report.version,
        "role": "standby" if report.standing_by else "serving",
        "other_server": report.other_server or None,
        "uptime_s": round(report.uptime_ms / 1000, 1),
        "users_online": report.users_online,
        "sessions": report.sessions,
        "rooms_total": report.rooms_total,
        "rooms": [msgspec.structs.asdict(room) for room in report.rooms],
        "queues": msgspec.structs.asdict(report.queues),
        "database": {"url": report.database.url, "latency_ms": round(report.database.latency_us / 1000, 2)},
        "clock": {
            "jumps": clock.jumps,
            "last_jump_s": clock.last_jump_ms / 1000,
            "behind_newest_s": clock.behind_newest_ms / 1000,
        },
        "storage": msgspec.structs.asdict(report.storage),
        "search": msgspec.structs.asdict(report.search) if report.search is not None else None,
        "handed_in": [msgspec.structs.asdict(figures) for figures in report.handed_in],
        "quarantined": report.quarantined,
        "reseeding": _reseeding_document(report.reseeding),
        "counters": {counter.name: counter.number for counter in report.counters},
        **({"setup_code": report.setup_code} if report.setup_code else {}),
    }


def _reseeding_document(report: ReseedingFigures | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {"people": report.people, "rooms": [msgspec.structs.asdict(room) for room in report.rooms]}

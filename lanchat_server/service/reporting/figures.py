"""Figures of a running server: for administrators (`status`) and for Prometheus."""

from collections import Counter
from collections.abc import Callable
from heapq import nlargest, nsmallest

import msgspec

from lanchat import __version__
from lanchat.protocol import wire
from lanchat.protocol.codes import Code, RoomKind
from lanchat.protocol.limits import STATUS_COUNTERS_MAX, STATUS_LISTED_MAX
from lanchat_server.config import ServerConfig
from lanchat_server.core.accounts.first_account import SetupCode
from lanchat_server.core.directory.directory import Directory
from lanchat_server.core.hub import ServerCore
from lanchat_server.service.net.connections import ConnectionTable
from lanchat_server.service.reporting.metrics import Metrics
from lanchat_server.service.upkeep.leasing import LeasePromise
from lanchat_server.service.upkeep.reindexing import IndexingState
from lanchat_server.service.upkeep.storage import StorageState
from lanchat_server.service.wall_clock import ClockReport
from lanchat_server.service.work.writer import Writer

# Of texts that nobody bounds otherwise.
URL_MAX = 1024
NAME_MAX = 256


class FigureSources(msgspec.Struct, eq=False, kw_only=True):
    """Where figures come from. `shown_database`: its address without a password; `started` and `now`: steady seconds;
    `wall_ms`: milliseconds UTC; `counters`: of the service, beside those of the core."""

    config: ServerConfig
    shown_database: str
    directory: Directory
    core: ServerCore
    connections: ConnectionTable
    writer: Writer
    storage: StorageState
    clock: ClockReport
    indexing: IndexingState
    metrics: Metrics
    counters: Counter[str]
    started: float
    now: Callable[[], float]
    wall_ms: Callable[[], int]
    setup: SetupCode
    promise: LeasePromise


def publish(sources: FigureSources) -> None:
    """Bring the metrics up to date."""
    metrics, core = sources.metrics, sources.core
    metrics.sessions = len(core.sessions)
    metrics.users_online = len(core.sessions.online_users())
    metrics.queued_submissions = core.queue_lengths()["submissions"]
    metrics.tls_queue_octets = sum(connection.queued for connection in sources.connections.all())
    metrics.duplicates = core.counters["repeated"]
    metrics.relayed = core.counters["relayed"]
    metrics.nacks = core.counters["nack"]
    metrics.lagging = core.counters["lagging"]
    metrics.datagrams_in = sources.counters["udp_in"]
    metrics.datagrams_out = sources.counters["udp_out"]
    dropped = {reason: n for reason, n in sources.counters.items() if reason.startswith("udp_")}
    storage = sources.storage
    metrics.log_octets, metrics.disk_free_octets = storage.octets or 0, storage.free or 0
    metrics.storage_percent = max(storage.disk_percent, storage.log_percent)
    metrics.users_over_quota = len(core.closed.users(sources.now()))
    metrics.dropped = {reason: n for reason, n in dropped.items() if reason not in ("udp_in", "udp_out")}
    metrics.refused = {Code(code).name.lower(): n for code, n in core.refusals.items()}


def status(sources: FigureSources, rooms_above: int | None = None) -> wire.StatusReport:
    """`rooms_above`: as in wire.Status."""
    publish(sources)
    progress = sources.indexing.progress
    users, core = sources.directory.users, sources.core
    online = sorted(users[user].name for user in core.sessions.online_users())
    counters = {**core.counters, **sources.counters}
    return wire.StatusReport(
        name=sources.config.name,
        version=__version__,
        uptime_ms=_uptime_ms(sources),
        users_online=online[:STATUS_LISTED_MAX],
        sessions=len(core.sessions),
        rooms_total=len(sources.directory.rooms),
        rooms=_rooms(sources, rooms_above),
        queues=wire.QueueFigures(**core.queue_lengths(), tls_octets=sources.metrics.tls_queue_octets),
        database=wire.DatabaseFigures(sources.shown_database[:URL_MAX], round(sources.writer.latency * 1_000_000)),
        clock=_clock(sources),
        storage=_storage(sources),
        counters=[wire.CounterFigure(name[:NAME_MAX], n) for name, n in counters.items()][:STATUS_COUNTERS_MAX],
        search=wire.SearchFigures(*progress) if progress else None,
        setup_code="" if users else sources.setup.text,
        other_server=sources.promise.standby[:NAME_MAX],
        handed_in=_handed_in(sources),
        quarantined=sources.directory.quarantined,
        reseeding=_reseeding(sources),
    )


def _handed_in(sources: FigureSources) -> list[wire.HandedInFigures]:
    users = sources.directory.users
    return [
        wire.HandedInFigures(users[count.by].name, users[count.author].name, count.stored, count.quarantined)
        for count in sources.core.handed_in.counts(STATUS_LISTED_MAX)
        if count.by in users and count.author in users
    ]


def _reseeding(sources: FigureSources) -> wire.ReseedingFigures | None:
    state, core, rooms = sources.core.reseeding, sources.core, sources.directory.rooms
    if not state.is_open:
        return None
    found = [
        wire.ReturnFigures(
            rooms[room].name if rooms[room].kind is not RoomKind.DIRECT else "",
            returned.taken,
            len(returned.givers),
            max(0, returned.goal - core.heads[room].seq),
            returned.forks,
        )
        for room, returned in state.rooms.items()
        if room in rooms and room in core.heads
    ]
    return wire.ReseedingFigures(len(state.users), found[:STATUS_LISTED_MAX])


def _uptime_ms(sources: FigureSources) -> int:
    return max(0, round((sources.now() - sources.started) * 1000))


def _storage(sources: FigureSources) -> wire.StorageFigures:
    storage, users = sources.storage, sources.directory.users
    over = [users[user].name for user in sources.core.closed.users(sources.now())]
    return wire.StorageFigures(
        state=storage.state,
        log_octets=storage.octets,
        log_octets_max=storage.most,
        disk_free_octets=storage.free,
        disk_reserve_octets=storage.reserve,
        database_disk_known=storage.knows_database_disk,
        user_octets_per_day=sources.config.user_octets_per_day,
        users_over_quota=over[:STATUS_LISTED_MAX],
    )


def _clock(sources: FigureSources) -> wire.ClockFigures:
    report = sources.clock
    behind_ms = behind_newest_ms(sources.core, sources.wall_ms())
    return wire.ClockFigures(report.jumps, report.last_jump_ms, behind_ms)


def behind_newest_ms(core: ServerCore, now_ms: int) -> int:
    """How much later than the clock the newest message of a room is; 0: none is."""
    newest = max((head.time_ms for head in list(core.heads.values())), default=0)
    return max(0, newest - now_ms)


def _rooms(sources: FigureSources, above: int | None) -> list[wire.RoomFigures]:
    """The rooms with the newest records, or those with numbers `above`; as many as a report holds."""
    heads = sources.core.heads
    there = [room for room in sources.directory.rooms.values() if room.id in heads]
    if above is not None:
        rest = (room for room in there if room.id > above and room.kind is not RoomKind.DIRECT)
        there = nsmallest(STATUS_LISTED_MAX, rest, key=lambda room: room.id)
    elif len(there) > STATUS_LISTED_MAX:
        there = nlargest(STATUS_LISTED_MAX, there, key=lambda room: heads[room.id].time_ms)
    members = sources.directory.members
    return [wire.RoomFigures(room.id, room.name, heads[room.id].seq, len(members(room.id))) for room in there]

"""Figures of a running server: for administrators (`status`) and for Prometheus."""

from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any

from lanchat import __version__
from lanchat.protocol.codes import Code, RoomKind

if TYPE_CHECKING:
    from lanchat_server.service.service import Service

# Rooms and people that a report names: with the longest names some 400 KiB.
LISTED_MAX = 1000


def publish(service: "Service") -> None:
    """Bring the metrics up to date."""
    metrics, core = service.metrics, service.core
    metrics.sessions = len(core.sessions)
    metrics.users_online = len(core.sessions.online_users())
    metrics.queued_submissions = core.queue_lengths()["submissions"]
    metrics.tls_queue_octets = sum(connection.queued for connection in service.connections())
    metrics.duplicates = core.counters["repeated"]
    metrics.relayed = core.counters["relayed"]
    metrics.nacks = core.counters["nack"]
    metrics.lagging = core.counters["lagging"]
    metrics.datagrams_in = service.counters["udp_in"]
    metrics.datagrams_out = service.counters["udp_out"]
    dropped = {reason: n for reason, n in service.counters.items() if reason.startswith("udp_")}
    storage = service.storage
    metrics.log_octets, metrics.disk_free_octets = storage.octets or 0, storage.free or 0
    metrics.storage_percent = max(storage.disk_percent, storage.log_percent)
    metrics.users_over_quota = len(core.closed.users(service.now()))
    metrics.dropped = {reason: n for reason, n in dropped.items() if reason not in ("udp_in", "udp_out")}
    metrics.refused = {Code(code).name.lower(): n for code, n in core.refusals.items()}


def status(service: "Service", rooms_above: int | None = None) -> dict[str, Any]:
    """`rooms_above`: as in wire.Status. The fields are listed in docs/PROTOCOL.md section 8."""
    publish(service)
    users, code = service.directory.users, service.setup_code
    return {
        "name": service.config.name,
        "version": __version__,
        "uptime_s": _uptime(service),
        "users_online": sorted(users[user].name for user in service.core.sessions.online_users())[:LISTED_MAX],
        "sessions": len(service.core.sessions),
        "rooms_total": len(service.directory.rooms),
        "rooms": _rooms(service, rooms_above),
        "queues": {**service.core.queue_lengths(), "tls_octets": service.metrics.tls_queue_octets},
        "database": {"url": service.shown_database, "latency_ms": round(service.writer.latency * 1000, 2)},
        "clock": _clock(service),
        "storage": _storage(service),
        "search": {"indexed": service.indexing.done, "of": service.indexing.total} if service.indexing else None,
        "counters": {**service.core.counters, **service.counters},
        **({"setup_code": code} if code else {}),
    }


def _storage(service: "Service") -> dict[str, Any]:
    storage, users = service.storage, service.directory.users
    return {
        "state": storage.state,
        "log_octets": storage.octets,
        "log_octets_max": storage.most,
        "disk_free_octets": storage.free,
        "disk_reserve_octets": storage.reserve,
        "database_disk_known": storage.knows_database_disk,
        "user_octets_per_day": service.config.user_octets_per_day,
        "users_over_quota": [users[user].name for user in service.core.closed.users(service.now())][:LISTED_MAX],
    }


def _clock(service: "Service") -> dict[str, Any]:
    report = service.clock.report
    return {
        "jumps": report.jumps,
        "last_jump_s": report.last_jump_ms / 1000,
        "behind_newest_s": behind_newest_ms(service) / 1000,
    }


def behind_newest_ms(service: "Service") -> int:
    """How much later than the clock the newest message of a room is; 0: none is."""
    newest = max((head.time_ms for head in list(service.core.heads.values())), default=0)
    return max(0, newest - service.wall_ms())


def _uptime(service: "Service") -> float:
    return round(service.now() - service.started, 1)


def _rooms(service: "Service", above: int | None) -> list[dict[str, Any]]:
    """The rooms with the newest records, or those with numbers `above`; as many as a report holds."""
    heads = service.core.heads
    there = [room for room in service.directory.rooms.values() if room.id in heads]
    if above is not None:
        rest = (room for room in there if room.id > above and room.kind is not RoomKind.DIRECT)
        there = nsmallest(LISTED_MAX, rest, key=lambda room: room.id)
    elif len(there) > LISTED_MAX:
        there = nlargest(LISTED_MAX, there, key=lambda room: heads[room.id].time_ms)
    return [
        {
            "id": room.id,
            "name": room.name,
            "head": heads[room.id].seq,
            "members": len(service.directory.members(room.id)),
        }
        for room in there
    ]

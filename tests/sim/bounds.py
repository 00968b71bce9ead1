"""I12: every queue and map of both cores within its bound. Empty text: all is well."""

from typing import Any

_PAGE = 600 * 1024


def server_bounds(server: Any) -> str:
    """Of the service's core, its sessions and its connections."""
    core = server.core
    config, intake = core.config, core._intake
    # What is released from waiting comes on top of what was let in.
    if len(intake) > config.queue_max + config.hold_max or intake.held > config.hold_max:
        return f"{len(intake)} queued, {intake.held} held"
    if sum(intake._queued.values()) != len(intake) or sum(intake._held_for.values()) != intake.held:
        return f"{intake._queued} and {intake._held_for} are counted, {len(intake)} and {intake.held} wait"
    if any(count > config.session_queue_max for count in intake._held_for.values()):
        return f"{intake._held_for} are held"
    if len(core._expected) > config.hold_max + 1:
        return f"{len(core._expected)} runs expected"
    return _repair_bounds(core) or _connection_bounds(server)


def _repair_bounds(core: Any) -> str:
    recent, fetches = core._recent, core._fetches
    if (
        len(fetches) > core.config.fetches_max
        or max(fetches._of_session.values(), default=0) > core.config.fetches_per_session
    ):
        return f"{len(fetches)} repairs are being read: {fetches._of_session}"
    if recent._octets > core.config.recent_octets:
        return f"{recent._octets} octets for repair"
    for room, kept in recent._rooms.items():
        if len(kept) > core.config.recent_per_room:
            return f"{len(kept)} records of room {room} for repair"
    return ""


def _connection_bounds(server: Any) -> str:
    for link in server.links.values():
        if link.down.waiting > server.world.scene.connection.write_buffer_max + _PAGE:
            return f"{link.down.waiting} octets wait for one client"
    return ""


def client_bounds(process: Any) -> str:
    """Of the client core."""
    core = process.core
    config = core.config
    for room, receiver in core._rooms._receivers.items():
        wrong = _room_bounds(receiver, config)
        if wrong:
            return f"room {room}: {wrong}"
    if core._rooms._pulls > config.pulls_at_once:
        return f"{core._rooms._pulls} pages at once"
    if len(core._outbox._stored) > config.stored_max:
        return f"{len(core._outbox._stored)} stored messages wait for their records"
    return ""


def _room_bounds(receiver: Any, config: Any) -> str:
    heads, chain, early = receiver._heads, receiver.chain, receiver._early
    candidates, proven = len(heads._candidates), len(heads._proven)
    if candidates > config.heads_max or proven > config.heads_max or len(early) > config.reorder_max:
        return f"{candidates} and {proven} heads, {len(early)} early records"
    if chain is None:
        return ""
    waiting, linked, recent = len(chain.waiting), len(chain.linked), len(chain._recent)
    if waiting > config.reorder_max or linked > config.unproven_max + config.reorder_max:
        return f"{waiting} records above a gap, {linked} without a head"
    return f"{recent} hashes remembered" if recent > config.recent_max + 1 else ""

"""The table of targets, by name."""

from tests.fuzz import (
    bulk_targets,
    client_core_targets,
    client_targets,
    file_targets,
    import_targets,
    peer_targets,
    server_core_targets,
    server_targets,
    signed_targets,
    store_targets,
    text_targets,
    wire_targets,
)
from tests.fuzz.target import Target

_PARTS = (
    wire_targets,
    signed_targets,
    server_core_targets,
    client_core_targets,
    text_targets,
    file_targets,
    import_targets,
    store_targets,
    server_targets,
    client_targets,
    peer_targets,
    bulk_targets,
)
TARGETS: dict[str, Target] = {target.name: target for part in _PARTS for target in part.TARGETS}

"""The table of targets, by name."""

from tests.fuzz import file_targets, store_targets, text_targets, wire_targets
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for part in (wire_targets, text_targets, file_targets, store_targets) for target in part.TARGETS
}

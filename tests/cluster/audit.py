"""The audit of a chat (tests/chaos/audit.py) from a computer that reaches the database.

    python -m tests.cluster.audit URL DATA_DIR PROFILE …

One line of JSON: the list of faults.
"""

import json
import sys
from pathlib import Path

from lanchat.store.profile import ProfileStore
from tests.chaos.audit import Audit


def main(url: str, data_dir: str, *profiles: str) -> None:
    audit = Audit(url, Path(data_dir))
    for profile in map(Path, profiles):
        audit.check_profile(profile.name, ProfileStore.open(profile))
    print(json.dumps(audit.faults))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A server that stands by, as a real process."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.child import Child
from tests.support.procs import ROOT, in_namespace, plain_environment


class StandbyProcess(Child):
    """`lanchat-server run --standby` with what is in `data_dir`; it may be ready at once, if nobody serves."""

    def __init__(
        self,
        data_dir: Path,
        database: str,
        discovery_port: int,
        *,
        port: int = 0,
        namespace: str | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        argv = [sys.executable, "-m", "lanchat_server", "run", "--json", "--standby", "--data-dir", str(data_dir)]
        argv += ["--database", database, "--port", str(port), "--discovery-port", str(discovery_port), *extra]
        super().__init__(in_namespace(namespace, argv), env=plain_environment(data_dir), cwd=ROOT)

    def wait_event(self, kind: str, timeout: float, count: int = 1) -> dict[str, Any]:
        """The `count`th event of this kind, `ready` or `standby`. Raises TimeoutError."""
        found: list[dict[str, Any]] = []

        def is_it(line: str) -> bool:
            event = json.loads(line)
            if event.get("event") == kind:
                found.append(event)
            return len(found) >= count

        self.wait_for_line(is_it, timeout, f"{kind} {count}")
        return found[-1]

    def ready_at(self, timeout: float, count: int = 1) -> float:
        """When it serves (for the `count`th time), in seconds of `time.monotonic`. To be called before."""
        self.wait_event("ready", timeout, count)
        return time.monotonic()

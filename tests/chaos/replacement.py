"""Two servers on one database: again and again a second one is started at a random moment, as by an administrator who
moves the server to another computer and forgets the first. The older one must end; clients see only a new address,
which they find by discovery."""

import asyncio
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.audit import Audit
from tests.chaos.crowd import RATE
from tests.chaos.server_with_clients import ServerWithClients
from tests.support.procs import ServerProcess

# An idle server renews its lease every four seconds; one that is written to notices with the next batch.
FENCED_WITHIN = 15.0


@dataclass(slots=True)
class Outcome:
    """Seconds from when the newcomer was ready: `fenced` until the older one had ended, `recoveries` until a client was
    live with the newcomer."""

    fenced: list[float] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    made: int = 0
    stored: int = 0


async def replace_servers(
    scene: ServerWithClients, rounds: int, seed: int, rate: float = RATE, unseen_max: int | None = None
) -> Outcome:
    """`scene` has a database server and a discovery port. `unseen_max`: see `ClientCrowd.start_writing`."""
    draw, outcome = random.Random(seed), Outcome()
    async with scene:
        scene.crowd.start_writing(rate, unseen_max)
        for number in range(rounds):
            await asyncio.sleep(draw.uniform(0.0, 1.0))
            await _replace(scene, _copy_of_keys(scene, number), outcome)
        await scene.settle()
        await scene.crowd.close()
        await scene.stop()
    audit = Audit(scene.database, scene.data_dir).check(scene.crowd.people)
    outcome.made = sum(len(person.memory.made) for person in scene.crowd.people)
    outcome.stored, outcome.faults = audit.stored, [*outcome.faults, *audit.faults]
    return outcome


def _copy_of_keys(scene: ServerWithClients, number: int) -> Path:
    """The data folder of another computer with the same keys."""
    folder = scene.folder / f"server{number}"
    shutil.copytree(scene.data_dir / "keys", folder / "keys")
    return folder


async def _replace(scene: ServerWithClients, folder: Path, outcome: Outcome) -> None:
    older = scene.server
    newer: ServerProcess = await scene.launch(folder)
    scene.server = newer
    try:
        code = await asyncio.to_thread(older.wait, FENCED_WITHIN)
    except TimeoutError:
        older.kill()
        raise
    outcome.fenced.append(time.monotonic() - newer.ready_at)
    if code != 1:
        outcome.faults.append(f"the older server ended with {code}")
    live = await scene.crowd.live_after(newer.ready_at)
    outcome.recoveries += [when - newer.ready_at for when in live]

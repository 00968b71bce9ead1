"""What is done to the cluster and its servers: each case one row of the table."""

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.galera import Cluster, Node
from tests.lab.netns import Computer
from tests.support.child import Child
from tests.support.procs import ServerProcess
from tests.support.standby import StandbyProcess

# Seconds until what was broken is mended.
TROUBLE = 15.0


@dataclass(slots=True)
class Scene:
    """A chat on a cluster. The server uses the first node; `second` is its standby, where the case has one."""

    cluster: Cluster
    computers: list[Computer]
    first: ServerProcess
    second: StandbyProcess | None
    database: str
    helpers: list[Child] = field(default_factory=list)

    @property
    def used(self) -> Node:
        """The node that the server uses at first."""
        return self.cluster.nodes[0]

    @property
    def peers(self) -> tuple[str, ...]:
        """The addresses of the other nodes."""
        return tuple(node.address for node in self.cluster.nodes[1:])


@dataclass(frozen=True, slots=True)
class ClusterCase:
    """`trouble` begins it and returns at once; `mend` ends it TROUBLE seconds later. `has_standby`: two servers;
    `moves`: the standby has to take over."""

    name: str
    trouble: Callable[[Scene], None]
    mend: Callable[[Scene], None] = lambda scene: None
    has_standby: bool = False
    moves: bool = False


def _kill_used(scene: Scene) -> None:
    scene.used.kill()


def _start_used(scene: Scene) -> None:
    scene.used.start()


def _heal_used(scene: Scene) -> None:
    scene.used.heal()


def _cut_used(*, outbound: bool, from_nodes_only: bool = False) -> Callable[[Scene], None]:
    def cut(scene: Scene) -> None:
        scene.used.cut(outbound=outbound, peers=scene.peers if from_nodes_only else ())

    return cut


def _stop_other(scene: Scene) -> None:
    scene.cluster.nodes[2].stop()


def _rejoin_other_empty(scene: Scene) -> None:
    """With nothing of its data: it gets all of it from another node."""
    node = scene.cluster.nodes[2]
    for path in (node.folder / "data").iterdir():
        if path.name in ("grastate.dat", "galera.cache", "gvwstate.dat"):
            path.unlink()
    node.start()


def _begin_rival(scene: Scene) -> None:
    argv = [sys.executable, "-m", "tests.cluster.rival", scene.cluster.url(scene.database, scene.peers[0])]
    scene.helpers.append(scene.computers[1].start(*argv))


def _end_rival(scene: Scene) -> None:
    scene.helpers.pop().kill()


def _kill_server(scene: Scene) -> None:
    scene.first.kill()


def _cut_server(*, outbound: bool) -> Callable[[Scene], None]:
    def cut(scene: Scene) -> None:
        rules = "add table inet cut\nadd chain inet cut in { type filter hook input priority 0; }\n"
        rules += "add rule inet cut in iifname eth0 drop\n"
        if outbound:
            rules += "add chain inet cut out { type filter hook output priority 0; }\n"
            rules += "add rule inet cut out oifname eth0 drop\n"
        scene.computers[0].nft(rules)

    return cut


def _heal_server(scene: Scene) -> None:
    scene.computers[0].nft("flush ruleset")


def _kill_server_and_node(scene: Scene) -> None:
    scene.first.kill()
    scene.used.kill()


CASES = (
    ClusterCase("node in use killed, joins again", _kill_used, _start_used),
    ClusterCase("node in use cut off, both ways", _cut_used(outbound=True), _heal_used),
    ClusterCase("node in use cut off, inbound", _cut_used(outbound=False), _heal_used),
    ClusterCase(
        "node in use cut off from nodes, both ways", _cut_used(outbound=True, from_nodes_only=True), _heal_used
    ),
    ClusterCase("node in use cut off from nodes, inbound", _cut_used(outbound=False, from_nodes_only=True), _heal_used),
    ClusterCase("node in use frozen", lambda scene: scene.used.freeze(), lambda scene: scene.used.thaw()),
    ClusterCase("other node killed", lambda scene: scene.cluster.nodes[1].kill(), lambda s: s.cluster.nodes[1].start()),
    ClusterCase("other node joins without data", _stop_other, _rejoin_other_empty),
    ClusterCase("rival at another node", _begin_rival, _end_rival),
    ClusterCase("server killed", _kill_server, has_standby=True, moves=True),
    ClusterCase("server cut off, both ways", _cut_server(outbound=True), _heal_server, has_standby=True, moves=True),
    ClusterCase("server cut off, inbound", _cut_server(outbound=False), _heal_server, has_standby=True, moves=True),
    ClusterCase("server and its node killed", _kill_server_and_node, _start_used, has_standby=True, moves=True),
    ClusterCase("node in use killed, with a standby", _kill_used, _start_used, has_standby=True),
)


def copy_keys(source: Path, target: Path) -> None:
    """As an administrator does who sets up a standby."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source / "keys", target / "keys")


def wait(seconds: float) -> None:
    time.sleep(seconds)

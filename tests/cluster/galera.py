"""A Galera cluster: MariaDB on computers of their own (tests/lab/netns.py), which copy each other's state by rsync.

    with Lab() as lab, Cluster(lab, lab.lan()) as cluster:
        cluster.start()
        cluster.nodes[0].kill()

As root: mysqld runs as the user `mysql`, as its scripts for the transfer of state demand.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab.netns import Computer, Lab, Lan
from tests.support.child import Child
from tests.support.waiting import wait_until

NETWORK = "10.77.0"
PORT = 3306
USER = "mysql"
ACCOUNT, PASSWORD = "root", "root-of-a-test"
PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
# A node that rejoins with rsync copies all of a data folder.
START_PATIENCE = 90.0
_ACCOUNTS = (
    f"CREATE USER IF NOT EXISTS {ACCOUNT}@'{NETWORK}.%' IDENTIFIED BY '{PASSWORD}';\n"
    f"GRANT ALL ON *.* TO {ACCOUNT}@'{NETWORK}.%' WITH GRANT OPTION;\n"
)


def missing() -> str | None:
    """Why no cluster can be had here; None when it can."""
    if not PROVIDER.exists():
        return "needs galera-4 and mariadb-server"
    return None if shutil.which("rsync") else "needs rsync"


class Node:
    """One member. It keeps its data over `kill` and `stop`."""

    def __init__(self, computer: Computer, address: str, folder: Path, members: str) -> None:
        self.computer = computer
        self.address = address
        self.folder = folder
        self._members = members
        self._server: Child | None = None

    def start(self, *, first: bool = False) -> None:
        """Does not wait. `first`: of a cluster that nobody is in."""
        assert self._server is None, "the node is started already"
        self._server = self.computer.start(*self._command(first))

    def _command(self, first: bool) -> list[str]:
        folder = self.folder
        new = ["--wsrep-new-cluster", f"--init-file={folder / 'accounts.sql'}"] if first else []
        return [
            "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--user={USER}",
            f"--datadir={folder / 'data'}",
            f"--socket={folder / 'socket'}",
            f"--tmpdir={folder / 'tmp'}",
            f"--pid-file={folder / 'pid'}",
            f"--port={PORT}",
            f"--bind-address={self.address}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={PROVIDER}",
            "--wsrep-cluster-name=lanchat",
            f"--wsrep-cluster-address=gcomm://{self._members}",
            f"--wsrep-node-address={self.address}",
            f"--wsrep-node-name={self.address}",
            "--wsrep-sst-method=rsync",
            "--wsrep-provider-options=gcache.size=16M;gcache.page_size=16M",
            *new,
        ]

    def kill(self) -> None:
        """SIGKILL: the others find out by themselves."""
        if self._server is not None:
            self._server.kill()
            self._server = None

    def stop(self) -> None:
        """An orderly shutdown: the others are told."""
        if self._server is not None:
            self._server.stop(60.0)
            self._server = None

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open and nothing answers."""
        assert self._server is not None
        os.kill(self._server.pid, 19)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._server is not None
        os.kill(self._server.pid, 18)

    def transcript(self) -> str:
        """What it wrote to its log."""
        return self._server.transcript() if self._server is not None else ""

    def ask(self, question: str) -> list[list[str]]:
        """Rows of one statement, by the socket and as root: no network is in between. Raises RuntimeError."""
        done = subprocess.run(
            ["mariadb", "--no-defaults", "-u", "root", f"--socket={self.folder / 'socket'}", "-BN", "-e", question],
            capture_output=True,
            text=True,
            timeout=20,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def status(self, name: str) -> str:
        """A status variable; "" while nobody answers."""
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            rows = self.ask(f"SHOW GLOBAL STATUS LIKE '{name}'")
            return rows[0][1] if rows else ""
        return ""

    @property
    def is_synced(self) -> bool:
        """Whether it is a member with the present state."""
        if self._server is not None and self._server.returncode is not None:
            raise RuntimeError(f"mariadbd ended at once\n{self.transcript()[-4000:]}")
        return (self.status("wsrep_ready"), self.status("wsrep_local_state_comment")) == ("ON", "Synced")

    # What the network does to it

    def cut(self, *, outbound: bool, peers: tuple[str, ...] = ()) -> None:
        """Nothing reaches it any more, with `outbound` nothing leaves it either; `peers`: of these addresses alone."""
        which = f"ip {{}} {{{{ {', '.join(peers)} }}}} " if peers else ""
        rules = "add table inet cut\nadd chain inet cut in { type filter hook input priority 0; }\n"
        rules += f"add rule inet cut in iifname eth0 {which.format('saddr')}drop\n".replace("{{", "{").replace(
            "}}", "}"
        )
        if outbound:
            rules += "add chain inet cut out { type filter hook output priority 0; }\n"
            rules += f"add rule inet cut out oifname eth0 {which.format('daddr')}drop\n".replace("{{", "{").replace(
                "}}", "}"
            )
        self.computer.nft(rules)

    def heal(self) -> None:
        """The network is as before."""
        self.computer.nft("flush ruleset")


class Cluster:
    """`count` nodes on a LAN, with the addresses 10.77.0.1 and so on."""

    def __init__(self, lab: Lab, lan: Lan, count: int = 3) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lanchat-galera-"))
        self.folder.chmod(0o755)
        addresses = [f"{NETWORK}.{number}" for number in range(1, count + 1)]
        self.nodes = [
            Node(lab.computer((lan, f"{address}/24")), address, self._make_folder(address), ",".join(addresses))
            for address in addresses
        ]

    def _make_folder(self, address: str) -> Path:
        folder = self.folder / address
        (folder / "data").mkdir(parents=True)
        (folder / "tmp").mkdir()
        (folder / "accounts.sql").write_text(_ACCOUNTS)
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--user={USER}",
                f"--datadir={folder / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--force",
                "--innodb-log-file-size=8M",
            ],
            capture_output=True,
            check=True,
            timeout=120,
        )
        owner = pwd.getpwnam(USER)
        for path in (folder, folder / "data", folder / "tmp"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return folder

    def start(self) -> None:
        """Returns when all are members. The first one begins the cluster."""
        for number, node in enumerate(self.nodes):
            node.start(first=number == 0)
            self.wait_synced(node)

    @staticmethod
    def wait_synced(node: Node) -> None:
        """Until it is a member with the present state."""
        wait_until(lambda: node.is_synced, START_PATIENCE, f"{node.address} is synced", interval=0.2)

    def url(self, name: str, *addresses: str) -> str:
        """Of all nodes, or of these, in this order."""
        hosts = ",".join(addresses or [node.address for node in self.nodes])
        return f"mysql://{ACCOUNT}:{PASSWORD}@{hosts}/{name}"

    def close(self) -> None:
        """Kills all nodes and deletes their data."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def timed(work: Any) -> float:
    """Seconds that a call takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun

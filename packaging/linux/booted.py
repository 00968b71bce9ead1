"""A chroot whose own systemd runs, in namespaces: processes, mounts, network, names. Needs root and a kernel with
cgroup2."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

# Runs in the new namespaces, and becomes the init process of the system.
BOOT = r"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mkdir -p old
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs tmpfs dev/shm
ip link set lo up
pivot_root . old
umount -l /old
rmdir /old
mount --make-rshared /
exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-level=warning
"""
SPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")
READY = ("running", "degraded")  # degraded: kernel modules cannot be loaded in there


class System:
    """A system that runs."""

    def __init__(self, root: Path, init: int) -> None:
        """`init` is the process id of its systemd, as seen from here."""
        self.root = root
        self._init = init

    def run(self, command: str, *, check: bool = True, wait: float = 300, **variables: str) -> str:
        """What a shell command says on both streams. Raises RuntimeError with it when the command fails."""
        argv = ["nsenter", f"--target={self._init}", "--all", "--wdns=/root", "--", "sh", "-c", command]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
        environment |= {"DEBIAN_FRONTEND": "noninteractive", **variables}
        done = subprocess.run(
            argv,
            check=False,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=wait,
            text=True,
            errors="replace",
        )
        if check and done.returncode:
            raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stdout.strip()[-2000:]}")
        return done.stdout

    def until(self, command: str, what: str, wait: float = 120) -> str:
        """What a command says once it succeeds. Raises RuntimeError when it does not in time."""
        deadline = time.monotonic() + wait
        while True:
            late = time.monotonic() > deadline
            try:
                return self.run(command)
            except RuntimeError as error:
                if late:
                    raise RuntimeError(f"{what}: not within {wait:g} s: {error}") from None
            time.sleep(0.3)


@contextlib.contextmanager
def booted(root: Path) -> Iterator[System]:
    """The system of a chroot, started; it ends with the block."""
    argv = ["unshare", *SPACES, "--fork", "--kill-child", "bash", "-c", BOOT, "boot", str(root)]
    with (root / "boot.log").open("wb") as log:
        outer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    (root / "boot.log").unlink()
    try:
        system = System(root, _child(outer.pid))
        states = "|".join(READY)
        system.until(f"systemctl is-system-running | grep -Eqx '{states}'", "the system is up")
        yield system
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(outer.pid, signal.SIGKILL)
        outer.wait()


def _child(parent: int) -> int:
    """The only child of a process."""
    deadline = time.monotonic() + 30
    while True:
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        if found:
            return int(found[0])
        if time.monotonic() > deadline:
            raise RuntimeError("the system did not start")
        time.sleep(0.05)

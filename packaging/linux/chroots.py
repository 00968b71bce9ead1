"""Chroots of Debian and Ubuntu in `.cache/linux`: made once by mmdebstrap, then copied for each use. Needs root."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "linux"
# What a chroot begins with besides what the package manager needs.
SERVICES = ("systemd", "systemd-sysv", "dbus", "iproute2", "procps")
USED = ("python3", "python3-tk", "man-db", "xvfb", "xdotool", *SERVICES)
BUILD = ("build-essential", "debhelper", "python3", "lintian", "desktop-file-utils", "appstream")


class Suite(NamedTuple):
    """A release: its name for people, for mmdebstrap, the parts of its archive, what its chroot is for ("use" or
    "build"), and the packages in it."""

    title: str
    name: str
    components: str
    purpose: str
    packages: tuple[str, ...]


BUILDER = Suite("Debian 12, with what builds packages", "bookworm", "main", "build", BUILD)
SUITES = (
    Suite("Debian 12", "bookworm", "main", "use", USED),
    Suite("Debian 13", "trixie", "main", "use", USED),
    Suite("Ubuntu 24.04", "noble", "main,universe", "use", USED),
)


class ChrootError(Exception):
    """A chroot could not be made: its archive cannot be reached, or it lacks a package."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"== {text}", flush=True)


def base(suite: Suite) -> Path:
    """The chroot of a release that is copied for each use, made now if it is missing or was described otherwise. Raises
    ChrootError."""
    mark = hashlib.sha256(repr(suite).encode()).hexdigest()[:12]
    made = CACHE / "chroots" / f"{suite.name}-{suite.purpose}-{mark}"
    if made.is_dir():
        return made
    for old in made.parent.glob(f"{suite.name}-{suite.purpose}-*"):
        shutil.rmtree(old)
    say(f"making a chroot of {suite.title} (kept in {made.relative_to(ROOT)})")
    draft = made.with_name(made.name + ".part")
    draft.parent.mkdir(parents=True, exist_ok=True)
    options = ["--variant=apt", f"--components={suite.components}", f"--include={','.join(suite.packages)}"]
    if suite.name == "noble":
        options.append(f"--keyring={_ubuntu_keyring()}")
    command = ["mmdebstrap", "--quiet", *options, suite.name, str(draft)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise ChrootError(f"{suite.title}: {(done.stderr.strip().splitlines() or ['no chroot'])[-1]}")
    # Services of packages are not started while they are installed.
    guard = draft / "usr/sbin/policy-rc.d"
    guard.unlink(missing_ok=True)
    draft.rename(made)
    return made


def _ubuntu_keyring() -> Path:
    """The keys of Ubuntu's archive: of this computer, or from Debian 13, which signs the package that holds them."""
    name = "ubuntu-archive-keyring.gpg"
    for place in (Path("/usr/share/keyrings"), CACHE / "usr/share/keyrings"):
        if (place / name).exists():
            return place / name
    with copied(SUITES[1]) as root:
        command = (
            "cd /tmp && apt-get -qq update && apt-get -qq download ubuntu-keyring && dpkg -x ubuntu-keyring*.deb x"
        )
        done = run(root, ["sh", "-c", command], network=True, check=False)
        if done.returncode:
            raise ChrootError(f"the keys of Ubuntu's archive cannot be had: {done.stderr.strip()}")
        shutil.copytree(root / "tmp/x/usr/share/keyrings", CACHE / "usr/share/keyrings")
    return CACHE / "usr/share/keyrings" / name


@contextlib.contextmanager
def copied(suite: Suite) -> Iterator[Path]:
    """A copy of a release's chroot that is removed at the end."""
    source = base(suite)
    copy = CACHE / "work" / f"{suite.name}-{os.getpid()}"
    copy.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(copy.parent)
    try:
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(copy)], check=True)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Copies of processes that were killed: a gigabyte each."""
    for copy in folder.iterdir():
        process = copy.name.rpartition("-")[2]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(copy, ignore_errors=True)


def run(
    root: Path, command: Sequence[str], *, network: bool = False, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command in a chroot, with processes and (unless `network`) network of its own; what it started ends with it."""
    spaces = ["--mount", "--pid", "--ipc", "--uts", *([] if network else ["--net"])]
    argv = ["unshare", *spaces, "--fork", "--kill-child", f"--mount-proc={root}/proc", "chroot", str(root)]
    if network:
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    environment |= {"DEBIAN_FRONTEND": "noninteractive", **variables}
    done = subprocess.run(
        [*argv, *command], check=False, env=environment, capture_output=True, text=True, errors="replace"
    )
    if check and done.returncode:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done

"""Bare chroots of Debian 12 and 13: what debootstrap installs as the least, without Python. Needs root."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from build import CACHE, say  # beside this file

SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
# Mounts the folders of the arguments after the first in the chroot, at the paths that they have outside, then becomes
# the command after `--`. The mounts end with the process.
_ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; done
shift
exec chroot "$root" "$@"
"""
_X11 = "/tmp/.X11-unix"  # noqa: S108 - where X servers have their sockets


class ChrootFailed(Exception):
    """A chroot could not be made or entered."""


def chroot(suite: str, title: str) -> Path:
    """The chroot of a release, made now if it is missing. Raises ChrootFailed."""
    made = CACHE / "chroots" / suite
    if made.is_dir():
        return made
    if os.geteuid() != 0:
        raise ChrootFailed("chroots need root")
    if shutil.which("debootstrap") is None:
        raise ChrootFailed("debootstrap is missing: install the package debootstrap")
    say(f"making a bare chroot of {title} (half a minute, kept in .cache)")
    draft = made.with_name(f"{suite}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    command = ["debootstrap", "--variant=minbase", suite, str(draft)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChrootFailed(f"{title}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    draft.rename(made)
    return made


def prefix(root: Path, folders: Sequence[Path]) -> tuple[str, ...]:
    """What stands before a command that is to run in a chroot, as the same process; with these folders in it, the
    computer's network and its displays."""
    bound = [*(str(folder) for folder in folders), *([_X11] if Path(_X11).is_dir() else [])]
    space = ("unshare", "--mount", "--propagation", "private")
    return (*space, "sh", "-euc", _ENTER, "enter", str(root), *bound, "--")


def without_python(root: Path) -> tuple[str, bool]:
    """What says whether there is a Python in a chroot, and that there is none."""
    found = [str(path.relative_to(root)) for path in (root / "usr").glob("*bin/python3*")]
    return (", ".join(found), False) if found else ("no python3 in it", True)

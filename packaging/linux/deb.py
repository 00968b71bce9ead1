"""Builds the Debian packages of client and server into `dist` (`make deb`), with Debian's own tools in a chroot of
Debian 12, and looks at them with lintian.

The libraries are the wheels of packaging/locks/runtime.txt, for each version of Python that the packages support; pip
takes none with another hash. Two builds of one commit give the same files: times are those of the commit, and what
builds is the chroot, not this computer.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from chroots import BUILDER, CACHE, ROOT, ChrootError, copied, run, say

from lanchat import __version__

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
GLIBC = (28, 26, 24, 17, 12, 5)  # manylinux: all that Debian 12's 2.36 runs and wheels are made for
PARTS = ("packaging/linux", "packaging/icons", "docs/USER_GUIDE.md", "CHANGELOG.md", "NOTICE", "LICENSE")
DIST = ROOT / "dist"
MAINTAINER = re.compile(r"^Maintainer: (.*)$", re.MULTILINE)


def commit_time() -> int:
    """Seconds since 1970 of the last commit: the time of everything that is built."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def build_wheel(folder: Path) -> Path:
    """Our own wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(commit_time())}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return next(folder.glob(f"lanchat-{__version__}-*.whl"))


def download_wheels(machine: str = "x86_64") -> Path:
    """The folder with the wheels of all libraries, a folder for each version of Python."""
    lock = ROOT / "packaging/locks/runtime.txt"
    mark = hashlib.sha256(lock.read_bytes() + repr((PYTHONS, GLIBC)).encode()).hexdigest()[:12]
    made = CACHE / "wheels" / f"{machine}-{mark}"
    for python in PYTHONS:
        if (made / python).is_dir():
            continue
        say(f"fetching the libraries for Python {python}")
        draft = made / f"{python}.part"
        shutil.rmtree(draft, ignore_errors=True)
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}"]
        kinds = [f"cp{python.replace('.', '')}", "abi3", "none"]
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--python-version", python, "--implementation", "cp"]
        command += [f"--abi={kind}" for kind in kinds] + [f"--platform={name}" for name in platforms]
        subprocess.run([*command, "--requirement", str(lock), "--dest", str(draft)], check=True)
        draft.rename(made / python)
    return made


def changelog() -> str:
    """The file debian/changelog of this version."""
    maintainer = MAINTAINER.search((ROOT / "packaging/linux/debian/control").read_text(encoding="utf-8"))
    assert maintainer
    date = format_datetime(datetime.fromtimestamp(commit_time(), UTC))
    return f"""lanchat ({__version__}) unstable; urgency=medium

  * Version {__version__}; what is new stands in changelog.gz beside this file.

 -- {maintainer[1]}  {date}
"""


def prepare(place: Path, wheels: Path) -> None:
    """The tree that dpkg-buildpackage works in: tracked files as they are now, and wheels."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if not (ROOT / name).exists():
            continue
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    shutil.copytree(place / "packaging/linux/debian", place / "debian")
    (place / "debian/changelog").write_text(changelog(), encoding="utf-8")
    shutil.copytree(wheels, place / "wheels")
    build_wheel(place / "wheels/program")
    for path in place.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def build(again: bool = False) -> list[Path]:
    """The packages, in `dist`: those of an earlier build when nothing they are made of has changed, unless `again`.
    Ends the program when lintian finds errors."""
    wheels = download_wheels()
    with copied(BUILDER) as root:
        place = root / "build" / f"lanchat-{__version__}"
        place.mkdir(parents=True)
        prepare(place, wheels)
        kept = CACHE / "debs" / _mark(place)
        if again or not kept.is_dir():
            _build(root, place, kept)
    DIST.mkdir(exist_ok=True)
    return [Path(shutil.copy(path, DIST)) for path in sorted(kept.glob("*.deb"))]


def _mark(place: Path) -> str:
    """A name for what a build is made of: all its files, its time, and the chroot."""
    state = hashlib.sha256(f"{commit_time()} {BUILDER}".encode())
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        state.update(str(path.relative_to(place)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()[:16]


def _build(root: Path, place: Path, kept: Path) -> None:
    say("building the packages")
    command = f"cd /build/{place.name} && dpkg-buildpackage --build=binary --no-sign"
    done = run(root, ["sh", "-c", command], SOURCE_DATE_EPOCH=str(commit_time()))
    (CACHE / "deb-build.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    made = sorted((root / "build").glob("*.deb"))
    say("looking at them with lintian")
    names = [f"/build/{path.name}" for path in made]
    looked = run(root, ["lintian", "--fail-on=error", "--info", *names], check=False)
    (CACHE / "lintian.log").write_text(looked.stdout + looked.stderr, encoding="utf-8")
    if looked.returncode:
        sys.exit("\n".join(line for line in looked.stdout.splitlines() if line.startswith("E:")) or looked.stderr)
    kept.mkdir(parents=True, exist_ok=True)
    for path in made:
        shutil.copy(path, kept)


def table(paths: Iterable[Path]) -> None:
    """Name, size and hash of each file."""
    for path in paths:
        size = path.stat().st_size / 1e6
        print(f"{path.relative_to(ROOT)!s:46} {size:6.1f} MB  {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("make deb works in a chroot and needs root: sudo make deb")
    try:
        table(build())
    except ChrootError as error:
        sys.exit(f"error: {error}")

"""Everything of a release, in `dist`, with a table of what was checked (`make dist`).

    dist.py                      all that can be made on this computer
    dist.py --without deb        leaves a part out: deb, executables (may be given again)
    dist.py --twice              builds the Debian packages twice and compares them, too

Times in what is built are those of the last commit (or SOURCE_DATE_EPOCH), so that two runs give the same wheel, source
package and Debian packages. What Windows and macOS need is built there: .github/workflows/release.yml.
"""

import argparse
import gzip
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "linux"))
import deb
import sbom
from chroots import ROOT, ChrootError, say

from lanchat import __version__

DIST = ROOT / "dist"
SUMS = "SHA256SUMS"
PARTS = ("deb", "executables")
Row = tuple[str, str, str]


class WrongResult(Exception):
    """What was built is not what it should be; one line for a person."""


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def call(*command: str | Path, cwd: Path = ROOT) -> str:
    """What a command says. Raises WrongResult when it fails."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(deb.commit_time())}
    argv = [str(word) for word in command]
    done = subprocess.run(argv, check=False, cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise WrongResult(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def python_packages(folder: Path) -> tuple[Path, Path]:
    """Wheel and source package, built into a folder."""
    call(sys.executable, "-m", "hatchling", "build", "-d", folder)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def wheel_and_sdist() -> str:
    """Built twice from the checkout, and the wheel once more from the source package."""
    made = python_packages(DIST)
    with tempfile.TemporaryDirectory() as scratch:
        again = python_packages(Path(scratch, "again"))
        if [digest(path) for path in made] != [digest(path) for path in again]:
            raise WrongResult("a second build gave other files")
        with tarfile.open(made[1]) as archive:
            archive.extractall(scratch, filter="data")
        source = Path(scratch, made[1].name.removesuffix(".tar.gz"))
        call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", Path(scratch, "third"), cwd=source)
        if digest(next(Path(scratch, "third").glob("*.whl"))) != digest(made[0]):
            raise WrongResult("the source package gives another wheel")
    return "a second build, and one from the source package, give the same"


def installed_wheel() -> str:
    """The wheel in an environment of its own, with the libraries of the lock."""
    wheel = next(DIST.glob("*.whl"))
    with tempfile.TemporaryDirectory() as scratch:
        call(sys.executable, "-m", "venv", scratch)
        python = Path(scratch, "bin", "python")
        quiet = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        call(*quiet, "--require-hashes", "--only-binary", ":all:", "-r", ROOT / "packaging/locks/runtime.txt")
        call(*quiet, "--no-deps", wheel)
        for program in ("lanchat", "lanchat-server"):
            said = call(Path(scratch, "bin", program), "--version")
            if __version__ not in said:
                raise WrongResult(f"{program} --version says {said}")
        call(python, "-m", "pip", "check")
        if not Path(scratch, "share/man/man1/lanchat.1").exists():
            raise WrongResult("the wheel has no man pages")
    return "both programs start from a new environment"


def debian_packages(twice: bool) -> str:
    """Of client and server. Raises WrongResult."""
    if os.geteuid() != 0:
        raise WrongResult("they are built in a chroot, which needs root: sudo make dist")
    made = deb.build()
    if twice:
        before = [digest(path) for path in made]
        if before != [digest(path) for path in deb.build(again=True)]:
            raise WrongResult("a second build gave other files")
    return "lintian: no errors" + (", a second build gives the same" if twice else "")


def executables() -> str:
    """The programs that need no Python, as an archive of two folders with their desktop files."""
    script = ROOT / "packaging/pyinstaller/executables.py"
    say("programs that need no Python")
    last = call(sys.executable, script).strip().splitlines()[-1]
    folder = ROOT / ".cache/executables/dist"
    name = f"lanchat-{__version__}-{sys.platform}-{platform.machine()}"
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch, name)
        shutil.copytree(folder, tree, symlinks=True)
        for part in ("desktop/lanchat.desktop", "tarball.txt"):
            shutil.copy(ROOT / "packaging/linux" / part, tree)
        shutil.copy(ROOT / "packaging/icons/lanchat.svg", tree)
        archive(tree, DIST / f"{name}.tar.gz")
    return last


def archive(tree: Path, file: Path) -> None:
    """A compressed archive of a folder whose octets depend on names and contents alone."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = deb.commit_time()
        return entry

    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=deb.commit_time()) as packed,
        tarfile.open(fileobj=packed, mode="w") as written,
    ):
        for path in [tree, *sorted(tree.rglob("*"))]:
            written.add(path, str(path.relative_to(tree.parent)), recursive=False, filter=plain)


def bill_of_materials() -> str:
    """As CycloneDX, and the licences of all libraries as one text."""
    said = sbom.write(DIST / f"lanchat-{__version__}.cdx.json", deb.commit_time())
    licences = call(sys.executable, "-m", "lanchat", "--licences")
    (DIST / f"lanchat-{__version__}-licences.txt").write_text(licences, encoding="utf-8")
    return said


def sums() -> str:
    """The list of hashes of everything in `dist`, as sha256sum reads it."""
    found = sorted(path for path in DIST.iterdir() if path.is_file() and path.name != SUMS)
    (DIST / SUMS).write_text("".join(f"{digest(path)}  {path.name}\n" for path in found), encoding="utf-8")
    return f"{len(found)} files"


def clear(folder: Path) -> None:
    """What an earlier run has built; what others have built is in folders (`make windows`) and stays."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if not path.is_dir():
            path.unlink()


def steps(without: list[str], twice: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    """Name and work of each row of the table."""
    yield "wheel and source package", wheel_and_sdist
    yield "wheel, installed", installed_wheel
    if "deb" not in without:
        yield "Debian packages", lambda: debian_packages(twice)
    if "executables" not in without:
        yield "executables", executables
    yield "bill of materials", bill_of_materials
    yield SUMS, sums


def main() -> int:
    parser = argparse.ArgumentParser(prog="make dist", description="Build everything of a release.")
    parser.add_argument("--without", action="append", choices=PARTS, default=[], help="leave a part out")
    parser.add_argument("--twice", action="store_true", help="build the Debian packages twice and compare them")
    options = parser.parse_args()
    clear(DIST)
    rows: list[Row] = []
    for name, work in steps(options.without, options.twice):
        say(name)
        started = time.monotonic()
        try:
            rows.append((name, "ok", work()))
        except (WrongResult, ChrootError, ValueError) as error:
            rows.append((name, "WRONG", str(error)))
        print(f"   {rows[-1][1]} ({time.monotonic() - started:.1f} s)", flush=True)
    print()
    for name, outcome, said in rows:
        print(f"{name:26} {outcome:6} {said}")
    print()
    deb.table(sorted(path for path in DIST.iterdir() if path.name != SUMS))
    return int(any(outcome != "ok" for _name, outcome, _said in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

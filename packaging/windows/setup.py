"""`make windows`: builds the setup, the portable archive and winget's manifest on Linux, then installs and uses them.

    setup.py [--again] [--no-use]
    setup.py --programs FOLDER    on Windows: only the setup, of programs that are frozen already, as by build.py --dist

Everything that comes from outside is pinned by hash; what was built is kept in the folder of box.sh (.cache/windows)
and built anew when something has changed. The results are in dist/windows; a table at the end says what was checked.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "packaging" / "windows"
CACHE = Path(os.environ.get("WINDOWS_CACHE") or ROOT / ".cache" / "windows")
OUT = ROOT / "dist" / "windows"
BOX = str(HERE / "box.sh")
SETUP_MAX = 25e6
sys.path[:0] = [str(ROOT), str(ROOT / "packaging" / "pyinstaller"), str(HERE)]

from build import fingerprint as inputs_of_programs  # noqa: E402
from winget import write_manifest  # noqa: E402

from lanchat import __version__  # noqa: E402

Row = tuple[str, str, str]


class StepFailed(Exception):
    """A step failed; the text says which one and why."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"== {text}", flush=True)


def box(*command: str, **environment: str) -> None:
    """A command in the box, to its end. Raises StepFailed with the end of what it said."""
    done = subprocess.run(
        [BOX, *command], env=os.environ | {"WINDOWS_CACHE": str(CACHE)} | environment, capture_output=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip().splitlines()
        raise StepFailed(f"{' '.join(command[:4])} … ended with {done.returncode}:\n" + "\n".join(said[-15:]))


def freeze(again: bool) -> Path:
    """The folder with both programs for Windows."""
    dist, mark = CACHE / "programs", CACHE / "programs.stamp"
    stamp = inputs_of_programs()
    if not again and mark.is_file() and mark.read_text() == stamp:
        say("the programs are kept: nothing has changed")
        return dist
    say("freezing client and server (three minutes)")
    mark.unlink(missing_ok=True)
    shutil.rmtree(dist, ignore_errors=True)
    box("python", "freeze", "packaging/pyinstaller/build.py", "--dist", r"Z:\kept\programs")
    mark.write_text(stamp)
    return dist


def compiler() -> None:
    """Inno Setup in the kept folder, from its pinned archive."""
    name, digest = (HERE / "inno.txt").read_text().splitlines()[1].split()
    mark = digest.replace(":", "-")  # Windows has no such names
    if (CACHE / "inno" / mark).is_file():
        return
    say("Inno Setup")
    downloads = CACHE / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    archive = downloads / (name.replace("@", "-") + ".tgz")
    if not archive.is_file():
        npm = shutil.which("npm") or "npm"  # on Windows a script, which only its whole name starts
        subprocess.run(
            [npm, "pack", "--silent", "--ignore-scripts", name], cwd=downloads, check=True, stdout=subprocess.DEVNULL
        )
    if "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
        archive.unlink()
        raise StepFailed(f"{name} is not the archive that inno.txt names")
    draft = CACHE / "inno.part"
    shutil.rmtree(draft, ignore_errors=True)
    with tarfile.open(archive) as packed:
        packed.extractall(draft, filter="data")
    shutil.rmtree(CACHE / "inno", ignore_errors=True)
    (draft / "package" / "bin").rename(CACHE / "inno")
    (CACHE / "inno" / mark).touch()
    shutil.rmtree(draft)


def compile_setup() -> Path:
    """The setup, in dist/windows."""
    say("compiling the setup (a minute)")
    options = [f"/DVersion={__version__}", r"/DDist=Z:\kept\programs", r"/DOut=Z:\src\dist\windows"]
    OUT.mkdir(parents=True, exist_ok=True)
    box("run", "wine", r"Z:\kept\inno\ISCC.exe", "/Qp", *options, r"Z:\src\packaging\windows\setup.iss")
    return OUT / setup_name()


def setup_name() -> str:
    """As setup.iss names it."""
    return f"lanchat-{__version__}-setup.exe"


def compile_here(programs: Path) -> Path:
    """The same on Windows itself, of these programs."""
    compiler()
    OUT.mkdir(parents=True, exist_ok=True)
    options = [f"/DVersion={__version__}", f"/DDist={programs}", f"/DOut={OUT}"]
    done = subprocess.run([CACHE / "inno" / "ISCC.exe", "/Qp", *options, HERE / "setup.iss"], check=False)
    if done.returncode:
        raise StepFailed(f"ISCC ended with {done.returncode}")
    return OUT / setup_name()


def portable(dist: Path) -> Path:
    """An archive that needs no setup: unpack and start."""
    say("the portable archive")
    file = OUT / f"lanchat-{__version__}-portable.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(dist.rglob("*")):
            if path.is_file():
                archive.write(path, Path(f"lanchat-{__version__}") / path.relative_to(dist))
    return file


def table(rows: list[Row]) -> int:
    """Prints what was checked; 1 when something failed."""
    width = max(len(name) for name, _result, _detail in rows)
    print()
    for name, result, detail in rows:
        print(f"{name:<{width}}  {result:<6}  {detail}")
    return int(any(result == "FAILED" for _name, result, _detail in rows))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="packaging/windows/setup.py", description="Build and use the setup for Windows."
    )
    parser.add_argument("--again", action="store_true", help="build also what has not changed")
    parser.add_argument("--no-use", action="store_true", help="build only")
    parser.add_argument("--programs", type=Path, metavar="FOLDER", help="on Windows: the setup of these programs")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        if options.programs is not None:
            print(compile_here(options.programs.absolute()))
            return 0
        dist = freeze(options.again)
        compiler()
        setup = compile_setup()
        archive = portable(dist)
        manifest = write_manifest(OUT / "winget", setup, __version__)
        size = setup.stat().st_size
        rows: list[Row] = [
            ("setup", "ok" if size <= SETUP_MAX else "FAILED", f"{size / 1e6:.1f} MB of {SETUP_MAX / 1e6:.0f} at most"),
            ("portable archive", "ok", f"{archive.stat().st_size / 1e6:.1f} MB"),
            ("winget manifest", "ok", f"{len(manifest)} files"),
        ]
        if not options.no_use:
            from use import use_all

            rows += use_all(setup, CACHE, OUT)
    except StepFailed as error:
        sys.exit(f"error: {error}")
    rows.append(("time", "ok", f"{(time.monotonic() - began) / 60:.1f} min"))
    return table(rows)


if __name__ == "__main__":
    sys.exit(main())

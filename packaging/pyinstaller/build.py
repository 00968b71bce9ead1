"""Builds the folders of both programs for this platform:  build.py [--dist FOLDER]

Without options: into `.cache/executables/dist`, by an environment that holds what packaging/locks names and nothing
else. With `--dist`: by the Python that runs this, which has it all, into FOLDER.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "packaging" / "pyinstaller"
CACHE = ROOT / ".cache" / "executables"
DIST = CACHE / "dist"
LOCKS = ("build", "runtime", "package")
SPECS = ("client", "server")
# What a build is made of.
_INPUTS = ("lanchat", "lanchat_server", "db", "packaging/pyinstaller", "packaging/icons", "packaging/locks")


class BuildError(Exception):
    """A step failed; the text says which one and why."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"== {text}", flush=True)


def build(*, again: bool = False) -> Path:
    """The folder with both programs' folders; built now when something has changed. Raises BuildError."""
    stamp = fingerprint()
    mark = DIST / "stamp"
    if not again and mark.is_file() and mark.read_text(encoding="utf-8") == stamp:
        say(f"nothing has changed: {DIST.relative_to(ROOT)} is kept")
        return DIST
    python = _environment()
    draft = CACHE / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    freeze(python, draft, CACHE / "work")
    (draft / "stamp").write_text(stamp, encoding="utf-8")
    shutil.rmtree(DIST, ignore_errors=True)
    draft.rename(DIST)  # whole, or not at all
    return DIST


def freeze(python: str, dist: Path, work: Path) -> None:
    """Both programs' folders into `dist`, by PyInstaller of `python`. Raises BuildError."""
    for spec in SPECS:
        say(f"freezing the {spec} (a minute or two)")
        options = ["--noconfirm", "--log-level", "ERROR", "--distpath", str(dist), "--workpath", str(work)]
        command = [python, "-m", "PyInstaller", *options, f"{spec}.spec"]
        # One seed for all sets of names: two builds of the same files are the same.
        environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=HERE, stdin=subprocess.DEVNULL, env=environment, check=False)
        if done.returncode:
            raise BuildError(f"PyInstaller could not freeze the {spec}")


def fingerprint() -> str:
    """Changes with everything that a build is made of."""
    digest = hashlib.sha256(sys.version.encode())
    for place in _INPUTS:
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _environment() -> str:
    """The Python of an environment with the locked packages. Raises BuildError."""
    place = CACHE / "environment"
    python = str(place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    locks = [ROOT / "packaging" / "locks" / f"{name}.txt" for name in LOCKS]
    stamp = hashlib.sha256(sys.version.encode() + b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    mark = place / "stamp"
    if mark.is_file() and mark.read_text(encoding="utf-8") == stamp:
        return python
    say("an environment with what packaging/locks names")
    _quietly([sys.executable, "-m", "venv", "--clear", str(place)])
    arguments = ["--require-hashes", "--only-binary", ":all:"]
    for lock in locks:
        arguments += ["--requirement", str(lock)]
    _quietly([python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments])
    mark.write_text(stamp, encoding="utf-8")
    return python


def _quietly(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise BuildError(f"{' '.join(command[:5])} … failed:\n{tail}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="packaging/pyinstaller/build.py", description="Build both programs' folders.")
    parser.add_argument("--dist", type=Path, help="build with this Python into that folder")
    options = parser.parse_args()
    try:
        if options.dist is None:
            build()
        else:
            dist = options.dist.absolute()
            freeze(sys.executable, dist, dist.with_name(dist.name + "-work"))
    except BuildError as error:
        sys.exit(f"error: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

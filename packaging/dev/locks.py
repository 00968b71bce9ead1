"""Renews packaging/locks: exact versions with hashes of all that is installed (`make locks`), and tells what changed.

    locks.py          the newest versions that pyproject.toml allows
    locks.py --keep   the present versions as far as it allows them: after a dependency was added or dropped

All groups are resolved together, so a package has one version in all files, for every platform and Python. The files
hold no address: where packages come from is the installer's configuration. Nothing is written unless each of
`PYTHONS` on each of `PLATFORMS` finds wheels for everything, because what is built from source asks for packages that
no file names.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "packaging" / "locks"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "x86_64-pc-windows-msvc")
RUNTIME = "runtime"
HEADER = "# Written by `make locks` from pyproject.toml; installed by packaging/dev/setup.sh.\n"
_PIN = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)", re.MULTILINE)

Versions = dict[str, set[str]]


def groups() -> list[str]:
    """The dependency groups of pyproject.toml: each has a lock file of its name, beside that of the program itself."""
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"])


def versions(texts: Iterable[str]) -> Versions:
    """The versions of each package in lock files: several when they differ by platform or Python."""
    found: Versions = {}
    for text in texts:
        for name, version in _PIN.findall(text):
            found.setdefault(name, set()).add(version)
    return found


def changes(before: Versions, after: Versions) -> Iterator[str]:
    """A line for each package whose versions differ."""
    for name in sorted(before.keys() | after.keys()):
        old, new = (", ".join(sorted(side.get(name, ()))) for side in (before, after))
        if old != new:
            yield f"{name}: {old} -> {new}" if old and new else f"{name}: {f'new, {new}' if new else 'dropped'}"


def compile_lock(output: Path, sources: Iterable[str], *options: str) -> None:
    """Resolves `sources` into `output`. Versions that stand there already are preferred."""
    command = ["pip", "compile", "--universal", "--python-version", PYTHONS[0], "--only-binary", ":all:"]
    _uv(*command, "--generate-hashes", "--no-header", "--no-emit-index-url", *options, "-o", str(output), *sources)


def check_wheels(lock: Path) -> None:
    """Ends with an error unless everything that a lock file names has wheels everywhere."""
    for platform in PLATFORMS:
        for python in PYTHONS:
            target = ["--python-platform", platform, "--python-version", python]
            _uv("pip", "compile", "--no-deps", "--only-binary", ":all:", *target, str(lock))


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr.strip()}\nerror: nothing was changed (uv {' '.join(arguments)})")


def main() -> int:
    parser = argparse.ArgumentParser(prog="packaging/dev/locks.py", description="Renew packaging/locks.")
    parser.add_argument("--keep", action="store_true", help="keep the present versions as far as possible")
    options = parser.parse_args()
    present = {path.stem: path.read_text(encoding="utf-8") for path in sorted(LOCKS.glob("*.txt"))}
    sources = {RUNTIME: ["pyproject.toml", "--all-extras"]} | {group: ["--group", group] for group in groups()}
    with tempfile.TemporaryDirectory() as folder:
        together = Path(folder, "all.txt")
        together.write_text("".join(present.values()) if options.keep else "", encoding="utf-8")
        compile_lock(together, [argument for source in sources.values() for argument in source])
        check_wheels(together)
        renewed = {}
        for name, source in sources.items():
            output = Path(folder, f"{name}.txt")
            output.write_bytes(together.read_bytes())
            compile_lock(output, source)
            renewed[name] = HEADER + output.read_text(encoding="utf-8")
    LOCKS.mkdir(exist_ok=True)
    for name in present.keys() - renewed.keys():
        (LOCKS / f"{name}.txt").unlink()
    for name, text in renewed.items():
        (LOCKS / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
    differences = list(changes(versions(present.values()), versions(renewed.values())))
    print("\n".join(differences) or "no version changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())

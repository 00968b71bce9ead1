"""A virtual environment for a Debian package, out of wheels; runs in the build, with the standard library alone.

    environment.py client|server WHEELS DESTDIR PLACE

WHEELS has a folder for each version of Python (`3.11`, `3.12`, …) with the wheels for it, and `program` with our own.
All go into one folder, which each of these versions finds by a link of its name: what is compiled has the version in
its file name, and everything else is the same. So one package serves each release of Debian and Ubuntu, and goes on
working when the system's Python is updated. Two wheels with different code for one path are an error.
"""

import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

SITE = "lib/python3/site-packages"
# Libraries that only the server uses, as their wheels are called.
SERVER_ONLY = {"alembic", "mako", "markupsafe", "mysql_connector_python", "prometheus_client", "sqlalchemy"}
# The C extension of the MySQL connector and the libraries that it brings are never used (docs/ARCHITECTURE.md).
LEFT_OUT = ("_mysql_connector.", "mysql/vendor/")
PROGRAMS = {"client": "lanchat", "server": "lanchat-server"}
START = """\
#!/bin/sh
# -I: neither variables of the environment nor the current folder say what is imported.
exec {place}/bin/python3 -I -m {module} "$@"
"""


def files(wheel: Path, kind: str) -> Iterator[tuple[str, bytes]]:
    """Path and contents of what a wheel installs. Its record is kept: the programs find the licences by it."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = entry.filename
            if entry.is_dir() or _is_left_out(name, kind):
                continue
            if re.match(r"[^/]+\.data/(purelib|platlib)/", name):
                sys.exit(f"{wheel.name}: {name} has no place here")
            yield name, archive.read(entry)


def _is_left_out(name: str, kind: str) -> bool:
    if kind == "client" and name.startswith("lanchat_server/"):
        return True
    if re.match(r"[^/]+\.data/(data|scripts|headers)/", name):
        return True
    return name.startswith(LEFT_OUT) and ".dist-info/" not in name


def wanted(wheels: Path, kind: str) -> Iterator[Path]:
    """The wheels of a package."""
    for folder in sorted(wheels.iterdir()):
        for wheel in sorted(folder.glob("*.whl")):
            if kind == "server" or wheel.name.partition("-")[0].lower() not in SERVER_ONLY:
                yield wheel


def unpack(wheels: Path, kind: str, site: Path) -> None:
    """Everything that a package has, into one folder."""
    for wheel in wanted(wheels, kind):
        for name, octets in files(wheel, kind):
            target = site / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(octets)
            elif target.read_bytes() != octets and ".dist-info/" not in name:
                sys.exit(f"{wheel.name}: {name} differs from the file that another version of Python has")


def make(kind: str, wheels: Path, destination: Path, place: str) -> None:
    """The environment at `place`, below `destination`."""
    root = destination / place.lstrip("/")
    shutil.rmtree(root, ignore_errors=True)
    (root / SITE).mkdir(parents=True)
    unpack(wheels, kind, root / SITE)
    for version in sorted(folder.name for folder in wheels.iterdir() if folder.name != "program"):
        os.symlink("python3", root / "lib" / f"python{version}")
    (root / "bin").mkdir()
    os.symlink("/usr/bin/python3", root / "bin" / "python3")
    (root / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", encoding="utf-8")
    program = PROGRAMS[kind]
    start = root / "bin" / program
    start.write_text(START.format(place=place, module=program.replace("-", "_")), encoding="utf-8")
    start.chmod(0o755)


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])

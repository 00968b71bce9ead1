"""Gathers the licences of everything that is bundled: `gather` finds out where each file came from.

A file belongs to an installed distribution, to the program itself, to Python, or (on Debian) to a package with a
`copyright` file. What belongs to none of them ends the build: nothing is handed out without its licence.
"""

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from lanchat import __version__
from lanchat.about.licences import LicenceNotice, data_notices, notice_of, own_notice, write_index

_DOCUMENTS = Path("/usr/share/doc")
# Its boot loader is in every program.
_BUILDER = "pyinstaller"
# A system's own Python shares its prefix with all that is installed there.
_SYSTEM_PREFIXES = {Path("/usr"), Path("/usr/local"), Path("/")}
_PYTHON_FOLDERS = tuple(
    {Path(sys.base_prefix).resolve(), Path(sysconfig.get_path("stdlib")).resolve()} - _SYSTEM_PREFIXES
)


def gather(entries: Iterable[Any], ours: tuple[Path, Path]) -> dict[str, str]:
    """The files of the folder `licences`: names and contents. `entries`: of tables of contents, (name, source, kind).
    `ours`: the checkout, and the folder in which PyInstaller puts Python's own modules together. Raises SystemExit when
    the origin of a file is not known."""
    owners = _owners()
    found: dict[str, LicenceNotice] = {}
    system: set[Path] = set()
    for _name, source, *_kind in entries:
        if not source or source == "-":  # a package without a file
            continue
        path = Path(source).resolve()
        if owner := owners.get(path):
            found.setdefault(owner.name.lower(), notice_of(owner))
        elif not any(path.is_relative_to(folder.resolve()) for folder in (*ours, *_PYTHON_FOLDERS)):
            system.add(path)
    found |= {notice.name.lower(): notice for notice in map(_package_notice, _packages(system))}
    found[_BUILDER] = notice_of(next(each for each in distributions() if each.name.lower() == _BUILDER))
    others = [notice for _name, notice in sorted(found.items())]
    return write_index([own_notice(ours[0], __version__), *data_notices(), _python_notice(), *others])


def _owners() -> dict[Path, Distribution]:
    """File to distribution, of all that are installed here."""
    return {Path(str(file.locate())).resolve(): each for each in distributions() for file in each.files or ()}


def _python_notice() -> LicenceNotice:
    """Where Python's own licence text is differs; on Windows and macOS it names the libraries that come with it."""
    folders = (*_PYTHON_FOLDERS, Path(sys.base_prefix))
    places = [*(folder / "LICENSE.txt" for folder in folders), *(folder / "LICENSE" for folder in folders)]
    places.append(_DOCUMENTS / f"python{sysconfig.get_python_version()}" / "copyright")
    for place in places:
        if place.is_file():
            text = place.read_text(encoding="utf-8", errors="replace")
            return LicenceNotice("Python", platform.python_version(), "PSF-2.0", {place.name: text})
    sys.exit(f"error: no licence text of Python in {', '.join(map(str, folders))}")


# --- Packages of Debian -----------------------------------------------------------------------------------------------


def _packages(files: set[Path]) -> set[str]:
    """The Debian packages that these files are of."""
    if sys.platform == "win32":  # what the system brings along for programs that need it
        files = {path for path in files if not path.is_relative_to(Path(os.environ["SYSTEMROOT"]).resolve())}
    if files and sys.platform != "linux":
        sys.exit(f"error: whose are {', '.join(map(str, sorted(files)))}?")
    return _owning_packages(files) if files else set()


def _owning_packages(files: set[Path]) -> set[str]:
    """Asked once for all of them: each question reads the lists of all packages."""
    # Before the merger of /usr packages named /lib; their lists still do.
    names = {path: (str(path), str(path).removeprefix("/usr")) for path in files}
    command = ["dpkg-query", "--search", "--", *sorted({name for both in names.values() for name in both})]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    owners = {
        name: owner.partition(",")[0].partition(":")[0]
        for owner, _colon, name in (line.partition(": ") for line in said.splitlines())
        if not owner.startswith("diversion by ")
    }
    found = {path: next((owners[name] for name in both if name in owners), "") for path, both in names.items()}
    if strangers := sorted(str(path) for path, owner in found.items() if not owner):
        sys.exit(f"error: whose is {', '.join(strangers)}? It is of no distribution of Python and of no Debian package")
    return set(found.values())


def _package_notice(package: str) -> LicenceNotice:
    text = (_DOCUMENTS / package / "copyright").read_text(encoding="utf-8", errors="replace")
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    version = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    kinds = dict.fromkeys(
        line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("License:") and line[8:].strip()
    )
    return LicenceNotice(package, version, ", ".join(kinds) or "see its text", {"copyright": text})

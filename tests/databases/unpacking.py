"""Database servers of other Debian releases, unpacked into a folder each under `.cache/databases`.

apt downloads the packages with all that they need, the C library too, with an index of its own; dpkg-deb unpacks them.
Nothing is installed and no root is needed. apt checks the signatures with Debian's keys.
"""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[2] / ".cache" / "databases"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Release(NamedTuple):
    """A server of a Debian release."""

    name: str
    suite: str
    package: str


RELEASES = (
    Release("mariadb-11", "trixie", "mariadb-server-core"),
    Release("mysql-9", "sid", "mysql-server-core"),
)


def unpacked(release: Release) -> Path:
    """The folder with its files, which are fetched when it is not there yet. Raises RuntimeError with the reason."""
    tree = FOLDER / release.name
    if tree.exists():
        return tree
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is needed to fetch {release.package} (Debian, Ubuntu)")
    draft = FOLDER / f".{release.name}"
    shutil.rmtree(draft, ignore_errors=True)
    archives = _download(release, draft / "apt")
    for archive in archives:
        _run("dpkg-deb", "-x", str(archive), str(draft / "tree"))
    (draft / "tree").rename(tree)
    shutil.rmtree(draft)
    return tree


def _download(release: Release, state: Path) -> list[Path]:
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True)
    sources = state / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYS}] {_mirror()} {release.suite} main\n")
    (state / "status").touch()  # nothing is installed: all that it needs comes along
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    _run("apt-get", *options, "-q", "update")
    _run("apt-get", *options, "-q", "-y", "--download-only", "install", release.package)
    return sorted((state / "archives").glob("*.deb"))


def _mirror() -> str:
    """The mirror of Debian that this computer uses. Raises RuntimeError."""
    form = "$(RELEASE)|$(LABEL)|$(ORIGIN)|$(REPO_URI)"
    for line in _run("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines():
        _release, label, origin, uri = line.split("|")
        if (label, origin) == ("Debian", "Debian"):
            return uri
    raise RuntimeError("apt has no mirror of Debian to fetch from: run `apt-get update`, or name servers by --tree")


def _run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"{command[0]}: {said[-1] if said else 'failed'}")
    return done.stdout

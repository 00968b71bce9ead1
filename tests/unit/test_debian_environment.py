"""What a Debian package installs: an environment out of wheels, which still knows what it consists of."""

import runpy
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from lanchat.about.licences import notice_of

ROOT = Path(__file__).parents[2]
TEXT = "The licence of a thing."


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "packaging" / "linux" / "environment.py"))


def wheel(folder: Path, name: str, **more: str) -> None:
    """A wheel of one module, with a licence and a record."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: MIT\n",
        f"{info}/licenses/LICENSE": TEXT,
    } | {path.replace("__", "/"): text for path, text in more.items()}
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in (files | {f"{info}/RECORD": record}).items():
            archive.writestr(path, text)


def test_installed_libraries_show_their_licences(environment: dict[str, Any], tmp_path: Path) -> None:
    wheel(tmp_path / "wheels" / "3.11", "thing")
    wheel(tmp_path / "wheels" / "3.13", "thing")
    wheel(tmp_path / "wheels" / "program", "lanchat")
    environment["make"]("client", tmp_path / "wheels", tmp_path / "made", "/usr/lib/lanchat")
    site = tmp_path / "made/usr/lib/lanchat/lib/python3/site-packages"
    notices = [notice_of(part) for part in distributions(path=[str(site)])]
    assert sorted((notice.name, notice.text) for notice in notices) == [
        ("lanchat", f"{TEXT}\n"),
        ("thing", f"{TEXT}\n"),
    ]


def test_client_does_without_the_servers_libraries(environment: dict[str, Any], tmp_path: Path) -> None:
    for name in ("thing", "sqlalchemy"):
        wheel(tmp_path / "wheels" / "3.11", name)
    for kind, expected in (("client", {"thing.py"}), ("server", {"thing.py", "sqlalchemy.py"})):
        site = tmp_path / kind
        environment["unpack"](tmp_path / "wheels", kind, site)
        assert {path.name for path in site.glob("*.py")} == expected


def test_different_code_at_one_path_ends_the_build(environment: dict[str, Any], tmp_path: Path) -> None:
    wheel(tmp_path / "wheels" / "3.11", "thing", thing__part="one")
    wheel(tmp_path / "wheels" / "3.13", "thing", thing__part="another")
    with pytest.raises(SystemExit, match=r"thing/part differs"):
        environment["unpack"](tmp_path / "wheels", "client", tmp_path / "site")

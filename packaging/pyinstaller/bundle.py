"""What both specs share: which files are left out, the version resource, and how a folder of programs is put together.

Imported by PyInstaller's own process, from client.spec and server.spec.
"""

import plistlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PyInstaller.building.api import COLLECT, EXE, PYZ
from PyInstaller.building.build_main import Analysis

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

from licences import gather  # noqa: E402 - beside this file

from lanchat import __version__  # noqa: E402

ICONS = ROOT / "packaging" / "icons"

# What libraries import only where they are tested, documented or built.
NEVER = [
    "doctest",
    "lib2to3",
    "numpy",
    "pkg_resources",
    "pydoc",
    "pydoc_data",
    "setuptools",
    "test",
    "turtle",
    "xmlrpc",
]
# Formats of pictures that are never read here, colour management, Tcl's time zones, Tk's demonstrations: 15 MB.
_UNUSED_BINARIES = (
    *("_avif.", "_webp.", "_imagingcms.", "_imagingmath.", "_imagingmorph."),
    *("libavif-", "liblcms2-", "libwebpdemux-", "libwebpmux-", "libwebp-", "libsharpyuv-"),
)
_UNUSED_DATA = ("_tcl_data/tzdata/", "_tk_data/demos/", "_tk_data/images/")
_DEBIANS_MODULES = "_tcl_data/tcl8/"
_FONTS = Path("/usr/share/fonts/truetype/dejavu")
# The LGPL asks that a library can be replaced: it lies in the folder as files, not in the archive of all modules.
AS_FILES = {"zeroconf": "py"}
_DESCRIPTIONS = {"lanchat": "LAN Chat", "lanchat-server": "LAN Chat server"}


def folder(name: str, analysis: Analysis, *, unused: tuple[str, ...] = (), never: tuple[str, ...] = ()) -> COLLECT:
    """A folder `name` with the program of that name, and on Windows a second one, with a `w` at the end, that has no
    console. `unused`: beginnings of the file names of libraries that are left out. `never`: packages of which a module
    in it ends the build."""
    if unwanted := [entry[0] for entry in analysis.pure if entry[0].partition(".")[0] in never]:
        sys.exit(f"error: {name} must do without {', '.join(sorted(unwanted)[:10])}")
    left_out = _UNUSED_BINARIES + unused
    analysis.binaries = [entry for entry in analysis.binaries if not _named(entry, left_out)]
    # Data too: links to libraries are among them.
    analysis.datas = [
        entry for entry in analysis.datas if not _named(entry, left_out) and not _below(entry, _UNUSED_DATA)
    ]
    analysis.datas += [*_modules_of_tcl(analysis.datas)]
    work = Path(analysis.tocfilename).parent
    licences = gather([*analysis.pure, *analysis.binaries, *analysis.datas], (ROOT, work))
    analysis.datas += _written(licences, work / f"{name}-licences")
    archive = PYZ(analysis.pure)
    strip = sys.platform == "linux"  # elsewhere there is nothing to strip, or it breaks signatures
    programs = {name: True, f"{name}w": False} if sys.platform == "win32" else {name: True}
    made = [
        EXE(
            archive,
            analysis.scripts,
            exclude_binaries=True,
            name=program,
            console=console,
            strip=strip,
            upx=False,
            icon=_icon(name),
            version=_version_resource(name, program) if sys.platform == "win32" else None,
        )
        for program, console in programs.items()
    ]
    return COLLECT(*made, analysis.binaries, analysis.datas, name=name, strip=strip, upx=False)


def application(program: COLLECT) -> None:
    """The client as an application of macOS. Not tried, for want of a Mac."""
    from PyInstaller.building.osx import BUNDLE

    BUNDLE(
        program,
        name="LAN Chat.app",
        icon=_icon("lanchat"),
        bundle_identifier="io.github.lanchat.lanchat",
        version=__version__,
        info_plist=plistlib.loads((ROOT / "packaging" / "macos" / "Info.plist").read_bytes()),
    )


def x11_libraries() -> list[tuple[str, str]]:
    """The library below libX11, which PyInstaller leaves to the system: a bare one has none, and then no window."""
    if sys.platform != "linux":
        return []
    from PyInstaller.depend.bindepend import resolve_library_path

    return [(resolve_library_path("libxcb.so.1"), ".")]


def fonts() -> list[tuple[str, str]]:
    """What windows are written in on a Linux system without fonts; fonts_hook.py chooses them there."""
    if sys.platform != "linux":
        return []
    files = [_FONTS / f"DejaVu{name}.ttf" for name in ("Sans", "Sans-Bold", "SansMono")]
    if missing := [str(file) for file in files if not file.is_file()]:
        sys.exit(f"error: {', '.join(missing)} is missing: install the package fonts-dejavu-core")
    return [(str(file), "fonts") for file in (*files, HERE / "fonts.conf")]


def hooks() -> list[str]:
    """What is run before the program."""
    return [str(HERE / "fonts_hook.py")] if sys.platform == "linux" else []


def _modules_of_tcl(entries: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    """Debian has Tcl's modules inside of its library; Tcl looks for them beside it, and in Debian's own folder."""
    for name, source, kind in entries:
        if _slashes(name).startswith(_DEBIANS_MODULES):
            yield (f"tcl8/8.6/{_slashes(name).removeprefix(_DEBIANS_MODULES)}", source, kind)


def connector_plugins() -> list[tuple[str, str]]:
    """The connector's library for accounts with a native password."""
    import mysql.connector

    folder = Path(mysql.connector.__file__).parents[1] / "vendor" / "plugin"
    return [(str(path), "mysql/vendor/plugin") for path in folder.glob("mysql_native_password.*")]


def _named(entry: Any, beginnings: tuple[str, ...]) -> bool:
    return Path(_slashes(entry[0])).name.startswith(beginnings)


def _below(entry: Any, folders: tuple[str, ...]) -> bool:
    return _slashes(entry[0]).startswith(folders)


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _written(files: dict[str, str], place: Path) -> Iterable[tuple[str, str, str]]:
    """Entries of a table of contents for texts; they are written below `place`."""
    for name, text in sorted(files.items()):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        yield (f"licences/{name}", str(path), "DATA")


def _icon(name: str) -> str | None:
    suffix = {"win32": "ico", "darwin": "icns"}.get(sys.platform)
    return str(ICONS / f"{name}.{suffix}") if suffix else None


def _version_resource(name: str, program: str) -> Any:
    """What Windows shows under "Details" of a program."""
    from PyInstaller.utils.win32.versioninfo import (
        FixedFileInfo,
        StringFileInfo,
        StringStruct,
        StringTable,
        VarFileInfo,
        VarStruct,
        VSVersionInfo,
    )

    numbers = (*(int(part) for part in __version__.split(".")[:3]), 0)
    texts = {
        "CompanyName": "LAN Chat",
        "FileDescription": _DESCRIPTIONS[name],
        "FileVersion": __version__,
        "InternalName": program,
        "LegalCopyright": "Copyright (c) 2026 The LAN Chat authors. MIT License.",
        "OriginalFilename": f"{program}.exe",
        "ProductName": "LAN Chat",
        "ProductVersion": __version__,
    }
    table = StringTable("040904B0", [StringStruct(key, text) for key, text in texts.items()])
    return VSVersionInfo(
        ffi=FixedFileInfo(filevers=numbers, prodvers=numbers),
        kids=[StringFileInfo([table]), VarFileInfo([VarStruct("Translation", [0x0409, 0x04B0])])],
    )

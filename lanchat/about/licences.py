"""The licences of the program, of the data that it carries, and of the libraries in it.

A frozen program has them in a folder `licences`, which is written when it is made (packaging/pyinstaller/licences.py):
`index.json`, a list of `{"name", "version", "licence", "files"}`, and the files. Elsewhere they are read from the
metadata of the installed distributions.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import msgspec

PROGRAM = "LAN Chat"
INDEX = "index.json"
_DISTRIBUTION = "lanchat"
_FOLDER = Path(__file__).parents[2] / "licences"
_CHECKOUT = Path(__file__).parents[2]
_OWN_FILES = ("LICENSE", "NOTICE")
_TERMS = Path(__file__).with_name("terms")
# Data of other projects in the package: name, version, licence, the file below `terms` with its text.
_DATA = (
    ("Noto Emoji", "16.0.0", "Apache-2.0", "noto-emoji.txt"),
    ("emoji-datasource-google", "16.0.0", "MIT", "emoji-datasource.txt"),
    ("Unicode CLDR", "48", "Unicode-3.0", "unicode-cldr.txt"),
)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_CLASSIFIER = "License :: OSI Approved :: "
_LINE_MAX = 120


class LicenceNotice(msgspec.Struct, frozen=True):
    """A part of the program: name, version, its licence in a few words, and the texts that come with it, by name."""

    name: str
    version: str
    licence: str
    texts: dict[str, str]

    @property
    def title(self) -> str:
        """One line."""
        return f"{self.name} {self.version} ({self.licence})"

    @property
    def text(self) -> str:
        """All texts, one after the other."""
        return "\n\n".join(text.strip() for text in self.texts.values()) + "\n"


def licence_notices() -> list[LicenceNotice]:
    """The program first, then what it contains, by name. Raises OSError, ValueError when a frozen program's folder is
    damaged."""
    return _read_folder(_FOLDER) if (_FOLDER / INDEX).is_file() else _installed()


def write_index(notices: list[LicenceNotice]) -> dict[str, str]:
    """The files of a folder that `licence_notices` reads: relative names and contents."""
    files: dict[str, str] = {}
    entries = []
    for notice in notices:
        names = {f"{_file_name(notice.name)}/{_file_name(name)}": text for name, text in notice.texts.items()}
        files |= names
        entry = {"name": notice.name, "version": notice.version, "licence": notice.licence, "files": list(names)}
        entries.append(entry)
    return {INDEX: json.dumps(entries, ensure_ascii=False, indent=1) + "\n", **files}


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name)


def _read_folder(folder: Path) -> list[LicenceNotice]:
    entries = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return [
        LicenceNotice(
            entry["name"],
            entry["version"],
            entry["licence"],
            {name: (folder / name).read_text(encoding="utf-8") for name in entry["files"]},
        )
        for entry in entries
    ]


# --- Installed distributions ------------------------------------------------------------------------------------------


def _installed() -> list[LicenceNotice]:
    try:
        own = distribution(_DISTRIBUTION)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return [own_notice(_CHECKOUT, ""), *data_notices()]
    found = {_normal(own.name): own}
    _collect(own, found)
    del found[_normal(own.name)]
    others = sorted(found.values(), key=lambda each: _normal(each.name))
    return [own_notice(_CHECKOUT, own.version, own), *data_notices(), *map(notice_of, others)]


def own_notice(root: Path, version: str, own: Distribution | None = None) -> LicenceNotice:
    """The program's own; its texts from the checkout at `root`, else from its distribution."""
    paths = [root / name for name in _OWN_FILES]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths if path.is_file()}
    if not texts and own is not None:
        texts = dict(_texts(own))
    return LicenceNotice(PROGRAM, version, "MIT", texts)


def data_notices() -> list[LicenceNotice]:
    """Of the data of other projects that the programs carry: pictures and names of emoji. Raises OSError."""
    return [
        LicenceNotice(name, version, licence, {file: (_TERMS / file).read_text(encoding="utf-8")})
        for name, version, licence, file in _DATA
    ]


def notice_of(part: Distribution) -> LicenceNotice:
    """The licence of an installed distribution, with the texts that its metadata brings along."""
    return LicenceNotice(part.name, part.version, _licence(part), dict(_texts(part)))


def _collect(part: Distribution, found: dict[str, Distribution]) -> None:
    """Adds what `part` needs, directly or not, as far as it is installed; extras are left out."""
    for requirement in part.requires or ():
        matched = _REQUIREMENT.match(requirement)
        if matched is None or "extra ==" in requirement.partition(";")[2]:
            continue
        name = _normal(matched[1])
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for another system or Python
            continue
        _collect(found[name], found)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(part: Distribution) -> str:
    expression = _field(part, "License-Expression")
    classifiers = part.metadata.get_all("Classifier") or []
    approved = [line.removeprefix(_CLASSIFIER) for line in classifiers if line.startswith(_CLASSIFIER)]
    declared = _field(part, "License")
    short = declared if declared and "\n" not in declared and len(declared) < _LINE_MAX else ""
    return expression or short or ", ".join(approved)


def _field(part: Distribution, name: str) -> str:
    """A field of the metadata; "" when it is not there, which `[]` answers with None or, one day, an error."""
    return part.metadata[name] if name in part.metadata else ""  # noqa: SIM401 - there is no `get` everywhere


def _texts(part: Distribution) -> Iterator[tuple[str, str]]:
    """Texts in the metadata's folder that are licences by their place or name."""
    for file in part.files or ():
        inside = file.parts[0].endswith(".dist-info")
        if inside and ("licenses" in file.parts[1:-1] or _TEXT.match(file.name)):
            path = Path(str(file.locate()))
            if path.is_file():
                yield "-".join(file.parts[1:]), path.read_text(encoding="utf-8", errors="replace")

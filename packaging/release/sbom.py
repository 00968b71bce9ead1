"""The bill of materials of a release, as CycloneDX 1.6 in JSON: everything that packaging/locks/runtime.txt pins, with
hashes, licences and what needs what; and the data of other projects that the package carries.

    SOURCE_DATE_EPOCH=SECONDS sbom.py FILE

writes it, and checks it against the schema of CycloneDX when cyclonedx-python-lib is installed. The licences are those
of the distributions that are installed beside this program.
"""

import json
import os
import re
import sys
import uuid
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from lanchat import __version__
from lanchat.about.licences import data_notices, notice_of

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "packaging" / "locks" / "runtime.txt"
_PIN = re.compile(r"([a-z0-9-]+)==([^\s;\\]+)(?: ; ([^\\]*))?")
_HASH = re.compile(r"\s+--hash=sha256:([0-9a-f]{64})")
_NEEDED_BY = re.compile(r"    # (?:via |  )([a-z0-9][a-z0-9-]*)(?: \(pyproject\.toml.*\))?$")
PROGRAM = "lanchat"


class Pin(NamedTuple):
    """A version of a library, the hashes of its files, and the names of what needs it."""

    name: str
    version: str
    hashes: list[str]
    needed_by: list[str]

    @property
    def purl(self) -> str:
        """Its package URL, by which documents refer to it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str) -> list[Pin]:
    """What a lock file pins."""
    found: list[Pin] = []
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            found.append(Pin(pin[1], pin[2], [], []))
        elif found and (octets := _HASH.match(line)):
            found[-1].hashes.append(octets[1])
        elif found and (needed_by := _NEEDED_BY.match(line)):
            found[-1].needed_by.append(needed_by[1])
    return found


def licences(name: str) -> list[dict[str, Any]]:
    """The licences of an installed distribution, in the form of CycloneDX; [] when it is not installed or says none."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return []
    if "License-Expression" in found.metadata:
        return [{"expression": found.metadata["License-Expression"]}]
    return [{"license": {"name": notice_of(found).licence}}]


def component(pin: Pin) -> dict[str, Any]:
    """A library."""
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "hashes": [{"alg": "SHA-256", "content": octets} for octets in pin.hashes],
    }
    return found | ({"licenses": licences(pin.name)} if licences(pin.name) else {})


def data() -> list[dict[str, Any]]:
    """The data of other projects that the package carries."""
    return [
        {
            "type": "data",
            "bom-ref": f"data:{notice.name.replace(' ', '-')}@{notice.version}",
            "name": notice.name,
            "version": notice.version,
            "licenses": [{"license": {"id": notice.licence}}],
        }
        for notice in data_notices()
    ]


def document(lock: str, moment: int) -> dict[str, Any]:
    """The whole document. `moment`: its time in seconds since 1970; the same lock, version and moment give the same
    document."""
    found, carried = pins(lock), data()
    own = f"pkg:pypi/{PROGRAM}@{__version__}"
    dependencies: dict[str, list[str]] = {ref: [] for ref in (own, *(pin.purl for pin in found))}
    dependencies[own] += [each["bom-ref"] for each in carried]
    refs = {PROGRAM: [own]} | {pin.name: [one.purl for one in found if one.name == pin.name] for pin in found}
    for pin in found:
        for needer in pin.needed_by:
            for ref in refs[needer]:
                dependencies[ref].append(pin.purl)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{own} {moment} {lock}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z"),
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": PROGRAM,
                "version": __version__,
                "purl": own,
                "licenses": [{"expression": "MIT"}],
            },
        },
        "components": [*(component(pin) for pin in found), *carried],
        "dependencies": [{"ref": ref, "dependsOn": sorted(set(needs))} for ref, needs in dependencies.items()],
    }


def check(text: str) -> str:
    """How a document was checked. Raises ValueError when it breaks the schema."""
    try:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError:
        return "not checked: cyclonedx-python-lib is not installed"
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise ValueError(f"the bill of materials breaks the schema: {error}")
    return "valid CycloneDX 1.6"


def write(file: Path, moment: int) -> str:
    """Writes the document and says how it was checked."""
    text = json.dumps(document(LOCK.read_text(encoding="utf-8"), moment), ensure_ascii=False, indent=2) + "\n"
    file.write_text(text, encoding="utf-8")
    return check(text)


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(os.environ["SOURCE_DATE_EPOCH"])))

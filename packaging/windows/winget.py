"""winget's manifest of a release: three YAML files, with the setup's hash; where it can be downloaded is filled in by
whoever publishes it (`RELEASE_URL`).

    winget.py FOLDER SETUP VERSION    writes it into the folder, for a setup that was signed after it was built
"""

import hashlib
import os
import sys
from pathlib import Path

IDENTIFIER = "LANChat.LANChat"
SCHEMA = "1.6.0"
_HEAD = "PackageIdentifier: {id}\nPackageVersion: {version}\n"
_TAIL = "ManifestType: {kind}\nManifestVersion: " + SCHEMA + "\n"
_BODIES = {
    "version": "DefaultLocale: en-US\n",
    "defaultLocale": (
        "PackageLocale: en-US\nPublisher: LAN Chat\nPackageName: LAN Chat\nLicense: MIT\n"
        "ShortDescription: Chat for one network, with a server of its own and no cloud\n"
    ),
    "installer": (
        "InstallerLocale: en-US\nMinimumOSVersion: 10.0.0.0\nInstallerType: inno\nUpgradeBehavior: install\n"
        "Protocols:\n- lanchat\nInstallers:\n"
        "- Architecture: x64\n  Scope: user\n  InstallerUrl: {url}\n  InstallerSha256: {digest}\n"
        "  InstallerSwitches:\n    Custom: /CURRENTUSER\n"
        "- Architecture: x64\n  Scope: machine\n  InstallerUrl: {url}\n  InstallerSha256: {digest}\n"
        "  InstallerSwitches:\n    Custom: /ALLUSERS\n"
    ),
}
_NAMES = {"version": "", "defaultLocale": ".locale.en-US", "installer": ".installer"}


def write_manifest(folder: Path, setup: Path, version: str) -> list[Path]:
    """The files, written."""
    folder.mkdir(parents=True, exist_ok=True)
    base = os.environ.get("RELEASE_URL", "https://example.org/lanchat").rstrip("/")
    values = {
        "id": IDENTIFIER,
        "version": version,
        "url": f"{base}/{setup.name}",
        "digest": hashlib.sha256(setup.read_bytes()).hexdigest().upper(),
    }
    written = []
    for kind, body in _BODIES.items():
        file = folder / f"{IDENTIFIER}{_NAMES[kind]}.yaml"
        text = (_HEAD + body + _TAIL).format(kind=kind, **values)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written


if __name__ == "__main__":
    write_manifest(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

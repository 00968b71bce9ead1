"""The changelog's part on one version, as the text of its release:  notes.py VERSION [CHANGELOG]"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


def notes(changelog: str, version: str) -> str:
    """What stands below the heading of a version, up to the next one. Raises ValueError when there is no such heading,
    or nothing below it."""
    parts = re.split(r"(?m)^## +", changelog)
    for part in parts[1:]:
        heading, _newline, text = part.partition("\n")
        if heading.split()[:1] == [version]:
            if not text.strip():
                raise ValueError(f"the changelog says nothing about {version}")
            return text.strip() + "\n"
    raise ValueError(f"the changelog has no part on {version}")


if __name__ == "__main__":
    place = Path(sys.argv[2]) if len(sys.argv) > 2 else CHANGELOG
    try:
        print(notes(place.read_text(encoding="utf-8"), sys.argv[1].removeprefix("v")), end="")
    except ValueError as error:
        sys.exit(f"error: {error}")

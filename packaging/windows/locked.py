"""Prints the lines of lock files that apply to the Python for Windows: `locked.py LOCK...`.

pip downloads for another platform, but reads the markers of requirements by the one it runs on.
"""

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

WINDOWS = {
    "implementation_name": "cpython",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_system": "Windows",
    "python_full_version": "3.11.9",
    "python_version": "3.11",
    "sys_platform": "win32",
}
_HASH = re.compile(r"--hash=\S+")


def entries(lock: str) -> list[str]:
    """The requirements of a lock file that apply on Windows, each with its hashes, without markers."""
    joined = lock.replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line.split(" --hash=")[0])
        if requirement.marker is None or requirement.marker.evaluate(WINDOWS):
            found.append(" ".join([f"{requirement.name}{requirement.specifier}", *_HASH.findall(line)]))
    return found


def main() -> None:
    lines = {line for lock in sys.argv[1:] for line in entries(Path(lock).read_text(encoding="utf-8"))}
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()

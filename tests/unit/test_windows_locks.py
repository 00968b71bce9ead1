"""What packaging/windows takes of the lock files: each entry that applies on Windows, with its hashes."""

import runpy
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "packaging" / "windows"
LOCKED = runpy.run_path(str(FOLDER / "locked.py"))
LOCK = r"""# Written by `make locks`
altgraph==0.17.5 \
    --hash=sha256:aa \
    --hash=sha256:bb
    # via pyinstaller
macholib==1.16.4 ; sys_platform == 'darwin' \
    --hash=sha256:cc
    # via pyinstaller
pefile==2024.8.26 ; sys_platform == 'win32' \
    --hash=sha256:dd
"""


def test_entries_of_other_platforms_are_left_out() -> None:
    assert LOCKED["entries"](LOCK) == [
        "altgraph==0.17.5 --hash=sha256:aa --hash=sha256:bb",
        "pefile==2024.8.26 --hash=sha256:dd",
    ]


def test_each_entry_of_the_real_locks_has_a_hash() -> None:
    for path in (FOLDER.parent / "locks").glob("*.txt"):
        for line in LOCKED["entries"](path.read_text(encoding="utf-8")):
            assert " --hash=sha256:" in line, path


def test_the_python_for_windows_is_pinned_by_hash() -> None:
    assert "--hash=sha256:" in (FOLDER / "python.txt").read_text(encoding="utf-8")

"""Files that are whole or not there: private folders, atomic replacement, setting a damaged file aside."""

import os
import sys
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Create it, and what is above it, for this user alone; one that exists is left as it is. Raises OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def replace_file(path: Path, octets: bytes) -> None:
    """Give `path` this content, durably: after a crash it has the old content or the new one. Only its owner can read
    it. One writer at a time (hold a lock). Raises OSError; then `path` is as it was."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    with open(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a closed file durable."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in it durable. Windows cannot be told; its file system keeps a journal of names."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def aside_names(path: Path) -> list[Path]:
    """What was set aside of `path` so far, oldest first."""
    prefix = f"{path.name}.corrupt-"
    numbers = [entry.name.removeprefix(prefix) for entry in path.parent.glob(f"{path.name}.corrupt-*")]
    return [path.with_name(prefix + str(number)) for number in sorted(int(text) for text in numbers if text.isdigit())]


def next_aside_name(path: Path) -> Path:
    """The next free name to set `path` aside under."""
    taken = aside_names(path)
    number = int(taken[-1].name.rpartition("-")[2]) + 1 if taken else 1
    return path.with_name(f"{path.name}.corrupt-{number}")


def set_aside(path: Path) -> Path:
    """Rename a damaged file; returns its new name. Nothing is deleted. Raises OSError."""
    aside = next_aside_name(path)
    os.rename(path, aside)
    sync_folder(path.parent)
    return aside

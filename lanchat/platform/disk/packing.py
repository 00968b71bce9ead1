"""A folder as one file: a ZIP archive that is the same, octet for octet, whenever the folder is.

Entries are stored without compression, sorted by path, below the folder's own name, each with the same time and the
same rights; an empty folder has an entry too. So a broken upload of a folder goes on where it was. Links to files
within the folder are stored as what they lead to; other links, and what is neither file nor folder, are refused by
name.
"""

import errno
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lanchat.platform.disk.files import FileRefused
from lanchat.protocol.problems import Problem

ENTRIES_MAX = 100_000
# The first that a ZIP archive can have.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_PART = 1 << 20
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


def pack_folder(folder: Path, stream: IO[bytes], size_max: int) -> None:
    """Write the archive to `stream`, which is empty and can be read from any place. Raises OSError, also FileRefused:
    something in the folder is not taken, it changed meanwhile, or the archive has more than `size_max` octets."""
    root = folder.resolve(strict=True)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for path, is_folder in _entries(root):
            name = _entry_name(root, path)
            if is_folder:
                archive.writestr(_info(name + "/", 0o40755), b"")
            else:
                _add_file(archive, name, path, root)
            if stream.tell() > size_max:
                raise FileRefused(errno.EFBIG, Problem.LARGER_THAN_TAKEN, str(folder))


def _entries(root: Path) -> Iterator[tuple[Path, bool]]:
    """What is in the folder, itself first, with whether it is a folder; in the order of the archive."""
    waiting, count = [(root, True)], 0
    while waiting:
        path, is_folder = waiting.pop()
        count += 1
        if count > ENTRIES_MAX:
            raise FileRefused(errno.E2BIG, Problem.TOO_MANY_ENTRIES, str(root))
        yield path, is_folder
        if is_folder:
            with os.scandir(path) as found:
                inside = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in found]
            waiting += sorted(inside, key=lambda item: os.fsencode(item[0].name), reverse=True)


def _entry_name(root: Path, path: Path) -> str:
    name = "/".join((root.name or "folder", *path.relative_to(root).parts))
    try:
        name.encode()
    except UnicodeEncodeError:
        raise FileRefused(errno.EILSEQ, Problem.NAME_NOT_TEXT, os.fsencode(path).decode(errors="replace")) from None
    return name


def _info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = _UNIX
    info.external_attr = mode << 16
    return info


def _add_file(archive: zipfile.ZipFile, name: str, path: Path, root: Path) -> None:
    if path.is_symlink():
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(root) or not target.is_file():
            raise FileRefused(errno.ELOOP, Problem.LINK_LEADS_OUT, str(path))
        path = target
    if not stat.S_ISREG(os.lstat(path).st_mode):  # a device may do something when it is opened
        raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(path))
    with open(os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY), "rb") as source:
        before = os.fstat(source.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(path))
        info = _info(name, 0o100644)
        info.file_size = before.st_size
        try:
            with archive.open(info, "w") as entry:
                shutil.copyfileobj(source, entry, _PART)
        except RuntimeError:  # it grew beyond what its entry can say
            raise FileRefused(errno.EAGAIN, Problem.CHANGED_WHILE_READ, str(path)) from None
        if not same_state(before, os.fstat(source.fileno())) or source.tell() != before.st_size:
            raise FileRefused(errno.EAGAIN, Problem.CHANGED_WHILE_READ, str(path))


def same_state(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was not written to between the two, as far as its size and time tell."""
    return (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)

"""How files are written. What a person named (`OutputFile`) keeps its kind: a link stays one, a device or a pipe gets
the octets. What is private (keys, settings, copies, locks) is never written through a link, nor where others may write.
"""

import atexit
import contextlib
import errno
import glob
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from lanchat.platform.disk.access import SERVICE_ACCOUNT, keep_to_owner
from lanchat.platform.disk.renames import ignoring_files_in_use, rename, replace
from lanchat.protocol.problems import Problem, ProblemDetails

PRIVATE = 0o600
_BINARY = getattr(os, "O_BINARY", 0)
# Windows has none of these, and no links that anybody may make.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_TERMINAL = getattr(os, "O_NOCTTY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_DESCRIPTOR = re.compile(r"/(?:dev|proc/(self|thread-self|[0-9]+))/fd/([0-9]{1,9})\Z")
_STREAMS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
# Of destinations that are neither finished nor abandoned.
_drafts: set[Path] = set()


class FileRefused(OSError):
    """A file that this program does not use, though the operating system would: why, as code and as `strerror`."""

    def __init__(self, number: int, problem: Problem, name: str | None = None) -> None:
        """`number`: the errno that comes nearest; `name`: of the file, when it has one."""
        super().__init__(number, problem.value, name)
        self.problem = problem


def os_reason(error: OSError) -> str | ProblemDetails:
    """What is behind an error: a code of ours, or the operating system's own words."""
    if isinstance(error, FileRefused):
        return ProblemDetails.of(error.problem)
    return error.strerror or str(error)


# --- What is private --------------------------------------------------------------------------------------------------


def make_private_folder(folder: Path, *, strict: bool = True) -> None:
    """Create it for this user alone, and what is above it; check one that exists. Raises OSError."""
    make_folders(folder)
    check_private_folder(folder, strict=strict)


def make_folders(folder: Path) -> None:
    """Create it and what is above it, for this user alone whatever the umask is; leave what exists. Raises OSError."""
    if folder.is_dir():
        return
    above = folder.parent.is_dir()
    if not above:
        make_folders(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if above:  # what is in it has the same rights
        with contextlib.suppress(OSError):  # a file system without rights, as on a stick
            keep_to_owner(folder)


def check_private_folder(folder: Path, *, strict: bool = True) -> None:
    """Raises FileRefused for a folder in which others could replace files: it is another user's, or everybody may
    write to it. `strict` False: the administrator of the computer may use another user's."""
    if sys.platform == "win32":
        return
    found = os.stat(folder)
    mine = found.st_uid in (0, os.geteuid()) or (os.geteuid() == 0 and not strict)
    if not mine:
        raise FileRefused(errno.EPERM, Problem.OTHER_OWNER, str(folder))
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:  # in a sticky one everybody's files are safe
        raise FileRefused(errno.EPERM, Problem.WRITABLE_BY_ALL, str(folder))


def close_folder_to_others(folder: Path) -> None:
    """Nobody else on this computer may use a folder with a server's keys and what is in it, but the account of the
    service. Raises OSError; elsewhere than on Windows `check_private_folder` says all."""
    if not keep_to_owner(folder, SERVICE_ACCOUNT):
        raise FileRefused(errno.EPERM, Problem.OPEN_TO_OTHERS, str(folder))


def refuse_link(path: Path) -> None:
    """Raises OSError when a private file is a symbolic link."""
    if path.is_symlink():
        raise FileRefused(errno.ELOOP, Problem.SYMBOLIC_LINK, str(path))


def refuse_no_file(path: Path) -> None:
    """Raises OSError when something other than a file has the name of a private file; there may be nothing."""
    refuse_link(path)
    if os.path.lexists(path) and not path.is_file():
        raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(path))


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a private file (mode 0600 when `flags` create it). Raises OSError, also for a symbolic link and
    for what is no file; waits for no pipe."""
    refuse_link(path)
    descriptor = os.open(path, flags | _NO_LINK | _NO_TERMINAL | _NO_WAIT | _BINARY, PRIVATE)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(path))
    if sys.platform != "win32" and found.st_uid not in (0, os.geteuid()) and os.geteuid() != 0:
        os.close(descriptor)
        raise FileRefused(errno.EPERM, Problem.OTHER_OWNER, str(path))
    return descriptor


def close_to_others(path: Path) -> None:
    """Take away every right of others to a private file: copied from elsewhere, it may have lost its mode. Raises
    OSError."""
    if sys.platform == "win32" or not os.path.lexists(path):
        return
    descriptor = open_private(path, os.O_RDONLY)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            with contextlib.suppress(OSError):  # a read-only file system
                os.fchmod(descriptor, PRIVATE)
    finally:
        os.close(descriptor)


def read_private(path: Path, octets_max: int) -> bytes:
    """The first octets of a private file; a link is followed. Raises OSError, also for what is no file: a pipe would
    be waited for, and a device never ends."""
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | _NO_TERMINAL | _BINARY)
    with open(descriptor, "rb") as file:
        if stat.S_ISDIR(mode := os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise FileRefused(errno.EINVAL, Problem.NOT_A_FILE, str(path))
        return file.read(octets_max)


def create_private(path: Path, octets: bytes) -> None:
    """A new private file, durable. Raises OSError, also when there is anything of this name."""
    with open(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, octets: bytes) -> None:
    """Give the private file `path` this content, durably: after a crash it has the old content or the new one. One
    writer at a time (hold a lock). Raises OSError; then `path` is as it was."""
    with replacing(path) as stream:
        stream.write(octets)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """`replace_file` for content that comes in parts."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.new"):  # of a process that was killed
        with ignoring_files_in_use():
            left.unlink(missing_ok=True)
    fresh = beside(path, "new")
    descriptor = open_private(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        with open(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def beside(path: Path, suffix: str) -> Path:
    """A name in the same folder that nobody can foresee."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.{suffix}")


# --- What a person named ----------------------------------------------------------------------------------------------


class OutputFile:
    """Where a person wants octets. `name`: a path, or "-" for standard output. Opened at once, so that what cannot be
    written to is known before any work; a pipe waits for its reader meanwhile. Raises OSError.

    A regular file, or nothing, is replaced by `finish`, and only then; where the path is a link, its target. Anything
    else (device, pipe, terminal, open descriptor) is written to directly. `abandon` leaves the file that was there.
    """

    def __init__(self, name: str | Path) -> None:
        """`stream` is where the octets are written to; buffered, and closed by `finish` or `abandon`."""
        self._target: Path | None = None
        self._draft: Path | None = None
        self.stream: BinaryIO = os.fdopen(self._open(str(name)), "wb")

    @property
    def is_standard_output(self) -> bool:
        """Whether what is written here mixes with what the program prints."""
        try:
            return os.path.sameopenfile(self.stream.fileno(), 1)
        except OSError:
            return False

    def finish(self) -> None:
        """Everything is written: make it durable, and a file takes its name. Raises OSError."""
        try:
            self.stream.flush()
            if self._draft is not None and self._target is not None:
                os.fsync(self.stream.fileno())
                self.stream.close()
                replace(self._draft, self._target)
                _drafts.discard(self._draft)
                self._draft = None
                with contextlib.suppress(OSError):  # some network file systems
                    sync_folder(self._target.parent)
            self.stream.close()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Give up; what is still buffered is lost."""
        with contextlib.suppress(OSError):
            self.stream.close()
        if self._draft is not None:
            with contextlib.suppress(OSError):
                self._draft.unlink(missing_ok=True)
            _drafts.discard(self._draft)
            self._draft = None

    def _open(self, name: str) -> int:
        inherited = _STREAMS.get(name)
        found = _DESCRIPTOR.fullmatch(name)
        if inherited is None and found and found[1] in (None, "self", "thread-self", str(os.getpid())):
            inherited = int(found[2])
        if inherited is not None:
            _check_open(inherited, name)
            return os.dup(inherited)
        if not name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        if name.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        try:
            there = os.stat(name)
        except FileNotFoundError:
            return self._make_draft(Path(os.path.realpath(name)), None)
        if stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not stat.S_ISREG(there.st_mode):
            return os.open(name, os.O_WRONLY | _NO_TERMINAL | _BINARY)
        target = Path(os.path.realpath(name))
        if not os.path.exists(target):  # a link into /proc whose file has no name any more
            return os.open(name, os.O_WRONLY | os.O_TRUNC | _BINARY)
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return self._make_draft(target, there)

    def _make_draft(self, target: Path, old: os.stat_result | None) -> int:
        if not target.name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(target))
        draft = beside(target, "part")
        _drafts.add(draft)
        descriptor = open_private(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._target, self._draft = target, draft
        if old is not None and sys.platform != "win32":
            _take_owner_and_mode(descriptor, old)
        return descriptor


@atexit.register
def remove_drafts() -> None:
    """Remove what no `OutputFile` will finish: for a program that ends while one is being opened or written."""
    for draft in list(_drafts):
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        _drafts.discard(draft)


def _check_open(descriptor: int, name: str | Path) -> None:
    """Raises OSError for a standard stream that was closed when this program began: something else has its number."""
    if sys.platform == "win32":  # a program without a console
        return
    problems = (Problem.STDIN_CLOSED, Problem.STDOUT_CLOSED, None)
    for stream, number, problem in zip(
        (sys.__stdin__, sys.__stdout__, sys.__stderr__), range(3), problems, strict=True
    ):
        if stream is None and number == descriptor:
            if problem is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF), str(name))
            raise FileRefused(errno.EBADF, problem, str(name))


def _take_owner_and_mode(descriptor: int, old: os.stat_result) -> None:
    """As the file had them that is replaced. Only the computer's administrator can give a file away; what its old
    owner's group may is not for the group of somebody else."""
    if sys.platform == "win32":
        raise NotImplementedError
    mode = stat.S_IMODE(old.st_mode) & 0o777
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            mode &= 0o707
    with contextlib.suppress(OSError):  # file systems without modes
        os.fchmod(descriptor, mode)


@contextmanager
def writing(name: str | Path) -> Iterator[BinaryIO]:
    """The stream of a `OutputFile` that is finished at the end and abandoned on any error. Raises OSError."""
    destination = OutputFile(name)
    try:
        yield destination.stream
    except BaseException:
        destination.abandon()
        raise
    destination.finish()


def open_input(name: str | Path) -> IO[bytes]:
    """What a person named ("-": standard input), to be read once and closed. Raises OSError."""
    if str(name) != "-":
        return open(name, "rb")
    _check_open(0, name)
    return os.fdopen(os.dup(0), "rb")


@contextmanager
def reading(name: str | Path) -> Iterator[IO[bytes]]:
    """As `open_input`, in a form that can be read from any place: of a pipe a private copy."""
    with open_input(name) as source:
        if source.seekable():
            yield source
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.seek(0)
            yield copy


# --- For both ---------------------------------------------------------------------------------------------------------


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
    return [
        path.with_name(prefix + str(number)) for number in sorted(int(text) for text in numbers if text.isdecimal())
    ]


def next_aside_name(path: Path) -> Path:
    """The next free name to set `path` aside under."""
    taken = aside_names(path)
    number = int(taken[-1].name.rpartition("-")[2]) + 1 if taken else 1
    return path.with_name(f"{path.name}.corrupt-{number}")


def set_aside(path: Path) -> Path:
    """Rename a damaged file; returns its new name. Nothing is deleted. Raises OSError."""
    aside = next_aside_name(path)
    rename(path, aside)
    sync_folder(path.parent)
    return aside

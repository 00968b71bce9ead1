"""What an administrator fixes for everybody on this computer: `policy.toml` in the machine's configuration folder or
beside the program. The first of them that is there holds.

It is read strictly: one that cannot be read, or says what this version does not know, is an error and not passed over,
as a program without it might go to another server. Where others than root and the user could write it, it is nobody's
policy: it is ignored, and the person is told. On Windows everybody may make files in the machine's folder until a setup
has closed it, so there the owner of the file says whose it is.
"""

import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lanchat.core.policy import LANGUAGE, NO_POLICY, TEXT_SIZE, THEME, Policy
from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk import access
from lanchat.platform.disk.files import os_reason, read_private
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.problems import Problem, ProblemDetails, typed_problem
from lanchat.protocol.text.cleaning import decode_text_untrusted
from lanchat.protocol.text.identity import parse_invite_untrusted, tidy_address
from lanchat.protocol.text.names import inert

POLICY_FILE = "policy.toml"
# Octets: more than a policy has, little enough to read at each start.
POLICY_MAX = 64 << 10


class _Key(NamedTuple):
    """A key with the values that it can have; none: an invite link."""

    values: tuple[str | int | bool, ...]


_SERVER, _DISCOVERY, _SETTINGS = "server", "discovery", "settings."
KEYS = {
    _SERVER: _Key(()),
    _DISCOVERY: _Key((True, False)),
    _SETTINGS + LANGUAGE: _Key(("en", "ru")),
    _SETTINGS + THEME: _Key(("light", "dark")),
    _SETTINGS + TEXT_SIZE: _Key((-2, -1, 0, 1, 2, 4, 6)),
}


def policy_files() -> list[Path]:
    """Where a policy may stand: the machine's configuration folder, then beside the program."""
    return [machine_folder() / POLICY_FILE, *(folder / POLICY_FILE for folder in _program_folder())]


def machine_folder() -> Path:
    """The folder of the computer's configuration, which administrators can write."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA") or r"C:\ProgramData") / "LAN Chat"
    if sys.platform == "darwin":
        return Path("/Library/Application Support/LAN Chat")
    return Path("/etc/lanchat")


def _program_folder() -> Iterator[Path]:
    """The folder of a frozen program, or the virtual environment that the program is installed in."""
    if getattr(sys, "frozen", False):
        yield Path(sys.executable).resolve().parent
    elif sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)


def read_policy(files: Sequence[Path] | None = None) -> Policy:
    """The policy that holds here; `files`: the places, without those of this computer. Raises LocalStoreError that
    names the file, and the key where there is one."""
    for file in policy_files() if files is None else files:
        try:
            octets = read_private(file, POLICY_MAX + 1)
            writable = _writable_by_others(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise LocalStoreError(Problem.FILE_UNUSABLE, file=str(file), reason=os_reason(error)) from error
        if writable:
            return Policy(ignored=ProblemDetails.of(Problem.POLICY_WRITABLE, file=str(file)))
        return parse_policy_untrusted(octets, str(file))
    return NO_POLICY


def _writable_by_others(file: Path) -> bool:
    """Whether somebody other than root and this user can change or replace it. Raises OSError."""
    if sys.platform == "win32":
        # Whoever could write beside the program could exchange the program.
        if file.parent != machine_folder():
            return False
        user = access.current_user()
        return not all(access.is_trusted_owner(access.owner_of(path), user) for path in (file, file.parent))
    return any(_is_open(os.stat(path)) for path in (file, file.parent))


def _is_open(found: os.stat_result) -> bool:
    if sys.platform == "win32":
        raise NotImplementedError
    if found.st_uid not in (0, os.geteuid()):
        return True
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:  # everybody's files are safe in it
        return False
    of_group = bool(found.st_mode & stat.S_IWGRP) and found.st_gid != 0
    return of_group or bool(found.st_mode & stat.S_IWOTH)


def parse_policy_untrusted(octets: bytes, file: str) -> Policy:
    """The policy in the octets of `file`. Raises LocalStoreError."""
    values = dict(_flatten(_table(octets, file)))
    for key, value in values.items():
        _check(file, key, value)
    settings = {key.removeprefix(_SETTINGS): value for key, value in values.items() if key.startswith(_SETTINGS)}
    link = values.get(_SERVER)
    server = parse_invite_untrusted(tidy_address(link)) if link is not None else None
    return Policy(file, server, values.get(_DISCOVERY, True), settings)


def _table(octets: bytes, file: str) -> dict[str, Any]:
    if len(octets) > POLICY_MAX:
        raise LocalStoreError(Problem.POLICY_TOO_LONG, file=file)
    text = ""
    try:
        text = decode_text_untrusted(octets)
        return tomllib.loads(text)
    except ProtocolError:
        raise LocalStoreError(Problem.POLICY_NOT_TEXT, file=file) from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        place = re.search(r"line ([0-9]+), column ([0-9]+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, 1)
        raise LocalStoreError(Problem.POLICY_NOT_TOML, file=file, line=line, column=column) from None


def _flatten(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    section = _SETTINGS.rstrip(".")
    for key, value in table.items():
        if key == section and isinstance(value, dict):
            yield from ((_SETTINGS + inner, fixed) for inner, fixed in value.items())
        else:
            yield key, value


def _check(file: str, key: str, value: object) -> None:
    """Raises LocalStoreError unless the key is one that there is, with a value that it can have."""
    if key not in KEYS:
        raise LocalStoreError(Problem.POLICY_UNKNOWN_KEY, file=file, key=inert(key, 100))
    values = KEYS[key].values
    if not values:
        _check_link(file, key, value)
    elif not any(type(value) is type(each) and value == each for each in values):
        choices = ", ".join(str(each).lower() for each in values)
        raise LocalStoreError(Problem.POLICY_VALUE, file=file, key=key, choices=choices)


def _check_link(file: str, key: str, value: object) -> None:
    try:
        if not isinstance(value, str):
            raise ProtocolError("not an invite link")
        parse_invite_untrusted(tidy_address(value))
    except ProtocolError as error:
        reason = ProblemDetails.of(typed_problem(error) or Problem.INVITE_DAMAGED)
        raise LocalStoreError(Problem.POLICY_LINK, file=file, key=key, reason=reason) from None

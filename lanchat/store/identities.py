"""Who this profile trusts and who it is: pinned servers and device keys, each kind in one typed TOML file.

These files are never guessed at: one that does not read well is set aside and the call says so, because going on
without it would trust a stranger or make a new identity without anybody's knowledge.
"""

import codecs
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from lanchat.core.ports import LocalStoreError
from lanchat.platform.disk.files import read_private, replace_file, set_aside
from lanchat.protocol.codec import U63, Key16, Key32, Positive
from lanchat.protocol.log.certificates import Certificate
from lanchat.protocol.problems import Problem
from lanchat.protocol.redacted import RedactedStruct
from lanchat.store.file_lock import guarded

F = TypeVar("F", bound=msgspec.Struct)
# A server or a device is some 500 octets.
FILE_MAX = 16 << 20

FingerprintHex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class KnownServer(msgspec.Struct, frozen=True):
    """A server that a person accepted. `fingerprint`: 64 lower-case hex digits. `host`, `port`: where it was last.
    `replaced`: a person decided that another one stands there now."""

    fingerprint: FingerprintHex
    name: str
    host: str
    port: Port
    log_id: Key16
    log_key: Key32
    accepted_ms: U63
    replaced: bool = False


class StoredDevice(RedactedStruct, frozen=True):
    """This profile's device on one log. `private_key`: 32 raw octets, Ed25519."""

    concealed = frozenset({"private_key"})

    log_id: Key16
    user_id: Positive
    user_name: str
    display_name: str
    device_id: Key16
    private_key: Key32
    certificate: Certificate


class ServersFile(msgspec.Struct, frozen=True):
    """`last`: fingerprint of the server used last, or empty."""

    last: str = ""
    servers: tuple[KnownServer, ...] = ()


class DevicesFile(msgspec.Struct, frozen=True):
    """The device keys of this profile, at most one for each log."""

    devices: tuple[StoredDevice, ...] = ()


class TypedFile(Generic[F]):
    """A whole TOML file as one value of type `kind`; its default when it is not there. Raises LocalStoreError."""

    def __init__(self, path: Path, lock: Path, kind: type[F]) -> None:
        """`lock`: the file that is locked while `path` is read or replaced. The content is read by each call anew."""
        self._path = path
        self._lock = lock
        self._kind = kind

    def load(self) -> F:
        """What the file says. A broken one is set aside, then this raises; the next call finds no file."""
        with guarded(self._lock, self._path):
            return self._read()

    def update(self, change: Callable[[F], F]) -> None:
        """Replace the content by `change` of it, in one step for every process."""
        with guarded(self._lock, self._path):
            old = self._read()
            new = change(old)
            if new != old:
                replace_file(self._path, self._encode(new))

    def _read(self) -> F:
        try:
            octets = read_private(self._path, FILE_MAX)
        except FileNotFoundError:
            return self._kind()
        try:
            return self._decode(octets)
        except (ValueError, RecursionError) as error:  # msgspec's and Unicode errors are ValueErrors
            aside = set_aside(self._path)
            raise LocalStoreError(Problem.FILE_SET_ASIDE, file=str(self._path), aside=aside.name) from error

    def _decode(self, octets: bytes) -> F:
        # Some editors begin each file that they save with a byte order mark.
        line, _newline, body = octets.removeprefix(codecs.BOM_UTF8).partition(b"\n")
        if line != _first_line(body):
            raise ValueError("checksum")
        value: Any = msgspec.toml.decode(body, type=self._kind)
        assert isinstance(value, self._kind)
        return value

    def _encode(self, value: F) -> bytes:
        """A value that would not read back must not get into the file."""
        body = msgspec.toml.encode(value)
        octets = _first_line(body) + b"\n" + body
        try:
            self._decode(octets)
        except (ValueError, RecursionError) as error:
            raise LocalStoreError(Problem.FILE_CANNOT_HOLD, file=str(self._path), reason=str(error)) from error
        return octets


def _first_line(body: bytes) -> bytes:
    """TOML does not see another letter in a key or a log's id; this does."""
    return f"# Written by LAN Chat, not to be edited. Checksum {zlib.crc32(body):08x}".encode()

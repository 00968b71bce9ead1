"""Deliberate faults of those who read files and what people type: configuration, profile, local store, backup, link."""

import re
import zipfile
from pathlib import Path
from typing import Any, get_args

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from lanchat.platform import proofs
from lanchat.protocol import wire
from lanchat.protocol.codec import Decoder, decoder
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.text import identity
from lanchat.store import local, rescue, rows
from lanchat.store.identities import TypedFile
from lanchat.store.settings import Settings
from lanchat_server import config
from lanchat_server.maintenance import backup
from lanchat_server.service import keys
from tests.fuzz import file_targets
from tests.fuzz.planting import Plants
from tests.fuzz.scan import DEEP, brackets
from tests.support.planting import Change

# --- The server's configuration -------------------------------------------------------------------------------------


def number_out_of_range() -> list[Change]:
    """A number of the configuration may be out of its range."""
    return [(config, "_TYPES", config._TYPES | dict.fromkeys(_numbers(), int))]


def flag_as_number() -> list[Change]:
    """True and false count as numbers of the configuration."""
    honest = config._typed

    def typed(field: str, value: object) -> Any:
        return value if field in _numbers() and isinstance(value, bool) else honest(field, value)

    return [(config, "_typed", typed)]


def _numbers() -> list[str]:
    return [name for name, kind in config._TYPES.items() if get_args(kind)[:1] == (int,)]


def config_too_deep() -> list[Change]:
    """A configuration that nests too deeply ends the reader with another error than its own."""
    honest = config._parse

    def parsed(file: Path) -> dict[str, Any]:
        if brackets(file.read_bytes()) > DEEP:
            raise RecursionError
        return honest(file)

    return [(config, "_parse", parsed)]


def keys_apart() -> list[Change]:
    """The server's certificate may belong to another key than its own."""

    def loaded(folder: Path) -> keys.ServerKeys:
        log_key, _identity = (keys._private_key(folder / name) for name in (keys.LOG_KEY, keys.IDENTITY_KEY))
        file = folder / keys.IDENTITY_CERTIFICATE
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        return keys.ServerKeys(file, folder / keys.IDENTITY_KEY, certificate.fingerprint(SHA256()).hex(), log_key)

    return [(keys, "_load", loaded)]


def admin_line_too_deep() -> list[Change]:
    """A line on the administrator's channel that nests too deeply is answered by an error of the reader."""
    honest = proofs.nonce_in_untrusted

    def nonce_in(line: bytes) -> str | None:
        if brackets(line) > DEEP:
            raise RecursionError
        return honest(line)

    return [(proofs, "nonce_in_untrusted", nonce_in)]


def answer_to_another_request() -> list[Change]:
    """A command takes an answer to another request for its own."""

    def answer(frame: bytes, _number: int) -> Any:
        found = wire.decode_from_server_untrusted(frame)
        return found if isinstance(found, (wire.Response, wire.Failure)) else None

    return [(file_targets, "answer_untrusted", answer)]


# --- The client's files ---------------------------------------------------------------------------------------------


def settings_of_no_text() -> list[Change]:
    """Settings that are no UTF-8 end the reader with an error instead of being set aside."""
    honest = Settings._read

    def read(self: Settings) -> dict[str, Any]:
        if self._path.exists():
            self._path.read_text(encoding="utf-8")
        return honest(self)

    return [(Settings, "_read", read)]


def no_checksum() -> list[Change]:
    """The checksum of a profile's file is not compared."""

    def decoded(self: TypedFile[Any], octets: bytes) -> Any:
        return msgspec.toml.decode(octets.partition(b"\n")[2], type=self._kind)

    return [(TypedFile, "_decode", decoded)]


def row_without_checksum() -> list[Change]:
    """The checksum of a row of the local store is not compared."""

    def unpacked(decode: Decoder, key: rows.Key, blob: Any) -> Any:
        try:
            return decode(blob[4:])
        except ProtocolError as error:
            raise rows.Damaged from error

    return [(module, "unpack", unpacked) for module in (local, rescue)]


def row_of_any_type() -> list[Change]:
    """A row of the local store may hold a value of another type than its table's."""
    names = ("_decode_room", "_decode_user", "_decode_certificate")
    return [(local, name, decoder(Any)) for name in names]


# --- The backup -----------------------------------------------------------------------------------------------------


def file_outside() -> list[Change]:
    """The name of a key in a backup may lead out of the folder of keys."""
    # Two steps up at most: what the targets write stays in a folder of their own.
    return [(backup, "_KEY_NAME", re.compile(r"(\.\./){0,2}" + backup._KEY_NAME.pattern))]


def file_twice() -> list[Change]:
    """A backup may hold a file twice."""
    honest = backup._check_manifest

    def checked(archive: zipfile.ZipFile) -> backup.BackupManifest:
        members = archive.filelist
        archive.filelist = list({member.filename: member for member in members}.values())
        try:
            return honest(archive)
        finally:
            archive.filelist = members

    return [(backup, "_check_manifest", checked)]


# --- Links ----------------------------------------------------------------------------------------------------------


def name_before_the_host() -> list[Change]:
    """A link may name one host before an @ and lead to the one behind it."""
    split, plain = identity._split, identity._is_plain
    return [
        (identity, "_split", lambda text, complaint: split(re.sub("//[^/@]*@", "//", text), complaint)),
        (identity, "_is_plain", lambda text: plain(text.replace("@", ""))),
    ]


BUGS: Plants = {
    number_out_of_range: ("server-config",),
    flag_as_number: ("server-config",),
    config_too_deep: ("server-config",),
    keys_apart: ("server-keys",),
    admin_line_too_deep: ("admin-port",),
    answer_to_another_request: ("admin-answer",),
    settings_of_no_text: ("client-settings",),
    no_checksum: ("profile",),
    row_without_checksum: ("local-store",),
    row_of_any_type: ("local-row",),
    file_outside: ("backup",),
    file_twice: ("backup",),
    name_before_the_host: ("invite-link", "address"),
}

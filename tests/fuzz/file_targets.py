"""Targets: files that people edit, disks damage or strangers hand over. Each input is written to a fresh folder."""

import asyncio
import contextlib
import datetime
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lanchat.protocol.client.ports import LocalStoreError
from lanchat.store.files import aside_names
from lanchat.store.identities import DevicesFile, KnownServer, ServersFile, TypedFile
from lanchat.store.settings import Settings
from lanchat_server import config
from lanchat_server.service.admin_channel import AdminChannel
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import load_or_create
from tests.fuzz.target import Never, Target, rule
from tests.support.fake_log import key_of

# In memory: a target writes thousands of small files, and syncs them.
FOLDERS = "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lanchat-fuzz-", dir=FOLDERS) as name:
        yield Path(name)


# --- The client's files ---------------------------------------------------------------------------------------------


def _settings(octets: bytes) -> None:
    """A broken file is set aside and the defaults hold; what is saved reads back."""
    with folder() as here:
        file = here / "settings.toml"
        file.write_bytes(octets)
        settings = Settings(file, here / "lock")
        assert bool(settings.notice) == bool(aside_names(file))
        assert isinstance(settings.language + settings.theme + settings.geometry, str)
        assert settings.last_room(b"l" * 16) >= 0
        settings.set("theme", "dark")
        settings.set_last_room(b"l" * 16, 7)
        settings.save()
        again = Settings(file, here / "lock")
        assert (again.notice, again.theme, again.last_room(b"l" * 16)) == ("", "dark", 7)


_KINDS: tuple[type[msgspec.Struct], ...] = (ServersFile, DevicesFile)


def _profile(octets: bytes) -> None:
    """The first octet: which file, and whether its checksum is set right. A broken file is set aside, once."""
    choice, body = (octets[0], octets[1:]) if octets else (0, b"")
    if choice & 2:
        body = body.partition(b"\n")[2]
        body = f"# Written by LAN Chat, not to be edited. Checksum {zlib.crc32(body):08x}\n".encode() + body
    with folder() as here:
        file = here / "file.toml"
        file.write_bytes(body)
        typed: TypedFile[Any] = TypedFile(file, here / "lock", _KINDS[choice & 1])
        try:
            value = typed.load()
        except LocalStoreError:
            assert len(aside_names(file)) == 1
            assert aside_names(file)[0].read_bytes() == body
            assert typed.load() == _KINDS[choice & 1]()
            raise
        typed.update(lambda old: old)
        assert typed.load() == value


def _profiles() -> list[bytes]:
    """Both files as the program writes them, and with the checksum to be set."""
    known = KnownServer("ab" * 32, "Office", "10.0.0.1", 47400, b"l" * 16, b"k" * 32, 1_700_000_000_000)
    found = []
    with folder() as here:
        servers = TypedFile(here / "servers.toml", here / "lock", ServersFile)
        servers.update(lambda old: ServersFile(known.fingerprint, (known,)))
        devices = (
            '[[devices]]\nlog_id = "bGxsbGxsbGxsbGxsbGxsbA=="\nuser_id = 1\n'
            'user_name = "anna"\ndisplay_name = "Anna"\n'
            'device_id = "ZGRkZGRkZGRkZGRkZGRkZA=="\nprivate_key = "cHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHA="\n'
        ) + f'certificate = ["b2N0ZXRz", "{"c3Nz" * 21}cw=="]\n'
        found += [b"\0" + (here / "servers.toml").read_bytes(), b"\2" + (here / "servers.toml").read_bytes()]
        found += [b"\1" + devices.encode(), b"\3\n" + devices.encode()]
    return found


# --- The server's files ---------------------------------------------------------------------------------------------


def _server_config(octets: bytes) -> None:
    with folder() as here:
        file = here / "server.toml"
        file.write_bytes(octets)
        try:
            made = config.load({}, file, {})
        except config.ConfigError as error:
            rule("\n" not in str(error) and file.name in str(error), "a complaint of several lines, or about no file")
            raise
        assert 0 <= made.port < 65536
        assert made.argon2.memory_kib >= config.ARGON2_MEMORY_KIB
        assert made.message_rate > 0
        assert made.sessions_total > 0
        assert made.name


_CONFIG = b"""
name = "Office"
port = 47400
database = "mysql://lanchat:secret@localhost/lanchat"
data-dir = "data"
discovery = false
[limits]
message_rate = 10.5
sessions-total = 1000
[passwords]
memory_kib = 19456
workers = 4
[smtp]
host = "mail"
sender = "chat@example.org"
security = "tls"
password = 'x'
[registration]
mode = "invite"
[logging]
level = "debug"
"""


_KEY_NAMES = ("identity.key", "identity.crt", "log.key")


def _server_keys(octets: bytes) -> None:
    """One of the three key files is what the input says; the first octet tells which. A server never takes another
    identity in silence."""
    choice, content = (octets[0], octets[1:]) if octets else (0, b"")
    with folder() as here:
        (here / "keys").mkdir()
        for name, sound in zip(_KEY_NAMES, _key_files(), strict=True):
            (here / "keys" / name).write_bytes(content if name == _KEY_NAMES[choice % 3] else sound)
        before = {path.name: path.read_bytes() for path in (here / "keys").iterdir()}
        try:
            load_or_create(here)
        except StartError as error:
            rule("\n" not in str(error), "a complaint of several lines")
            raise
        finally:
            assert {path.name: path.read_bytes() for path in (here / "keys").iterdir()} == before


def _key_files() -> tuple[bytes, bytes, bytes]:
    """Identity, certificate and log key, the same in every run."""
    identity = key_of(1)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lanchat")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, identity.public_key(), 1, begin, begin.replace(year=9999))
    return _pem(identity), builder.sign(identity, None).public_bytes(Encoding.PEM), _pem(key_of(2))


def _pem(key: Any) -> bytes:
    octets: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return octets


# A key that asks for a password; made once, because each encryption is another one.
_LOCKED = b"""-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,18521A6F531989B7523C0137D6C48F8B

wQN4Ds7O8UgYegKYMh748AWKNa7IugxgiMgZJ95uqO62psU+8GXVU6SfGN5E0aUu
a6fsmqMQkvTiLDtDkv58tOQP0CE7209Zby3OMauPCHmkraQt7cREq5/UWUJjf40t
fcZkyIXGBwd/W9pWtc22NCvI8s3aDWFeWU9e457fanw=
-----END EC PRIVATE KEY-----
"""


def _keys() -> list[bytes]:
    """Ours, and keys of other kinds that somebody may put there."""
    others = [_pem(ec.derive_private_key(7, ec.SECP256R1())), _pem(ed448.Ed448PrivateKey.from_private_bytes(b"k" * 57))]
    others.append(_LOCKED)
    return [bytes([place]) + pem for place, pem in enumerate(_key_files())] + [bytes([2]) + pem for pem in others]


def _admin_line(octets: bytes) -> None:
    """A line on the administrator's channel: one JSON object back, and nothing is done without the token."""
    asked: list[str] = []

    async def operate(operation: str, arguments: dict[str, Any]) -> Any:
        asked.append(operation)
        return None

    async def answer() -> dict[str, Any]:
        return await AdminChannel(Path("/nowhere"), operate)._answer(octets)

    answered = asyncio.run(answer())
    assert json.dumps(answered)
    assert "error" in answered
    assert not asked, "something was done for one who does not know the token"


def _admin_lines() -> list[bytes]:
    token = "0" * 64
    return [json.dumps({"token": token, "operation": name, "arguments": {}}).encode() for name in ("status", "users")]


_SETTINGS = b'language = "ru"\ntheme = "light"\n[last_rooms]\n' + b"6c" * 16 + b" = 3\n"
TARGETS = (
    Target(
        "client-settings",
        _settings,
        Never,
        lambda: [b"", _CONFIG, _SETTINGS],
    ),
    Target("profile", _profile, LocalStoreError, _profiles),
    Target(
        "server-config",
        _server_config,
        config.ConfigError,
        lambda: [b"", _CONFIG, b"discovery = true\n"],
        octets_max=8192,
    ),
    Target("server-keys", _server_keys, StartError, _keys, examples=30),
    Target("admin-line", _admin_line, Never, _admin_lines, examples=40),
)

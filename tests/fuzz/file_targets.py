"""Targets: files that people edit, disks damage or strangers hand over. Each input is written to a fresh folder."""

import asyncio
import contextlib
import datetime
import json
import tempfile
import zlib
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from lanchat.core.policy import LANGUAGE, THEME
from lanchat.core.ports import LocalStoreError
from lanchat.platform import proofs
from lanchat.platform.disk.files import aside_names
from lanchat.platform.programs.instance import WISH_MAX, wish_in_untrusted
from lanchat.protocol import wire
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import FRAME_MAX_TO_SERVER
from lanchat.store.identities import DevicesFile, KnownServer, ServersFile, TypedFile
from lanchat.store.policy import KEYS, parse_policy_untrusted
from lanchat.store.settings import GEOMETRY, Settings
from lanchat.wording.policy import fixed_lines
from lanchat_server import config
from lanchat_server.admin import channel
from lanchat_server.admin.channel import AdminChannel
from lanchat_server.admin.local import answer_untrusted
from lanchat_server.admin.operations import OPERATIONS
from lanchat_server.service.answers import packed
from lanchat_server.service.errors import StartError
from lanchat_server.service.keys import ServerKeys, load_or_create
from lanchat_server.service.reporting.metrics import Exporter, Metrics
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
        assert all(isinstance(settings.get(key, ""), str) for key in (LANGUAGE, THEME, GEOMETRY))
        assert settings.last_room(b"l" * 16) >= 0
        settings.set("theme", "dark")
        settings.set_last_room(b"l" * 16, 7)
        settings.save()
        again = Settings(file, here / "lock")
        assert (again.notice, again.get(THEME, ""), again.last_room(b"l" * 16)) == (None, "dark", 7)


def _policy(octets: bytes) -> None:
    """What is taken has the values that the window has, and sentences."""
    policy = parse_policy_untrusted(octets, "policy.toml")
    assert all(policy.settings[key] in KEYS[f"settings.{key}"].values for key in policy.settings)
    assert policy.server is None or len(policy.server.fingerprint) == 64
    assert fixed_lines(policy)


def _window_call(octets: bytes) -> None:
    """A further start is heard with the proof alone."""
    wish = wish_in_untrusted(octets, "t" * 8)
    assert wish is None or (b"tttttttt" in octets and len(wish) <= WISH_MAX)


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
        first, _newline, rest = body.partition(b"\n")
        assert not body or first.endswith(b" %08x" % zlib.crc32(rest)), "a file was taken that is not what was written"
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
        found += [found[0].replace(b"10.0.0.1", b"10.0.0.2")]
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
        _check_numbers(made)
        assert made.name


_PORTS = (0, 65535)
_COUNTS = (1, 1_000_000)
# Each number that can be set, with its range.
_RANGES = {
    "port": _PORTS,
    "discovery_port": (1, 65535),
    "metrics_port": _PORTS,
    "message_burst": _COUNTS,
    "sessions_per_user": _COUNTS,
    "sessions_total": _COUNTS,
    "unauthenticated_max": _COUNTS,
    "argon2.memory_kib": (19456, 4 << 20),
    "argon2.time_cost": (2, 100),
    "argon2.parallelism": (1, 64),
    "argon2.workers": (1, 64),
}


def _check_numbers(made: config.ServerConfig) -> None:
    for name, (low, high) in _RANGES.items():
        value = attrgetter(name)(made)
        assert type(value) is int, "something else where a number belongs"
        assert low <= value <= high, "a number out of its range"
    assert made.smtp is None or 0 < made.smtp.port < 65536, "a number out of its range"
    for rate in (made.message_rate, made.total_rate):
        assert 0 < rate <= 1e6, "a rate out of its range"


def _configs() -> list[bytes]:
    """Whole ones, and ones with a single setting that nobody may make."""
    refused = ("port = 65536", "port = true", "[passwords]\nmemory_kib = 1", "[limits]\ntotal_rate = nan", "port = 1.0")
    return [b"", _CONFIG, b"discovery = true\n", *(line.encode() for line in refused)]


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
            keys = load_or_create(here)
        except StartError as error:
            rule("\n" not in str(error), "a complaint of several lines")
            raise
        else:
            _check_keys(here / "keys", keys)
        finally:
            assert {path.name: path.read_bytes() for path in (here / "keys").iterdir()} == before


def _check_keys(files: Path, keys: ServerKeys) -> None:
    identity, log_key = (load_pem_private_key((files / name).read_bytes(), None) for name in _KEY_NAMES[::2])
    certificate = x509.load_pem_x509_certificate((files / "identity.crt").read_bytes())
    assert certificate.public_key() == identity.public_key(), "a certificate of another key"
    assert keys.fingerprint == certificate.fingerprint(SHA256()).hex()
    assert keys.log_key.public_key() == log_key.public_key(), "another log key"


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
    ours = [bytes([place]) + pem for place, pem in enumerate(_key_files())]
    return [*ours, *(bytes([2]) + pem for pem in others), bytes([0]) + _pem(key_of(3))]


def _admin_port(octets: bytes) -> None:
    """What a command sends to the server's local port: lines are no proof by themselves; of frames each request gets
    one answer that fits a frame, and only administrators' requests are carried out."""
    asked: list[Any] = []

    async def perform(request: Any) -> wire.Result:
        asked.append(type(request))
        return wire.Done()

    async def answers() -> list[Any]:
        admin, budget = AdminChannel(Path("/nowhere"), perform), channel.request_budget()
        proofs.nonce_in_untrusted(octets)
        assert not proofs.is_proof(proofs.proof_in_untrusted(octets), "1" * 64)
        frames = wire.FrameReader(FRAME_MAX_TO_SERVER).feed_untrusted(octets)
        return [await admin._answer(channel.read_request_untrusted(frame), budget) for frame in frames]

    made = asyncio.run(answers())
    assert all(packed(answer) for answer in made)
    assert sum(isinstance(answer, wire.Response) for answer in made) == len(asked)
    assert set(asked) <= OPERATIONS.keys()


def _admin_requests() -> list[bytes]:
    """Lines of the introduction; and one of each request, alone and all of them."""
    token = "0" * 64
    lines = json.dumps({"proof": token, "nonce": token}).encode() + b"\n"
    requests = [
        wire.Status(),
        wire.ListAccounts(b"12345678"),
        wire.AddAccount("anna", "a password", wire.Role.ADMINISTRATOR, "Anna", "a@example.org"),
        wire.SetRole(7, wire.Role.MEMBER),
        wire.DeleteRooms([1, 2, 3], "a password"),
        wire.GetProfile(),
    ]
    frames = [wire.pack_frame(wire.Request(n, request)) for n, request in enumerate(requests)]
    return [lines, *frames, b"".join(frames)]


def _admin_answer(octets: bytes) -> None:
    """What a command hears from whatever listens at the local port: an answer to its request, or nothing yet."""
    for frame in wire.FrameReader().feed_untrusted(octets):
        answer = answer_untrusted(frame, 1)
        assert answer is None or answer.id == 1, "an answer to another request"


def _admin_answers() -> list[bytes]:
    account = wire.AccountDetails(7, "anna", "Anna", "a@example.org", wire.Role.MEMBER, False, 1, 0, 2)
    room = wire.RoomSummary(7, "kitchen", wire.RoomKind.PRIVATE, 7, 1, 2, 3, True)
    results = [
        wire.Done(),
        wire.AccountList([account], b"12345678"),
        wire.AccountResult(account),
        wire.RecoveryCode("12345678", 1),
        wire.SessionsEnded(2),
        wire.RoomSummaryList([room]),
        wire.BackupMade("unclaimed.backup", bytes(16), 1, 2, 3),
        wire.QuarantineList([wire.QuarantineEntry(wire.MessageName(7, bytes(16), 1, 1), 7, 1, 0, 1, 8, 2, "text")]),
        wire.QuarantineJudged([wire.JudgedMessage(wire.MessageName(7, bytes(16), 1, 1), 5)]),
    ]
    frames = [wire.pack_frame(wire.Response(1, result)) for result in results]
    frames += [wire.pack_frame(wire.Failure(1, 14, "busy", 50)), wire.pack_frame(wire.Pong(0))]
    return [*frames, b"".join(frames)]


def _scrape(octets: bytes) -> None:
    """The head of a request for figures: one answer in HTTP."""
    answer = Exporter(Metrics())._answer(octets)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 405 "))
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"


def _scrapes() -> list[bytes]:
    accept = b"application/openmetrics-text;version=1.0.0;q=0.5;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.2"
    return [
        b"GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nAccept: " + accept + b"\r\n\r\n",
        b"GET / HTTP/1.0\r\naccept: application/openmetrics-text; version=1..\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
    ]


_SETTINGS = b'language = "ru"\ntheme = "light"\n[last_rooms]\n' + b"6c" * 16 + b" = 3\n"
_POLICY = (
    b'server = "lanchat://192.0.2.7:47400/?also=[fe80::1%25eth0]:1#' + b"ab" * 32 + b'"\ndiscovery = false\n'
    b'[settings]\nlanguage = "ru"\ntheme = "dark"\ntext_size = -2\n'
)
TARGETS = (
    Target(
        "client-settings",
        _settings,
        Never,
        lambda: [b"", _CONFIG, _SETTINGS],
    ),
    Target("window-call", _window_call, Never, lambda: [b"", b'{"proof": "tttttttt", "wish": "lanchat://x"}\n']),
    Target("policy", _policy, LocalStoreError, lambda: [b"", _POLICY, _SETTINGS]),
    Target("profile", _profile, LocalStoreError, _profiles),
    Target(
        "server-config",
        _server_config,
        config.ConfigError,
        _configs,
        octets_max=8192,
    ),
    Target("server-keys", _server_keys, StartError, _keys, examples=30),
    Target("admin-port", _admin_port, ProtocolError, _admin_requests, examples=40),
    Target("admin-answer", _admin_answer, ProtocolError, _admin_answers, examples=40),
    Target("scrape-head", _scrape, Never, _scrapes, examples=100),
)

"""What an administrator may set: `ServerConfig`, and how it comes together from its four sources.

Precedence, highest first: command line, environment (`LANCHAT_DATABASE`), TOML file, default. The file may hold every
option of the command line under its own name (`data-dir` or `data_dir`), and the sections that stand in `SETTINGS`.
A key that is not known, a value of another type or out of its range raises `ConfigError` that names file and key, so
that a typing error never turns into a default without a word.
"""

import os
import re
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from email.utils import getaddresses
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec
import platformdirs

from lanchat.i18n import _
from lanchat.i18n.input_rules import not_text
from lanchat.protocol.codes import Registration
from lanchat.protocol.datagram.beacon import DEFAULT_NAME, DISCOVERY_PORT
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import MESSAGE_RATE_MAX, SERVER_NAME_MAX, Limits
from lanchat.protocol.redacted import Concealing
from lanchat.protocol.text.cleaning import TextError, character_name, clean_line, decode_text_untrusted, first_unseen
from lanchat.protocol.text.identity import DEFAULT_PORT, tidy_address
from lanchat.protocol.text.names import clean_display_name, inert, tidy_name

DATABASE_VARIABLE = "LANCHAT_DATABASE"
DATABASE_SCHEMES = ("sqlite", "mysql", "mariadb")
LOG_LEVELS = ("debug", "info", "warning", "error")
# Stricter than RFC 5322: no quoting, no comments, no lists, so that one address is one recipient.
MAIL_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")
# Characters of a sender with its name.
_SENDER_MAX = 320
SMTP_PORTS = {"starttls": 587, "tls": 465, "plain": 25}
# RFC 9106 with the memory that a small office PC can spare; a file may raise the cost, never lower it.
ARGON2_MEMORY_KIB = 19456
ARGON2_TIME_COST = 2
# Messages a second. One in a quarter of an hour: with less the time to wait would not fit `Busy.retry_ms`.
_RATE_MIN = 0.001


class ConfigError(Exception):
    """The configuration makes no sense; one line for a person that names the file and the key."""


class Argon2(msgspec.Struct, frozen=True):
    """Cost of a password hash and how many are computed at the same time: `workers` ×
    `memory_kib` is what a flood of log-ins can take."""

    memory_kib: int = ARGON2_MEMORY_KIB
    time_cost: int = ARGON2_TIME_COST
    parallelism: int = 1
    workers: int = 2


class Smtp(Concealing, frozen=True):
    """Where codes for forgotten passwords are handed in. `security`: starttls, tls or plain. No user: no log-in."""

    concealed = frozenset({"password"})

    host: str
    port: int
    user: str
    password: str
    sender: str
    security: str


class ServerConfig(Concealing, frozen=True):
    """Everything that can be set. `database` None: the embedded one in `data_dir`. `host` empty: every address. `port`
    0: any free one. `public_host` empty: invite links name the address that the server finds by itself. `metrics_port`
    0: none; it is served on the loopback address only. Rates are per second. `user_octets_per_day`, `log_octets`,
    `disk_reserve_mib` 0: no such bound. `json_output`: the ready line is JSON."""

    concealed = frozenset({"database"})  # a password is in it

    name: str
    data_dir: Path
    database: str | None = None
    host: str = ""
    port: int = DEFAULT_PORT
    public_host: str = ""
    discovery: bool = True
    discovery_port: int = DISCOVERY_PORT
    json_output: bool = False
    json_logs: bool = False
    log_level: str = "info"
    registration: Registration = Registration.OPEN
    argon2: Argon2 = Argon2()
    message_rate: float = 10.0
    message_burst: int = 30
    total_rate: float = 500.0
    sessions_per_user: int = 5
    sessions_total: int = 1000
    unauthenticated_max: int = 64
    edits_per_message: int = Limits().edits_per_message
    reactions_per_message: int = Limits().reactions_per_message
    rooms_total: int = Limits().rooms_total
    rooms_per_day: int = Limits().rooms_per_day
    accounts_per_day: int = Limits().accounts_per_day
    invites_per_day: int = Limits().invites_per_day
    user_octets_per_day: int = Limits().user_octets_per_day
    log_octets: int = Limits().log_octets
    disk_reserve_mib: int = 256
    smtp: Smtp | None = None
    metrics_port: int = 0


# --- Readers: one value from TOML or the command line; raise ValueError with what was expected -----------------------


def _secret(value: object) -> str:
    """A text as it stands."""
    if not isinstance(value, str):
        raise ValueError(_("a text"))
    return value


def _text(value: object) -> str:
    """A text in one line, without what was copied along."""
    return clean_line(_secret(value))


def _host(value: object) -> str:
    return tidy_address(_secret(value))


def _sender(value: object) -> str:
    """What stands in From: an address, or a name and an address in angle brackets."""
    text = _text(value)
    # `getaddresses` calls itself for each bracket.
    addresses = [address for _name, address in getaddresses([text])] if len(text) <= _SENDER_MAX else []
    if text and not (len(addresses) == 1 and MAIL_ADDRESS.fullmatch(addresses[0])):
        raise ValueError(_("an e-mail address such as chat@example.org"))
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(_("true or false"))
    return value


def _integer(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(_("a whole number from {low} to {high}").format(low=low, high=high))
        return value

    return read


def _rate(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not _RATE_MIN <= value <= MESSAGE_RATE_MAX:
        raise ValueError(_("a number from {low} to {high}").format(low=_RATE_MIN, high=f"{MESSAGE_RATE_MAX:.0f}"))
    return float(value)


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in choices:
            raise ValueError(_("one of {choices}").format(choices=", ".join(choices)))
        return value.lower()

    return read


def _registration(value: object) -> Registration:
    return Registration[_choice("open", "invite", "closed")(value).upper()]


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError(_("a path"))
    return Path(value).expanduser()


def server_name(value: object) -> str:
    """A server's name as it may be announced; raises ValueError."""
    try:
        return clean_display_name(tidy_name(_text(value)))
    except TextError as error:
        raise ValueError(_("a name without {character}").format(character=character_name(error.char))) from None
    except ProtocolError:
        raise ValueError(_("a name of 1 to {limit} characters").format(limit=SERVER_NAME_MAX)) from None


def database_url(value: object) -> str:
    """A database URL of a kind that the server knows; raises ValueError. It never says the URL: a password is in it."""
    url = _secret(value).strip("\ufeff\r\n")
    scheme, separator, rest = url.partition("://")
    if not separator or not rest or scheme not in DATABASE_SCHEMES:
        raise ValueError(_("a database URL such as mysql://user:password@host/name"))
    return url


def secrets_of(url: str | None) -> list[str]:
    """The password in a database URL in every form in which it may be printed, the URL itself first."""
    if not url or "@" not in url:
        return []
    account = url.partition("://")[2].rpartition("@")[0]
    raw = account.partition(":")[2]
    return [url, account, raw, unquote(raw), quote(raw), quote(unquote(raw), safe="")]


# --- The settings of a file ------------------------------------------------------------------------------------------

_PORT = _integer(0, 65535)
_COUNT = _integer(1, 1_000_000)
_OCTETS = _integer(0, 1 << 60)
# Two rooms of so many connections, each of which takes a descriptor and up to 256 KiB.
_STRANGERS = _integer(1, 4096)


class Setting(NamedTuple):
    """A key of the file, with the section before a dot, and the field that it sets (`smtp.host`: inside `smtp`)."""

    key: str
    field: str
    read: Callable[[object], Any]


SETTINGS = (
    Setting("name", "name", server_name),
    Setting("host", "host", _host),
    Setting("port", "port", _PORT),
    Setting("public_host", "public_host", _host),
    Setting("database", "database", database_url),
    Setting("data_dir", "data_dir", _path),
    Setting("no_discovery", "discovery", lambda value: not _flag(value)),
    Setting("discovery_port", "discovery_port", _integer(1, 65535)),
    Setting("json", "json_output", _flag),
    Setting("discovery.enabled", "discovery", _flag),
    Setting("discovery.port", "discovery_port", _integer(1, 65535)),
    Setting("registration.mode", "registration", _registration),
    Setting("logging.json", "json_logs", _flag),
    Setting("logging.level", "log_level", _choice(*LOG_LEVELS)),
    Setting("metrics.port", "metrics_port", _PORT),
    Setting("limits.message_rate", "message_rate", _rate),
    Setting("limits.message_burst", "message_burst", _COUNT),
    Setting("limits.total_rate", "total_rate", _rate),
    Setting("limits.sessions_per_user", "sessions_per_user", _COUNT),
    Setting("limits.sessions_total", "sessions_total", _COUNT),
    Setting("limits.unauthenticated_max", "unauthenticated_max", _STRANGERS),
    Setting("limits.edits_per_message", "edits_per_message", _COUNT),
    Setting("limits.reactions_per_message", "reactions_per_message", _COUNT),
    Setting("limits.rooms_total", "rooms_total", _COUNT),
    Setting("limits.rooms_per_day", "rooms_per_day", _COUNT),
    Setting("limits.accounts_per_day", "accounts_per_day", _COUNT),
    Setting("limits.invites_per_day", "invites_per_day", _COUNT),
    Setting("limits.user_octets_per_day", "user_octets_per_day", _OCTETS),
    Setting("limits.log_octets", "log_octets", _OCTETS),
    Setting("limits.disk_reserve_mib", "disk_reserve_mib", _integer(0, 1 << 30)),
    Setting("passwords.memory_kib", "argon2.memory_kib", _integer(ARGON2_MEMORY_KIB, 4 << 20)),
    Setting("passwords.time_cost", "argon2.time_cost", _integer(ARGON2_TIME_COST, 100)),
    Setting("passwords.parallelism", "argon2.parallelism", _integer(1, 64)),
    Setting("passwords.workers", "argon2.workers", _integer(1, 64)),
    Setting("smtp.host", "smtp.host", _host),
    Setting("smtp.port", "smtp.port", _integer(1, 65535)),
    Setting("smtp.user", "smtp.user", _text),
    Setting("smtp.password", "smtp.password", _secret),
    Setting("smtp.sender", "smtp.sender", _sender),
    Setting("smtp.security", "smtp.security", _choice(*SMTP_PORTS)),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}
_SECTIONS = {setting.key.partition(".")[0] for setting in SETTINGS if "." in setting.key}
# `discovery = false` reads as well as a section with one key.
_SHORT = {"discovery": "discovery.enabled", "registration": "registration.mode"}


def read_file(file: Path) -> dict[str, Any]:
    """The fields that a TOML file sets; relative paths in it are relative to the file. Raises ConfigError."""
    found: dict[str, Any] = {}
    for key, value in _flatten(_parse(file)):
        setting = _BY_KEY.get(key)
        if setting is None:
            raise ConfigError(_("{file}: there is no setting {key}").format(file=file, key=key))
        try:
            read = setting.read(value)
        except ValueError as error:
            raise ConfigError(
                _("{file}: {key} must be {expected}").format(file=file, key=key, expected=error)
            ) from None
        found[setting.field] = file.absolute().parent / read if isinstance(read, Path) else read
    return found


def _parse(file: Path) -> dict[str, Any]:
    text = ""
    try:
        text = decode_text_untrusted(file.read_bytes())
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            _("{file} cannot be read: {reason}").format(file=file, reason=error.strerror or error)
        ) from None
    except (ValueError, RecursionError, ProtocolError) as error:  # TOMLDecodeError is a ValueError
        said = not_text(error) if isinstance(error, ProtocolError) else _reason(error)
        reason = said + _unseen(text)
        raise ConfigError(_("{file} is not valid TOML: {reason}").format(file=file, reason=reason)) from None


def _reason(error: Exception) -> str:
    """What is wrong with a TOML file, without what stands there: it may be of a password."""
    found = re.search(r"line ([0-9]+), column ([0-9]+)", str(error))
    if found is None:
        return _("it is cut off, or nested too deeply")
    return _("line {line}, column {column}").format(line=found[1], column=found[2])


def _unseen(text: str) -> str:
    """Where a character stands that nobody sees and TOML does not take, as the rest of a sentence; else empty."""
    found = first_unseen(text)
    if found is None:
        return ""
    char, line, column = found
    place = _("{character} stands in line {line}, column {column}")
    return "; " + place.format(character=character_name(char), line=line, column=column)


def _flatten(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        key = name.replace("-", "_")
        if key in _SECTIONS and isinstance(value, dict):
            yield from ((f"{key}.{inner.replace('-', '_')}", item) for inner, item in value.items())
        else:
            yield _SHORT.get(key, key), value


# --- Putting it together ---------------------------------------------------------------------------------------------


def default_data_dir() -> Path:
    """Where the server keeps its keys and its database when nothing is said."""
    return platformdirs.user_data_path("lanchat-server", appauthor=False)


def default_name() -> str:
    """The computer's name."""
    return inert(socket.gethostname(), SERVER_NAME_MAX).strip() or DEFAULT_NAME


def load(
    options: Mapping[str, Any], file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> ServerConfig:
    """The configuration. `options`: fields of ServerConfig that the command line gave. Raises ConfigError."""
    given = read_file(file) if file else {}
    if url := environment.get(DATABASE_VARIABLE):
        given["database"] = _environment_database(url)
    given |= options
    argon2 = Argon2(**_taken(given, "argon2."))
    smtp = _smtp(_taken(given, "smtp."), file)
    given.setdefault("name", default_name())
    given.setdefault("data_dir", default_data_dir())
    given["json_logs"] = given.get("json_logs", given.get("json_output", False))
    return ServerConfig(**given, argon2=argon2, smtp=smtp)


def _environment_database(url: str) -> str:
    try:
        return database_url(url)
    except ValueError as error:
        raise ConfigError(
            _("{variable} must be {expected}").format(variable=DATABASE_VARIABLE, expected=error)
        ) from None


def _taken(given: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Removes the fields below `prefix` from `given` and returns them without it."""
    return {key.removeprefix(prefix): given.pop(key) for key in list(given) if key.startswith(prefix)}


def _smtp(values: dict[str, Any], file: Path | None) -> Smtp | None:
    if not values:
        return None
    for name in ("host", "sender"):
        if not values.get(name):
            raise ConfigError(_("{file}: {key} is missing").format(file=file, key=f"smtp.{name}"))
    security = values.setdefault("security", "starttls")
    values.setdefault("port", SMTP_PORTS[security])
    return Smtp(**{name: values.get(name, "") for name in Smtp.__struct_fields__})

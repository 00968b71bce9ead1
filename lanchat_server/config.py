"""What an administrator may set: `ServerConfig`, and how it comes together from its four sources.

Precedence, highest first: command line, environment (`LANCHAT_DATABASE`), TOML file, default. The file may hold every
option of the command line under its own name (`data-dir` or `data_dir`), and the sections that stand in `SETTINGS`.
Types and ranges are those of the fields of `ServerConfig`, and msgspec holds each value to them. A key that is not
known, a value of another type or out of its range raises `ConfigError` that names file and key, variable or option, so
that a typing error never turns into a default without a word.
"""

import os
import re
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from email.utils import getaddresses
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import quote, unquote

import msgspec
import platformdirs
from msgspec import Meta

from lanchat.i18n import _
from lanchat.i18n.input_rules import not_text
from lanchat.i18n.os_errors import os_error_text
from lanchat.platform.disk.named import named_path
from lanchat.protocol.codes import Registration
from lanchat.protocol.datagram.beacon import DEFAULT_NAME, DISCOVERY_PORT
from lanchat.protocol.errors import ProtocolError
from lanchat.protocol.limits import MESSAGE_RATE_MAX, SERVER_NAME_MAX, Limits
from lanchat.protocol.log.files import FILE_OCTETS_MAX
from lanchat.protocol.redacted import RedactedStruct
from lanchat.protocol.text.cleaning import (
    SURROGATE,
    TextError,
    character_name,
    clean_line,
    decode_text_untrusted,
    first_unseen,
    tidy_path,
    without_unseen,
)
from lanchat.protocol.text.identity import DEFAULT_PORT, tidy_address
from lanchat.protocol.text.names import clean_display_name, inert, tidy_name

DATABASE_VARIABLE = "LANCHAT_DATABASE"
DATABASE_SCHEMES = ("sqlite", "mysql", "mariadb")
LogLevel = Literal["debug", "info", "warning", "error"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
MailSecurity = Literal["starttls", "tls", "plain"]
# Stricter than RFC 5322: no quoting, no comments, no lists, so that one address is one recipient.
MAIL_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")
# Characters of a sender with its name.
_SENDER_MAX = 320
SMTP_PORTS: dict[MailSecurity, int] = {"starttls": 587, "tls": 465, "plain": 25}
# RFC 9106 with the memory that a small office PC can spare; a file may raise the cost, never lower it.
ARGON2_MEMORY_KIB = 19456
ARGON2_TIME_COST = 2
# Messages a second. One in a quarter of an hour: with less the time to wait would not fit `Busy.retry_ms`.
_RATE_MIN = 0.001

_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_AnyPort = Annotated[int, Meta(ge=0, le=65535)]
_Port = Annotated[int, Meta(ge=1, le=65535)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Octets = Annotated[int, Meta(ge=0, le=1 << 60)]
_Rate = Annotated[float, Meta(ge=_RATE_MIN, le=MESSAGE_RATE_MAX)]
_Small = Annotated[int, Meta(ge=1, le=64)]


class ConfigError(Exception):
    """The configuration makes no sense; one line for a person that names the file and the key."""


class Argon2(msgspec.Struct, frozen=True):
    """Cost of a password hash and how many are computed at the same time: `workers` ×
    `memory_kib` is what a flood of log-ins can take."""

    memory_kib: Annotated[int, Meta(ge=ARGON2_MEMORY_KIB, le=4 << 20)] = ARGON2_MEMORY_KIB
    time_cost: Annotated[int, Meta(ge=ARGON2_TIME_COST, le=100)] = ARGON2_TIME_COST
    parallelism: _Small = 1
    workers: _Small = 2


class Smtp(RedactedStruct, frozen=True):
    """Where codes for forgotten passwords are handed in. No user: no log-in."""

    concealed = frozenset({"password"})

    host: str
    port: _Port
    user: str
    password: str
    sender: str
    security: MailSecurity


class ServerConfig(RedactedStruct, frozen=True):
    """Everything that can be set. `database` None: the embedded one in `data_dir`. `host` empty: every address. `port`
    0: any free one. `public_host`: hosts with commas between; empty: invite links name the address that the server
    finds by itself. `metrics_port` 0: none; it is served on the loopback address only. Rates are per second.
    `user_octets_per_day`, `log_octets`, `disk_reserve_mib` 0: no such bound. `standby`: wait while another server has
    the database. `reseed`: the database is empty or behind, and clients give the log back. `json_output`: the ready
    line is JSON. `backup_folder` None: no nightly backup; `backup_time` is by this computer's clock, HH:MM."""

    concealed = frozenset({"database"})  # a password is in it

    name: str
    data_dir: Path
    database: str | None = None
    host: str = ""
    port: _AnyPort = DEFAULT_PORT
    public_host: str = ""
    discovery: bool = True
    discovery_port: _Port = DISCOVERY_PORT
    json_output: bool = False
    json_logs: bool = False
    log_level: LogLevel = "info"
    registration: Registration = Registration.OPEN
    argon2: Argon2 = Argon2()
    message_rate: _Rate = 10.0
    message_burst: _Count = 30
    total_rate: _Rate = 500.0
    sessions_per_user: _Count = 5
    sessions_total: _Count = 1000
    # Two rooms of so many connections, each of which takes a descriptor and up to 256 KiB.
    unauthenticated_max: Annotated[int, Meta(ge=1, le=4096)] = 64
    edits_per_message: _Count = Limits().edits_per_message
    reactions_per_message: _Count = Limits().reactions_per_message
    rooms_total: _Count = Limits().rooms_total
    rooms_per_day: _Count = Limits().rooms_per_day
    accounts_per_day: _Count = Limits().accounts_per_day
    invites_per_day: _Count = Limits().invites_per_day
    user_octets_per_day: _Octets = Limits().user_octets_per_day
    log_octets: _Octets = Limits().log_octets
    disk_reserve_mib: Annotated[int, Meta(ge=0, le=1 << 30)] = 256
    file_octets: Annotated[int, Meta(ge=0, le=FILE_OCTETS_MAX)] = 2 << 30
    user_file_octets: _Octets = 20 << 30
    total_file_octets: _Octets = 0
    files_reserve_mib: Annotated[int, Meta(ge=0, le=1 << 30)] = 1024
    smtp: Smtp | None = None
    metrics_port: _AnyPort = 0
    standby: bool = False
    reseed: bool = False
    backup_folder: Path | None = None
    backup_keep: Annotated[int, Meta(ge=1, le=10_000)] = 7
    backup_time: Annotated[str, Meta(pattern=_TIME_OF_DAY)] = "03:00"


# --- Readers: what a text means; raise ValueError with what was expected ---------------------------------------------


def _sender(value: str) -> str:
    """What stands in From: an address, or a name and an address in angle brackets."""
    text = clean_line(value)
    # `getaddresses` calls itself for each bracket.
    addresses = [address for _name, address in getaddresses([text])] if len(text) <= _SENDER_MAX else []
    if text and not (len(addresses) == 1 and MAIL_ADDRESS.fullmatch(addresses[0])):
        raise ValueError(_("an e-mail address such as chat@example.org"))
    return text


def _registration(value: str) -> Registration:
    try:
        return Registration[without_unseen(value).upper()]
    except KeyError:
        raise ValueError(_expected(Registration)) from None


def _word(value: str) -> str:
    return without_unseen(value).lower()


def _path(value: str) -> Path:
    value = named_path(value)
    if not value:
        raise ValueError(_expected(Path))
    return Path(value).expanduser()


def public_hosts(value: str) -> str:
    """One address or name, or several with commas between, as of a server and its standby."""
    return ",".join(tidy_address(host) for host in value.split(","))


def server_name(value: str) -> str:
    """A server's name as it may be announced; raises ValueError."""
    try:
        return clean_display_name(tidy_name(clean_line(value)))
    except TextError as error:
        raise ValueError(_("a name without {character}").format(character=character_name(error.char))) from None
    except ProtocolError:
        raise ValueError(_("a name of 1 to {limit} characters").format(limit=SERVER_NAME_MAX)) from None


def time_of_day(value: str) -> str:
    """HH:MM; raises ValueError."""
    value = without_unseen(value)
    if not re.fullmatch(_TIME_OF_DAY, value):
        raise ValueError(_expected(_TYPES["backup_time"]))
    return value


def database_url(value: str) -> str:
    """A database URL of a kind that the server knows; raises ValueError. It never says the URL: a password is in it."""
    if SURROGATE.search(value):
        raise ValueError(_("UTF-8 text"))
    url = tidy_path(value.strip()).strip()
    if not url.startswith("sqlite:"):
        # A password may have any character; what follows it has none that is not seen.
        account, at, place = url.rpartition("@")
        url = account + at + without_unseen(place)
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

_LIMITS = (
    "message_rate",
    "message_burst",
    "total_rate",
    "sessions_per_user",
    "sessions_total",
    "unauthenticated_max",
    "edits_per_message",
    "reactions_per_message",
    "rooms_total",
    "rooms_per_day",
    "accounts_per_day",
    "invites_per_day",
    "user_octets_per_day",
    "log_octets",
    "disk_reserve_mib",
    "file_octets",
    "user_file_octets",
    "total_file_octets",
    "files_reserve_mib",
)
# Key of the file, with the section before a dot, to the field that it sets (`smtp.host`: inside `smtp`).
SETTINGS = {
    **{name: name for name in ("name", "host", "port", "public_host", "database", "data_dir", "discovery_port")},
    "standby": "standby",
    "reseed": "reseed",
    "no_discovery": "discovery",
    "json": "json_output",
    "discovery.enabled": "discovery",
    "discovery.port": "discovery_port",
    "registration.mode": "registration",
    "logging.json": "json_logs",
    "logging.level": "log_level",
    "metrics.port": "metrics_port",
    **{f"backup.{name}": f"backup_{name}" for name in ("folder", "keep", "time")},
    **{f"limits.{name}": name for name in _LIMITS},
    **{f"passwords.{name}": f"argon2.{name}" for name in Argon2.__struct_fields__},
    **{f"smtp.{name}": f"smtp.{name}" for name in Smtp.__struct_fields__},
}
_SECTIONS = {key.partition(".")[0] for key in SETTINGS if "." in key}
# `discovery = false` reads as well as a section with one key.
_SHORT = {"discovery": "discovery.enabled", "registration": "registration.mode"}

# The type of each field.
_TYPES: dict[str, Any] = {
    prefix + field.name: field.type
    for prefix, kind in (("", ServerConfig), ("argon2.", Argon2), ("smtp.", Smtp))
    for field in msgspec.structs.fields(kind)
}
# What becomes of a text before it is held to the type.
_READERS: dict[str, Callable[[str], object]] = {
    "name": server_name,
    "host": tidy_address,
    "public_host": public_hosts,
    "database": database_url,
    "data_dir": _path,
    "backup_folder": _path,
    "backup_time": time_of_day,
    "registration": _registration,
    "log_level": _word,
    "smtp.host": tidy_address,
    "smtp.user": clean_line,
    "smtp.sender": _sender,
    "smtp.security": _word,
}


def _read(field: str, value: object) -> Any:
    """The value of a field as it stands in a file or a variable. Raises ValueError with what was expected."""
    reader = _READERS.get(field)
    if reader is None:
        return _typed(field, value)
    if not isinstance(value, str):
        raise ValueError(_expected(_TYPES[field]))
    return _typed(field, reader(value))


def _typed(field: str, value: object) -> Any:
    """The value when the field can have it. Raises ValueError with what was expected."""
    try:
        return msgspec.convert(value, _TYPES[field])
    except msgspec.ValidationError:
        raise ValueError(_expected(_TYPES[field])) from None


def _expected(kind: Any) -> str:
    """The values of a field's type, as the end of "it must be"."""
    if get_origin(kind) is Annotated:
        number, meta = get_args(kind)
        if number is str:
            return _("a time of day such as 03:00")
        if number is int:
            return _("a whole number from {low} to {high}").format(low=meta.ge, high=meta.le)
        return _("a number from {low} to {high}").format(low=meta.ge, high=f"{meta.le:.0f}")
    if get_origin(kind) is Literal or kind is Registration:
        choices = get_args(kind) or ("open", "invite", "closed")
        return _("one of {choices}").format(choices=", ".join(choices))
    return {bool: _("true or false"), Path: _("a path"), Path | None: _("a path")}.get(kind) or _("a text")


def read_file(file: Path) -> dict[str, Any]:
    """The fields that a TOML file sets; relative paths in it are relative to the file. Raises ConfigError."""
    found: dict[str, Any] = {}
    for key, value in _flatten(_parse(file)):
        field = SETTINGS.get(key)
        if field is None:
            raise ConfigError(_("{file}: there is no setting {key}").format(file=file, key=key))
        try:
            read = _read(field, value)
        except ValueError as error:
            raise ConfigError(
                _("{file}: {key} must be {expected}").format(file=file, key=key, expected=error)
            ) from None
        if key == "no_discovery":
            read = not read
        found[field] = file.absolute().parent / read if isinstance(read, Path) else read
    return found


def _parse(file: Path) -> dict[str, Any]:
    text = ""
    try:
        text = decode_text_untrusted(file.read_bytes())
        return tomllib.loads(text)
    except OSError as error:
        raise ConfigError(_("{file} cannot be read: {reason}").format(file=file, reason=os_error_text(error))) from None
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
    """Where the server keeps its keys and its database when nothing is said. Raises ConfigError for a user without a
    home folder, as those of services are."""
    try:
        return platformdirs.user_data_path("lanchat-server", appauthor=False)
    except (RuntimeError, KeyError):
        raise ConfigError(_("This user has no home folder: name a folder for the data with --data-dir")) from None


def default_name() -> str:
    """The computer's name."""
    return inert(socket.gethostname(), SERVER_NAME_MAX).strip() or DEFAULT_NAME


def load(
    options: Mapping[str, Any], file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> ServerConfig:
    """The configuration. `options`: fields of ServerConfig that the command line gave. Raises ConfigError."""
    given = read_file(file) if file else {}
    if url := environment.get(DATABASE_VARIABLE):
        given["database"] = _from(DATABASE_VARIABLE, _read, "database", url)
    for field, value in options.items():
        given[field] = _from(_option(field), _typed, field, value)
    argon2 = _taken(given, "argon2.")
    smtp = _smtp(_taken(given, "smtp."), file)
    given.setdefault("name", default_name())
    if "data_dir" not in given:
        given["data_dir"] = default_data_dir()
    given.setdefault("json_logs", given.get("json_output", False))
    return msgspec.convert({**given, "argon2": argon2, "smtp": smtp}, ServerConfig)


def _from(variable: str, read: Callable[[str, object], Any], field: str, value: object) -> Any:
    """A field's value from a variable of the environment or an option. Raises ConfigError that names it."""
    try:
        return read(field, value)
    except ValueError as error:
        raise ConfigError(_("{variable} must be {expected}").format(variable=variable, expected=error)) from None


def _option(field: str) -> str:
    """The option of the command line that sets a field."""
    return {"json_output": "--json", "discovery": "--no-discovery"}.get(field, f"--{field.replace('_', '-')}")


def _taken(given: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Removes the fields below `prefix` from `given` and returns them without it."""
    return {key.removeprefix(prefix): given.pop(key) for key in list(given) if key.startswith(prefix)}


def _smtp(values: dict[str, Any], file: Path | None) -> dict[str, Any] | None:
    """The fields of `Smtp`, with defaults for those that a file may leave out. Raises ConfigError."""
    if not values:
        return None
    for name in ("host", "sender"):
        if not values.get(name):
            raise ConfigError(_("{file}: {key} is missing").format(file=file, key=f"smtp.{name}"))
    security = values.setdefault("security", "starttls")
    return {"port": SMTP_PORTS[security], "user": "", "password": "", **values}
